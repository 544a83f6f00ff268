"""What a study does with images: quality, those of the knowledge base, and galleries."""
