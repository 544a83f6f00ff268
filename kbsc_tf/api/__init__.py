"""What `import kbsc_tf` offers: runs and links, each in a line."""
