"""Any function as a channel. Imports no TensorFlow."""

from collections.abc import Callable

from kbsc_tf.config import FunctionChannelConfig
from kbsc_tf.config.strict import name_of


class Channel(FunctionChannelConfig):
    """A function as a channel, under a name, for ``channels`` of `kbsc_tf.run`; a function alone has its own name.

    Records are found again by the name: change it with anything that changes what the channel does.

    Parameters
    ----------
    function : callable
        Called with symbols [B, n], tf.complex64, of unit power and Es/N0 in dB, [] or [B], tf.float32, in a TensorFlow
        graph. Returns the equalised symbols [B, n] and their noise power (linear, per complex dimension; [], [B] or
        [B, n]), or `kbsc_tf.channel.Received`. Random numbers must come from Sionna's generator, as those of
        ``sionna.phy.utils.complex_normal`` do, so that points can be repeated. The function may have the attributes
        and methods of `kbsc_tf.channel.Channel`; without, a symbol is a channel use and nothing is overhead.
    name : str, optional
        That of the function unless given.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> def hot(symbols, snr_db):
    ...     no = 2 * 10 ** (-snr_db / 10)  # 3 dB more noise than asked for
    ...     return symbols + complex_normal(tf.shape(symbols), no), no
    >>> kbsc.Channel(hot, name="3 dB worse").label
    '3 dB worse'
    """

    def __init__(self, function: Callable, name: str | None = None, **settings: str) -> None:
        super().__init__(function=function, name=name or name_of(function), **settings)
