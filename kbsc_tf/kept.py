"""Results that are kept because they will be asked for again. A leaf."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any


class Kept:
    """The last results of a function that takes many at once, by keys of its arguments.

    Parameters
    ----------
    most : int
        How many are kept; the oldest go first.

    Examples
    --------
    >>> from kbsc_tf.kept import Kept
    >>> squares = Kept(100)
    >>> squares([2, 3, 2], lambda rows: [print("computes", rows) or 4, 9])
    computes [0, 1]
    [4, 9, 4]
    >>> squares([3], lambda rows: 1 / 0)
    [9]
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: OrderedDict[Any, Any] = OrderedDict()

    def __call__(self, keys: Sequence[Any], compute: Callable[[list[int]], Iterable[Any]]) -> list[Any]:
        """The result of every key; ``compute`` is given the places of those that are not there, each once."""
        places = {key: place for place, key in reversed(list(enumerate(keys))) if key not in self._results}
        if places:
            missing = sorted(places.values())
            self._results |= zip((keys[place] for place in missing), compute(missing), strict=True)
        found = [self._results[key] for key in keys]
        while len(self._results) > self._most:
            self._results.popitem(last=False)
        return found
