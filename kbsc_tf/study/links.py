"""What a run leaves for links: a receiver and every fitted scheme, so that neither training data nor fit is needed.

| in the results folder | holds |
|---|---|
| ``kb/`` | the knowledge base, as ``kbsc kb`` writes it |
| ``links/receiver/`` | what deciding by posterior needs; of the entries, features where used and small images |
| ``links/SCHEME_MCS_CHANNEL_kK/`` | ``link.json``, the experiment; and what `Scheme.save` writes |

Not there: training features and images, CLIP, large images of the entries, optimisers, and what can be resumed from.
"""

import filecmp
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np

from kbsc_tf.config import ChannelConfig, ExperimentConfig, Needs
from kbsc_tf.features import FeatureSet
from kbsc_tf.files import cannot, load_array, make_folder, write_atomically
from kbsc_tf.knowledge import KnowledgeBase
from kbsc_tf.receiver import CodeSearch, Posterior, Receiver
from kbsc_tf.schemes.base import Scheme
from kbsc_tf.schemes.restore import TrainingShape, restore
from kbsc_tf.schemes.saved import REMEDY, SavedLink
from kbsc_tf.seals import LINK, check_link, files_of_link, sealed
from kbsc_tf.study.images.kb_images import KbImages, save_images
from kbsc_tf.study.prepare import Study, curve_of


class LinksFolder:
    """The links of a results folder. Whoever saves holds the folder's lock for trainings.

    Parameters
    ----------
    folder : Path
        Results folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = Path(folder), Path(folder) / "links"
        self._knowledge_base, self._receiver = self.folder / "kb", self.path / "receiver"
        self._posterior, self._entries, self._images = (
            self._receiver / name for name in ("posterior.npz", "entries.npy", "images.npy")
        )

    def save_receiver(self, study: Study) -> None:
        """Write what the receiver is made of; what is there already stays."""
        entries, search = study.features.receiver, study.receiver.code_search
        make_folder(self._receiver)
        for unfinished in self.path.glob(".*"):  # of a process that was killed
            shutil.rmtree(unfinished, ignore_errors=True)
        if not self._knowledge_base.exists():
            study.receiver.knowledge_base.save(self._knowledge_base)
        if search is not None and not self._posterior.exists():
            Posterior(search.axes, search.rule).save(self._posterior)
        if _looks_at_features(study.config) and not self._entries.exists():
            write_atomically(self._entries, lambda file: np.save(file, np.asarray(entries.x)))
        if not self._images.exists():
            save_images(self._images, entries.images)

    def save(self, study: Study, channel: ChannelConfig, scheme: Scheme) -> bool:
        """Write a fitted scheme unless it is there already; False if it cannot be saved."""
        curve = curve_of(channel, scheme)
        folder = self.path / curve.stem
        if folder.exists():
            return True
        temporary = folder.with_name(f".{folder.name}")
        training = study.features.training
        try:
            temporary.mkdir()
            scheme.save(temporary)
            content = {
                **curve._asdict(),
                "number": study.schemes.index((channel, scheme)),
                "training": TrainingShape(len(training), training.dim, study.features.image_shape)._asdict(),
                "config": study.config.model_dump(mode="json"),
            }
            write_atomically(temporary / LINK, sealed({**content, "files": files_of_link(temporary)}))
            for file in temporary.rglob("*.npz"):
                self._share(file)
            os.replace(temporary, folder)
        except NotImplementedError:
            return False
        except OSError as error:
            raise cannot("write", folder, error) from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return True

    def check(self, link: SavedLink) -> None:
        """Refuse a link of which a file is not what was saved: damaged, of another link, or of another run."""
        check_link(link.path, link.content["files"], REMEDY)

    def receiver(self, config: ExperimentConfig) -> tuple[Receiver, FeatureSet]:
        """The receiver, and the entries of its knowledge base; their features are NaN where nothing looks at them."""
        knowledge_base = KnowledgeBase.load(self._knowledge_base, config.receiver.gpu)
        shape = len(knowledge_base), knowledge_base.dimension
        x = self._features() if _looks_at_features(config) else np.broadcast_to(np.float32(np.nan), shape)
        names, references = tuple(knowledge_base.class_names), tuple(knowledge_base.references)
        entries = FeatureSet("receiver", x, knowledge_base.labels, names, references, knowledge_base.encoder)
        search = None
        if config.receiver.decision == "posterior":
            search = CodeSearch(Posterior.load(self._posterior, REMEDY), entries, config.receiver)
        return Receiver(knowledge_base, config.receiver, search), entries

    def images(self, config: ExperimentConfig, entries: FeatureSet) -> KbImages:
        """The images of the entries."""
        return KbImages(self._images, entries.references, config.data, getattr(config.features, "store", None))

    def scheme(self, link: SavedLink, receiver: Receiver, entries: FeatureSet) -> Scheme:
        """A saved scheme, for the receiver and its entries."""
        training = TrainingShape(**link.content["training"])
        return restore(link.config, link.curve, link.path, training, receiver, entries)

    def _features(self) -> np.ndarray:
        return load_array(self._entries, REMEDY)

    def _share(self, file: Path) -> None:
        """A file that another link has too, such as a network for all k, takes its space once."""
        for other in self.path.rglob(file.name):
            if other != file and filecmp.cmp(other, file, shallow=False):
                spare = file.with_suffix(".same")
                with suppress(OSError):  # where the file system has no hard links there are two
                    os.link(other, spare)
                    os.replace(spare, file)
                return


def _looks_at_features(config: ExperimentConfig) -> bool:
    """Whether the features of the entries are used beside the index: by the receiver or by a sender."""
    return config.receiver.decision == "posterior" or bool(config.needs(Needs.KNOWLEDGE_BASE))
