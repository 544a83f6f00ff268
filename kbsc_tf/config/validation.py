"""How much is held out to judge by. Imports no TensorFlow."""

from pydantic import Field

from kbsc_tf.config.strict import Strict


class ValidationConfig(Strict):
    """How many validation features are sent: for the receiver's choices, its confidences, and to judge trainings."""

    queries: int = Field(
        1_000,
        ge=20,
        description="Validation features that are sent, evenly spread over those there are: to choose the metric and "
        "kernel of receiver.decision: posterior, to calibrate its confidences, and to choose among checkpoints.",
    )
