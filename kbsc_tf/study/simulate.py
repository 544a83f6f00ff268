"""Compute a point: trials over fresh noise until its interval is narrow enough, or enough have been made."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from kbsc_tf import stopwatch
from kbsc_tf.config import SweepConfig
from kbsc_tf.results.outcomes import PerImageWriter, per_image_writer
from kbsc_tf.results.points import Curve, Point
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.study.mcs_choice import McsTrials
from kbsc_tf.study.measurement import Measurement
from kbsc_tf.study.prepare import Study, curve_of, half_receivers
from kbsc_tf.study.trial import Outcome, Trials
from kbsc_tf.sweep.events import Event, Figures


class Simulator:
    """Computes the points of a study, in this process.

    A point depends on the configuration, its scheme, SNR and seed, not on what was computed before it or where: every
    chunk of every trial seeds its noise anew.

    Parameters
    ----------
    study : Study
        Schemes that are needed and not fitted yet are fitted, once.
    fitted : bool
        All schemes are fitted already.
    """

    def __init__(self, study: Study, fitted: bool = False) -> None:
        self.study, self._quality = study, study.quality()
        self._mcs_trials, self._halves = McsTrials(study, self._quality), half_receivers(study)
        self._schemes = {curve_of(channel, scheme): scheme for channel, scheme in study.schemes}
        self._fitted = set(map(_family, self._schemes)) if fitted else set()

    def run(self, point: Point) -> Iterator[Event]:
        """Compute a point: an event after each trial, and one with its record."""
        stopwatch.read()  # what was before is of no point
        scheme, study = self._scheme(point), self.study
        settings, features = study.config.sweep, study.features
        sender, knowledge = features.sender, features.receiver
        trials = Trials(study.receiver, sender, settings.chunk, self._quality, self._halves)
        measured = Measurement(sender, knowledge, features.image_shape, settings.estimand)
        keep = per_image_writer(study.folder, point, sender.class_names) if settings.per_image else nullcontext()
        started = time.perf_counter()
        with keep as writer:
            while not (stop := stop_reason(measured, settings)):
                trial = measured.trials
                outcome = trials.transmit(scheme, point.snr_db, point.seed, trial)
                with stopwatch.part("measure"):
                    correct = measured.add(outcome)
                if writer is not None:
                    _write(writer, trial, sender.labels, outcome, correct)
                speed = len(sender) * measured.trials / (time.perf_counter() - started)
                yield Event(point, Figures(*measured.accuracy(), measured.trials, speed))
        with stopwatch.part("choose an MCS"):
            chosen_by = self._mcs_trials.row(scheme, point)
        record = {**point._asdict(), "stop": stop, **measured.row(), **chosen_by}
        yield Event(point, record=record, seconds=stopwatch.read())

    def _scheme(self, point: Point) -> Scheme:
        """The point's scheme, fitted with all of its MCSs: a genie needs them."""
        family = _family(point.curve)
        if family not in self._fitted:
            for channel, scheme in self.study.schemes:
                if _family(curve_of(channel, scheme)) == family:
                    with stopwatch.part("fit"):
                        self.study.fit(channel, scheme)
            self._fitted.add(family)
        return self._schemes[point.curve]


def _family(curve: Curve) -> Curve:
    """What all MCSs of a scheme have in common."""
    return curve._replace(mcs="")


def stop_reason(measured: Measurement, settings: SweepConfig) -> str:
    """Why a point ends here; "" to go on.

    Returns
    -------
    str
        "target": the interval is as narrow as asked. "trials": as many were made as allowed. "images": more trials
        cannot make it that narrow, because the images stay the same.
    """
    if not measured.trials:
        return ""
    if settings.half_width is not None and measured.accuracy()[1] <= settings.half_width:
        return "target"
    if measured.trials >= settings.trials:
        return "trials"
    if settings.half_width is not None and measured.floor() > settings.half_width:
        return "images"
    return ""


def _write(writer: PerImageWriter, trial: int, labels: Any, outcome: Outcome, correct: Any) -> None:
    decision, transmission, quality = outcome.decision, outcome.transmission, outcome.quality or {}
    count = len(labels)
    groups = transmission.groups
    writer.add(
        {
            "trial": trial,
            "image": range(count),
            "label": labels,
            "shown": decision.labels[:, 0],
            "entry": decision.ids[:, 0],
            "delivered": transmission.delivered,
            "correct": correct,
            "confidence": decision.confidence,
            "group": range(count) if groups is None else groups,
            "psnr": quality.get("psnr"),
            "ms_ssim": quality.get("ms_ssim"),
            "channel_uses": transmission.channel_uses,
        }
    )
