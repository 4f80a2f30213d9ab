"""The classifier traced and frozen once: RGB pixels 0..255 in, scores out, normalisation inside.

Every target starts here, so that a model is traced once however many files are made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.freezing import light_graph
from edgeconv.spec import Embedding, Input, ModelSpec

OUTPUT_NAME = "scores"


def input_name(spec: ModelSpec) -> str:
    """``image`` or ``embedding``: what every exported file calls its input."""
    return "embedding" if isinstance(spec.input, Embedding) else "image"


def input_shape(spec: ModelSpec) -> tuple[int, ...]:
    """(1, H, W, 3) or (1, length)."""
    return (1, *spec.input_shape)


@dataclass(frozen=True)
class FrozenNetwork:
    """What every frozen network takes is what its spec says."""

    spec: ModelSpec

    @property
    def input_name(self) -> str:
        return input_name(self.spec)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return input_shape(self.spec)


@dataclass(frozen=True)
class FrozenGraph(FrozenNetwork):
    """A network traced once, with its normalisation.

    ``function`` takes one float32 tensor of :attr:`input_shape` named :attr:`input_name` (RGB
    pixels 0..255, or an embedding) and gives float32 (1, labels) scores. The batch is fixed at 1:
    that is what ships, and what every converter fuses best. Its variables are those of ``network``,
    which is held for their sake; :mod:`edgeconv.freezing` turns them into constants.
    """

    function: Any
    network: Any
    onnx: None = None

    @property
    def graph_def(self) -> Any:
        """The frozen ``GraphDef``; input and output are nodes of the same names."""
        return light_graph(self.function).complete()

    def scores(
        self, inputs: NDArray[Any], *, threads: int = 0, optimise: bool = True
    ) -> NDArray[np.float32]:
        """Run the frozen graph itself, by tensorflow; see :class:`edgeconv.networks.Frozen`."""
        import tensorflow as tf

        graph_def = self.graph_def
        with tf.Graph().as_default():
            tf.graph_util.import_graph_def(graph_def, name="")
            with tf.compat.v1.Session(config=_session_config(threads, optimise)) as session:
                rows = [
                    session.run(f"{OUTPUT_NAME}:0", {f"{self.input_name}:0": one[None]})
                    for one in inputs
                ]
        return np.concatenate(rows)


def trace(spec: ModelSpec, network: Callable[[Any], Any]) -> FrozenGraph:
    """Trace a network with its normalisation.

    Args:
        spec: says what goes in and how it is normalised.
        network: normalised float32 tensor, batch 1, to scores (1, labels).
    """
    import tensorflow as tf

    def to_scores(given: Any) -> Any:
        taken = given if isinstance(spec.input, Embedding) else _normalise(given, spec.input)
        return tf.identity(network(taken), name=OUTPUT_NAME)

    signature = tf.TensorSpec(input_shape(spec), tf.float32, name=input_name(spec))
    # Layers hold no Python control flow over tensors, and looking for some takes a second.
    traced = tf.function(to_scores, autograph=False).get_concrete_function(signature)
    return FrozenGraph(spec, traced, network)


def _normalise(image: Any, given: Input) -> Any:
    """``(p * scale - mean) / std``, leaving out what would do nothing."""
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
