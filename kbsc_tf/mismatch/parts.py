"""The parts of the study: what is measured over a link, one task for each row."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from kbsc_tf.features import FeatureSet, FeatureSplits
from kbsc_tf.mismatch.aligner import learn_aligner
from kbsc_tf.mismatch.config import NONE, MismatchConfig
from kbsc_tf.mismatch.knowledge import first_of_each, missing_classes, most_entries, poisoned, stale, without
from kbsc_tf.mismatch.link import Link, rules_of
from kbsc_tf.mismatch.table import CLEAN, MATCHED, UNEQUAL
from kbsc_tf.mismatch.update import Update

_EQUAL = "equal shares"  # by posterior, of classes that are as likely whatever the knowledge base says


class Task(NamedTuple):
    """One row that is still to be measured: its method and amount, and what measures it."""

    method: str
    amount: float
    measure: Callable[[], dict]


def encoder_tasks(link: Link, known: FeatureSplits | None, config: MismatchConfig) -> Iterator[Task]:
    """The sender's encoder is that of the link's study, the receiver's made ``known``: none if it is the same."""
    rule, draws = rules_of(config.experiment.receiver)[config.experiment.receiver.decision], range(link.draws)

    @cache
    def matched() -> list[np.ndarray]:
        return [link.right(link.entries, rule, draw) for draw in draws]

    def through(learn: Callable[[int], FeatureSet]) -> dict:
        rights = [link.right(learn(draw), rule, draw) for draw in draws]
        return link.share("accuracy", rights) | link.difference(rights, matched())

    yield Task(MATCHED, 0, lambda: link.share("accuracy", matched()))
    if known is None:
        return
    theirs, ours = (np.asarray(one.training.x, np.float32) for one in (known, link.study.features))

    def aligned(kind: str, count: int, draw: int) -> FeatureSet:
        shared = np.random.default_rng([draw, 0]).permutation(len(theirs))[:count]
        aligner = learn_aligner(theirs[shared], ours[shared], kind, config.ridge)
        return replace(known.receiver, x=aligner(known.receiver.x))

    for kind in config.aligners:
        for count in [0] if kind == NONE else config.anchors:
            learn = (lambda draw: known.receiver) if kind == NONE else partial(aligned, kind, count)
            yield Task(kind, count, partial(through, learn))


def stale_tasks(link: Link, config: MismatchConfig) -> Iterator[Task]:
    """Images of today, all classes as frequent, and a knowledge base of a time when they were not."""
    rules, draws = rules_of(config.experiment.receiver), range(link.draws)
    total = most_entries(link.entries.labels, config.imbalances)
    methods = [*rules, *([_EQUAL] if "posterior" in rules else [])]

    @cache
    def rights(method: str, imbalance: float) -> list[np.ndarray]:
        decide = link.right_at_equal_shares if method == _EQUAL else link.right
        rule = rules["posterior" if method == _EQUAL else method]
        return [decide(stale(link.entries, imbalance, total, draw), rule, draw) for draw in draws]

    yield from _compared(link, rights, methods, config.imbalances)


def poisoned_tasks(link: Link, config: MismatchConfig) -> Iterator[Task]:
    """A share of the labels in the knowledge base is wrong."""
    rules, draws = rules_of(config.experiment.receiver), range(link.draws)

    @cache
    def rights(method: str, share: float) -> list[np.ndarray]:
        return [link.right(poisoned(link.entries, share, draw), rules[method], draw) for draw in draws]

    yield from _compared(link, rights, list(rules), config.flipped)


def _compared(link: Link, rights: Callable, methods: list[str], amounts: list[float]) -> Iterator[Task]:
    """Each method beside the one before it."""

    def measure(number: int, amount: float) -> dict:
        own = rights(methods[number], amount)
        before = link.difference(own, rights(methods[number - 1], amount)) if number else {}
        return link.share("accuracy", own) | before

    for amount in amounts:
        for number, method in enumerate(methods):
            yield Task(method, amount, partial(measure, number, amount))


def partial_tasks(link: Link, config: MismatchConfig) -> Iterator[Task]:
    """Classes are missing; the receiver abstains where it is less sure than nearly all known images leave it."""
    rules, labels = rules_of(config.experiment.receiver), link.sender.labels

    @cache
    def outcomes(method: str, share: float) -> list[tuple[np.ndarray, ...]]:
        """For each draw: rows of known classes, and of all images whether shown, and whether shown and right."""
        found = []
        for draw in range(link.draws):
            gone = missing_classes(link.entries, share, draw)
            entries = without(link.entries, gone)
            receiver = link.receiver(entries, rules[method])
            decision = link.decide(receiver, draw)
            shown = decision.confidence >= link.sure_enough(receiver, entries, config.withheld)
            found.append((~np.isin(labels, gone), shown, shown & (decision.labels[:, 0] == labels)))
        return found

    def measure(method: str, share: float) -> dict:
        drawn = outcomes(method, share)
        known, missing = [np.flatnonzero(one[0]) for one in drawn], [np.flatnonzero(~one[0]) for one in drawn]
        right = [one[2][rows] for one, rows in zip(drawn, known, strict=True)]
        row = {"n": sum(map(len, known))} | link.share("accuracy", right, known)
        for name, places in (("abstained_known", known), ("abstained_missing", missing)):
            row |= link.share(name, [~one[1][rows] for one, rows in zip(drawn, places, strict=True)], places)
        if method != "nearest":
            nearest = [one[2][rows] for one, rows in zip(outcomes("nearest", share), known, strict=True)]
            row |= link.difference(right, nearest, known)
        return row

    for share in config.missing:
        for method in rules:
            yield Task(method, share, partial(measure, method, share))


def update_tasks(link: Link, config: MismatchConfig) -> Iterator[Task]:
    """Classes are missing until entries of them have come over the air, quantised and coded.

    A posterior decides as if all classes had as many entries: otherwise a few new ones count as a rare class.
    """
    rule = rules_of(config.experiment.receiver)[config.experiment.receiver.decision]
    by_posterior = rule.decision == "posterior"
    decide = link.right_at_equal_shares if by_posterior else link.right
    gone = [missing_classes(link.entries, config.update.missing, draw) for draw in range(link.draws)]
    update = cache(lambda code: Update(code, link))
    query = cache(lambda: float(link.arrived(0).channel_uses.mean()))

    @cache
    def before() -> list[np.ndarray]:
        return [decide(without(link.entries, gone[draw]), rule, draw) for draw in range(link.draws)]

    def measure(code: str, count: int) -> dict:
        rights, uses = [], []
        for draw in range(link.draws):
            new, cost = first_of_each(link.entries, gone[draw], count), np.nan
            if code not in (CLEAN, UNEQUAL):
                new, cost = update(code).send(new, draw)
            known = _joined(without(link.entries, gone[draw]), new)
            rights.append((link.right if code == UNEQUAL else decide)(known, rule, draw))
            uses.append(cost)
        row = link.share("accuracy", rights) | link.difference(rights, before())
        row |= {"update_uses": float(np.mean(uses)), "query_uses": query()}
        return row | break_even(row, float(np.mean(before())))

    yield Task(NONE, 0, lambda: link.share("accuracy", before()) | {"update_uses": 0.0, "query_uses": query()})
    for code in (CLEAN, *([UNEQUAL] if by_posterior else []), *config.update.codes):
        for count in config.update.entries:
            yield Task(code, count, partial(measure, code, count))


def break_even(row: dict, before: float) -> dict[str, float]:
    """Queries Q after which a right answer costs as much with the update as without.

    (U + Q n) / (Q A) = n / A0, so that Q = U A0 / (n (A - A0)); ends of the interval from those of the difference.
    """
    worth = row["update_uses"] * before / row["query_uses"]
    gains = row["difference"], row["difference_high"], row["difference_low"]
    names = "break_even", "break_even_low", "break_even_high"
    return {name: worth / gain if gain > 0 else np.nan for name, gain in zip(names, gains, strict=True)}


def _joined(a: FeatureSet, b: FeatureSet) -> FeatureSet:
    x, labels = np.concatenate([a.x, b.x]), np.concatenate([a.labels, b.labels])
    return replace(a, x=x, labels=labels, references=a.references + b.references, images=None)
