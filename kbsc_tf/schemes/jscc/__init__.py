"""Neural joint source-channel coding of images.

image [B, H, W, 3] ─► encoder ─► z [B, h, w, C] ─► AnalogueLink ─► ẑ ─► decoder ─► image [B, H, W, 3]
"""
