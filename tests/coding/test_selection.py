"""From the coding section of an experiment to transport plans, and the sentence for what cannot be."""

import pytest

from kbsc_tf.coding.selection import check_plans, chosen_mcs, transport_plan
from kbsc_tf.config import AwgnConfig, ExperimentConfig, FlatConfig, parse_channel
from kbsc_tf.errors import Infeasible, UserError


def config(**settings):
    return ExperimentConfig(**{"name": "t", "schemes": ["bpg_ldpc"], "k": [128], **settings})


def test_a_named_set_follows_the_channel():
    names = {f: [m.name for m in chosen_mcs(config(), parse_channel({"fading": f}))] for f in ("none", "rayleigh")}
    assert names["none"] == ["qpsk-1/3", "qpsk-1/2", "qpsk-2/3", "16qam-1/2", "16qam-2/3", "64qam-1/2"]
    assert names["rayleigh"] == names["none"][:4]


def test_images_of_a_block_share_its_channel_uses():
    [mcs] = chosen_mcs(config(coding={"mcs": ["qpsk-1/2"]}), AwgnConfig())
    plans = [transport_plan(config(coding={"images_per_block": count}), mcs, 128) for count in (1, 10)]
    assert [plan.channel_uses for plan in plans] == [64, 640]
    assert [plan.payload_bits for plan in plans] == [64 - 16, 640 - 16]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"coding": {"block_length": 1 << 21}}, "coding: block length 2097152: expected 16 to 1048576 coded bits"),
        ({"coding": {"mcs": ["qpsk-1/2", "qpsk-0.5"]}}, "coding.mcs: a value stands twice in qpsk-1/2, qpsk-1/2"),
        ({"coding": {"mcs": ["64qam-0.96"]}}, "coding.mcs: MCS .64qam-0.96.: code rate 0.96: .* at most 0.95"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        check_plans(config(**settings))


@pytest.mark.parametrize(
    ("mcs", "k", "message"),
    [
        ("qpsk-1/3", 16, "5 information bits in 8 channel uses: the code needs 12"),
        ("qpsk-120/1024", 128, "15 information bits in 64 channel uses: the CRC alone takes 16"),
    ],
)
def test_where_nothing_fits_is_no_mistake(mcs, k, message):
    experiment = config(k=[k], coding={"mcs": [mcs]})
    check_plans(experiment)
    with pytest.raises(Infeasible, match=message):
        transport_plan(experiment, *chosen_mcs(experiment, FlatConfig()), k)


def test_without_coded_schemes_nothing_is_checked():
    check_plans(config(schemes=["pca"], k=[2], coding={"mcs": "nonsense"}))
