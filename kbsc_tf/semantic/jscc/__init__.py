"""Neural joint source-channel coding of images."""
