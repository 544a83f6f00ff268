"""`kbsc.run` and `Run` from end to end: objects of Python, a folder that grows, refusals."""

import doctest
import sys

import numpy as np
import pytest
from undrawn import undrawn

import kbsc_tf as kbsc
import kbsc_tf.api.channel
import kbsc_tf.api.charts
import kbsc_tf.api.encoder
import kbsc_tf.api.experiment
import kbsc_tf.api.run
import kbsc_tf.data.memory
from kbsc_tf.config import make_config

LABELS = np.arange(60) % 3
COLOURS = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200]])


def photographs(seed: int = 0) -> kbsc.Images:
    """Sixty noisy pictures of three colours."""
    noise = np.random.default_rng(seed).normal(0, 40, [60, 16, 16, 3])
    x = (noise + COLOURS[LABELS][:, None, None]).clip(0, 255).astype(np.uint8)
    return kbsc.Images(x[:30], LABELS[:30], x[30:], LABELS[30:], class_names=["red", "green", "blue"])


def corners(images: list) -> np.ndarray:
    """An encoder: the mean colours of two halves, without their common mean."""
    return np.stack([np.concatenate([one[:8].mean((0, 1)), one[8:].mean((0, 1))]) for one in images]) - 95.0


def swapped(images: list) -> np.ndarray:
    """Another encoder."""
    return corners(images)[:, ::-1]


def hot(symbols, snr_db):
    """A channel with 3 dB more noise than asked for."""
    import tensorflow as tf
    from sionna.phy.utils import complex_normal

    no = 2 * 10 ** (-snr_db / 10)
    return symbols + complex_normal(tf.shape(symbols), no), no


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    receiver, features = {"decision": "nearest", "top_k": 1}, {"store": folder / "store"}
    sweep = {"per_image": True, "latency": False, "trials": 2}
    shared = {"schemes": ["pca", "raw"], "k": 6, "channels": ["awgn", hot], "sweep": sweep}
    return {"experiment": {}, "out": folder / "run", **shared, "receiver": receiver, "features": features}


@pytest.fixture(scope="module")
def grown(settings):
    """A run at one SNR, and its records before another was added."""
    own = {"data": photographs(), "encoder": corners}
    with undrawn():
        before = kbsc.run(**settings, **own, snr_db=0).frame()
        return kbsc.run(**settings, **own, snr_db=[0, 6]), before


def test_a_second_call_adds_what_is_new(grown):
    run, before = grown
    frame = run.frame()
    assert set(frame["channel"]) == {"awgn", "hot"} and sorted(set(frame["snr_db"])) == [0.0, 6.0]
    assert len(frame) == 2 * len(before) == 8
    kept = frame[frame["snr_db"] == 0].reset_index(drop=True)
    assert kept.equals(before), "what was there is not computed again"


def test_the_channel_is_the_function(grown):
    """Twice the noise, by the error of the received feature."""
    error = grown[0].frame().query("scheme == 'pca' and snr_db == 6").set_index("channel")["mse_sent_received"]
    assert 1.3 < error["hot"] / error["awgn"] < 2.2
    assert set(grown[0].frame().query("scheme == 'pca'")["channel_uses"]) == {3.0}


def test_comparisons_tables_and_figures(grown, tmp_path):
    run = grown[0]
    compared = run.compare("raw", "pca")
    assert set(compared["scheme_a"]) == {"raw"} and compared["difference"].between(-1, 1).all()
    assert "PCA" in run._repr_html_() and str(run.folder) in repr(run)
    files = run.plot(formats=["png"], out=tmp_path)
    assert files and all(path.parent == tmp_path and path.is_file() for path in files)
    assert files._repr_html_().count("<img") == len(files)
    assert run.report().read_text(encoding="utf-8").startswith("<!")
    assert run.table().row_count == 4
    with pytest.raises(kbsc.UserError, match="its confidences are no probabilities"):
        run.confidence()


def test_other_images_and_encoders_are_refused(grown, settings):
    own = {"data": photographs(), "encoder": corners}
    for change, message in (
        ({"data": photographs(1)}, "data.fingerprint was .*, now "),
        ({"encoder": swapped}, "features.fingerprint was .*, now "),
        ({"encoder": kbsc.Encoder(corners, name="corners")}, "features.fingerprint was .*, now "),
        ({"encoder": None}, "features"),
    ):
        with pytest.raises(kbsc.UserError, match=message):
            kbsc.run(**settings, **{**own, **change}, snr_db=0)


def test_a_run_is_run_again_from_its_configuration(grown, no_figures):
    run = kbsc.Run(grown[0].folder)
    own = {"data": photographs(), "channels": ["awgn", hot]}
    again = kbsc.run(run.config, out=run.folder, encoder=corners, **own)
    assert again.frame().equals(run.frame())
    with pytest.raises(kbsc.UserError, match="data: images are images of a program; give them again"):
        kbsc.run(run.config, out=run.folder, encoder=corners, channels=["awgn"])
    with pytest.raises(kbsc.UserError, match="features: corners is a function; give it again"):
        kbsc.run(run.config, out=run.folder, **own)
    with pytest.raises(kbsc.UserError, match="channels: hot is a function; give it again"):
        kbsc.run(run.config, out=run.folder, encoder=corners, data=photographs())


@pytest.mark.parametrize(
    "change, message",
    [
        ({"encoder": lambda images: np.zeros(3)}, r"encoder lambda: returns float64 \[3\] for 8 images"),
        (
            {"encoder": lambda images: np.zeros([len(images), 3])},
            "encoder lambda: returns a feature with NaN",
        ),
        ({"encoder": "clip"}, "encoder: expected a function of images, got 'clip'"),
        ({"data": {"images": 3}}, "data.images: expected kbsc_tf.Images, got int"),
        ({"channels": [lambda symbols, snr_db: symbols]}, "channel lambda: expected Received or"),
        ({"channels": [lambda s, snr_db: (s[:, :0], 1.0)]}, r"channel lambda: returns symbols of shape \(\d+, 0\)"),
        ({"channels": [lambda s, snr_db: (np.asarray(s), 1.0)]}, "channel lambda: works on arrays"),
        ({"executor": "processes", "encoder": lambda images: 1}, "its workers cannot import the function lambda"),
        ({"schemes": "label_ldpc"}, "label_ldpc needs class prompts"),
    ],
)
def test_mistakes_are_one_sentence(settings, tmp_path, change, message):
    own = {"data": photographs(), "encoder": corners, "snr_db": 0}
    with pytest.raises(kbsc.UserError, match=message) as refusal:
        kbsc.run(**{**settings, "channels": "awgn", "out": tmp_path / "run", **own, **change})
    assert "\n" not in str(refusal.value)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(kbsc.UserError, match="run.json"):
        kbsc.Run(tmp_path)


def test_channels_with_one_name_are_refused():
    with pytest.raises(kbsc.UserError, match="two channels are called the same"):
        make_config({}, {"channels": [kbsc.Channel(hot), kbsc.Channel(swapped, name="hot")]})


@pytest.mark.slow
def test_examples_that_need_a_minute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(kbsc_tf.api.experiment, optionflags=doctest.ELLIPSIS)
    assert found.attempted and not found.failed


@pytest.mark.parametrize(
    "module",
    ["kbsc_tf.api.channel", "kbsc_tf.api.encoder", "kbsc_tf.api.run", "kbsc_tf.api.charts", "kbsc_tf.data.memory"],
)
def test_examples(grown, module, tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "quickstart").symlink_to(grown[0].folder)
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(sys.modules[module])
    assert found.attempted and not found.failed
