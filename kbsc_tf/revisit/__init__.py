"""Points of a finished run once more, by its networks: which, and all that it takes to send over them again."""
