"""The Python of the README and the documentation runs, page by page, on one small run of the quickstart."""

import doctest
import shutil
from functools import partial

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from eagerly import eagerly
from PIL import Image
from shown_code import blocks, name_of, with_blocks
from undrawn import undrawn

import kbsc_tf as kbsc
from kbsc_tf.api.reception import Neighbour, Reception
from kbsc_tf.api.slider import Slider

SMALL = {"data": {"training_images": 300, "test_images": 200}, "progress": False}
CLASSES = np.arange(90) % 3


def small(run, experiment, **settings):
    """`kbsc.run` on few images and two SNRs, and with one epoch where the experiment's own schemes are in use."""
    training = {} if "schemes" in settings else {"schemes.kbsc.epochs": 1}
    settings["snr_db"] = np.ravel(settings.get("snr_db", 0))[:2]
    with eagerly():
        return run(experiment, **{**SMALL, "sweep": {"queries": 40, "latency": False}, **training, **settings})


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, undrawn():
        patch.setenv("KBSC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield partial(small, kbsc.run)


@pytest.fixture(scope="module")
def quickstart(small_run, tmp_path_factory):
    """A results folder, as the first run has left it."""
    return small_run("quickstart", out=tmp_path_factory.mktemp("first") / "quickstart", k=[16, 64], snr_db=0).folder


@pytest.fixture
def namespace(quickstart, small_run, tmp_path, monkeypatch):
    """What pages take for granted: a picture, arrays, features, the run."""
    shutil.copytree(quickstart, tmp_path / "results" / "quickstart")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kbsc, "run", small_run)
    pictures = np.random.default_rng(0).integers(0, 256, [90, 32, 32, 3], np.uint8)
    Image.fromarray(pictures[0]).save("cat.jpg")
    (tmp_path / "figures").mkdir()
    matplotlib.use("Agg")
    before = set(kbsc.registry.schemes)
    arrays = {"x_train": pictures, "y_train": CLASSES, "x_test": pictures[::-1], "y_test": CLASSES[::-1]}
    features = np.random.default_rng(1).standard_normal([90, 512]).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    yield {**arrays, "features": features, "entries": features[::-1], "labels": CLASSES[::-1]}
    plt.close("all")
    for name in set(kbsc.registry.schemes) - before:
        kbsc.registry.schemes.remove(name)


@pytest.mark.long
@pytest.mark.parametrize("page", with_blocks("python"), ids=name_of)
def test_the_python_of_a_page_runs(page, namespace, capsys):
    for number, code in enumerate(blocks(page, "python")):
        exec(compile(code, f"{name_of(page)}, block {number + 1}", "exec"), namespace)
    for line in "".join(blocks(page, "python")).splitlines():
        if "print(error)  # " in line:
            assert line.split("# ")[1] in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.parametrize(
    "public", [kbsc.AnalogueScheme, Neighbour, Reception, Slider], ids=lambda public: public.__name__
)
def test_examples_that_need_a_run(public, namespace):
    [example] = [one for one in doctest.DocTestFinder().find(public, globs={}, module=False) if one.examples]
    assert doctest.DocTestRunner().run(example).failed == 0
