"""What analogue schemes share: a codec whose symbols go over the air uncoded."""
