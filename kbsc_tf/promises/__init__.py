"""What a receiver can promise of its answers: a set that holds the class, or an error among what it shows."""
