"""`kbsc promises`: a run's points, with what was promised and what came of it."""

import numpy as np
import pytest
from clustered import feature_set
from small_run import make_run

import kbsc_tf
from kbsc_tf.promises.table import ERRORS, HALVES, NOISE, OTHER, OWN, SETS, read_promises
from kbsc_tf.receiver import Kernel, PosteriorRule, PosteriorSearch
from kbsc_tf.receiver.calibration import UNCALIBRATED
from kbsc_tf.results.records import read_records

pytestmark = pytest.mark.long

SNRS = [-10.0, 0.0, 10.0, np.inf]


def make(place, decision, schemes):
    """A results folder of one small run."""
    return make_run(place, decision, schemes, [64], SNRS, ["qpsk-2/3"], chunk=25)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(tmp_path_factory.mktemp("posterior"), "posterior", ["pca", "feature_ldpc_pq", "index_ldpc"])


def test_what_is_promised_and_what_came_of_it(kbsc, eager, folder, monkeypatch):
    status, out, err = kbsc("promises", folder, "--miss", "0.2", "--error", "0.3", "--format", "png")
    assert status == 0, err
    out = out.replace("\N{NO-BREAK SPACE}", " ")
    assert "80 %" in out and "10 dB" in out and "30 %" in out and "PCA" in out
    assert (folder / "promises_awgn_k64.png").stat().st_size > 10_000
    sets, errors = read_promises(folder, SETS), read_promises(folder, ERRORS)
    assert set(sets["scheme"]) == {"pca", "feature_ldpc_pq"}, "index_ldpc leaves the receiver no doubt"
    kinds = sets[sets["scheme"].eq("pca")].groupby("by")["snr_db"].apply(list)
    assert kinds[OWN] == kinds[OTHER] == kinds[HALVES] == SNRS and kinds[NOISE] == [0.0, 10.0]
    assert NOISE not in set(sets[sets["scheme"].eq("feature_ldpc_pq")]["by"]), "no noise is known of bits"
    own = sets[sets["by"].eq(OWN)]
    # 60 entries, 60 images: 4 standard errors of their difference.
    assert (own["coverage"] > 0.8 - 4 * np.sqrt(2 * 0.8 * 0.2 / 60)).all() and own["size"].between(0.5, 10).all()
    shifted = sets[sets["scheme"].eq("pca") & sets["by"].eq(OTHER)].set_index("snr_db")["coverage"]
    assert shifted[-10.0] < shifted[10.0], "a promise made at 10 dB is broken at -10 dB"
    right = read_records(folder).set_index(["scheme", "snr_db"])["top1"]
    for row in errors.itertuples():
        assert row.goodput <= right[row.scheme, row.snr_db] + 1e-5
        assert row.goodput == pytest.approx(row.shown * (1 - row.error) if row.n_shown else 0, abs=1e-5)
    before = (folder / SETS).read_bytes(), (folder / ERRORS).read_bytes()
    again, _ = kbsc_tf.Run(folder).promises(0.2, [0.3], schemes=["pca"], snr_db=[0.0, 10.0])
    assert (
        again["coverage"].tolist()
        == sets[sets["scheme"].eq("pca") & sets["snr_db"].between(0, 10)]["coverage"].tolist()
    )
    monkeypatch.setattr("kbsc_tf.promises.find.fit_again", lambda *_: pytest.fail("computes again"))
    assert kbsc("promises", folder, "--miss", "0.2", "--error", "0.3", "--format", "png")[0] == 0
    assert before == ((folder / SETS).read_bytes(), (folder / ERRORS).read_bytes())


def test_what_cannot_be_promised_is_one_sentence(kbsc, eager, folder, tmp_path):
    def refused(*arguments, by=folder):
        status, _, err = kbsc("promises", by, *arguments)
        assert status == 2
        return " ".join(err.split())

    assert "60 images are too few to promise the class with 99 %; 99 or more are needed" in refused("--miss", "0.01")
    assert "--miss 0: expected a share between 0 and 1" in refused("--miss", "0")
    assert "--error 1.5: expected a share between 0 and 1" in refused("--error", "1.5")
    assert "no points at --by-snr-db 3; there are -10, 0, 10, inf" in refused("--by-snr-db", "3")
    assert "name an entry" in refused("--scheme", "index_ldpc")
    nearest = make(tmp_path, "nearest", ["pca"])
    assert "decides by nearest, which has no probabilities" in refused(by=nearest)


def test_an_entry_that_was_sent_has_no_vote():
    entries = feature_set(80, 1, 0.3)
    codes = np.asarray(entries.x - entries.x.mean(axis=0), np.float32)
    rule = PosteriorRule(np.ones(codes.shape[1], np.float32), Kernel.constant(0.1), UNCALIBRATED)
    search = PosteriorSearch(codes, entries.labels, len(entries.class_names), rule)
    noise = np.full_like(codes, 0.01)
    rows = np.arange(80)
    with_it, _, _ = search.posterior(codes, noise, 10)
    shares, nearest, _ = search.posterior(codes, noise, 10, own=rows)
    assert not (nearest == rows[:, None]).any()
    assert (shares[rows, entries.labels] < with_it[rows, entries.labels]).all()
    others = np.delete(rows, 7)
    without = PosteriorSearch(codes[others], entries.labels[others], len(entries.class_names), rule)
    expected, _, _ = without.posterior(codes[7:8], noise[7:8], 10)
    assert np.allclose(shares[7], expected[0], atol=0.03), "but for the mean length of the entries"
