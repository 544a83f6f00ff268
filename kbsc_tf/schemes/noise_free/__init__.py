"""The feature without a channel."""
