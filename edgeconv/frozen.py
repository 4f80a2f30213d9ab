"""The classifier traced and frozen once: RGB pixels 0..255 in, scores out, normalisation inside.

Every target starts here, so that a model is traced once however many files are made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.classifier import Classifier
from edgeconv.folding import fold_batch_norms
from edgeconv.spec import ModelSpec

INPUT_NAME = "image"
OUTPUT_NAME = "scores"


@dataclass(frozen=True)
class FrozenGraph:
    """A tensorflow function without variables.

    ``function`` takes float32 (1, H, W, 3) RGB pixels 0..255 named ``image`` and gives float32
    (1, labels) scores. The batch is fixed at 1: that is what ships, and what every converter
    fuses best.
    """

    spec: ModelSpec
    function: Any

    @property
    def graph_def(self) -> Any:
        """The frozen ``GraphDef``; its nodes ``image`` and ``scores`` are input and output."""
        return self.function.graph.as_graph_def()

    def scores(
        self, pixels: NDArray[np.uint8], *, threads: int = 0, optimise: bool = True
    ) -> NDArray[np.float32]:
        """Run the frozen graph itself, by tensorflow.

        Args:
            pixels: (N, H, W, 3) RGB 0..255.
            threads: for one operation; 0 lets tensorflow choose.
            optimise: whether tensorflow may rewrite the graph before it runs it.

        Returns:
            (N, labels) float32.
        """
        import tensorflow as tf

        with tf.Graph().as_default():
            tf.graph_util.import_graph_def(self.graph_def, name="")
            with tf.compat.v1.Session(config=_session_config(threads, optimise)) as session:
                rows = [
                    session.run(f"{OUTPUT_NAME}:0", {f"{INPUT_NAME}:0": one[None]})
                    for one in pixels
                ]
        return np.concatenate(rows)


def freeze(classifier: Classifier) -> FrozenGraph:
    """Trace the classifier with its normalisation and turn its variables into constants."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    height, width = classifier.spec.input.size
    model = fold_batch_norms(classifier.model)

    def image_to_scores(image: Any) -> Any:
        scores = model(_normalise(image, classifier.spec), training=False)
        return tf.identity(scores, name=OUTPUT_NAME)

    signature = tf.TensorSpec((1, height, width, 3), tf.float32, name=INPUT_NAME)
    traced = tf.function(image_to_scores).get_concrete_function(signature)
    return FrozenGraph(classifier.spec, convert_variables_to_constants_v2(traced))


def _normalise(image: Any, spec: ModelSpec) -> Any:
    """``(p * scale - mean) / std``, leaving out what would do nothing."""
    given = spec.input
    mean, std = np.array(given.mean, np.float32), np.array(given.std, np.float32)
    scale = np.float32(given.scale)
    if mean.any():
        return (image * scale - mean) / std
    if len(set(given.std)) > 1:
        return image * (scale / std)
    factor = np.float32(given.scale / given.std[0])
    return image if factor == 1 else image * factor


def _session_config(threads: int, optimise: bool) -> Any:
    import tensorflow as tf

    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1
    )
    if not optimise:
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        config.graph_options.optimizer_options.opt_level = -1
    return config
