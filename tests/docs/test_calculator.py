"""The calculator of the documentation has the numbers of the package."""

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from kbsc_tf.channel import build_channel
from kbsc_tf.coding import Mcs, TransportPlan
from kbsc_tf.coding.block_sizes import Code
from kbsc_tf.coding.mcs import mcs_set
from kbsc_tf.config import OfdmConfig
from kbsc_tf.errors import Infeasible

SCRIPT = Path(__file__).parents[2] / "docs/_static/channel_uses.js"
CALL = """
const uses = require(process.argv[1]);
const asked = JSON.parse(require("fs").readFileSync(0));
console.log(JSON.stringify({ mcs: uses.MCS, found: asked.map(uses.cost) }));
"""
GRID = {"fft_size": 96, "num_ofdm_symbols": 14, "cyclic_prefix": 7, "guard_low": 5, "guard_high": 4}
GRID |= {"pilot_symbols": 2, "streams": 1, "dc_null": True}
GRIDS = [GRID, {**GRID, "fft_size": 64, "pilot_symbols": 0, "dc_null": False}, {**GRID, "streams": 2}]
SIZES = [*range(2, 80, 6), 100, 128, 256, 400, 512, 1000, 1024, 2048, 4096, 6144, 8192, 20000, 65536, 300000]


CODES = ("auto", "ldpc", "polar")


@pytest.fixture(scope="module")
def cost():
    """What the calculator says of many choices at once."""
    if (node := shutil.which("node")) is None:
        pytest.skip("node is not installed, so the calculator's JavaScript cannot be run")

    def call(choices):
        asked = [{"height": 32, "width": 32, "channel": "flat", **GRID, **one} for one in choices]
        command = [node, "-e", CALL, SCRIPT]
        done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return call


def ofdm(grid):
    guards = (grid["guard_low"], grid["guard_high"])
    pilots = {"type": "kronecker", "symbols": [2, 11][: grid["pilot_symbols"]]} if grid["pilot_symbols"] else "none"
    keys = {key: grid[key] for key in ("fft_size", "num_ofdm_symbols", "cyclic_prefix", "streams", "dc_null")}
    antennas = {"tx_antennas": grid["streams"], "rx_antennas": grid["streams"]}
    return OfdmConfig(guard_carriers=guards, pilots=pilots, model="awgn", **keys, **antennas)


def test_coded_bits(cost):
    names = [one.name for one in mcs_set("wide", "none")]
    choices = [
        {"k": 2 * n, "scheme": "coded", "mcs": mcs, "code": code}
        for n, mcs, code in itertools.product(SIZES, names, CODES)
    ]
    answer = cost(choices)
    assert answer["mcs"] == names
    fits = 0
    for choice, found in zip(choices, answer["found"], strict=True):
        try:
            plan = TransportPlan.for_uses(Mcs.parse(choice["mcs"]), choice["k"] // 2, code=Code(choice["code"]))
        except Infeasible:
            assert found.keys() == {"n", "error"}, choice
            continue
        fits += 1
        theirs = found["plan"]
        assert (theirs["payload"], theirs["crc"], theirs["uses"], theirs["blocks"], theirs["polar"]) == (
            plan.payload_bits, plan.crc_bits, plan.channel_uses, plan.blocks, plan.is_polar,
        ), choice  # fmt: skip
        assert found["uses"] == plan.channel_uses
        assert found["cbr"] == pytest.approx(plan.channel_uses / 3072)
    assert 300 < fits < len(choices)


def test_grids(cost):
    choices = [
        {"k": k, "scheme": "uncoded", "channel": "ofdm", "height": 64, "width": 48, **grid}
        for k, grid in itertools.product((2, 64, 256, 700, 2000), GRIDS)
    ]
    fits = 0
    for choice, found in zip(choices, cost(choices)["found"], strict=True):
        n, config = choice["k"] // 2, ofdm(choice)
        if config.shortfall(n, "pca"):
            assert "error" in found
            continue
        fits += 1
        link = build_channel(config)
        overhead = link.overhead(n)
        assert found["uses"] == pytest.approx(link.channel_uses(n))
        assert [found["grid"][name] for name in overhead._fields] == pytest.approx(list(overhead))
        assert found["grid"]["rows"] == config.per_grid(n)
        assert found["cbr"] == pytest.approx(link.channel_uses(n) / (3 * 64 * 48))
    assert 0 < fits < len(choices)


def test_flat_channels(cost):
    found = cost([{"k": k, "scheme": "uncoded"} for k in (2, 256)])["found"]
    assert [(one["n"], one["uses"], one["cbr"]) for one in found] == [(1, 1, 1 / 3072), (128, 128, 1 / 24)]


def test_a_grid_carries_the_symbols_of_the_code(cost):
    choice = {"k": 1000, "scheme": "coded", "mcs": "qpsk-1/12", "code": "auto", "channel": "ofdm"}
    [found] = cost([choice])["found"]
    plan = TransportPlan.for_uses(Mcs.parse("qpsk-1/12"), 500, code=Code("auto"))
    assert found["uses"] == pytest.approx(build_channel(ofdm(GRID)).channel_uses(plan.channel_uses))
