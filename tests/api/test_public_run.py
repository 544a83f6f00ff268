"""What a user gets from a run by public names: outcomes, confusions, images, pictures, and a scheme of their own."""

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import kbsc_tf as kbsc

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 230)}


class TiltedConfig(kbsc.SchemeConfig):
    tilt: float = 0.5


class TiltedSpec(kbsc.SchemeSpec):
    """Principal components with powers that go with a power of their variance."""

    name, label, Config = "tilted", "PCA with tilted powers", TiltedConfig

    def build(self, config, context):
        yield from context.per_k(lambda k: TiltedScheme(k, context.channel, config.tilt))


class TiltedScheme(kbsc.ClosedFormScheme):
    def __init__(self, k, channel, tilt):
        super().__init__(k, channel)
        self.tilt = tilt

    def codec(self, features, symbols):
        variances, axes = np.linalg.eigh(np.cov(features.T))
        variances, axes = variances[: -symbols - 1 : -1], axes[:, : -symbols - 1 : -1]
        gains = variances ** ((self.tilt - 1) / 2)
        return kbsc.linear_codec(features.mean(axis=0), axes * gains, (axes / gains).T)


@pytest.fixture(scope="module", autouse=True)
def registered():
    kbsc.registry.schemes.add(TiltedSpec)
    yield
    kbsc.registry.schemes.remove("tilted")


def thumbnails(images):
    """Eight by eight images as features [B, 48]: means of two by two pixels."""
    return np.stack([image.reshape(4, 2, 4, 2, 3).mean((1, 3)).ravel() / 255 for image in images])


ENCODER = kbsc.Encoder(thumbnails, name="thumbnails")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for part, count in {"train": 40, "test": 24}.items():
        for name, colour in COLOURS.items():
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.normal(colour, 60, (8, 8, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{number}.png")
    return kbsc.run(
        {"name": "colours", "data": {"source": "folder", "path": root}},
        out=tmp_path_factory.mktemp("results"),
        encoder=ENCODER,
        schemes=[
            "pca",
            {"scheme": "tilted", "name": "tilt 1", "tilt": 1},
            {"scheme": "tilted", "name": "even", "tilt": 0},
        ],
        channels="awgn",
        k=8,
        snr_db=[-12, 10],
        sweep={"per_image": True, "queries": 20, "trials": 2, "latency": False},
    )


@pytest.fixture(scope="module")
def link(run):
    return kbsc.Link.load(run, scheme="pca", encoder=ENCODER)


def test_outcomes_are_those_of_the_record(run):
    frame = run.frame().set_index(["scheme", "snr_db"])
    for snr_db in (-12, 10):
        outcomes = run.outcomes("pca", snr_db)
        assert len(outcomes) == frame.loc[("pca", snr_db), "n"] == 2 * 20
        assert (outcomes["correct"] == (outcomes["label"] == outcomes["shown"])).all()
        assert outcomes["correct"].mean() == pytest.approx(frame.loc[("pca", snr_db), "top1"])
    assert set(outcomes["label"]) == set(COLOURS)


def test_confusion_counts_every_outcome(run):
    counts = run.confusion("pca", -12)
    assert list(counts.index) == list(counts.columns) == ["blue", "green", "red"]
    assert counts.to_numpy().sum() == 40
    assert np.trace(counts) == run.outcomes("pca", -12)["correct"].sum() < 40


def test_images_are_those_that_outcomes_name(run):
    outcomes = run.outcomes("pca", 10).query("trial == 0")
    for part, places, names in (("sender", "image", "label"), ("receiver", "entry", "shown")):
        images = run.images(outcomes[places], part)
        brightest = [list(COLOURS)[image.mean((0, 1)).argmax()] for image in images]
        assert brightest == outcomes[names].tolist()


def test_what_is_not_there_is_refused_in_a_sentence(run):
    with pytest.raises(kbsc.UserError, match="unknown scheme pcaa; did you mean pca"):
        run.outcomes("pcaa", 10)
    with pytest.raises(kbsc.UserError, match="unknown snr_db 3; known: -12.0, 10.0"):
        run.confusion("pca", 3)
    with pytest.raises(kbsc.UserError, match="unknown part kb"):
        run.images([0], "kb")


def test_tables_and_links_say_names_for_readers(run, link):
    shown = Console(width=120)
    with shown.capture() as printed:
        shown.print(run.table())
    for text in (run._repr_html_(), printed.get(), link.name):
        assert "PCA" in text and "AWGN" in text


def test_a_notebook_shows_figures_in_a_readable_size(run, tmp_path):
    shown = run.plot(formats=["png", "pdf"], out=tmp_path)._repr_html_()
    assert shown.count("<img") == 1
    assert "width: 4.5" in shown  # 3.5 inches on paper
    assert [path.name for path in run.galleries()] == ["gallery.png", "gallery_of_schemes.png"]
    assert run.galleries()._repr_html_().count("<img") == 2


def test_draw_puts_what_was_sent_into_one_picture(run, link, tmp_path):
    images = run.images([0, 19])
    one = link.draw(link.send(images, snr_db=10, seed=1))
    assert one == [run.folder / "sent.png"]
    several = link.draw([link.send(images[0], snr_db, seed=1) for snr_db in (-12, 0, 10)], tmp_path / "several.png")
    heights = [Image.open(path).height for path in (*one, *several)]
    assert heights[1] > heights[0]
    with pytest.raises(kbsc.UserError, match="no images to draw"):
        link.draw(link.send(link.embed(images), snr_db=10))


def test_embed_makes_features_of_the_run(run, link):
    images = run.images([0, 19])
    features = link.embed(images)
    assert features.shape == (2, 48)
    assert np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    assert np.allclose(link.embed(images[1]), features[1])


def test_symbols_have_power_one_and_cost_what_the_record_says(run, link):
    features = link.embed(run.images(range(20)))
    first = {}
    for scheme in ("pca", "tilt 1", "even"):
        symbols = kbsc.Link.load(run, scheme=scheme, encoder=ENCODER).symbols(features)
        assert symbols.shape == (20, 4)
        assert np.allclose((abs(symbols) ** 2).mean(axis=1), 1, atol=1e-5)
        first[scheme] = (abs(symbols[:, 0]) ** 2).mean()
    assert first["pca"] == pytest.approx(first["tilt 1"], rel=1e-3)
    assert first["pca"] > 1.5 * first["even"]  # most of the power is on the strongest axes, or not
    assert set(run.frame()["channel_uses"]) == {4.0}


def test_a_scheme_of_ones_own_is_swept_like_ours(run):
    pca, same, even = (run.frame().query("scheme == @name") for name in ("pca", "tilt 1", "even"))
    assert np.allclose(pca["mse_sent_received"], same["mse_sent_received"], rtol=0.1)  # axes may be mirrored
    assert not np.allclose(even["mse_sent_received"], pca["mse_sent_received"], rtol=0.1)
    assert run.compare("tilt 1", "pca")["n"].tolist() == [40, 40]
