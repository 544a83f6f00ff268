"""The scheme as experiments name it; options of its own would be fields of a `Config`, as those of the channel are."""

from kbsc_tf.config import SchemeSpec


class ProjectionSpec(SchemeSpec):
    """The feature along k random directions; nothing is learned but the mean."""

    name, label, colour, marker = "random_projection", "random projection", "#7B3294", "P"

    def build(self, config, context):
        from kbsc_example.projection import Projection  # only here: TensorFlow takes seconds to load

        yield from context.per_k(lambda k: Projection(k, context.channel))
