"""Recorded impulse responses: what is drawn, how it is scaled, and what is said of a file that does not fit."""

import numpy as np
import pytest
import tensorflow as tf

from kbsc_tf.channel.flat import seed_noise
from kbsc_tf.channel.ofdm.models import build_model, longest_delay_s, warnings
from kbsc_tf.channel.ofdm.recorded import RecordedModel, save_recording
from kbsc_tf.config.channels.ofdm import OfdmConfig
from kbsc_tf.errors import UserError

N, RX, TX, PATHS, STEPS = 40, 2, 3, 5, 14
SYMBOLS_PER_S = 96 * 30e3 / 103


def record(static=False):
    rng = np.random.default_rng(1)
    shape = (N, RX, TX, PATHS) if static else (N, RX, TX, PATHS, STEPS)
    a = 7 * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
    return a, np.sort(rng.uniform(0, 2e-6, [N, PATHS]), axis=1)


def configure(path, **fields):
    fields = {"tx_antennas": TX, "rx_antennas": RX} | fields
    return OfdmConfig(model={"type": "recorded", "path": path}, **fields)


@pytest.fixture
def path(tmp_path):
    save_recording(tmp_path / "here.npz", *record(), SYMBOLS_PER_S)
    return tmp_path / "here.npz"


def test_responses_are_the_files_up_to_one_factor(path):
    a, tau = record()
    factor = np.sqrt(np.mean(np.sum(np.abs(a) ** 2, axis=3)))
    drawn, delays = build_model(configure(path))(6, 4, SYMBOLS_PER_S)
    assert drawn.dtype == tf.complex64 and drawn.shape == [6, 1, RX, 1, TX, PATHS, 4]
    assert delays.dtype == tf.float32 and delays.shape == [6, 1, 1, PATHS]
    for row, delay in zip(drawn.numpy(), delays.numpy()[:, 0, 0], strict=True):
        index = np.argmin(np.abs(tau - delay).sum(1))
        np.testing.assert_allclose(delay, tau[index], rtol=1e-6)
        np.testing.assert_allclose(row[0, :, 0], a[index, ..., :4] / factor, rtol=1e-5)


def test_the_whole_file_has_unit_power(path):
    model = build_model(configure(path))
    seed_noise(1)
    a = model(4000, STEPS, SYMBOLS_PER_S)[0].numpy()
    power = np.sum(np.abs(a) ** 2, axis=5).mean((1, 2, 3, 4, 5))
    assert abs(power.mean() - 1) < 4.4 * power.std() / np.sqrt(len(power))


def test_a_static_recording_lasts_as_long_as_asked(tmp_path):
    save_recording(tmp_path / "static.npz", *record(static=True), 1.0)
    a, _ = build_model(configure(tmp_path / "static.npz"))(3, 200, SYMBOLS_PER_S)
    assert a.shape == [3, 1, RX, 1, TX, PATHS, 200]
    np.testing.assert_array_equal(a, np.broadcast_to(a[..., :1], a.shape))


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_the_seed_decides_in_every_mode(path, mode):
    model = build_model(configure(path))
    assert model.xla
    draw = (lambda: model(64, 2, SYMBOLS_PER_S)) if mode == "eager" else None
    draw = draw or tf.function(lambda: model(64, 2, SYMBOLS_PER_S), jit_compile=mode == "xla")
    seed_noise(1)
    first, second = draw(), draw()
    seed_noise(1)
    again = draw()
    seed_noise(2)
    other = draw()
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert np.any(first[0] != second[0]) and np.any(first[0] != other[0])
    drawn = {tau.tobytes() for tau in first[1].numpy()}
    # 64 draws of 40 leave 40 (1 - 1/40)^64 = 7.9 out on average, with standard deviation 2.1.
    assert 22 <= len(drawn) <= 40


def test_the_longest_delay_is_of_a_path_with_power(tmp_path):
    a, tau = record()
    a[:, :, :, -1] = 0
    tau[:, -1] = 1.0
    save_recording(tmp_path / "gap.npz", a, tau)
    config = configure(tmp_path / "gap.npz", cyclic_prefix=0)
    assert longest_delay_s(config) == pytest.approx(tau[:, :-1].max())
    (text,) = warnings(config)
    assert f"{1e9 * tau[:, :-1].max():.0f} ns" in text


def put(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tau": None}, "tau is missing"),
        ({"a": None}, "a is missing"),
        ({"a": np.ones([N, RX, PATHS])}, "a has shape"),
        ({"a": np.full([N, RX, TX, PATHS], "x")}, "type <U1"),
        ({"a": np.ones([0, RX, TX, PATHS])}, "a has shape"),
        ({"a": np.zeros([N, RX, TX, PATHS])}, "0 everywhere"),
        ({"a": np.full([N, RX, TX, PATHS], np.nan)}, "a has values that are not finite"),
        ({"a": np.ones([N, TX, RX, PATHS], complex)}, "3 receive and 2 transmit antennas"),
        ({"a": np.ones([N, RX, TX, PATHS, 13], complex)}, "13 time steps, 14 are needed"),
        ({"tau": np.zeros([PATHS, N])}, f"tau has shape [{PATHS}, {N}]"),
        ({"tau": np.zeros([N, PATHS], complex)}, "tau has shape"),
        ({"tau": np.full([N, PATHS], np.inf)}, "tau has values that are not finite"),
        ({"tau": np.full([N, PATHS], -1e-9)}, "negative delays"),
        ({"sampling_frequency": np.array([1.0, 2.0])}, "one positive number"),
        ({"sampling_frequency": np.array(0.0)}, "one positive number"),
        ({"sampling_frequency": np.array(1.02 * SYMBOLS_PER_S)}, "sampling_frequency is 28520"),
    ],
)
def test_a_file_that_does_not_fit_is_told_when_it_is_read(tmp_path, change, said):
    a, tau = record()
    arrays = {"a": a, "tau": tau, "sampling_frequency": np.array(1.005 * SYMBOLS_PER_S)} | change
    path = put(tmp_path / "bad.npz", **{key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(UserError) as error:
        build_model(configure(path))
    assert str(path) in str(error.value) and said in str(error.value)
    assert "\n" not in str(error.value)


def test_other_files_are_told(tmp_path):
    config = configure(tmp_path / "missing.npz")
    with pytest.raises(UserError, match="missing.npz: cannot read"):
        build_model(config)
    with pytest.raises(UserError, match="cannot read"):
        build_model(configure(tmp_path))
    np.save(tmp_path / "array.npy", np.ones(3))
    (tmp_path / "text.npz").write_text("a, tau")
    (tmp_path / "empty.npz").write_text("")
    np.savez(tmp_path / "objects.npz", a=np.array([{}], object), tau=np.ones(1))
    whole = put(tmp_path / "whole.npz", **dict(zip(("a", "tau"), record(), strict=True))).read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    for name in ("array.npy", "text.npz", "empty.npz", "objects.npz", "half.npz"):
        with pytest.raises(UserError, match=f"{name}: not a whole .npz.*save_recording"):
            build_model(configure(tmp_path / name))


def test_calls_are_checked_too(path):
    model = RecordedModel(path, RX, TX)
    with pytest.raises(UserError, match="14 time steps, 15 are needed"):
        model(2, 15, SYMBOLS_PER_S)
    with pytest.raises(UserError, match="resample"):
        model(2, 14, 96 * 30e3)
    with pytest.raises(UserError, match="the grid needs 2.88e"):
        build_model(configure(path, domain="time", num_ofdm_symbols=1, pilots="none", fft_size=12,
                              guard_carriers=(0, 0), cyclic_prefix=1, subcarrier_spacing_khz=240))  # fmt: skip


def test_a_bad_recording_is_not_written(tmp_path):
    a, tau = record()
    with pytest.raises(UserError, match="tau has shape"):
        save_recording(tmp_path / "bad.npz", a, tau.T)
    assert not list(tmp_path.iterdir())
