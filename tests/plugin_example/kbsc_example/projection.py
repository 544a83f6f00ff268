"""The scheme itself: features in, features out, and what that cost."""

import numpy as np
import tensorflow as tf

from kbsc_tf.channel import build_link, seed_noise
from kbsc_tf.schemes.base import ChannelScheme
from kbsc_tf.transmission import Transmission


class Projection(ChannelScheme):
    def fit(self, training, *others):
        drawn = np.random.default_rng(0).standard_normal((training.dim, self.k))
        self.mean, self.axes = np.mean(training.x, axis=0), np.linalg.qr(drawn)[0].astype(np.float32)
        self.link = build_link(self.channel, share_traces=True)  # unit power per symbol, whatever the channel

    def transmit(self, batch, snr_db, seed):
        seed_noise(seed)  # the result depends on the arguments and the fit, on nothing else
        received = self.link(tf.constant((batch.features - self.mean) @ self.axes), tf.constant(snr_db, tf.float32))
        features, count = received.values.numpy() @ self.axes.T + self.mean, len(batch.features)
        uses = self.link.channel.channel_uses(self.k // 2)  # two real values make a complex symbol
        return Transmission(features, None, np.ones(count, bool), np.full(count, float(uses)))
