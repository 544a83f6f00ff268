"""Parts of `bench.py`: each times something beside its baseline and returns figures for the JSON."""
