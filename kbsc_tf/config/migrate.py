"""Channels as run.json of earlier versions has them, in today's keys. Imports no TensorFlow."""

from kbsc_tf.config.channels.choice import kind_of
from kbsc_tf.config.channels.flat import flat_kinds
from kbsc_tf.config.channels.ofdm import PARTS, OfdmConfig

_RENAMED = {"k_best": "k", "pilot_symbols": "symbols"}


def migrate_channel(old: dict) -> dict:
    """A channel's settings without the keys that had no effect; settings of today stay as they are.

    Parameters
    ----------
    old : dict
        A dump of all keys, OFDM's all beside each other, or of the fewer that there were before.

    Returns
    -------
    dict
        As `parse_channel` reads it.
    """
    if old.get("type", "flat") == "flat":
        kind = kind_of(old.get("fading", "none"), flat_kinds(old), "fading")
        return {key: value for key, value in old.items() if key in kind.model_fields and value is not None}
    if any(isinstance(old.get(part), dict) for part in PARTS):
        return old
    renamed = {_RENAMED.get(key, key): value for key, value in old.items() if value is not None}
    new = {key: value for key, value in renamed.items() if key in OfdmConfig.model_fields}
    for part, kinds in PARTS.items():
        name = old.get(part, OfdmConfig.model_fields[part].default.type)
        used = kind_of(name, kinds).model_fields
        new[part] = {"type": name, **{key: value for key, value in renamed.items() if key in used and key != "type"}}
    return new
