"""The contract of schemes."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from kbsc_tf.config import ChannelConfig, ExperimentConfig, Needs
from kbsc_tf.features import FeatureSplits
from kbsc_tf.receiver import Receiver
from kbsc_tf.registry import schemes, summary
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.schemes.build import build_schemes
from kbsc_tf.schemes.held_out import hold_out
from kbsc_tf.testing.expect import expect
from kbsc_tf.testing.probe import probing
from kbsc_tf.testing.samples import SampleEncoder, sample_features
from kbsc_tf.testing.transmissions import check_transmission, differs
from kbsc_tf.transmission import SourceBatch, Transmission

_SMALL = {
    "channels": ["awgn"],
    "k": [64],
    "snr_db": [*range(-12, 13, 3)],
    "coding": {"mcs": ["qpsk-1/2"]},
    "validation": {"queries": 20},
}


def check_scheme(scheme: str | dict[str, Any], noisy: bool = True, **experiment: Any) -> None:
    """Check that a scheme can be swept and compared with others.

    Its transmissions have the shapes, dtypes and costs that records need; a seed repeats them and, if they are
    ``noisy``, another changes them; an image's does not depend on what else is in the batch, nor on what was sent
    before; what goes on the air has a mean power of 1 per complex symbol, where it goes over the channel of the
    experiment; and what is saved is loaded again, if it can be saved.

    It is fitted on 160 sample features of length 64, of images of 32x32 pixels.

    Parameters
    ----------
    scheme : str or dict
        As in ``schemes`` of an experiment: a name, or a mapping with options.
    noisy : bool, optional
        False for one whose result depends on no random numbers, such as an ideal code.
    **experiment
        Other sections; AWGN, k = 64, -12 to 12 dB and ``qpsk-1/2`` unless given. Coded schemes may need
        more k, and block fading for seeds to matter.

    Raises
    ------
    AssertionError
        Says what does not hold.

    Examples
    --------
    >>> from kbsc_tf.testing import check_scheme
    >>> check_scheme("pca")
    """
    with TemporaryDirectory() as folder:
        own = {"schemes": [scheme], "features": {"store": folder}}
        config = ExperimentConfig.model_validate({"name": "check", **_SMALL, **experiment, **own})
        entry = config.schemes[0]
        spec = schemes[entry.scheme]
        expect(summary(spec), f"{entry.scheme}: its spec has no docstring; kbsc list schemes shows the first line")
        expect(isinstance(getattr(spec, "label", None), str), f"{entry.scheme}: its spec has no label")
        expect(all(isinstance(n, Needs) for n in spec.needs), f"{entry.scheme}: needs: expected members of Needs")
        encoder = SampleEncoder()
        features = sample_features(encoder)
        for channel in config.channels:
            with probing(channel) as powers:
                built = _built(config, features, encoder, channel)
                expect(built, f"{entry.title}: build yields no scheme")
                for number, one in enumerate(built):
                    validation = hold_out(config, features, encoder=encoder)
                    one.fit(features.training, validation, Path(folder) / f"model{number}")
                    _Contract(one, features, config, powers).check(noisy)
                    fresh = _built(config, features, encoder, channel)[number]
                    _check_saving(one, fresh, features, Path(folder) / f"saved{number}")


def _built(
    config: ExperimentConfig, features: FeatureSplits, encoder: SampleEncoder, channel: ChannelConfig
) -> list[Scheme]:
    receiver = Receiver.around(features.receiver, config.receiver)
    receiver.encoder = encoder
    built = build_schemes(config, features.training, receiver, features.receiver)
    return [scheme for where, scheme in built if where == channel]


class _Contract:
    """All checks of one fitted scheme."""

    def __init__(
        self, scheme: Scheme, features: FeatureSplits, config: ExperimentConfig, powers: list[np.ndarray]
    ) -> None:
        self.scheme, self.snr_db, self.powers = scheme, config.snr_db, powers
        self.name = " ".join(filter(None, (scheme.name, scheme.mcs)))
        self.batch, self.count = _batch(scheme, features), len(features.sender)

    def check(self, noisy: bool) -> None:
        """Raise an AssertionError for the first that does not hold."""
        everything = np.ones(self.count, bool)
        is_random, is_delivered = not noisy, False
        for snr_db, sent in self._sweep():
            check_transmission(sent, self.batch, self.name)
            self._check_power()
            other = self.scheme.transmit(self.batch, snr_db, 2)
            is_random = is_random or bool(differs(sent, other, everything))
            is_delivered = is_delivered or sent.delivered.any()
            again = self.scheme.transmit(self.batch, snr_db, 1)
            field = differs(sent, again, everything)
            expect(not field, f"{self.name}: {field} differ at the same seed; seed all random numbers in transmit")
        expect(is_delivered, f"{self.name}: nothing is delivered at any SNR; give it more k to be checked with")
        expect(is_random, f"{self.name}: another seed changes nothing at any SNR; give more, or say noisy=False")
        self._check_rows()
        sent = self.scheme.transmit(self.batch, 3.0, 1)
        self.scheme.forget()
        self.scheme.prepare(self.batch)
        field = differs(sent, self.scheme.transmit(self.batch, 3.0, 1), everything)
        expect(not field, f"{self.name}: {field} differ after forget and prepare")

    def _sweep(self) -> Iterator[tuple[float, Transmission]]:
        for snr_db in (*self.snr_db, np.inf):
            self.powers.clear()
            yield snr_db, self.scheme.transmit(self.batch, snr_db, 1)

    def _check_power(self) -> None:
        """Rows without any power are padding."""
        sent = np.concatenate(self.powers) if self.powers else np.ones(1)
        power = float(np.mean(sent[sent > 0]))
        expect(0.9 < power < 1.1, f"{self.name}: mean power of {power:.3g} per complex symbol, expected 1")

    def _check_rows(self) -> None:
        """The first half is the same beside another second half, where they do not share a realisation."""
        half = self.count // 2
        rows = np.r_[:half, : self.count - half]  # the same images, but not the same set of them
        for snr_db in (0.0, 12.0):
            sent = self.scheme.transmit(self.batch, snr_db, 1)
            beside = self.scheme.transmit(self.batch.take(rows), snr_db, 1)
            first = np.arange(self.count) < half
            if sent.groups is not None:
                first &= ~np.isin(sent.groups, sent.groups[half:])
            field = differs(sent, beside, first)
            expect(not field, f"{self.name}: {field} of an image depend on what else is in the batch")


def _check_saving(scheme: Scheme, fresh: Scheme, features: FeatureSplits, folder: Path) -> None:
    batch = _batch(scheme, features)
    folder.mkdir()
    try:
        scheme.save(folder)
    except NotImplementedError:  # then its links need the training data
        return
    fresh.load(folder)
    sent, loaded = scheme.transmit(batch, 3.0, 1), fresh.transmit(batch, 3.0, 1)
    field = differs(sent, loaded, np.ones(len(batch.features), bool))
    expect(not field, f"{scheme.name}: {field} differ after save and load")


def _batch(scheme: Scheme, features: FeatureSplits) -> SourceBatch:
    sender = features.sender
    images = sender.images.read(range(len(sender))) if scheme.needs_images else None
    return SourceBatch(np.asarray(sender.x, np.float32), images)
