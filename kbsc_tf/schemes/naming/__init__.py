"""Schemes whose sender knows the knowledge base and names an entry of it."""
