"""results/index.json: what the committed folders hold, and `kbsc index`, which writes it."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kbsc_tf.cli import app
from kbsc_tf.errors import UserError
from kbsc_tf.results.overview import as_text, overview
from kbsc_tf.results.records import read_records

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture
def root(tmp_path):
    """Two of the committed folders, one of them a study of another kind."""
    for name in ("cifar10", "kb_scaling"):
        shutil.copytree(RESULTS / name, tmp_path / "all" / name)
    return tmp_path / "all"


@pytest.mark.long
def test_the_committed_index_is_that_of_the_committed_folders(tmp_path):
    """After any change of results: kbsc index."""
    for readme in RESULTS.glob("*/README.md"):  # not what a user has computed beside them
        shutil.copytree(readme.parent, tmp_path / readme.parent.name)
    assert (RESULTS / "index.json").read_text() == as_text(overview(tmp_path))


def test_the_command_writes_what_the_records_say(root):
    done = CliRunner().invoke(app, ["index", str(root)])
    assert done.exit_code == 0, done.output
    found = json.loads((root / "index.json").read_text())
    assert list(found) == ["cifar10", "kb_scaling"] and "headline" not in found["kb_scaling"]
    entry, records = found["cifar10"], read_records(root / "cifar10")
    assert entry["points"] == len(records) and entry["n"] == [records["n"].min(), records["n"].max()]
    assert entry["images"] == 60_000 and entry["encoder"]["name"] == "small"
    pca = next(one for one in entry["headline"] if one["scheme"] == "pca")
    row = records.query("scheme == 'pca' and channel == 'awgn' and k == 256 and snr_db == 0").iloc[0]
    assert [pca[name] for name in ("top1", "top1_low", "top1_high")] == pytest.approx(
        row[["top1", "top1_low", "top1_high"]].tolist(), abs=1e-6
    )


def test_a_folder_without_results_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="no folder in it has a run.json"):
        overview(tmp_path)
