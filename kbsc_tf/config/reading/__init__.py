"""Experiment files: YAML in, a configuration or one sentence out; and their JSON schema."""
