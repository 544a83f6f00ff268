"""Training of the small CLIP that ships inside the package; run it with ``python sims/train_small_clip.py``."""
