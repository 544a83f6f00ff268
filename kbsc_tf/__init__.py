"""kbsc_tf: a physical-layer simulator for knowledge-base semantic image transmission.

Source image ─► CLIP feature ─► encoder ─► channel ─► decoder ─► nearest entry of the receiver's knowledge base.

>>> import kbsc_tf as kbsc
>>> run = kbsc.run("quickstart", k=[16, 64], snr_db=range(-6, 13, 3))  # doctest: +SKIP
>>> run.frame()  # doctest: +SKIP

What ``dir(kbsc_tf)`` shows is public. Importing this loads none of it: TensorFlow comes with what needs it.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"

_HOMES = {
    "kbsc_tf.api.channel": ["Channel"],
    "kbsc_tf.api.coded_link": ["CodedLink"],
    "kbsc_tf.api.encoder": ["Encoder"],
    "kbsc_tf.api.experiment": ["run"],
    "kbsc_tf.api.link": ["Link"],
    "kbsc_tf.api.preset": ["Preset", "from_preset"],
    "kbsc_tf.api.run": ["Run"],
    "kbsc_tf.channel": ["build_link", "seed_noise"],
    "kbsc_tf.config": ["ExperimentConfig", "bundled_experiments", "load_config"],
    "kbsc_tf.config.scheme": ["Needs", "SchemeConfig", "SchemeSpec"],
    "kbsc_tf.data.memory": ["Images"],
    "kbsc_tf.errors": ["UserError"],
    "kbsc_tf.metrics": ["wilson"],
    "kbsc_tf.presets.catalogue": ["list_presets"],
    "kbsc_tf.schemes.analogue.scheme": ["AnalogueScheme", "ClosedFormScheme"],
    "kbsc_tf.schemes.base": ["ChannelScheme", "Scheme"],
    "kbsc_tf.schemes.linear.linear_codec": ["linear_codec"],
    "kbsc_tf.transmission": ["SourceBatch", "Transmission"],
}
_HEAVY = (
    "kbsc_tf.api.coded_link",
    "kbsc_tf.api.link",
    "kbsc_tf.api.preset",
    "kbsc_tf.channel",
    "kbsc_tf.schemes",
)  # import TensorFlow
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", "registry", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """A public name, loaded when it is first asked for (PEP 562)."""
    if name == "registry":
        return import_module("kbsc_tf.registry")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if _HOME[name].startswith(_HEAVY):
        import_module("kbsc_tf.study.start").prepare_tensorflow()
    globals()[name] = found = getattr(import_module(_HOME[name]), name)
    return found


def __dir__() -> list[str]:
    return __all__
