"""Semantic codecs (network, PCA, identity), their losses and training.

x [B, 512] ─► encoder ─► z [B, k] ─► link ─► ẑ [B, k] ─► decoder ─► x̂ [B, 512]
"""
