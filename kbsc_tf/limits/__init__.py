"""What no scheme exceeds: capacity, the best code of finite length, and the highest accuracy over a channel."""
