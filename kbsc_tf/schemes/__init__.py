"""Transmission schemes, a folder or a file each, behind the interface in `base`. Loads nothing by itself."""
