"""The links that a page has loaded: each once, and one transmission at a time."""

from threading import Lock

import numpy as np

from kbsc_tf.api.link import Link
from kbsc_tf.api.reception import Reception
from kbsc_tf.api.run import Run
from kbsc_tf.demo.choices import LinkName


class Links:
    """Send images over the links of a run, which are loaded when they are first used and stay.

    Parameters
    ----------
    run : Run
    """

    def __init__(self, run: Run) -> None:
        self._run, self._links, self._busy = run, {}, Lock()

    def send(self, name: LinkName, image: np.ndarray, snr_db: float, seed: int) -> Reception:
        """What becomes of an image, uint8 [H, W, 3], at Es/N0 ``snr_db`` in dB; equal seeds meet equal noise."""
        with self._busy:  # the noise comes from one generator
            if name not in self._links:
                scheme, k, channel, mcs = name
                self._links[name] = Link.load(self._run, scheme, k, channel, mcs, symbols=True)
            return self._links[name].send(image, snr_db, seed)
