"""Linear equalisers: Sionna's, and for one and two streams the same in closed form, without its many small matrices."""

from collections.abc import Callable

import tensorflow as tf
from sionna.phy.mimo import StreamManagement, lmmse_equalizer, zf_equalizer
from sionna.phy.ofdm import OFDMEqualizer, ResourceGrid

from kbsc_tf.channel.conversions import squared_magnitude


def build_equaliser(kind: str, streams: int, grid: ResourceGrid) -> Callable:
    """A Sionna OFDM equaliser, unbiased: (y, h_hat, error variance, no) -> symbols and no_eff, [G, 1, S, D].

    Parameters
    ----------
    kind : {"zf", "lmmse"}
    streams : int
    grid : ResourceGrid
    """
    if streams == 1:
        equaliser = combine
    elif streams == 2:
        equaliser = separate_two if kind == "lmmse" else zero_force_two
    else:
        equaliser = lmmse_equalizer if kind == "lmmse" else zf_equalizer
    return OFDMEqualizer(equaliser, grid, StreamManagement([[1]], streams))


def combine(y: tf.Tensor, h: tf.Tensor, s: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Maximum ratio combining, which the unbiased ZF and LMMSE equalisers of one stream both come to.

    Parameters
    ----------
    y : [..., M], tf.complex64
    h : [..., M, 1], tf.complex64
    s : [..., M, M], tf.complex64
        Noise covariance; diagonal, as it is for one transmitter.

    Returns
    -------
    x_hat : [..., 1], tf.complex64
    no_eff : [..., 1], tf.float32
    """
    y, h = _whitened(y, h, s)
    power = tf.reduce_sum(squared_magnitude(h), axis=-2)
    return tf.reduce_sum(tf.math.conj(h) * y, axis=-2) / as_complex(power), 1.0 / power


def separate_two(y: tf.Tensor, h: tf.Tensor, s: tf.Tensor, regularisation: float = 1.0) -> tuple[tf.Tensor, tf.Tensor]:
    """`sionna.phy.mimo.lmmse_equalizer` of two streams; h [..., M, 2], the rest as in `combine`.

    With whitened y and H, z = H^H y and the Gram matrix G = H^H H, stream 1 is ((G22 + 1) z1 - G12 z2) / q1 with
    q1 = G11 (G22 + 1) - |G12|^2, in noise of (G22 + 1) / q1; stream 2 the same with 1 and 2 exchanged. For zero forcing
    the 1, the regularisation, is 0.
    """
    y, h = _whitened(y, h, s)
    z = tf.reduce_sum(tf.math.conj(h) * y, axis=-2)
    own = tf.reduce_sum(squared_magnitude(h), axis=-2)
    cross = tf.reduce_sum(tf.math.conj(h[..., 0]) * h[..., 1], axis=-1)
    other = own[..., ::-1] + regularisation
    q = own * other - squared_magnitude(cross)[..., None]
    leak = tf.stack([cross, tf.math.conj(cross)], axis=-1) * z[..., ::-1]
    return (as_complex(other) * z - leak) / as_complex(q), other / q


def zero_force_two(y: tf.Tensor, h: tf.Tensor, s: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`sionna.phy.mimo.zf_equalizer` of two streams, for noise that is as strong on all antennas."""
    return separate_two(y, h, s, regularisation=0.0)


def as_complex(real: tf.Tensor) -> tf.Tensor:
    """Like `tf.cast`, whose gradient warns that it drops an imaginary part, as it should."""
    return tf.complex(real, tf.zeros_like(real))


def _whitened(y: tf.Tensor, h: tf.Tensor, s: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """y [..., M, 1] and h [..., M, S] in noise of power 1."""
    scale = as_complex(tf.math.rsqrt(tf.math.real(tf.linalg.diag_part(s))))[..., None]
    return y[..., None] * scale, h * scale
