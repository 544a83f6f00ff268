"""No reference of the committed results is beaten by what it refers to; and none is called a bound."""

import re
from pathlib import Path

import pytest
from references import IDEAL, beaten_best_mcs, beaten_ideal_codes

from kbsc_tf.config import make_config
from kbsc_tf.registry import schemes
from kbsc_tf.results.points import PLACE
from kbsc_tf.results.records import read_records
from kbsc_tf.results.reproducible import outdated
from kbsc_tf.results.run_json import read_any_run

RESULTS = Path(__file__).parents[2] / "results"
COMMITTED = sorted(str(path.parent.relative_to(RESULTS)) for path in RESULTS.glob("**/records.csv"))


@pytest.mark.parametrize("folder", COMMITTED)
def test_no_real_scheme_is_above_its_ideal_code_beyond_the_interval(folder):
    assert beaten_ideal_codes(read_records(RESULTS / folder)).empty


@pytest.mark.parametrize("folder", COMMITTED)
def test_the_best_mcs_by_outcome_is_not_below_a_fixed_one(folder):
    assert beaten_best_mcs(read_records(RESULTS / folder)).empty


@pytest.mark.parametrize("folder", COMMITTED)
def test_no_numbers_are_of_an_earlier_version(folder):
    assert not outdated(RESULTS / folder, make_config(read_any_run(RESULTS / folder)["config"], {}))


def test_what_is_compared_is_there():
    """So that the tests above can fail: raised records are found."""
    records = read_records(RESULTS / "baselines_cifar10")
    real = records["scheme"].eq("bpg_ldpc_abbreviated_thumbnails") & records["mcs"].eq("qpsk-1/2")
    raised = beaten_ideal_codes(records.assign(top1=records["top1"].mask(real, 1.0)))
    ideals = {f"bpg_{kind}_abbreviated_thumbnails" for kind in IDEAL}
    assert len(raised) == 2 * real.sum() and set(raised["ideal"]) == ideals
    raised = raised[raised["ideal"].eq(max(ideals))]
    assert not raised.duplicated(["mcs", *PLACE]).any()


def test_no_scheme_is_called_a_bound():
    labels = {name: schemes[name].label for name in schemes}
    assert {f"bpg_{kind}" for kind in IDEAL} <= labels.keys()
    labels |= {
        f"{folder}: {name}": one["label"]
        for folder in COMMITTED
        for name, one in read_any_run(RESULTS / folder).get("names", {}).get("schemes", {}).items()
    }
    assert [name for name, label in labels.items() if re.search("bound|ceiling|limit|genie", label, re.I)] == []
