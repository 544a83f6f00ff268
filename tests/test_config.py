"""The experiment schema: what is accepted, and the one sentence for what is not."""

import json
import math
from importlib.machinery import ModuleSpec

import pytest

from kbsc_tf.config import ExperimentConfig, SnrRange, ValidationConfig, load_config
from kbsc_tf.config.identity import identity, settings_of_experiment
from kbsc_tf.errors import UserError

KBSC = "schemes:\n- scheme: kbsc\n  %s\n"
SWIN = "schemes:\n- scheme: swinjscc\n  %s\n"
ADAPTIVE = "schemes: [{scheme: adaptive, %s}]\n"


@pytest.fixture
def load(tmp_path):
    def load(text, *overrides):
        path = tmp_path / "trial.yaml"
        path.write_text(text)
        return load_config(path, list(overrides))

    return load


def test_everything_has_a_default_and_the_name_is_the_file(load):
    config = load("data: {}\n")
    assert config.name == "trial"
    assert config == ExperimentConfig(name="trial")


def test_values_and_overrides(load):
    config = load(
        "snr_db: [-7, 0.5, inf, .inf]\nk: [2]\n".replace(", .inf", ""),
        "schemes=[{scheme: kbsc, snr_db: [1, 2]}, pca]",
        "schemes.kbsc.epochs=3",
        "schemes.kbsc.snr_db=[1, inf]",
        "channels=[{fading: rician}, {preset: original, fading: rayleigh}]",
        "receiver.index=IVF16,Flat",
    )
    assert config.snr_db == [-7, 0.5, math.inf] and config.k == [2]
    assert config.titles == ["kbsc", "pca"]
    assert config.schemes[0].epochs == 3 and config.schemes[0].snr_db == [1, math.inf]
    assert [c.label for c in config.channels] == ["rician_fast", "rayleigh_original"]
    assert config.receiver.index == "IVF16,Flat"
    assert load("snr_db: [.inf]\n").snr_db == [math.inf]
    named = load("schemes: [{scheme: kbsc, name: near, snr_db: {low: -3, high: 4}}]\n", "schemes.near.seeds=5")
    assert named.schemes[0].snr_db == SnrRange(low=-3, high=4) and named.schemes[0].seeds == [5]


def test_another_source_takes_the_place_of_that_of_the_file(load):
    text = "data: {source: procedural, training_images: 400, seed: 3}\n"
    for settings in (["data.source=folder", "data.path=DIR"], ["data.path=DIR", "data.source=folder"]):
        data = load(text, *settings).data
        assert (data.source, str(data.path), data.seed) == ("folder", "DIR", 3)
    assert load(text, "data.source=procedural").data.training_images == 400
    with pytest.raises(UserError, match="training_images: only source: procedural has it"):
        load(text, "data.training_images=500", "data.source=folder", "data.path=DIR")


@pytest.mark.parametrize("text", ["k: 8\n", "schemes: kbsc\n", "schemes: {scheme: kbsc}\n", "schemes: [pca, kbsc]\n"])
def test_an_option_of_a_scheme_is_set_however_the_file_names_it(load, text):
    config = load(text, "schemes.kbsc.epochs=7")
    assert {entry.title: getattr(entry, "epochs", None) for entry in config.schemes}["kbsc"] == 7
    assert config.titles == load(text).titles


def test_an_entry_whose_options_change_its_name_is_found_by_either(load):
    """As recorded, or as the scheme is called where only one entry is of it."""
    both = "schemes.bpg_ldpc.format=abbreviated", "schemes.bpg_ldpc.thumbnails=true"
    assert load("schemes: [pca, bpg_ldpc]\n", *both).titles == ["pca", "bpg_ldpc_abbreviated_thumbnails"]
    text = "schemes: [bpg_ldpc, {scheme: bpg_ldpc, format: abbreviated}]\n"
    config = load(text, "schemes.bpg_ldpc_abbreviated.thumbnails=true")
    assert config.titles == ["bpg_ldpc", "bpg_ldpc_abbreviated_thumbnails"]
    with pytest.raises(UserError, match="two schemes are called the same"):
        load(text, "schemes.bpg_ldpc.format=abbreviated")


@pytest.mark.parametrize(
    ("name", "package"), [("tensorboard", "tensorboard"), ("wandb", "wandb"), ("mlflow", "mlflow-skinny")]
)
def test_a_logger_is_refused_where_it_is_not_installed(load, monkeypatch, name, package):
    config = load(f"schemes: [{{scheme: kbsc, log_to: {name}}}, pca]\n")
    assert config.schemes[0].log_to == [name]
    monkeypatch.setattr("kbsc_tf.config.training.find_spec", lambda name: None)
    sentence = f"^schemes: kbsc: log_to: {name} is not installed; pip install {package}, or leave it out$"
    with pytest.raises(UserError, match=sentence):
        config.check()
    # A folder that W&B has made is not its package.
    monkeypatch.setattr("kbsc_tf.config.training.find_spec", lambda name: ModuleSpec(name, None))
    with pytest.raises(UserError, match=sentence):
        config.check()
    load("schemes: [kbsc, pca]\n").check()


def test_a_checkpoint_that_no_published_network_fits_is_refused(load):
    with pytest.raises(UserError, match="schemes: adjscc: checkpoint: there are none with attention features"):
        load("schemes: [{scheme: adjscc, checkpoint: x.pkl}]\n").check()


def test_validation_has_a_section_of_its_own_and_every_field_is_described(load):
    assert load("data: {}\n").validation.queries == 1000
    assert load("validation: {queries: 50}\n", "validation.queries=70").validation.queries == 70
    assert all(field.description for field in ValidationConfig.model_fields.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nk: [64]\nepochs: 3\n", "trial.yaml line 3: unknown key epochs;"),
        (
            "name: a\nschemes:\n  - scheme: kbsc\n    epochs: 3\n    epoch: 3\n",
            "trial.yaml line 5: unknown key schemes.0.epoch; did you mean epochs?",
        ),
        ("channels:\n  - fading: none\n  - fadding: none\n", "trial.yaml line 3: unknown key channels.1.fadding;"),
        (
            "schemes:\n- pca\n- scheme: kbsc\n  epochs: many\n",
            "trial.yaml line 4: schemes.1.epochs: .*integer.*'many'",
        ),
        ("validation: {queries: 19}\n", "trial.yaml line 1: validation.queries: .*greater than or equal to 20"),
        ("validation: 500\n", "trial.yaml line 1: validation: "),
        (
            "schemes:\n- scheme: kbsc\n  validation_queries: 500\n",
            "line 3: unknown key schemes.0.validation_queries;",
        ),
        ("training: {epochs: 3}\n", "line 1: unknown key training;"),
        ("name: a\nk:\n  - 64\n  - 7\n", "trial.yaml line 4: k.1: expected an even number .*7"),
        ("k: [0]\n", "k.0: expected an even number"),
        ("k: []\n", "line 1: k: "),
        ("k: [64, 8, 64]\n", "trial.yaml: k: a value stands twice"),
        ("schemes: [kbsc, jpeg]\n", "line 1: schemes.1: unknown scheme jpeg; did you mean jpeg_ldpc.*raw"),
        ("snr_db: [1, loud]\n", "line 1: snr_db.1: expected an SNR in dB, or inf .*loud"),
        ("snr_db: [1, -.inf]\n", "snr_db.1: expected an SNR"),
        ("snr_db: [.nan]\n", "snr_db.0: expected an SNR"),
        ("snr_db: [yes]\n", "snr_db.0: expected an SNR"),
        ("seeds: [-1]\n", "seeds.0: "),
        ("name: a/b\n", "line 1: name: "),
        ("name: ..\n", "line 1: name: "),
        ("channels: [{name: a/b}]\n", "channels.0.name: "),
        ("channels: [{fading: none}, {fading: none}]\n", "channels: two channels are called the same"),
        ("channels: [{fading: rayleigh, csi: none}]\n", "channels.0: equaliser: mmse needs csi: perfect"),
        ("channels: [{fading: rician, rician_k_db: .nan}]\n", "channels.0.rician_k_db: .*finite"),
        (KBSC % "snr_db: [1, .nan]", "line 3: schemes.0.snr_db.1: expected an SNR"),
        (KBSC % "snr_db: []", "line 3: schemes.0.snr_db: .*at least 1 item"),
        (KBSC % "snr_db: {low: 2, high: 1}", "line 3: schemes.0.snr_db: expected low < high"),
        (KBSC % "snr_db: {low: 2, hi: 1}", "line 3: unknown key schemes.0.snr_db.hi; did you mean high?"),
        (KBSC % "learning_rate: .inf", "line 3: schemes.0.learning_rate: .*finite"),
        (KBSC % "loss: {contrastive: 0}", "line 3: schemes.0.loss: expected at least one loss weight"),
        ("schemes: [{scheme: pca, epochs: 3}]\n", "line 1: unknown key schemes.0.epochs; remove it"),
        ("schemes: [{name: a}]\n", "line 1: schemes.0: scheme: expected the name of a scheme, got None"),
        ("schemes: [3]\n", "line 1: schemes.0: expected the name of a scheme, or a mapping with the key scheme"),
        ("schemes: [pca, pca]\n", "schemes: two schemes are called the same .*; give each a name"),
        ("schemes: [{scheme: pca, name: a/b}]\n", "line 1: schemes.0.name: "),
        ("data:\n  source: folder\n", "line 1: data.path is missing; give it"),
        ("data:\n  ratios: [0.5, 0.6, 0.1]\n", "data.ratios: expected three positive shares"),
        ("features:\n  prompt: a photo\n", "features: prompt: expected one {}"),
        ("features: {file: a.npz}\nschemes: [bpg_ldpc]\n", "trial.yaml: schemes: bpg_ldpc needs images"),
        ("features: {file: a.npz}\nschemes: [label_ldpc]\n", "schemes: label_ldpc needs class prompts"),
        ("codec: {tiled: true}\n", "codec.tiled: expected coding.images_per_block to be a square .* got 1"),
        ("codec: {tiled: true}\ncoding: {images_per_block: 10}\n", "codec.tiled: .* got 10"),
        ("codec: {chroma: grey}\nschemes: [jpeg_ldpc]\n", "codec.chroma: grey is for the built-in BPG codec alone"),
        (
            "codec: {chroma: grey, bpg_tools: true}\nschemes: [bpg_ldpc]\n",
            "codec.chroma: grey is for the built-in BPG codec alone",
        ),
        ("codec: {chroma: 411}\n", "line 1: codec.chroma: unknown chroma 411; known: 444, 422, 420, grey"),
        ("coding: {mcs: []}\n", "coding.mcs"),
        ("coding: {check_node: max}\n", "coding.check_node: unknown check_node max; known: .*minsum"),
        ("coding: {block_length: 3}\n", "coding.block_length: .*24"),
        ("codec: {outage: 1}\n", "codec.outage: .*less than 1"),
        (
            "receiver: {metric_exponent: 0.5}\n",
            "receiver.metric_exponent: only decision: posterior has it; set that, or leave",
        ),
        (
            "receiver: {decision: vote, kernel_variance: 0.1}\n",
            "receiver.kernel_variance: only decision: posterior has it",
        ),
        ("receiver: {abstain_below: 0.3}\n", "receiver.abstain_below: only decision: posterior has it"),
        (
            "receiver: {decision: posterior, metric_exponent: 1.5}\n",
            "receiver.metric_exponent: .*less than or equal to 1.*1.5",
        ),
        ("receiver: {decision: posterior, kernel_variance: 0}\n", "receiver.kernel_variance: .*greater than 0"),
        ("receiver: {decision: posterior, abstain_below: 1}\n", "receiver.abstain_below: .*less than 1"),
        ("features: {test_classes: unseen}\n", "features: test_classes: unseen needs unseen_classes"),
        (
            "receiver: {decision: best}\n",
            "line 1: receiver.decision: unknown decision best; .*nearest, vote, posterior",
        ),
        (
            "receiver: {decision: posterior}\nchannels: [{fading: rayleigh, csi: none, equaliser: none}]\n",
            "its receiver does not equalise",
        ),
        (ADAPTIVE % "validation_symbols: [65]", "schemes.0.validation_symbols.0: expected an even number"),
        (ADAPTIVE % "validation_symbols: [64, 1024]", r"schemes.0: validation_symbols: .* got \[64, 1024\]"),
        (ADAPTIVE % "validation_symbols: []", "schemes.0.validation_symbols: .*at least 1"),
        (ADAPTIVE % "validation_snr_db: []", "schemes.0.validation_snr_db: .*at least 1"),
        (
            ADAPTIVE % "axes: neighbour",
            "line 1: schemes.0.axes: unknown axes neighbour; did you mean neighbours",
        ),
        (ADAPTIVE % "order_exponent: 5", "schemes.0.order_exponent: .*less than or equal to 4.*5"),
        (ADAPTIVE % "epochs: 3", "line 1: unknown key schemes.0.epochs;"),
        ("schemes: [{scheme: kbsc, snr_db: {low: 2, high: 1}}]\n", "schemes.0.snr_db: expected low < high"),
        (
            "schemes: [{scheme: kbsc, epoch: 3}]\n",
            "line 1: unknown key schemes.0.epoch; did you mean epochs?",
        ),
        (
            "channels: [{type: ofdm}]\nschemes: [adaptive_progressive]\n",
            "schemes: adaptive_progressive needs symbols that arrive one by one, and ofdm_.* leave one of them out",
        ),
        (
            "channels: [{preset: original}]\nschemes: [pca, adaptive]\n",
            "channels: awgn_original: its receiver does not equalise, and adaptive must know the noise",
        ),
        (
            "channels: [{}, {preset: original, fading: rayleigh}]\nreceiver: {decision: posterior}\n",
            "channels: rayleigh_original: .* and receiver.decision: posterior must know the noise .*; leave one",
        ),
        ("a: [\n", "trial.yaml line 2: not valid YAML"),
        ("k: !!python/object/apply:os.getcwd []\n", "trial.yaml line 1: not valid YAML"),
        ("- k\n", "trial.yaml: expected a mapping"),
        ("", "trial.yaml: expected a mapping"),
    ],
)
def test_mistakes_in_the_file(load, text, message):
    with pytest.raises(UserError, match=message) as caught:
        load(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "fft_size: 16",
            "trial.yaml: channels: ofdm_tdl-a_3kmh_1x1_perfect_fft_size=16: .* 72 data symbols .* the 128 of k = 256;",
        ),
        (
            "features_per_grid: 9",
            "channels: .* a grid of 1032 data symbols does not hold the 9 x 128 of k = 256; .*lower",
        ),
        (
            "tx_antennas: 4, rx_antennas: 4, streams: 4",
            "pilots: .* 4 streams share 86 subcarriers unevenly.* pilots block",
        ),
        (
            "pilots: block, tx_antennas: 3, rx_antennas: 3, streams: 3",
            "pilots: .* 3 streams take turns in 2 OFDM",
        ),
        ("pilots: {symbols: [2, 14]}", "pilots: OFDM symbol 14 is outside the grid; expected 0 to 13"),
        ("num_ofdm_symbols: 1", "pilots: OFDM symbol 11 is outside the grid; expected 0 to 0"),
        ("pilots: {symbols: [2, 2]}", r"pilots: expected different OFDM symbols, got \[2, 2\]; or pilots none"),
        ("pilots: {symbols: []}", r"pilots: expected different OFDM symbols, got \[\]; or pilots none"),
        ("pilots: {symbols: [2, two]}", "channels.1.pilots.symbols.1: .*integer.*'two'"),
        ("pilots: none, csi: ls", "csi: ls estimates the channel from pilots; use pilots kronecker or block, or csi"),
        ("num_ofdm_symbols: 2, pilots: {symbols: [1, 0]}", "pilots: pilots in every OFDM symbol .*; remove some"),
        ("guard_carriers: [50, 45]", "guard_carriers: 95 of 96 subcarriers leave none for data; lower them or raise"),
        ("guard_carriers: [50]", "channels.1.guard_carriers.1 is missing; give it"),
        ("cyclic_prefix: 97", "cyclic_prefix: 97 samples, but an OFDM symbol has 96; lower it"),
        ("tx_antennas: 2, streams: 2", "streams: 2 need .* 2 at the sender and 1 at the receiver; give at most 1"),
        ("model: {type: rma, carrier_ghz: 31}", "carrier_ghz: 31 is outside the range of rma, 0.5 to 30 GHz"),
        ("model: {type: umi, carrier_ghz: 101}", "carrier_ghz: 101 is outside the range of umi, 0.5 to 100 GHz"),
        ("model: {carrier_ghz: 0.4}", "carrier_ghz: 0.4 is outside the range of tdl-a, 0.5 to 100 GHz"),
        ("model: {speed_kmh: 501}", "speed_kmh: 501 is outside the range of TR 38.901, 0 to 500 km/h"),
        ("model: {speed_kmh: -1}", "speed_kmh: -1 is outside the range"),
        ("model: recorded", "path: model recorded needs the .npz of its impulse responses; give its path"),
        ("path: a.npz", "path: belongs to model; write model: {type: recorded, path: ...}"),
        ("cfo_hz: -15001", "cfo_hz: -15001 is more than half the subcarrier spacing, 15000 Hz; lower it"),
        ("cfo_hz: .nan", "channels.1.cfo_hz: .*finite"),
        ("detector: k_best", "detector: k_best separates streams, there is one; use linear"),
        ("model: tdl-f", "channels.1.model: expected one of .* or recorded; did you mean tdl-e.*tdl-f"),
        ("csi: genie", "channels.1.csi: expected one of perfect or ls .*genie"),
        ("name: a/b", "channels.1.name: "),
        ("speed: 3", "unknown key channels.1.speed; remove it or mend its spelling"),
        ("fading: rayleigh", "unknown key channels.1.fading; remove it or mend its spelling"),
    ],
)
def test_mistakes_in_an_ofdm_channel(load, settings, message):
    """One sentence that names the key as the file has it and, but for grids that are too small, the line."""
    with pytest.raises(UserError, match=message) as caught:
        load(f"k: [256]\nchannels:\n  - fading: none\n  - {{type: ofdm, {settings}}}\n")
    said = str(caught.value)
    assert "\n" not in said and len(said) < 400 and "ofdm." not in said
    assert said.partition(":")[0].endswith("trial.yaml" if "k = 256" in said else "trial.yaml line 4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "k: [64]\nchannels: [{type: odfm}]\n",
            "trial.yaml line 2: channels.0: unknown channel odfm; did you mean ofdm.*flat, ofdm",
        ),
        (
            "channels: [{model: tdl-a}]\n",
            "line 1: channels.0: model: a flat channel does not have it; remove it, or set type: ofdm beside it",
        ),
        ("channels: [tdl-a, {type: ofdm, realisation: per_row}]\n", "called the same .*; give each a name"),
        (
            "channels: [{type: ofdm}]\nschemes: [feature_ldpc_pq]\ncoding: {images_per_block: 36}\n",
            "channels: .*does not hold the 1152 of k = 64 and 36 images; .*or images_per_block",
        ),
        (
            "channels: [{}, {type: ofdm}]\nschemes: [jpeg_capacity]\n",
            "schemes: jpeg_capacity needs a flat channel, whose capacity is known, and ofdm_.*; leave one of them out",
        ),
        ("schemes: [{scheme: deepjscc, snr_db: [5, inf]}]\n", "line 1: schemes.0: snr_db: expected finite SNRs"),
        (SWIN % "size: huge", "line 3: schemes.0.size: unknown size huge; .*base"),
        (SWIN % "size: {widths: [8], depths: [2], heads: [3], window: 2}", "schemes.0.size: .*widths that their"),
        (SWIN % "size: {widths: [8], heads: [2], window: 2}", "line 3: schemes.0.size.depths is missing; give it"),
        (SWIN % "variant: both", "line 3: schemes.0.variant: unknown variant both; .*sa_ra"),
        (
            "schemes: [{scheme: deepjscc, channel: {type: ofdm}}]\nk: [4096]\n",
            "schemes: deepjscc: channel: a grid of 1032 data symbols",
        ),
        ("schemes: [swinjscc]\nfeatures: {file: x.npz}\n", "schemes: swinjscc needs images"),
        (KBSC % "channel: tdl-f", "line 3: schemes.0.channel: expected a channel such as .*; did you mean tdl-"),
        (
            (KBSC % "channel: {type: ofdm}") + "k: [4096]\n",
            "trial.yaml: schemes: kbsc: channel: a grid of 1032 data symbols",
        ),
        ("channels:\n  - type: ofdm\n    cyclic_prefix: 97\n", "line 3: channels.0: cyclic_prefix: 97 samples"),
        (
            "channels:\n  - type: ofdm\n    num_ofdm_symbols: 1\n",
            "line 2: channels.0: pilots: OFDM symbol 11 is outside",
        ),
        (KBSC % "channel:\n    type: ofdm\n    fft: 3", "line 5: unknown key schemes.0.channel.fft; remove"),
        (
            KBSC % "channel:\n    type: ofdm\n    cyclic_prefix: 97",
            "line 5: schemes.0.channel: cyclic_prefix: 97",
        ),
    ],
)
def test_mistakes_in_channels_and_what_they_are_used_for(load, text, message):
    with pytest.raises(UserError, match=message) as caught:
        load(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_network_is_trained_on_rows_of_one_image_however_many_share_a_block(load):
    shared = "schemes: [{scheme: kbsc, channel: ofdm}, feature_ldpc_pq]\ncoding: {images_per_block: 16}\n"
    assert load(shared + "k: [256]\n").schemes[0].channel.per_grid(128) == 8


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("k", "--set k: expected key=value"),
        ("=3", "--set =3: expected key=value"),
        ("k=[1", "--set k=.*not valid YAML"),
        ("name.first=1", "--set name.first=1: name holds a value"),
        ("sweeep.chunk=3", "--set sweeep.chunk=3: unknown key sweeep; did you mean sweep?"),
        ("schemes.kbsc.epoch=3", "--set schemes.kbsc.epoch=3: unknown key schemes.1.epoch; did you mean epochs?"),
        ("schemes.kbsc.epochs=x", "--set schemes.kbsc.epochs=x: schemes.1.epochs: "),
        ("schemes.kbcs.epochs=3", r"--set schemes.kbcs.epochs=3: schemes has pca, kbsc; did you mean kbsc\?; name one"),
        ("schemes.kbsc=3", "--set schemes.kbsc=3: give an option of the scheme, as in schemes.kbsc.epochs=5"),
        ("k=[64, 3]", r"--set k=\[64, 3\]: k.1: expected an even number"),
    ],
)
def test_mistakes_in_overrides_name_the_option_not_a_line(load, override, message):
    with pytest.raises(UserError, match=message) as caught:
        load("name: a\nk: [64]\nschemes:\n- pca\n- scheme: kbsc\n  epochs: 5\n", "seeds=[1]", override)
    assert "line" not in str(caught.value)


def test_a_mistake_in_the_file_is_not_blamed_on_an_override(load):
    with pytest.raises(UserError, match="trial.yaml line 3: schemes.0.epochs"):
        load(KBSC % "epochs: 0", "schemes.kbsc.patience=1", "k=[2]")


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.yaml", tmp_path, tmp_path / "binary.yaml"):
        with pytest.raises(UserError, match=f"{path}: cannot read"):
            load_config(path)


def test_the_identity_follows_what_records_depend_on(load):
    def of(text, *overrides):
        return identity(settings_of_experiment(load(text, *overrides)))

    one = of("k: [64]\n")
    same = ["features.store=elsewhere", "codec.processes=7", "executor=processes", "name=b", "features.batch_size=9"]
    axes = ["k=[32]", "snr_db=[inf]", "snr_db=[1]", "seeds=[1, 2]", "schemes.kbsc.seeds=[0, 1]"]
    assert {one} == {of("# the same\nk:\n  - 64\n"), *(of("k: [64]\n", change) for change in (*same, *axes))}
    changed = ["schemes.kbsc.epochs=1", "data.seed=1", "receiver.metric=l2", "validation.queries=20", "sweep.trials=2"]
    text = "schemes: [kbsc, pca]\n"
    assert len({of(text), *(of(text, change) for change in changed)}) == 1 + len(changed)


def test_a_dump_is_json_and_reads_back_as_the_same(load):
    config = load("snr_db: [1, inf]\nschemes: [{scheme: kbsc, snr_db: [2, inf], validation_snr_db: [inf]}, pca]\n")
    text = json.dumps(config.model_dump(mode="json"), allow_nan=False)
    assert ExperimentConfig.model_validate(json.loads(text)) == config
