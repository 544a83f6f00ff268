"""A study of what goes wrong where sender and receiver do not match: encoders, and the state of the knowledge base."""
