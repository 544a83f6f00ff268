"""Trained networks to download or that come along: cards, files, and where they lie. Imports no TensorFlow.

| in a preset's folder | holds |
|---|---|
| ``card.json`` | what it is, what it was trained on and by which commit, its scores, its licence: `Card` |
| ``model.safetensors`` | the fitted scheme, and how the receiver decides by posterior: see `packing` |
"""
