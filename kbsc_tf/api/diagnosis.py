"""What a finished run tells beyond its records. TensorFlow is loaded where links are needed again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.progress import Progress, terminal
from kbsc_tf.promises.table import Promises, check_promises
from kbsc_tf.results.reproducible import experiment_of
from kbsc_tf.revisit.points import points_of


class Diagnosis:
    """Questions to a results folder.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    def confidence(self, share: float = 0.2) -> pd.DataFrame:
        """How far the receiver's confidence can be trusted, and what abstaining buys.

        Parameters
        ----------
        share : float
            Of deliveries to abstain on, between 0 and 1.

        Returns
        -------
        DataFrame
            What confidence.csv holds then: see `kbsc_tf.analysis.confidence.write_confidence`.

        Raises
        ------
        UserError
            The run has no outcomes of single images, or its receiver gives scores, not probabilities.
        """
        from kbsc_tf.analysis.confidence import write_confidence

        return pd.read_csv(write_confidence(self.folder, share)[0]).fillna({"mcs": ""})

    def losses(
        self,
        schemes: Sequence[str] = (),
        k: Sequence[int] = (),
        snr_db: Sequence[float] = (),
        places: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Where accuracy is lost: by the classifier, the encoder, the channel, the rule, or by showing nothing.

        Parameters
        ----------
        schemes, k, snr_db : sequence
            Which points; all unless given.
        places : mapping, optional
            Where the data lie now, if not where they were: ``{"data.path": "sets/cifar10"}``.

        Returns
        -------
        DataFrame
            What losses.csv holds of these points, a row per point and level: see `kbsc_tf.losses.table.COLUMNS`.

        Raises
        ------
        UserError
            No such points, or what made the run is not at hand.
        """
        config, points = self._again(schemes, k, snr_db, places)
        from kbsc_tf.losses.find import find_losses

        return find_losses(self.folder, config, points, Progress(terminal()))

    def bound(self, places: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The highest accuracy that any scheme could have, for the features that were sent; no scheme is fitted for it.

        What ``bound: true`` writes in the course of a run. Figures show it from then on.

        Parameters
        ----------
        places : mapping, optional
            As in `losses`.

        Returns
        -------
        DataFrame
            What bound.csv holds: see `kbsc_tf.limits.bound_table.bound_table`.

        Raises
        ------
        UserError
            No channel has a known capacity, or what made the run is not at hand.
        """
        from kbsc_tf.limits.bound_table import read_bound

        config = self._experiment(places)
        from kbsc_tf.study.bound import find_bound_again

        find_bound_again(self.folder, config, Progress(terminal()))
        return read_bound(self.folder)

    def promises(
        self,
        miss: float = 0.1,
        errors: Sequence[float] = (0.01, 0.05, 0.1),
        by_snr_db: float | None = None,
        schemes: Sequence[str] = (),
        k: Sequence[int] = (),
        snr_db: Sequence[float] = (),
        places: Mapping[str, Any] | None = None,
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """What can be promised: sets that hold the class, and how much can be shown at a given error.

        Parameters
        ----------
        miss : float
            Share of sets that may lack the class.
        errors : sequence of float
            Shares of what is shown that may be wrong.
        by_snr_db : float, optional
            SNR by which sets are promised at all others; the highest finite one unless given.
        schemes, k, snr_db, places
            As in `losses`.

        Returns
        -------
        sets, errors : DataFrame
            What promised_sets.csv and promised_errors.csv hold of these points: see `kbsc_tf.promises.table`.

        Raises
        ------
        UserError
            As in `losses`; the receiver does not decide by posterior; too few entries for the promise.
        """
        wanted = Promises(miss, tuple(errors), by_snr_db).check()
        config, points = self._again(schemes, k, snr_db, places, wanted)
        from kbsc_tf.promises.find import find_promises

        return find_promises(self.folder, config, points, wanted, Progress(terminal()))

    def _again(
        self,
        schemes: Sequence[str],
        k: Sequence[int],
        snr_db: Sequence[float],
        places: Mapping[str, Any] | None,
        wanted: Promises | None = None,
    ) -> tuple[ExperimentConfig, pd.DataFrame]:
        """The experiment and its points; what is wrong is said before TensorFlow is loaded."""
        points = points_of(self.folder, schemes, k, snr_db)
        points = points if wanted is None else check_promises(self.folder, points, wanted)
        return self._experiment(places), points

    def _experiment(self, places: Mapping[str, Any] | None) -> ExperimentConfig:
        """What made the run; what is not at hand is said before TensorFlow is loaded."""
        config = experiment_of(self.folder, places or {})
        config.check()
        from kbsc_tf.study.start import prepare_tensorflow

        prepare_tensorflow()
        return config
