"""Results folders of earlier versions, and those that are committed."""

import gzip
import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from kbsc_tf.cli import app
from kbsc_tf.config import CodingConfig, ExperimentConfig
from kbsc_tf.config.identity import settings_of_experiment
from kbsc_tf.errors import UserError
from kbsc_tf.kb_scaling.config import KbScalingConfig
from kbsc_tf.kb_scaling.folder_migration import migrate
from kbsc_tf.mismatch.config import MismatchConfig
from kbsc_tf.registry import schemes
from kbsc_tf.results.folder import ResultsFolder
from kbsc_tf.results.migrate import migrate_config
from kbsc_tf.results.outcomes import HEAD, per_image_points, per_image_writer, read_per_image
from kbsc_tf.results.points import KEY, Point
from kbsc_tf.results.records import BLOCKS, COLUMNS, KNOWLEDGE, THUMBNAILS, VALIDATION, line, read_records
from kbsc_tf.results.reproducible import outdated
from kbsc_tf.results.run_json import check_folder, describe_experiment, read_any_run, read_run, read_shown
from kbsc_tf.seals import training_state

RESULTS = Path(__file__).parents[2] / "results"
STUDIES = {"kb_scaling": KbScalingConfig, "mismatch": MismatchConfig}
COMMITTED = sorted(path.parent for path in RESULTS.glob("**/run.json"))
OUTCOMES = ["label", "shown", "entry", "confidence", "group", "psnr", "ms_ssim", "channel_uses"]
OLD = sorted((Path(__file__).parent / "old_runs").glob("*.json.gz"))


def names(paths):
    return [str(path.name).removesuffix(".json.gz") for path in paths]


def old_run(name):
    return json.loads(gzip.decompress((Path(__file__).parent / "old_runs" / f"{name}.json.gz").read_bytes()))


def folder_of(path, run):
    path.mkdir(exist_ok=True)
    (path / "run.json").write_text(run if isinstance(run, str) else json.dumps(run))
    (path / "records.csv").write_text(line(COLUMNS))
    return path


def config_of(folder):
    config = read_run(folder)["config"]
    return STUDIES.get(config.get("type"), ExperimentConfig).model_validate(config)


def settings(config):
    return config.settings() if isinstance(config, tuple(STUDIES.values())) else settings_of_experiment(config)


def uncoded(config):
    """Without the schemes and channels whose numbers have changed since; None if nothing is left."""
    is_revised = getattr(config.receiver, "revision", 1) > 1
    kept = [entry for entry in config.schemes if schemes[entry.scheme].revision == 1 and not is_revised]
    kept = [entry for entry in kept if entry.trained_over is None or entry.trained_over.revision == 1]
    over = [channel for channel in config.channels if channel.revision == 1]
    return config.model_copy(update={"schemes": kept, "channels": over}) if kept and over else None


def check_goes_on(folder):
    """Records can be added, but of schemes and over channels whose numbers have changed since."""
    config = config_of(folder)
    if isinstance(config, ExperimentConfig) and outdated(folder, config):
        with pytest.raises(UserError, match="were made before the numbers of these .* changed; leave them out"):
            check_folder(folder, settings(config))
        config = uncoded(config)
    if config is not None:
        assert check_folder(folder, settings(config)) == read_run(folder)


@pytest.mark.parametrize("old", OLD, ids=names(OLD))
def test_a_folder_of_an_earlier_version_is_refused_migrated_and_goes_on(tmp_path, old):
    before = json.loads(gzip.decompress(old.read_bytes()))
    folder = folder_of(tmp_path, before)
    with pytest.raises(UserError, match="run.json: of an earlier version; bring it up to date with kbsc migrate"):
        read_run(folder)
    assert migrate(folder).endswith("brought up to date")
    run = read_run(folder)
    for key in ("commit", "started", "wall_time_s", "versions", "earlier_sessions", "complete", "command"):
        assert run[key] == before[key]
    assert "config_hash" not in run and run["config"] == config_of(folder).model_dump(mode="json")
    check_goes_on(folder)
    after = (folder / "run.json").read_bytes()
    assert migrate(folder).endswith("up to date already") and (folder / "run.json").read_bytes() == after


def test_the_clipping_of_flat_channels_is_called_as_that_of_ofdm(tmp_path):
    """It was ``peak_db``. Records keep the channel's name, and a folder without clipping its settings."""
    config = ExperimentConfig(name="t", schemes=["pca"], k=[16], channels=[{"clipping_db": 6.0}, "rayleigh"])
    now = describe_experiment(config)
    old = json.loads(json.dumps(now).replace("clipping_db", "peak_db"))
    folder = folder_of(tmp_path / "run", old)
    assert migrate(folder).endswith("brought up to date") and migrate(folder).endswith("up to date already")
    new = read_run(folder)
    clipped, plain = ExperimentConfig.model_validate(new["config"]).channels
    assert (clipped.clipping_db, clipped.label, plain.label) == (6.0, "awgn_peak_db=6", "rayleigh_fast")
    assert "awgn_peak_db=6" in new["names"]["channels"] and 'peak_db"' not in json.dumps(new)
    check_folder(folder, settings_of_experiment(ExperimentConfig.model_validate(new["config"])))


def test_how_long_kbsc_was_trained_is_said_since_it_is_no_default(tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(RESULTS / "baselines_cifar10", folder)
    run = json.loads((folder / "run.json").read_text())
    entry = next(entry for entry in run["config"]["schemes"] if entry["scheme"] == "kbsc")
    del run["settings"]["schemes"]["kbsc"]["epochs"]
    (folder / "run.json").write_text(json.dumps(run, indent=1) + "\n")
    assert migrate(folder).endswith("run.json: brought up to date")
    assert read_run(folder)["settings"]["schemes"]["kbsc"]["epochs"] == entry["epochs"] == 15
    assert migrate(folder).endswith("up to date already")


def schema_1(folder, without=("training_seed",)):
    """Make a folder as it was when there was one training of each scheme, whose seed was a setting."""
    run = json.loads((folder / "run.json").read_text())
    for entry in run["config"]["schemes"]:
        entry |= {"seed": entry.pop("seeds")[0]} if "seeds" in entry else {}
    for title, one in run["names"]["schemes"].items():
        seed = one.pop("training_seeds")[0]
        run["settings"]["schemes"][title] |= {"seed": int(seed)} if seed not in ("", "0") else {}
    (folder / "run.json").write_text(json.dumps({**run, "schema": 1}, indent=1) + "\n")
    table = pd.read_csv(folder / "records.csv", dtype=str, keep_default_na=False)
    table.drop(columns=[*without]).to_csv(folder / "records.csv", index=False, lineterminator="\n")


def test_records_over_channels_whose_numbers_changed_are_not_added_to(tmp_path):
    """The error variance of linear interpolation; perfect knowledge of the same channel goes on."""
    folder = tmp_path / "results"
    shutil.copytree(RESULTS / "ofdm" / "tdl", folder)
    run = read_any_run(folder)
    for one in run["settings"]["channels"].values():
        one.pop("revision", None)  # as made before it was raised
    (folder / "run.json").write_text(json.dumps(run))
    config = config_of(folder)
    same = [entry for entry in config.schemes if schemes[entry.scheme].revision == 1 and entry.trained_over is None]
    config = config.model_copy(update={"schemes": same})
    changed = [channel.label for channel in config.channels if "_ls_linear" in channel.label]
    said = f"records over {', '.join(changed)} were made before the numbers of these channels changed; leave"
    with pytest.raises(UserError, match=said):
        check_folder(folder, settings(config))
    rest = [channel for channel in config.channels if channel.label not in changed]
    assert changed and rest
    check_folder(folder, settings(config.model_copy(update={"channels": rest})))


@pytest.mark.parametrize(
    ("name", "without"),
    [("cifar10", ["training_seed"]), ("ofdm/impairments", ["training_seed", *BLOCKS])],
    ids=["trained", "blocks"],
)
def test_folders_of_schema_1_become_what_is_committed(tmp_path, name, without):
    """Every cell, and the order of columns of today, stay as they are; columns of blocks are empty."""
    folder = tmp_path / "results"
    shutil.copytree(RESULTS / name, folder)
    table = pd.read_csv(folder / "records.csv", dtype=str, keep_default_na=False)
    table.assign(**dict.fromkeys(BLOCKS, "")).to_csv(folder / "records.csv", index=False, lineterminator="\n")
    today = {file: (folder / file).read_bytes() for file in ("records.csv", "run.json")}
    schema_1(folder, without)
    with pytest.raises(UserError, match="run.json: of an earlier version; bring it up to date with kbsc migrate"):
        read_run(folder)
    with pytest.raises(UserError, match="records.csv: of an earlier version; bring it up to date with kbsc migrate"):
        read_records(folder)
    assert migrate(folder).endswith("run.json: brought up to date")
    assert read_run(folder) == json.loads(today["run.json"])
    assert (folder / "records.csv").read_bytes() == today["records.csv"]
    assert read_records(folder)[BLOCKS].isna().all(axis=None) and migrate(folder).endswith("up to date already")


def test_columns_that_have_come_since_are_added_empty(tmp_path):
    """Of what an MCS comes to on validation images, and of other knowledge bases; nothing else changes."""
    folder = tmp_path / "results"
    shutil.copytree(RESULTS / "tiled_bpg_cifar10" / "444", folder)
    table = pd.read_csv(folder / "records.csv", dtype=str, keep_default_na=False)
    table[[*VALIDATION, *KNOWLEDGE]] = ""
    table.to_csv(folder / "records.csv", index=False, lineterminator="\n")
    today = {file: (folder / file).read_bytes() for file in ("records.csv", "run.json")}
    table.drop(columns=[*VALIDATION, *KNOWLEDGE]).to_csv(folder / "records.csv", index=False, lineterminator="\n")
    with pytest.raises(UserError, match="records.csv: of an earlier version; bring it up to date with kbsc migrate"):
        read_records(folder)
    assert migrate(folder).endswith("records.csv: written as today")
    assert {file: (folder / file).read_bytes() for file in today} == today
    assert migrate(folder).endswith("up to date already")


def write_old_outcomes(folder, point):
    """Two outcomes of a point, in a file that does not name the training."""
    with per_image_writer(folder, point._replace(training_seed=""), ("a", "b")) as writer:
        same = dict.fromkeys(("delivered", "correct"), [True, True])
        writer.add({**dict.fromkeys(OUTCOMES, [0, 0]), **same, "trial": 0, "image": range(2)})
    file = folder / "per_image" / f"{point._replace(training_seed='').stem}.parquet"
    table = pq.read_table(file)
    head = json.loads(table.schema.metadata[HEAD])
    del head["training_seed"], head["checked"]
    pq.write_table(table.replace_schema_metadata({HEAD: json.dumps(head)}), file)


def test_outcomes_of_the_first_versions_stay_readable(tmp_path):
    folder = folder_of(tmp_path, old_run("adaptive.cifar10"))
    trained, closed = Point("kbsc", "", "awgn", 64, 0.0, 0, "0"), Point("pca", "", "awgn", 64, 0.0, 0)
    for point in (trained, closed):
        write_old_outcomes(folder, point)
    migrate(folder)
    assert set(per_image_points(folder)) == {trained, closed} and len(read_per_image(folder, trained)) == 2


def test_a_seed_of_schema_1_is_that_of_all_its_trainings(tmp_path):
    """It named no file, and now it does: records, outcomes and checkpoints."""
    config = ExperimentConfig(name="small", schemes=[{"scheme": "kbsc", "seeds": 3}, "pca"], snr_db=[0])
    folder = tmp_path / "results"
    results = ResultsFolder(folder, config)
    trained, closed = Point("kbsc", "", "awgn", 64, 0.0, 0, "3"), Point("pca", "", "awgn", 64, 0.0, 0)
    for point in (trained, closed):
        results.append(dict.fromkeys(COLUMNS, 0.5) | point._asdict() | {"n": 100, "trials": 1, "stop": "trials"})
        write_old_outcomes(folder, point)
    for name in ("kbsc_awgn_k64", "kbsc_awgn_awgn_k64"):
        (folder / "models" / name).mkdir(parents=True)
        (folder / "models" / name / "best.keras").write_bytes(name.encode())
        (folder / "models" / name / "training.json").write_text(json.dumps({"identity": name, "done": True}))
    schema_1(folder)
    assert json.loads((folder / "run.json").read_text())["settings"]["schemes"]["kbsc"]["seed"] == 3

    migrate(folder)
    assert ResultsFolder(folder, config).done() == {trained, closed}
    assert set(per_image_points(folder)) == {trained, closed} and len(read_per_image(folder, trained)) == 2
    assert sorted(path.name for path in folder.glob("models/*")) == ["kbsc_awgn_awgn_k64_seed3", "kbsc_awgn_k64_seed3"]
    for name in ("kbsc_awgn_k64", "kbsc_awgn_awgn_k64"):
        best = folder / "models" / f"{name}_seed3" / "best.keras"
        assert best.with_name("training.json").read_text() == training_state(name, best)


def test_trainings_of_before_get_the_checksums_that_are_asked_for(tmp_path):
    folder = tmp_path / "results"
    ResultsFolder(folder, ExperimentConfig(name="small", schemes=["kbsc"], snr_db=[0]))
    for name in ("whole", "begun"):
        (folder / "models" / name).mkdir(parents=True)
        (folder / "models" / name / "best.keras").write_bytes(b"network")
        text = json.dumps({"identity": "x", "done": name == "whole"})
        (folder / "models" / name / "training.json").write_text(text)
    assert migrate(folder).endswith("brought up to date") and migrate(folder).endswith("up to date already")
    best = folder / "models" / "whole" / "best.keras"
    assert (folder / "models" / "whole" / "training.json").read_text() == training_state("x", best)
    assert (folder / "models" / "begun" / "training.json").read_text() == training_state("x", None)


@pytest.mark.parametrize(("coherence", "kept"), [("block", {"outage": 0.1}), ("fast", {})])
def test_the_one_outage_of_before_is_kept_where_it_had_an_effect(coherence, kept):
    channel = {"fading": "rayleigh", "coherence": coherence}
    old = {"channels": [channel], "schemes": ["bpg_capacity", "bpg_ldpc"], "codec": {"outage": 0.1, "chroma": "420"}}
    assert migrate_config(old)["codec"] == {"chroma": "420", **kept}


def test_old_sections_become_options_of_the_schemes(tmp_path):
    def migrated(name):
        folder = folder_of(tmp_path / name, old_run(name))
        migrate(folder)
        return read_run(folder)["settings"]["schemes"]

    assert migrated("neural_baselines") == {
        "kbsc": {"scheme": "kbsc", "epochs": 15, "snr_db": {"low": -7.0, "high": 15.0}},
        **{name: {"scheme": name} for name in ("pca", "feature_ldpc_pq", "bpg_ldpc", "bpg_capacity", "noise_free")},
        **{name: {"scheme": name, "epochs": 25} for name in ("deepjscc", "adjscc")},
        "swinjscc": {
            "scheme": "swinjscc", "epochs": 12, "learning_rate": 0.001, "k": [512, 1024],
            "size": {"widths": [32, 64], "depths": [2, 2], "heads": [2, 4], "window": 4},
        },
    }  # fmt: skip
    published = migrated("neural_baselines.published.cbr_1_6_trained_at_7_db")
    assert list(published["deepjscc"]) == ["scheme", "checkpoint"]


def test_the_queries_that_trainings_were_judged_by_are_those_of_validation():
    old = old_run("adaptive.cifar10")["config"]
    old["training"]["validation_queries"] = 500
    config = ExperimentConfig.model_validate(migrate_config(old))
    assert config.validation.queries == 500
    assert settings_of_experiment(config)["validation"] == {"queries": 500}


def test_a_channel_that_trainings_went_through_is_their_option():
    old = old_run("ofdm.impairments")["config"]
    old["training"]["channel"] = old["channels"][2]
    (trained,) = [one for one in ExperimentConfig.model_validate(migrate_config(old)).schemes if one.trained_over]
    assert trained.scheme == "kbsc_awgn" and trained.channel.cfo_hz == 600


def test_adaptive_schemes_share_their_section_and_drop_what_one_does_not_use():
    old = old_run("adaptive.cifar10")["config"]
    old["schemes"] = ["adaptive", "adaptive_linear", "adaptive_progressive", "adaptive_supervised"]
    old["adaptive"] |= {"objective": "contrastive", "hidden": 256, "exponent": 0.5}
    found = settings_of_experiment(ExperimentConfig.model_validate(migrate_config(old)))["schemes"]
    revisions = {title: one.pop("revision") for title, one in found.items()}  # 5 and 4, and 2 of the receiver
    assert revisions.pop("adaptive_progressive") == 5 and set(revisions.values()) == {6}
    then = {"scheme": "adaptive", "order_exponent": 0.5, "axes": "variance", "validation_symbols": [64, 128, 256]}
    assert found == {
        "adaptive": then,
        "adaptive_linear": then,
        "adaptive_progressive": {**then, "scheme": "adaptive_progressive"},
        "adaptive_supervised": {**then, "axes": "classes"},
    }


def test_folders_say_that_the_adaptive_code_is_not_trained(tmp_path):
    """Their records keep the names of their schemes."""
    entries = [
        {"scheme": "adaptive", "axes": "variance"},
        {"scheme": "adaptive", "name": "adaptive_linear", "axes": "variance", "validation_snr_db": [3.0]},
        {"scheme": "adaptive", "name": "labels", "axes": "classes"},
    ]
    now = describe_experiment(ExperimentConfig(name="t", schemes=entries, k=[16], receiver={"decision": "posterior"}))
    old = json.loads(json.dumps(now))
    training = {"epochs": 6, "hidden": 256, "snr_db": {"low": -10.0, "high": 20.0}, "validation_snr_db": [0.0]}
    one, linear, labels = old["config"]["schemes"]
    one |= training | {"objective": "contrastive"}
    linear |= {"scheme": "adaptive_linear", "name": None, "snr_db": [3.0]}
    labels |= training | {"scheme": "adaptive_supervised", "axes": "variance"}
    told = old["settings"]["schemes"]
    told["adaptive"] |= {"hidden": 256, "objective": "contrastive"}
    told["adaptive_linear"] |= {"scheme": "adaptive_linear", "snr_db": [3.0]}
    del told["adaptive_linear"]["validation_snr_db"]
    told["labels"] |= {"scheme": "adaptive_supervised", "hidden": 256}
    folder = folder_of(tmp_path / "run", old)
    assert migrate(folder).endswith("brought up to date") and migrate(folder).endswith("up to date already")
    new = read_run(folder)
    for one in new["config"]["schemes"]:
        one.setdefault("validation_snr_db", now["config"]["schemes"][0]["validation_snr_db"])
    assert new["settings"] == now["settings"] and new["hash"] == now["hash"]
    assert new["config"] == now["config"]


def test_folders_say_that_the_adaptive_code_sent_principal_axes(tmp_path):
    entry = {"scheme": "adaptive", "validation_symbols": [64, 128, 256], "axes": "variance"}
    config = ExperimentConfig(name="t", schemes=["pca", entry], k=[16], receiver={"decision": "posterior"})
    now = describe_experiment(config)
    old = json.loads(json.dumps(now))
    for one in (old["config"]["schemes"][1], old["settings"]["schemes"]["adaptive"]):
        del one["axes"]
    del old["settings"]["schemes"]["adaptive"]["validation_symbols"]  # was the default
    folder = folder_of(tmp_path / "run", old)
    assert migrate(folder).endswith("brought up to date") and migrate(folder).endswith("up to date already")
    new = read_run(folder)
    assert new["settings"] == now["settings"] and new["hash"] == now["hash"]
    assert ExperimentConfig.model_validate(new["config"]) == config


def test_keys_that_had_no_effect_are_dropped():
    old = old_run("original")["config"]
    old["training"]["loss"] = {"mse": 1.0, "cosine": 0.0, "contrastive": 0.0, "kl": 0.0, "temperature": 0.1}
    assert old["data"] is None or old["features"]["file"]
    config = ExperimentConfig.model_validate(migrate_config(old))
    assert config.data is None and config.schemes[0].loss.temperature is None
    folders = {"training": "a", "test": "test", "sender": "s", "receiver": "r", "validation_sender": "v"}
    data = {
        "source": "folder",
        "path": "x",
        "folders": {**folders, "validation_receiver": "w"},
        "ratios": [0.8, 0.1, 0.1],
    }
    data |= {"test_ratio": 0.2, "seed": 0, "training_images": 10_000, "test_images": 4_000}
    old |= {"features": {**old["features"], "file": None}, "data": data}
    assert ExperimentConfig.model_validate(migrate_config(old)).data.seed is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: "{", "run.json: damaged"),
        (lambda run: json.dumps([run]), "run.json: damaged"),
        (lambda run: {**run, "config": None}, "run.json: damaged"),
        (lambda run: {**run, "config": {**run["config"], "schemes": 3}}, "run.json: .*mend it"),
        (lambda run: {**run, "config": {**run["config"], "training": []}}, "run.json: .*mend it"),
        (lambda run: {**run, "config": {**run["config"], "k": [7]}}, r"run.json: .*of no earlier version \(k.*mend it"),
        (lambda run: {**run, "config": {**run["config"], "nonsense": 1}}, "run.json: .*nonsense.*mend it"),
        (lambda run: {"config": run["config"], "schema": 99}, "run.json: of a version that this program does not know"),
    ],
)
def test_damaged_input_is_one_sentence_and_nothing_is_touched(tmp_path, change, message):
    folder = folder_of(tmp_path, change(old_run("adaptive.cifar10")))
    before = (folder / "run.json").read_bytes()
    with pytest.raises(UserError, match=message) as caught:
        migrate(folder)
    assert "\n" not in str(caught.value)
    assert [path.name for path in sorted(folder.iterdir())] == ["records.csv", "run.json"]
    assert (folder / "run.json").read_bytes() == before


def test_the_command_says_what_becomes_of_trained_networks(tmp_path):
    folders = [folder_of(tmp_path / name, old_run("adaptive.cifar10")) for name in "ab"]
    marker = folders[1] / "models" / "kbsc_awgn_k64" / "training.json"
    marker.parent.mkdir(parents=True)
    marker.write_text("{}")
    done = CliRunner().invoke(app, ["migrate", *map(str, folders)])
    assert done.exit_code == 0, done.output
    text = done.output.replace("\n", "")
    assert f"{folders[0] / 'run.json'}: brought up to date{folders[1]}" in text
    assert f"delete {folders[1] / 'models'}, whose networks are then trained again" in text
    assert marker.read_text() == "{}"


def test_a_folder_from_before_the_choice_of_codes_says_which_it_had(tmp_path):
    """Its records are of LDPC and the set of that time, and stay so when the defaults change."""
    folder = tmp_path / "old"
    shutil.copytree(RESULTS / "baselines_cifar10", folder)
    today = json.loads((folder / "run.json").read_text())
    before = json.loads(json.dumps(today))
    del before["config"]["coding"]["code"], before["config"]["coding"]["crc"]
    before["config"]["coding"]["mcs"], before["settings"]["coding"] = "swinjscc", {}
    for name in ("feature_ldpc_sq", "index_ldpc"):
        before["settings"]["schemes"][name]["revision"] = 1
    (folder / "run.json").write_text(json.dumps(before))
    unchanged = ExperimentConfig.model_validate(before["config"]).model_copy(update={"coding": CodingConfig()})
    with pytest.raises(UserError, match="feature_ldpc_sq, index_ldpc were made"):
        check_folder(folder, settings_of_experiment(unchanged))
    assert migrate(folder).endswith("brought up to date")
    run = read_run(folder)
    assert run["settings"]["coding"] == {"mcs": "swinjscc", "code": "ldpc"}
    assert {**run["config"], "coding": {}} == {**today["config"], "coding": {}}
    assert migrate(folder).endswith("up to date already")


def test_a_migrated_folder_grows(tmp_path):
    name = "cifar10"
    shutil.copytree(RESULTS / name, tmp_path / "grown")
    before = read_records(RESULTS / name)
    config = config_of(tmp_path / "grown")
    more = config.model_copy(update={"seeds": [*config.seeds, 7], "k": [*config.k, 96]})
    folder = ResultsFolder(tmp_path / "grown", more)
    assert len(folder.done()) == len(before)
    row = before.iloc[0].to_dict() | {"seed": 7}
    folder.append({name: None if row[name] != row[name] else row[name] for name in COLUMNS})
    assert Point(*(row[name] for name in KEY)) in folder.done()
    run = read_run(tmp_path / "grown")
    assert run["earlier_sessions"][-1]["commit"] == read_run(RESULTS / name)["commit"]


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda path: str(path.relative_to(RESULTS)))
def test_committed_folders_go_on(folder):
    config = config_of(folder)
    check_goes_on(folder)
    if isinstance(config, ExperimentConfig):
        records = read_records(folder)
        assert len(read_shown(folder)) == len(records) > 0
        assert set(records["scheme"]) <= set(config.titles)
        assert set(records["channel"]) <= {channel.label for channel in config.channels}
        assert all(snr in config.snr_db or snr == math.inf for snr in records["snr_db"])


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    ["cifar10", "baselines_cifar10", "neural_baselines/published/cbr_1_6_trained_at_7_db", "kb_scaling"],
)
def test_commands_accept_committed_folders(tmp_path, name):
    folder = tmp_path / "results"
    folder.mkdir()
    for path in (RESULTS / name).iterdir():
        if path.suffix in (".csv", ".json"):
            shutil.copy(path, folder)
    commands = [["plot", "--format", "png"], ["status"], ["report"]] if name != "kb_scaling" else [["plot"]]
    for command, *options in commands:
        done = CliRunner().invoke(app, [command, str(folder), *options])
        assert done.exit_code == 0, (command, done.output, done.exception)


def test_records_of_today_without_a_column_get_it_empty(tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(RESULTS / "tiled_bpg_cifar10" / "444", folder)
    table = pd.read_csv(folder / "records.csv", dtype=str, keep_default_na=False)
    table.drop(columns=[THUMBNAILS]).to_csv(folder / "records.csv", index=False, lineterminator="\n")
    with pytest.raises(UserError, match="records.csv: of an earlier version; bring it up to date with kbsc migrate"):
        read_records(folder)
    assert migrate(folder).endswith("records.csv: written as today")
    pd.testing.assert_frame_equal(read_records(folder), read_records(RESULTS / "tiled_bpg_cifar10" / "444"))
    assert read_records(folder)[THUMBNAILS].isna().all() and migrate(folder).endswith("up to date already")


def test_long_numbers_become_as_many_digits_as_are_written_today(tmp_path):
    """What was measured is rounded; what names a point is kept."""
    folder = tmp_path / "results"
    shutil.copytree(RESULTS / "tiled_bpg_cifar10" / "444", folder)
    today = (folder / "records.csv").read_bytes()
    table = pd.read_csv(folder / "records.csv", dtype=str, keep_default_na=False)
    long = [name for name in COLUMNS if table[name].str.contains(r"\.\d{5,}$").any()]
    table[long] = table[long].map(lambda cell: f"{float(cell) * (1 + 1e-12):.17g}" if cell else "")
    table.to_csv(folder / "records.csv", index=False, lineterminator="\n")
    assert "psnr" in long and (folder / "records.csv").stat().st_size > 1.3 * len(today)
    assert migrate(folder).endswith("records.csv: written as today")
    assert (folder / "records.csv").read_bytes() == today


def test_a_cell_that_is_no_number_is_named(tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(RESULTS / "tiled_bpg_cifar10" / "444", folder)
    table = pd.read_csv(folder / "records.csv", dtype=str, keep_default_na=False)
    table.loc[3, "psnr"] = "high"
    table.to_csv(folder / "records.csv", index=False, lineterminator="\n")
    with pytest.raises(UserError, match=r"records.csv: column psnr has a cell that is not a number; mend the file"):
        migrate(folder)


@pytest.mark.parametrize(("before", "after"), [(False, []), (True, ["tensorboard"])])
def test_who_is_told_of_epochs_is_a_list_since_there_are_several(tmp_path, before, after):
    run = read_any_run(RESULTS / "cifar10")
    entry = next(one for one in run["config"]["schemes"] if "log_to" in one)
    del entry["log_to"]
    entry["tensorboard"] = before
    migrate(folder_of(tmp_path / "run", run))
    entries = {one["scheme"]: one for one in read_run(tmp_path / "run")["config"]["schemes"]}
    assert entries[entry["scheme"]]["log_to"] == after and "tensorboard" not in entries[entry["scheme"]]
