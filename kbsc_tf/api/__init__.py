"""What `import kbsc_tf as kbsc` offers; `kbsc_tf` itself loads each name when it is asked for. Imports nothing."""
