"""The channel itself: stateless, random numbers from Sionna's generator."""

import tensorflow as tf
from sionna.phy import config as sionna
from sionna.phy.utils import complex_normal

from kbsc_tf.channel import Received, SymbolChannel


class ImpulsesChannel(SymbolChannel):
    def __init__(self, settings):
        self.share = settings.share

    def __call__(self, symbols, snr_db):
        no = tf.broadcast_to(tf.reshape(10.0 ** (-snr_db / 10), [-1, 1]), tf.shape(symbols))  # linear, on average
        is_hit = sionna.tf_rng.uniform(tf.shape(symbols)) < self.share
        power = 0.5 * no + tf.where(is_hit, 0.5 * no / self.share, 0.0)
        noise = tf.cast(tf.sqrt(power), symbols.dtype) * complex_normal(tf.shape(symbols))
        return Received(symbols + noise, no, tf.ones_like(no))  # the receiver does not see what was hit
