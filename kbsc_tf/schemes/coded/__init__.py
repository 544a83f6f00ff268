"""What coded schemes share: bits in transport blocks of the 5G LDPC link, and the best MCS of an image."""
