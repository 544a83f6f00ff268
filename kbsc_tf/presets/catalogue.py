"""Where presets lie: in the package, in a folder, or on a hub."""

from pathlib import Path

from kbsc_tf.config.strict import did_you_mean
from kbsc_tf.errors import UserError
from kbsc_tf.presets.card import FILE
from kbsc_tf.presets.packing import WEIGHTS

_BUNDLED = Path(__file__).with_name("models")


def list_presets() -> list[str]:
    """Names of the presets that come with the package, for `kbsc_tf.from_preset`.

    Examples
    --------
    >>> import kbsc_tf as kbsc
    >>> "kbsc_real_clip_k64" in kbsc.list_presets()
    True
    """
    return sorted(path.parent.name for path in _BUNDLED.glob(f"*/{FILE}"))


def find_preset(name: str | Path) -> Path:
    """The folder of a preset.

    Parameters
    ----------
    name : str or Path
        Of one that comes with the package; a folder; or the id, ``OWNER/NAME``, of one on the Hugging Face hub, which
        is downloaded once.

    Raises
    ------
    UserError
        It is none of these, or cannot be downloaded.
    """
    folder = _BUNDLED / str(name)
    if str(name) in list_presets():
        return folder
    if (Path(name) / FILE).exists():
        return Path(name)
    if isinstance(name, str) and name.count("/") == 1 and not Path(name).exists():
        return _download(name)
    near = did_you_mean(str(name), list_presets()) or f"; there are {', '.join(list_presets())}"
    raise UserError(f"unknown preset {name}{near}; or give a folder that holds {FILE}, or a hub id OWNER/NAME")


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, allow_patterns=[FILE, WEIGHTS]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        why = " ".join(str(error).split())[:120]
        raise UserError(f"preset {name}: cannot be downloaded from the hub ({why}); check the id and network") from None
    if not (folder / FILE).exists():
        raise UserError(f"preset {name}: this hub repository holds no {FILE}, so it is no preset of kbsc_tf")
    return folder
