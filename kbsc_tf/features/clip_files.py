"""Where a CLIP model's files are: the shipped one, a local folder, or the Hugging Face hub. Imports no TensorFlow."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kbsc_tf.errors import UserError
from kbsc_tf.files import home_path, read_json

SMALL = Path(__file__).with_name("clip_small")
"""The CLIP inside the package."""

WEIGHTS = ("tf_model.h5", "model.safetensors", "tf_model.h5.index.json", "model.safetensors.index.json")
"""Weight files that can be read, the preferred first; an index names the shards beside it."""

_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
_SMALL_FILES = ("config.json", "preprocessor_config.json", *_TOKENIZER)


@dataclass(frozen=True)
class ClipFiles:
    """The files of one CLIP model in Hugging Face format.

    Attributes
    ----------
    name : str
        "small", the folder, or the hub id.
    folder : Path
        Where the files are.
    weights : Path
        The weight file, or the index of its shards.
    config : dict
        ``config.json``.
    preprocessor : dict
        ``preprocessor_config.json``, or CLIP's own settings at the model's image size where there is none.
    has_tokenizer : bool
        Whether texts can be embedded.
    """

    name: str
    folder: Path
    weights: Path
    config: dict
    preprocessor: dict
    has_tokenizer: bool

    def weight_files(self) -> list[Path]:
        """Return the weight file, or the index and all its shards."""
        if self.weights.suffix != ".json":
            return [self.weights]
        index = _read_json(self.weights)
        return [self.weights, *(self.folder / shard for shard in sorted(set(index.get("weight_map", {}).values())))]

    def fingerprint(self) -> str:
        """Return the SHA-256 (hex) of weights, configuration, preprocessing and tokenizer.

        Raises
        ------
        UserError
            A file cannot be read; names it.
        """
        digest = hashlib.sha256()
        settings = {"config": self.config, "preprocessor": self.preprocessor}
        digest.update(json.dumps(settings, sort_keys=True).encode())
        tokenizer = [self.folder / name for name in _TOKENIZER if (self.folder / name).is_file()]
        for path in (*self.weight_files(), *tokenizer):
            try:
                digest.update(f"\n{path.name} {path.stat().st_size}\n".encode())
                with path.open("rb") as file:
                    while block := file.read(1 << 22):
                        digest.update(block)
            except OSError as error:
                raise UserError(f"{path}: cannot read this file of the CLIP model ({error.strerror})") from None
        return digest.hexdigest()


def find_clip(model: str) -> ClipFiles:
    """Find a CLIP model's files; those of a hub model are downloaded once.

    Parameters
    ----------
    model : str
        "small" for the one inside the package, a local folder, or a hub id such as "openai/clip-vit-base-patch32".

    Raises
    ------
    UserError
        The folder lacks a file or holds another kind of model, or a hub model is neither here nor can be fetched.
    """
    if model == "small":
        return _inspect("small", SMALL)
    folder = home_path(model)
    if folder.is_dir():
        return _inspect(model, folder)
    if folder.exists():
        raise UserError(f"{model}: is a file; features.model expects 'small', a folder with a CLIP model, or a hub id")
    looks_like_path = model.startswith((".", "/", "~")) or "\\" in model or model.count("/") != 1 or " " in model
    if looks_like_path:
        raise UserError(
            f"{model}: no such folder; features.model expects 'small', a folder with a CLIP model, or a hub id"
        )
    return _inspect(model, _from_hub(model))


def _inspect(name: str, folder: Path) -> ClipFiles:
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: has no config.json; a CLIP model folder holds {_wanted()}")
    config = _read_json(folder / "config.json")
    if config.get("model_type") != "clip":
        kind = config.get("model_type", "unknown")
        raise UserError(f"{folder}/config.json: model_type is {kind!r}, expected 'clip'; name a CLIP model")
    weights = next((folder / file for file in WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        pickled = " (PyTorch pickles such as pytorch_model.bin cannot be read)" if any(folder.glob("*.bin")) else ""
        raise UserError(f"{folder}: has no weights{pickled}; a CLIP model folder holds {_wanted()}")
    image_size = config.get("vision_config", {}).get("image_size", 224)
    settings = folder / "preprocessor_config.json"
    preprocessor = (
        _read_json(settings)
        if settings.is_file()
        else {"size": {"shortest_edge": image_size}, "crop_size": {"height": image_size, "width": image_size}}
    )
    has_tokenizer = (folder / "tokenizer.json").is_file() or all(
        (folder / file).is_file() for file in ("vocab.json", "merges.txt")
    )
    files = ClipFiles(name, folder, weights, config, preprocessor, has_tokenizer)
    missing = next((path for path in files.weight_files() if not path.is_file()), None)
    if missing is not None:
        raise UserError(f"{missing}: this shard of the weights is missing; fetch it from where the others came")
    return files


def _read_json(path: Path) -> dict:
    content = read_json(path, "fetch this file again")
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object; fetch this file again")
    return content


def _wanted() -> str:
    return "config.json, preprocessor_config.json, vocab.json, merges.txt and tf_model.h5 or model.safetensors"


def _from_hub(model: str) -> Path:
    """Return the folder of a hub model: as cached, else fetched (the files needed, not the whole repository)."""
    import huggingface_hub as hub

    try:
        folder = Path(hub.snapshot_download(model, allow_patterns=list(_SMALL_FILES), local_files_only=True))
        return _inspect(model, folder).folder  # raises where the cached copy is not whole
    except Exception:
        pass
    try:
        files = hub.HfApi().list_repo_files(model)
        weights = next((file for file in WEIGHTS if file in files), None)
        if weights is None:
            raise UserError(f"{model}: this hub model has none of {', '.join(WEIGHTS)}; choose another")
        return Path(hub.snapshot_download(model, allow_patterns=[*_SMALL_FILES, *_patterns(weights)]))
    except UserError:
        raise
    except Exception as error:
        if type(error).__name__ in ("RepositoryNotFoundError", "HFValidationError", "GatedRepoError"):
            reason = "the hub has no such model, or not for you"
        else:
            reason = f"the hub cannot be reached: {type(error).__name__}"
        raise UserError(
            f"{model}: not on this machine, and {reason}; fetch {_wanted()} from https://huggingface.co/{model} into a "
            "folder and give that folder as features.model (or use features.model=small)"
        ) from None


def _patterns(weights: str) -> Iterable[str]:
    if not weights.endswith(".index.json"):
        return [weights]
    return [weights, "tf_model-*.h5" if weights.startswith("tf") else "model-*.safetensors"]
