"""What a run has beside its records: its fitted links, and its images where these still are."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from kbsc_tf.config import ExperimentConfig
from kbsc_tf.config.strict import unknown_name
from kbsc_tf.data import ImageSet, load_splits
from kbsc_tf.errors import UserError
from kbsc_tf.schemes.saved import saved_links


class Holdings:
    """Links and images of a results folder. Imports no TensorFlow.

    Attributes
    ----------
    folder : Path
    config : dict
        The experiment, as run.json has it.
    """

    folder: Path
    config: dict[str, Any]

    def links(self) -> pd.DataFrame:
        """The links that `kbsc_tf.Link.load` finds in the folder.

        Returns
        -------
        DataFrame
            A row per fitted link: ``scheme``, ``mcs``, ``channel`` and ``k``, as in the records; in the order of the
            experiment, the largest k first. Of several trainings the first is named, which is the one that is loaded.

        Raises
        ------
        UserError
            There are none; says how to get them.

        Examples
        --------
        >>> import kbsc_tf as kbsc
        >>> links = kbsc.Run("results/quickstart").links()
        >>> list(links.columns)
        ['scheme', 'mcs', 'channel', 'k']
        """
        curves = [link.curve for link in saved_links(self.folder)]
        return pd.DataFrame(curves)[["scheme", "mcs", "channel", "k"]].drop_duplicates(ignore_index=True)

    def images(self, rows: ArrayLike, part: str = "sender") -> list[np.ndarray]:
        """The run's images, by their places: see `kbsc_tf.Run.outcomes`. Their source must still be there.

        Parameters
        ----------
        rows : [B], int
        part : {"sender", "receiver"}
            Whether places are among the images sent or are entries of the knowledge base.

        Returns
        -------
        list of B [H, W, 3], uint8

        Raises
        ------
        UserError
            The run was made from images in memory or from a feature file, or its images are gone.
        """
        return self._part(part).read(rows)

    def labels(self, part: str = "sender") -> list[str]:
        """Names of the classes of all the run's images, by their places: as for `images`, and with its errors.

        Parameters
        ----------
        part : {"sender", "receiver"}
            The images sent, or those of the knowledge base.
        """
        images = self._part(part)
        return [images.class_names[label] for label in images.labels]

    def _part(self, part: str) -> ImageSet:
        if part not in ("sender", "receiver"):
            raise UserError(f"{unknown_name('part', part, ['sender', 'receiver'])}")
        config = ExperimentConfig.model_validate(self.config)
        if config.data.source == "memory" or getattr(config.features, "file", None) is not None:
            raise UserError(f"{self.folder}: its images were not read from a data set, so they are not here")
        images = getattr(load_splits(config.data, True, getattr(config.features, "store", None)), part)
        if part == "sender" and config.sweep.queries is not None:
            images = images.spread(config.sweep.queries)
        return images
