"""Damaged knowledge bases, networks, quantisers, outcomes and features on disk: refused, or exactly what was saved."""

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from mutations import LENGTHS, fuzz, mutated_bytes, mutated_json, often
from safetensors.numpy import save as save_safetensors

from kbsc_tf.config import NearestConfig
from kbsc_tf.data import ImageSet
from kbsc_tf.errors import UserError
from kbsc_tf.features import FeatureSet, extract
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.knowledge.quantiser import Quantiser
from kbsc_tf.knowledge.storage import DESCRIPTION, write_folder
from kbsc_tf.receiver.axes import semantic_axes
from kbsc_tf.receiver.calibration import UNCALIBRATED
from kbsc_tf.receiver.code_search import Posterior
from kbsc_tf.receiver.posterior import Kernel, PosteriorRule, metric_weights
from kbsc_tf.results.outcomes import class_names, per_image_points, per_image_writer, read_per_image
from kbsc_tf.results.points import Point
from kbsc_tf.schemes.jscc.torch_file import read_state_dict
from kbsc_tf.schemes.linear.observer import LinearObserver
from kbsc_tf.schemes.networks import load_networks, save_networks
from kbsc_tf.testing.samples import SampleEncoder, sample_images

VECTORS = Path(__file__).parents[1] / "schemes" / "jscc" / "vectors"
RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 16)).astype(np.float32)
QUERIES = X[:20] + 0.01


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def knowledge_bases(folder):
    """The files of several, and what each finds."""
    for number, factory in enumerate(("Flat", "IVF8,Flat", "HNSW8", "PQ4x4", "SQ8", "IVF8,PQ4x4", "PCA8,Flat")):
        x = X[:, : (16, 8)[number == 6]]
        entries = FeatureSet("e", x, np.arange(300) % 5, tuple("abcde"), tuple(map(str, range(300))), "clip")
        base = KnowledgeBase.build(entries, NearestConfig(index=factory, metric=("l2", "inner_product")[number % 2]))
        base.save(folder / str(number))
        yield contents(folder / str(number)), answer(base)


def answer(base):
    found = base.decide(QUERIES[:, : base.dimension], 5)
    return found.ids.tolist(), found.labels.tolist(), found.confidence.tolist(), base.class_names, base.references


@often(400, 2_000)
def test_knowledge_bases(tmp_path, count, recwarn):
    """Half of the changed ones have checksums that fit what was changed, as only a program that means harm writes."""
    saved = [*knowledge_bases(tmp_path / "whole")]
    (folder := tmp_path / "kb").mkdir()

    def read(rng):
        files, expected = rng.choice(saved)
        files = dict(files)
        name = rng.choice([*files, "index.faiss"])
        is_json = name == DESCRIPTION and rng.random() < 0.6
        if rng.random() < 0.15:
            files[name] = rng.choice(saved)[0][name]
        elif is_json:
            files[name] = json.dumps(mutated_json(json.loads(files[name]), rng)).encode()
        else:
            files[name] = mutated_bytes(files[name], rng)
        for one, content in files.items():
            (folder / one).write_bytes(content)
        is_forged = rng.random() < 0.5 and (name != DESCRIPTION or is_json)
        if is_forged:
            description = json.loads(files.pop(DESCRIPTION))
            kept = {
                key: value for key, value in description.items() if key not in ("files", "crc32", "format", "version")
            }
            write_folder(folder, kept, files)
        base = KnowledgeBase.load(folder)
        found = answer(base)
        assert is_forged or found == expected
        assert np.max(found[0]) < len(base) == len(base.references)

    fuzz(count, read)


def forged(path, rng, whole):
    """An .npz file with an array that is none, of another shape or kind, or not finite, or with changed bytes."""
    if rng.random() < 0.5:
        path.write_bytes(mutated_bytes(whole, rng))
        return
    with np.load(io.BytesIO(whole)) as archive:
        arrays = dict(archive)
    name = rng.choice(list(arrays))
    array = arrays[name]
    match rng.randrange(6):
        case 0:
            del arrays[name]
        case 1 if array.dtype.kind == "f" and array.size:
            array.flat[rng.randrange(array.size)] = rng.choice((np.nan, np.inf, -np.inf))
        case 2:
            arrays[name] = array[None]
        case 3:
            arrays[name] = array[:-1] if array.ndim else array.astype("U3")
        case 4:
            arrays[name] = np.zeros(rng.choice(((), 0, (2, 2, 2))), rng.choice(("U2", "f8", "i1", "c8")))
        case 5:
            arrays[rng.choice(("more", "encoder/9", "axes/more", "a/b/c"))] = array
    np.savez(path, **arrays)


class Files:
    """Saved parts of a receiver and of schemes, and how each is read."""

    def __init__(self, folder):
        from kbsc_tf.schemes.kbsc.network import SemanticDecoder, SemanticEncoder

        self.folder = folder
        axes = semantic_axes(X)
        rule = PosteriorRule(metric_weights(axes.variance, 0.5), Kernel.constant(0.3), UNCALIBRATED, 0.5)
        Posterior(axes, rule).save(folder / "posterior.npz")
        matrix, offset = RNG.standard_normal((4, 16)), np.zeros((1, 16))
        LinearObserver(np.zeros(4), np.ones(4), matrix, offset).save(folder / "observer.npz")
        Quantiser.fit(X, "sq", 32).save(folder / "quantiser.npz")
        encoder, decoder = SemanticEncoder(4, 16, 6), SemanticDecoder(4, 16, 6)
        encoder.adapt(X)
        decoder.adapt(X)
        save_networks(folder / "codec.npz", {"encoder": encoder, "decoder": decoder}, repeats=1)
        self.whole = contents(folder)

    def read(self, name):
        path = self.folder / name
        if name == "codec.npz":
            networks, arrays = load_networks(path, "encoder", "decoder", "repeats")
            return [weight for one in networks.values() for weight in one.get_weights()], arrays["repeats"]
        if name == "quantiser.npz":
            quantiser = Quantiser.load(path, "fit it again")
            return quantiser.decode(quantiser.encode(np.zeros((2, len(quantiser._mean)), np.float32)))
        if name == "observer.npz":
            return LinearObserver.load(path)
        return Posterior.load(path, "fit it again")


@often(150, 2_000)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_parts_of_links(tmp_path, count):
    """Those with whole checksums may be read only if their numbers are finite and of shapes that go together."""
    files = Files(tmp_path)

    def read(rng):
        name = rng.choice(list(files.whole))
        forged(tmp_path / name, rng, files.whole[name])
        found = files.read(name)
        if name == "codec.npz":
            assert all(np.isfinite(weight).all() for weight in found[0])
        if name == "quantiser.npz":
            assert np.isfinite(found).all()

    fuzz(count, read)


def torch_files():
    rng = np.random.default_rng(1)
    arrays = {f"layer.{i}.weight": rng.standard_normal((4, 3)).astype(np.float32) for i in range(3)}
    yield ".safetensors", save_safetensors(arrays)
    yield ".pth", (VECTORS / "torch_file.pt").read_bytes()


def rezipped(content, rng):
    """A zip file of the same members, one of them changed: its checksums fit."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as made:
        names = source.namelist()
        changed = rng.choice([*names, next(name for name in names if name.endswith("data.pkl"))])
        for name in names:
            member = source.read(name)
            made.writestr(name, mutated_bytes(member, rng) if name == changed and member else member)
    return out.getvalue()


@often(400, 1_000)
def test_checkpoints_of_pytorch(tmp_path, count):
    files = [*torch_files()]

    def read(rng):
        suffix, whole = rng.choice(files)
        if suffix == ".pth" and rng.random() < 0.6:
            content = rezipped(whole, rng)
        elif suffix == ".safetensors" and rng.random() < 0.6:
            (size,) = struct.unpack("<Q", whole[:8])
            header = mutated_json(json.loads(whole[8 : 8 + size]), rng) if rng.random() < 0.7 else {}
            text = json.dumps(header).replace("4", str(rng.choice((4, 4, *LENGTHS)))).encode()
            content = struct.pack("<Q", rng.choice((len(text), len(text), *LENGTHS))) + text + whole[8 + size :]
        else:
            content = mutated_bytes(whole, rng)
        (tmp_path / f"a{suffix}").write_bytes(content)
        for array in read_state_dict(tmp_path / f"a{suffix}").values():
            assert isinstance(array, np.ndarray) and array.dtype.kind in "fiub"

    fuzz(count, read)


@pytest.mark.long
@often(300, 2_000)
def test_outcomes(tmp_path, count):
    rng, points = np.random.default_rng(2), [Point("pca", "", "awgn", k, 0.0, 0) for k in (16, 64)]
    for point in points:
        with per_image_writer(tmp_path, point, ("a", "é", "c")) as writer:
            for trial in range(2):
                label = rng.integers(0, 3, 200)
                shown = {"shown": label, "entry": label, "delivered": label > 0, "correct": label > 1}
                numbers = {
                    "confidence": rng.random(200),
                    "group": label,
                    "psnr": None,
                    "ms_ssim": rng.random(200),
                    "channel_uses": label,
                }
                writer.add({"trial": trial, "image": range(200), "label": label, **shown, **numbers})
    whole = contents(tmp_path / "per_image")
    expected = {point: read_per_image(tmp_path, point) for point in points}

    def read(rng):
        for name, content in whole.items():
            (tmp_path / "per_image" / name).write_bytes(content)
        name, other = rng.sample(list(whole), 2)
        content = whole[other] if rng.random() < 0.1 else mutated_bytes(whole[name], rng)
        (tmp_path / "per_image" / name).write_bytes(content)
        assert set(per_image_points(tmp_path)) == set(points) and class_names(tmp_path) == ["a", "é", "c"]
        for point in points:
            assert read_per_image(tmp_path, point).equals(expected[point])

    fuzz(count, read, sealed=True)


@often(100, 1_000)
def test_features_of_the_store(tmp_path, count):
    """What is damaged is made again, so that a run never sees other features than the encoder's."""
    encoder, images = SampleEncoder(), ImageSet.of(sample_images(8), np.arange(8) % 4, tuple("abcd"), "some")
    expected = np.array(extract(encoder, images, tmp_path, progress=False).x)
    (path,) = (tmp_path / "features").glob("*.npy")
    whole, refused = path.read_bytes(), 0

    def read(rng):
        nonlocal refused
        content = mutated_bytes(whole, rng)
        path.write_bytes(content)
        assert np.array_equal(extract(encoder, images, tmp_path, progress=False).x, expected)
        if content != whole:
            assert path.read_bytes() == whole
            raise UserError("made again")

    fuzz(count, read, sealed=True)
