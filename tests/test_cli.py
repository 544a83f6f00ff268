"""The `kbsc` command: quick where it can be, one sentence and a status for every mistake, steps that add up to a run.

Most tests call `main` in this process, as importing TensorFlow takes seconds.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import yaml
from clustered import write_features
from PIL import Image

from kbsc_tf.results.records import read_records

HEAVY = ["tensorflow", "keras", "sionna", "transformers", "faiss", "pandas"]
CODE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from kbsc_tf.cli import main; main()"


def write_images(root):
    """Two classes of 20 training and 12 test images."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 12)):
        for name, level in (("dark", 40), ("light", 200)):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(level + rng.integers(-40, 40, (16, 16, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i:02}.png")


@pytest.fixture
def file(tmp_path, monkeypatch):
    """An experiment on a feature file; the current folder is the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KBSC_CACHE", str(tmp_path / "cache"))
    write_features(tmp_path / "features.npz")
    settings = {
        "features": {"file": "features.npz"},
        "schemes": ["pca", "raw"],
        "k": [8],
        "snr_db": [0, "inf"],
        "sweep": {"chunk": 50, "latency": False},
    }
    (tmp_path / "trial.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return tmp_path / "trial.yaml"


@pytest.fixture
def image_file(file, tmp_path):
    """The same on a folder of images and the shipped CLIP, without a channel's noise."""
    write_images(tmp_path / "images")
    settings = {
        "data": {"source": "folder", "path": "images"},
        "features": {"store": "store", "batch_size": 16},
        "schemes": ["raw"],
        "snr_db": ["inf"],
        "sweep": {"chunk": 20, "latency": False},
    }
    file.write_text(yaml.safe_dump(settings))
    return file


@pytest.fixture
def refused(kbsc, tmp_path):
    """Run the command, which must refuse: status 2, one sentence that fits, the results folder as before."""

    def call(message, *arguments):
        before = content(tmp_path / "results")
        status, _, err = kbsc(*arguments)
        assert status == 2
        assert re.fullmatch(rf"kbsc: .*{message}.*\n", err), err
        assert content(tmp_path / "results") == before

    return call


def content(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def python(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, **options)


def seconds_of_children():
    """CPU time, which is what an answer takes on an idle machine, whatever else runs now."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


# Quick answers


def test_help_answers_within_a_second_and_loads_nothing_heavy():
    code = f"""
import sys
sys.argv = ["kbsc", "--help"]
from kbsc_tf.cli import main
try:
    main()
except SystemExit:
    print([name for name in {HEAVY} if name in sys.modules])
"""
    times = []
    for _ in range(3):
        started = seconds_of_children()
        result = python(code)
        times.append(seconds_of_children() - started)
        for command in ("run", "features", "kb", "train", "sweep", "plot", "info"):
            assert f" {command} " in result.stdout
        assert result.stdout.splitlines()[-1] == "[]"
    assert min(times) < 1


@pytest.mark.parametrize("command", ["run", "features", "kb", "train", "sweep"])
def test_bad_input_is_refused_without_loading_tensorflow(command, monkeypatch, refused, file):
    monkeypatch.setattr("kbsc_tf.study.start.prepare_tensorflow", lambda: pytest.fail("loads TensorFlow"))
    refused("missing.yaml: cannot read", command, "missing.yaml")
    refused("--set k=3: k: ", command, file, "--set", "k=3")


@pytest.mark.long
def test_plot_needs_no_tensorflow_and_draws_what_run_drew(kbsc, file, tmp_path):
    kbsc("run", file, "--out", "out")
    drawn = sorted(path.name for path in (tmp_path / "out").glob("*.p[nd][gf]"))
    for name in drawn:
        (tmp_path / "out" / name).unlink()
    code = f"""
import sys
sys.argv = ["kbsc", "plot", "out"]
from kbsc_tf.cli import main
try:
    main()
except SystemExit as end:
    print(end.code, [name for name in {HEAVY[:-1]} if name in sys.modules])
"""
    result = python(code, cwd=tmp_path)
    assert result.stdout.splitlines()[-1] == "0 []" and result.stderr == ""
    assert drawn and sorted(path.name for path in (tmp_path / "out").glob("*.p[nd][gf]")) == drawn


def test_plot_of_nothing_is_refused(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused("nowhere", "plot", "nowhere")
    (tmp_path / "empty").mkdir()
    refused("empty/run.json: cannot read", "plot", "empty")


@pytest.mark.parametrize(
    "arguments", [("report", "none"), ("losses", "none"), ("reproduce", "none"), ("send", __file__, "--run", "none")]
)
def test_a_folder_without_a_run_is_refused_before_anything_heavy_is_loaded(arguments, tmp_path):
    code = f"""
import sys
sys.argv = ["kbsc", *{arguments}]
from kbsc_tf.cli import main
try:
    main()
except SystemExit as end:
    print(end.code, [name for name in {[*HEAVY, "matplotlib"]} if name in sys.modules])
"""
    result = python(code, cwd=tmp_path)
    assert result.stdout == "2 []\n"
    assert re.fullmatch(r"kbsc: none.*run.json.*; give the results folder of .*\n", result.stderr)


def test_info_says_versions_and_devices(kbsc):
    status, out, _ = kbsc("info")
    assert status == 0
    for line in (r"python: 3\.\d+", r"tensorflow: 2\.", r"sionna", r"kbsc_tf: \d", r"devices: .*TensorFlow.*FAISS"):
        assert re.search(line, out)


def test_wrong_arguments_end_with_status_2(kbsc):
    assert kbsc("run")[0] == kbsc("walk")[0] == kbsc("run", "x.yaml", "--fast")[0] == 2


# Whole runs


def test_run_says_what_it_found_and_wrote(kbsc, file, tmp_path):
    status, out, err = kbsc("run", file, "--profile")
    assert (status, err) == (0, "")
    for stage in ("prepare", "train", "sweep", "figures"):
        assert re.search(rf"^ *{stage} +\d+\.\d +\d+ *$", out, re.M), stage
    for part in ("transmit", "decide", "measure"):
        assert re.search(rf"^ +{part} +\d+\.\d +\d+ *$", out, re.M), part
    first = out.splitlines()[0]
    assert re.match(r"trial: 2 schemes, 1 channel, 1 k, 2 SNRs, into results/trial$", first.strip()), first
    assert "knowledge base: 60 entries x 64" in out and "wrote results/trial/records.csv" in out
    assert len(read_records(tmp_path / "results" / "trial")) == 4


@pytest.mark.long
def test_the_steps_alone_add_up_to_a_run(kbsc, file, tmp_path, eager):
    trained = "{scheme: kbsc, epochs: 2, batch_size: 100, validation_snr_db: 0}"
    options = ["--set", f"schemes=[{trained}, raw]"]
    for step in ("features", "kb", "train", "sweep"):
        status, _, err = kbsc(step, file, *options, "--out", "steps")
        assert (status, err) == (0, ""), step
    assert kbsc("plot", "steps")[0] == 0
    assert kbsc("run", file, *options, "--out", "run")[0] == 0
    steps, run = tmp_path / "steps", tmp_path / "run"
    assert (steps / "records.csv").read_bytes() == (run / "records.csv").read_bytes()
    figures = [sorted(path.name for path in folder.glob("*.p[nd][gf]")) for folder in (steps, run)]
    assert figures[0] == figures[1]


@pytest.mark.long
def test_a_folder_of_images_goes_all_the_way_and_bad_ones_are_skipped_and_counted(kbsc, refused, image_file, tmp_path):
    torn = tmp_path / "images" / "train" / "dark" / "03.png"
    torn.write_bytes(torn.read_bytes()[:200])
    refused("images/train/dark/03.png: cannot read this image", "run", image_file)
    assert not (tmp_path / "results").exists()
    status, out, _ = kbsc("run", image_file, "--skip-bad")
    assert status == 0 and "1 unreadable images were left out" in out and "zero-shot accuracy" in out
    assert "63 features of small" in out
    records = read_records(tmp_path / "results" / "trial")
    assert records["n"].tolist() == [12] and records["top1"][0] > 0.8
    assert list((tmp_path / "results" / "trial").glob("gallery*.png"))
    status, out, _ = kbsc("features", image_file, "--skip-bad")
    assert status == 0 and "nothing to embed" in out


# OFDM channels

GRID = {"type": "ofdm", "csi": "ls", "fft_size": 32, "guard_carriers": [2, 1], "cyclic_prefix": 2}
"""28 subcarriers, 336 data symbols, 476 samples; a prefix of 2083 ns."""


@pytest.mark.long
def test_a_run_over_ofdm_trains_once_for_two_channels_counts_everything_and_goes_on(kbsc, file, tmp_path, eager):
    once = {"epochs": 1, "batch_size": 100, "validation_snr_db": [20]}
    channels = [GRID | {"features_per_grid": 5}, GRID | {"features_per_grid": 5, "rx_antennas": 2}]
    settings = yaml.safe_load(file.read_text()) | {
        "channels": channels,
        "schemes": [
            {"scheme": "kbsc", "channel": GRID} | once,
            {"scheme": "kbsc_awgn"} | once,
            "pca",
            "feature_ldpc_pq",
        ],
        "k": [64],
        "snr_db": [20],
        "coding": {"mcs": ["qpsk-1/2"]},
    }
    file.write_text(yaml.safe_dump(settings))
    status, out, err = kbsc("run", file)
    assert (status, err) == (0, "") and "warning" not in out
    folder = tmp_path / "results" / "trial"
    assert sorted(path.name for path in (folder / "models").iterdir()) == [
        "kbsc_awgn_awgn_k64_seed0",
        "kbsc_ofdm_tdl-a_3kmh_1x1_ls_linear_fft_size=32_cyclic_prefix=2_guard_carriers=2-1_k64_seed0",
    ]
    assert out.count("training kbsc k=64") == 1  # the second channel's is that of the first
    assert "2 to train, 4 to fit" in out and "(1/2)" in out and "(2/2)" in out and "/4)" not in out
    assert (folder / "accuracy_k_64.png").exists()
    records = read_records(folder)
    assert len(records) == 2 * 4 and records["papr_db"].gt(0).all()
    assert (records["channel_uses"] == 476 / 5).all()
    assert records["cbr"].to_numpy() == pytest.approx(476 / 5 / 3072, rel=1e-6)
    air = records[["pilot_uses", "guard_uses", "prefix_uses", "unused_uses"]].drop_duplicates().to_numpy()
    assert air * 5 == pytest.approx(np.array([[2 * 28, 14 * 4, 14 * 2, 336 - 5 * 32]]))
    assert records.set_index("scheme")["top1"]["pca"].min() > 0.8

    before = content(folder)
    status, out, err = kbsc("run", file)
    assert (status, err) == (0, "") and "8 points are in results/trial/records.csv already, 0 are left" in out
    assert {path: data for path, data in content(folder).items() if path.name != "run.json"} == {
        path: data for path, data in before.items() if path.name != "run.json"
    }


@pytest.mark.long
def test_a_prefix_shorter_than_the_channel_is_said_once_with_by_how_much(kbsc, file):
    channels = [GRID, GRID | {"model": {"type": "tdl-a", "delay_spread_ns": 300}, "name": "long"}]  # 966 and 2898 ns
    options = ["--set", f"channels={channels}", "--set", "schemes=[pca]", "--set", "snr_db=[0]"]
    status, out, err = kbsc("run", file, *options)
    assert (status, err) == (0, "")
    warnings = re.findall("warning: .*", out.replace("\n", " "))
    warnings = [text for text in re.split("(?=warning: )", warnings[0]) if "cyclic_prefix: " in text]
    assert len(warnings) == 1
    said = "warning: channel long: cyclic_prefix: 2083 ns are 814 ns .* shorter than the longest delay of model tdl-a"
    assert re.match(said + ".*raise cyclic_prefix to at least 3 samples", warnings[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fft_size": 16}, "channels: .* does not hold the 128 of k = 256"),
        ({"features_per_grid": 9}, "channels: .* does not hold the 9 x 128 of k = 256"),
        ({"streams": 4, "tx_antennas": 4, "rx_antennas": 4}, "channels.0: pilots: .*unevenly"),
        ({"streams": 3, "tx_antennas": 3, "rx_antennas": 3, "pilots": "block"}, "channels.0: pilots: block"),
        ({"pilots": {"symbols": [14]}}, "channels.0: pilots: OFDM symbol 14 is outside the grid"),
        ({"pilots": "none", "csi": "ls"}, "channels.0: csi: ls estimates"),
        ({"num_ofdm_symbols": 1, "pilots": {"symbols": [0]}}, "channels.0: pilots: pilots in every OFDM symbol"),
        ({"guard_carriers": [96, 0]}, "channels.0: guard_carriers: 96 of 96"),
        ({"cyclic_prefix": 97}, "channels.0: cyclic_prefix: 97"),
        ({"streams": 2}, "channels.0: streams: 2 need"),
        ({"model": {"type": "rma", "carrier_ghz": 40}}, "channels.0.model: carrier_ghz: 40 .* 0.5 to 30 GHz"),
        ({"model": {"speed_kmh": 1000}}, "channels.0.model: speed_kmh: 1000"),
        ({"model": "recorded"}, "channels.0.model: path: model recorded needs"),
        ({"path": "a.npz"}, "channels.0: path: belongs to model"),
        ({"cfo_hz": 20000}, "channels.0: cfo_hz: 20000"),
        ({"detector": "ep"}, "channels.0: detector: ep"),
        ({"speed": 3}, "unknown key channels.0.speed"),
    ],
)
def test_impossible_ofdm_channels_are_refused_without_tensorflow(refused, file, tmp_path, monkeypatch, change, message):
    monkeypatch.setattr("kbsc_tf.study.start.prepare_tensorflow", lambda: pytest.fail("loads TensorFlow"))
    channel = {"type": "ofdm"} | change
    settings = yaml.safe_load(file.read_text()) | {"k": [256], "channels": [channel]}
    file.write_text(yaml.safe_dump(settings))
    refused(rf"trial.yaml( line \d+)?: {message}", "run", file)
    refused(message, "run", file, "--set", f"channels=[{channel}]")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "channels=[{type: ofdm}]",
            "schemes: bpg_capacity needs a flat channel, whose capacity is known, and ofdm_.* is OFDM",
        ),
        (
            "schemes=[{scheme: kbsc, channel: {type: ofdm, fft_size: 16}}]",
            "schemes: kbsc: channel: a grid of 72 data symbols",
        ),
        ("channels=[{type: ofdn}]", "channels.0: unknown channel ofdn; did you mean ofdm"),
    ],
)
def test_experiments_that_do_not_suit_their_grids(refused, image_file, tmp_path, change, message):
    options = ["--set", "schemes=[bpg_capacity]", "--set", "k=[256]"]
    refused(message, "run", image_file, *options, "--set", change)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [("null", "the 32 of raw; .*streams, or"), ("2", "the 2 x 32 of raw; .*lower features_per_grid, or")],
)
def test_raw_features_on_a_grid_too_small(refused, file, tmp_path, rows, message):
    grid = (
        f"type: ofdm, pilots: none, fft_size: 8, num_ofdm_symbols: 6, guard_carriers: [1, 1], features_per_grid: {rows}"
    )
    message = f"channels: .* a grid of 30 data symbols does not hold {message} leave raw out"
    refused(message, "run", file, "--set", f"channels=[{{{grid}}}]")
    assert not (tmp_path / "results").exists()


@pytest.mark.long
def test_recordings_that_cannot_be_used(kbsc, refused, file, tmp_path):
    """Refused before the schemes are fitted, with the recording's own name."""
    a, tau = np.ones((3, 1, 1, 2, 14), np.complex64), np.zeros((3, 2))
    np.savez(tmp_path / "good.npz", a=a, tau=tau)
    np.savez(tmp_path / "antennas.npz", a=np.ones((3, 2, 1, 2, 14), np.complex64), tau=tau)
    np.savez(tmp_path / "short.npz", a=a[..., :13], tau=tau)
    np.savez(tmp_path / "axes.npz", a=a[0], tau=tau[:, :1])
    np.savez(tmp_path / "delays.npz", a=a, tau=tau[:2])
    np.savez(tmp_path / "no_tau.npz", a=a)
    for name, message in {
        "nowhere": "cannot read .*; give an .npz of the arrays a and tau",
        "antennas": "a is for 2 receive and 1 transmit antennas, the configuration has 1 and 1",
        "short": "a has 13 time steps, 14 are needed; record longer",
        "axes": r"tau has shape \[3, 1\]",
        "delays": r"tau has shape \[2, 2\] .* expected real \[N, paths\], \[3, 2\]",
        "no_tau": "expected the arrays a and tau, tau is missing",
    }.items():
        channel = f"[{{type: ofdm, model: {{type: recorded, path: {name}.npz}}}}]"
        refused(f"{name}.npz: {message}", "run", file, "--set", f"channels={channel}")
    assert not (tmp_path / "results").exists()
    channel = "[{type: ofdm, model: {type: recorded, path: good.npz}}]"
    status, _, err = kbsc("run", file, "--set", f"channels={channel}", "--set", "schemes=[pca]", "--set", "snr_db=[0]")
    assert (status, err) == (0, "")


# Stopping


@pytest.mark.long
def test_images_go_over_the_coded_link_all_the_way(kbsc, image_file, tmp_path, codes_as_graphs):
    """Every kind of coded scheme on a folder of 16x16 images: records, tables, a figure per CBR."""
    settings = yaml.safe_load(image_file.read_text()) | {
        "schemes": ["bpg_ldpc", "bpg_capacity", "jpeg_ldpc", "index_ldpc", "label_ldpc", "noise_free"],
        "k": [1024],
        "snr_db": [-9, 20],
        "receiver": {"top_k": 2},
        "coding": {"mcs": ["qpsk-1/2", "16qam-1/2"]},
        "codec": {"processes": 1},
    }
    image_file.write_text(yaml.safe_dump(settings))
    status, _, err = kbsc("run", image_file)
    assert status == 0, err
    records = read_records(tmp_path / "results" / "trial").set_index(["scheme", "mcs", "snr_db"]).sort_index()
    assert len(records) == 2 * (3 + 1 + 3 + 1 + 1 + 1)
    assert records.loc["bpg_ldpc", "qpsk-1/2", 20.0]["delivered"] == 1
    lost = records.loc["bpg_ldpc", "16qam-1/2", -9.0]
    assert lost["delivered"] == 0 and lost["top1"] == 0 and lost["stand_ins"] == lost["n"] == 12
    assert lost["psnr"] < records.loc["bpg_ldpc", "genie", 20.0]["psnr"]
    assert records.loc["jpeg_ldpc", "qpsk-1/2", 20.0]["feasible"] == 0  # JPEG's tables alone are larger
    assert (records["channel_uses"] <= 512).all() and (records["channel_uses"] > 0).sum() == 18
    overhead = records[["header_uses", "crc_uses", "padding_uses"]].loc["bpg_ldpc"]
    assert (overhead > 0).all(axis=None) and (overhead.sum(axis=1) < 512).all()
    assert records.loc["label_ldpc", "", 20.0]["delivered"] == 1
    for stem in ("accuracy", "psnr", "ms_ssim"):
        assert (tmp_path / "results" / "trial" / f"{stem}_cbr_2_3.png").exists()
    before = content(tmp_path / "results" / "trial")
    assert kbsc("run", image_file)[0] == 0
    assert content(tmp_path / "results" / "trial").keys() == before.keys()


@pytest.mark.slow
def test_images_that_fit_nowhere_stop_nothing_and_have_no_gallery(kbsc, image_file, tmp_path, codes_as_graphs):
    trained = {"scheme": "deepjscc", "epochs": 1, "batch_size": 16, "validation_snr_db": [0], "validation_images": 4}
    settings = yaml.safe_load(image_file.read_text()) | {
        "schemes": ["bpg_ldpc", trained], "k": [16, 72], "receiver": {"top_k": 2}, "codec": {"processes": 1},
        "coding": {"mcs": ["qpsk-1/3", "qpsk-1/2"]},
    }  # fmt: skip
    image_file.write_text(yaml.safe_dump(settings))
    status, out, err = kbsc("run", image_file)
    assert status == 0, err
    assert "warning: bpg_ldpc at k = 16, qpsk-1/3, qpsk-1/2: nothing fits" in out
    assert "warning: deepjscc at k = 72: nothing fits" in out
    folder = tmp_path / "results" / "trial"
    records = read_records(folder).set_index(["scheme", "k", "mcs"])
    lost = records[records["delivered"] == 0]
    assert len(records) == 2 * (3 + 1) and len(lost) == 6 + 1 and (lost["stand_ins"] == 12).all()
    assert lost["psnr"].nunique() == 1  # the mean image against all that was sent
    assert {path.name for path in folder.glob("gallery*.png")} >= {"gallery_deepjscc.png"}
    assert kbsc("plot", folder)[0] == kbsc("report", folder)[0] == 0


def test_images_of_a_size_that_a_network_cannot_send_are_refused_before_embedding(refused, image_file, tmp_path):
    message = "schemes: swinjscc needs images whose height and width are multiples of .*, these have 16x16"
    options = ["--set", "schemes=[swinjscc]", "--set", "schemes.swinjscc.size=base"]
    refused(message, "run", image_file, *options)
    assert not list((tmp_path / "store").rglob("*.npy"))


def test_missing_programs_are_named_before_anything_is_embedded(refused, image_file, monkeypatch, capfd):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("kbsc_tf.study.experiment.load_features", lambda *_: pytest.fail("too late"))
    capfd.readouterr()  # what TensorFlow says when it is imported
    refused(
        "bpgenc", "run", image_file, "--set", "schemes=[bpg_ldpc]", "--set", "k=[1024]", "--set", "codec.bpg_tools=true"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("coding.mcs=swin", "coding.mcs: unknown MCS set swin; did you mean swinjscc"),
        ("coding.mcs=[qpsk-2]", "coding.mcs: .*code rate 2"),
        ("coding.mcs=[qpsk]", "coding.mcs: .*as in"),
        ("coding.block_length=2000000", "coding: block length 2000000: expected"),
    ],
)
def test_impossible_transport_formats_are_refused_at_once(refused, image_file, monkeypatch, change, message):
    monkeypatch.setattr(
        "kbsc_tf.study.start.prepare_tensorflow", lambda: pytest.fail("TensorFlow was not needed for this")
    )
    refused(message, "run", image_file, "--set", "schemes=[bpg_ldpc]", "--set", "k=[1024]", "--set", change)


def test_ctrl_c_is_status_130_and_one_line(kbsc, file, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    kbsc("info")  # takes what TensorFlow says when it is imported
    monkeypatch.setattr("kbsc_tf.study.experiment.fit", interrupted)
    status, _, err = kbsc("run", file)
    assert (status, err) == (130, "kbsc: stopped; the same command goes on from here\n")


def test_ctrl_c_that_a_library_turns_into_an_error_is_status_130(kbsc, file, monkeypatch):
    def swallow(*arguments):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise TypeError("as TensorFlow does while it traces") from None

    kbsc("info")  # takes what TensorFlow says when it is imported
    monkeypatch.setattr("kbsc_tf.study.experiment.fit", swallow)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where CI runs in the background
    try:
        status, _, err = kbsc("run", file)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (status, err) == (130, "kbsc: stopped; the same command goes on from here\n")


@pytest.mark.long
def test_a_run_stopped_by_ctrl_c_goes_on_to_the_same_records(kbsc, file, tmp_path):
    options = ["--set", "seeds=" + str(list(range(50))), "--set", "schemes=[pca]"]
    command = [sys.executable, "-c", CODE, "run", str(file), *options, "--out", "parts"]
    records = tmp_path / "parts" / "records.csv"
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        give_up = time.monotonic() + 120
        while process.poll() is None and not (records.exists() and len(records.read_text().splitlines()) > 5):
            assert time.monotonic() < give_up
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    assert (process.returncode, err) == (130, "kbsc: stopped; the same command goes on from here\n")
    measured = len(read_records(tmp_path / "parts"))
    assert 5 <= measured < 100
    status, out, _ = kbsc("run", file, *options, "--out", "parts")
    assert status == 0 and f"{measured} points are in parts/records.csv already, {100 - measured} are left" in out
    kbsc("run", file, *options, "--out", "whole")
    assert records.read_bytes() == (tmp_path / "whole" / "records.csv").read_bytes()


# Mistakes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nepochs: 3\n", r"trial.yaml line 2: unknown key epochs; "),
        ("name: a\nschemes:\n- {scheme: kbsc, epochs: many}\n", r"trial.yaml line 3: schemes.0.epochs: "),
        ("name: [\n", r"trial.yaml line 2: not valid YAML"),
        ("k: [8, 7]\n", r"trial.yaml line 1: k.1: expected an even number"),
        ("channels: [{}, {}]\n", r"trial.yaml: channels: two channels are called the same"),
    ],
)
def test_mistakes_in_the_file(refused, file, text, message):
    file.write_text(text)
    refused(message, "run", file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("receiver.top_k=61", "receiver.top_k: 61 candidates asked of a knowledge base of 60"),
        ("receiver.index=Nonsense", "Nonsense"),
        ("features.file=nowhere.npz", "nowhere.npz: cannot read"),
        ("features.file=trial.yaml", "trial.yaml: not a whole .npz file"),
        ("features.file=nan.npz", "nan.npz: test_send_x has NaN or infinity in row 7"),
        ("schemes.pca.epoch=3", "--set schemes.pca.epoch=3: unknown key schemes.0.epoch"),
        ("snr_db", "--set snr_db: expected key=value"),
    ],
)
def test_what_cannot_work_leaves_no_results(refused, file, tmp_path, change, message):
    write_features(tmp_path / "nan.npz", nan_in_row=7)
    refused(re.escape(message), "run", file, "--set", change)
    assert not (tmp_path / "results").exists()


def test_divergence_is_a_mistake_in_the_learning_rate(kbsc, file, eager):
    options = ["--set", "schemes=[{scheme: kbsc, epochs: 2, batch_size: 100, learning_rate: 1e9}]"]
    status, _, err = kbsc("train", file, *options)
    assert status == 2 and re.fullmatch(r"kbsc: training diverged .*lower (the|its) learning_rate.*\n", err)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: shutil.rmtree(root / "test" / "dark"), "images/.*dark"),
        (lambda root: shutil.rmtree(root / "test"), "images/test: cannot list this folder"),
        (lambda root: [p.unlink() for p in (root / "train" / "light").iterdir()], "images/train/light: .* holds no"),
        (lambda root: shutil.rmtree(root), "images/train: cannot list this folder"),
    ],
    ids=["class missing", "split missing", "class empty", "all missing"],
)
def test_missing_images(refused, image_file, tmp_path, spoil, message):
    spoil(tmp_path / "images")
    refused(message, "run", image_file)
    assert not (tmp_path / "results").exists()


def test_a_results_folder_of_other_settings(kbsc, refused, file):
    kbsc("run", file)
    for command in ("run", "kb", "train", "sweep"):
        refused(
            'results/trial: its records were made with other settings: receiver.metric was the default, now "l2"; set',
            command, file, "--set", "receiver.metric=l2",
        )  # fmt: skip


def test_a_knowledge_base_of_another_encoder(kbsc, refused, file, tmp_path):
    kbsc("kb", file)
    write_features(tmp_path / "features.npz", seed=1)
    refused("knowledge base: made by encoder file:.* but the features come from encoder file:", "run", file)


def test_a_results_folder_that_is_no_folder(refused, file, tmp_path):
    (tmp_path / "taken").write_text("mine")
    refused("taken: cannot use the results folder", "run", file, "--out", "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_no_network_for_a_hub_model_or_cifar(refused, image_file, tmp_path, monkeypatch):
    import huggingface_hub
    import keras

    def unreachable(*arguments, **settings):
        raise ConnectionError("no route to host")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.datasets.cifar100, "load_data", unreachable)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", unreachable)
    refused(
        "someone/clip: .* into a folder .*features.model", "run", image_file, "--set", "features.model=someone/clip"
    )
    refused(
        "cifar-100-python.* data.path", "run", image_file, "--set", "data.source=cifar100", "--set", "data.path=null"
    )
    assert not (tmp_path / "results").exists()


# Sweeps: what is asked of them, and what is made of their results


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("sweep.half_width=0.01", "sweep: half_width: .* set trials to the most allowed"),
        ("sweep={trials: 9, half_width: 0.6}", "sweep.half_width: .*less than 0.5"),
        ("sweep.trials=0", "sweep.trials: .*greater than or equal to 1"),
        ("sweep.estimand=sample", "sweep.estimand: unknown estimand sample; .*population, test_set"),
        ("executor=threads", "executor: unknown executor threads; .*local, processes, ray"),
        ("executor.workers=4", "executor.workers: only kind: processes or ray has it; set that, or leave workers out"),
        (
            "executor={kind: processes, num_gpus: 1}",
            "executor.num_gpus: only kind: ray has it; set that, or leave num_gpus out",
        ),
        ("executor={kind: processes, workers: 0}", "executor.workers: .*greater than or equal to 1"),
    ],
)
def test_a_sweep_that_cannot_be(refused, file, option, message):
    refused(message, "run", file, "--set", option)


def test_ray_that_is_not_installed_or_not_there(refused, kbsc, file, monkeypatch):
    pytest.importorskip("ray", reason="ray is an extra")
    refused("executor.address: cannot reach the Ray cluster at 127.0.0.1:1", "run", file, "--set",
            "executor={kind: ray, address: '127.0.0.1:1'}", "--out", "elsewhere")  # fmt: skip
    monkeypatch.setattr("kbsc_tf.config.executors.find_spec", lambda name: None)
    refused("executor: ray is not installed; pip install", "run", file, "--set", "executor=ray", "--out", "elsewhere")


def test_the_executor_may_change_between_sessions(kbsc, file, tmp_path):
    assert kbsc("sweep", file)[0] == 0
    before = (tmp_path / "results/trial/records.csv").read_bytes()
    status, out, _ = kbsc("sweep", file, "--set", "executor=processes")
    assert status == 0 and "4 points are in" in out and "0 are left" in out
    assert (tmp_path / "results/trial/records.csv").read_bytes() == before


@pytest.mark.long
def test_from_outcomes_to_comparison_figures_and_report(kbsc, refused, file, tmp_path):
    asked = ("k=[64]", "sweep.per_image=true", "sweep.trials=3", "sweep.half_width=0.05")
    status, out, _ = kbsc("run", file, *(word for option in asked for word in ("--set", option)))
    assert status == 0 and re.search(r"sweep: 4/4: raw feature, AWGN, .*: \d+\.\d % ±\d+\.\d, n = \d+ in \d trial", out)
    records = read_records(tmp_path / "results/trial")
    assert set(records["stop"]) <= {"target", "trials", "images"} and (records["n"] == 60 * records["trials"]).all()
    status, out, _ = kbsc("status", "results/trial")
    assert (status, out) == (0, "4 of 4 points done, 0 running, 0 left\n")

    status, out, _ = kbsc("compare", "results/trial:pca", "results/trial:raw", "--csv", "pairs.csv")
    assert status == 0 and "pairs.csv" in out
    assert (tmp_path / "pairs.csv").read_text().startswith("scheme_a,mcs_a,")
    refused("compared with itself", "compare", "results/trial:pca", "results/trial:pca")
    refused("nowhere: no such results folder", "compare", "nowhere", "results/trial")

    status, out, _ = kbsc("plot", "results/trial", "--format", "svg", "--data")
    assert status == 0 and (tmp_path / "results/trial/accuracy.svg").exists()
    assert "scheme" in (tmp_path / "results/trial/accuracy.csv").read_text().splitlines()[0]
    refused("png, pdf", "plot", "results/trial", "--format", "gif")

    status, out, _ = kbsc("report", "results/trial")
    assert status == 0 and "results/trial/report.html" in out
    assert "<html" in (tmp_path / "results/trial/report.html").read_text()
    refused("nowhere", "report", "nowhere")
    refused("nowhere", "status", "nowhere")


def test_records_of_another_version_are_refused_and_kept(kbsc, refused, file, tmp_path):
    kbsc("sweep", file)
    path = tmp_path / "results/trial/records.csv"
    path.write_text(path.read_text().replace(",trials,stop,", ",rounds,stop,"))
    for command, argument in (("sweep", file), ("plot", "results/trial"), ("status", "results/trial")):
        refused("results/trial/records.csv: no column trials; expected a file of this version", command, argument)


@pytest.mark.long
def test_knowledge_bases_of_growing_size(kbsc, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {
        "type": "kb_scaling", "sizes": [300, 600], "indices": ["IVFsqrt,Flat"], "queries": 60, "k": 8, "top_k": 5,
        "source": {"classes": 10, "dimension": 32, "training": 400}, "threads": 1,
    }  # fmt: skip
    (tmp_path / "large.yaml").write_text(yaml.safe_dump(settings))
    refused("large.yaml: .* run it with kbsc kb-scaling", "run", "large.yaml")
    refused("--set queues=3: unknown key queues", "kb-scaling", "large.yaml", "--set", "queues=3")
    status, out, _ = kbsc("kb-scaling", "large.yaml")
    assert status == 0 and "wrote results/large/kb_scaling.csv" in out
    (tmp_path / "results/large/kb_scaling.png").unlink()
    status, out, _ = kbsc("plot", "results/large")
    assert status == 0 and (tmp_path / "results/large/kb_scaling.png").exists()
    refused("large: .* other settings: kb_scaling.snr_db was the default, now 9.0", "kb-scaling", "large.yaml",
            "--set", "snr_db=9")  # fmt: skip


def test_a_study_of_mismatch_is_not_run_as_another(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("type: mismatch\nexperiment: {features: {file: nowhere.npz}, schemes: pca}\n")
    refused("a.yaml: studies mismatch .type: mismatch.; run it with kbsc mismatch", "run", "a.yaml")
    refused("a.yaml: studies mismatch", "kb-scaling", "a.yaml")
    refused("nowhere.npz: cannot read", "mismatch", "a.yaml")
    refused("unknown key experiment.ks", "mismatch", "a.yaml", "--set", "experiment.ks=3")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("arguments", "status"), [("list schemes", 0), ("status nowhere", 2)])
def test_streams_may_be_closed(tmp_path, closed, arguments, status):
    """Nothing that is opened later takes the place of a closed stream, either."""
    look = "import os; [os.fstat(number) for number in range(3)]"
    code = f"import atexit; atexit.register(exec, {look!r}); {CODE}"
    command = f'exec {sys.executable} -c "$CODE" {arguments} {closed}'
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env={**os.environ, "CODE": code}, capture_output=True)
    assert done.returncode == status and b"Traceback" not in done.stderr + done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_any_encoding_of_the_terminal_will_do(tmp_path, encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments in (["list", "schemes"], ["schema"], ["run", "--help"]):
        done = subprocess.run([sys.executable, "-c", CODE, *arguments], env=environment, capture_output=True)
        assert not done.returncode and not done.stderr


@pytest.mark.parametrize(
    "arguments", [["status", b"caf\xe9"], ["run", b"caf\xe9.yaml"], ["run", "x", "--out", b"\xff"]]
)
def test_arguments_that_are_not_utf_8_are_named(arguments):
    done = subprocess.run([sys.executable, "-c", CODE, *arguments], capture_output=True, text=True)
    assert done.returncode == 2 and re.fullmatch(r"kbsc: b'.*': a name that is not UTF-8; rename it\n", done.stderr)
