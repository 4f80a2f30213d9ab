"""A tensorflow graph as a network: what a TensorFlow.js graph model is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints.graph_program import GraphProgram
from edgeconv.frozen import FrozenGraph, trace
from edgeconv.generated_rows import RowStatistics, unknown_statistics
from edgeconv.networks import halved
from edgeconv.networks.tempering import tempered_graph
from edgeconv.spec import ModelSpec


@dataclass(frozen=True)
class GraphNetwork:
    """A frozen graph from normalised float32 pictures to scores."""

    program: GraphProgram

    library: ClassVar[str] = "tensorflow"

    def scores(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._function(inputs), np.float32)

    def with_half_weights(self) -> GraphNetwork:
        import tensorflow as tf

        graph_def = tf.compat.v1.GraphDef()
        graph_def.CopyFrom(self.program.graph_def)
        for node in graph_def.node:
            if node.op == "Const" and node.attr["dtype"].type == tf.float32.as_datatype_enum:
                weights = tf.make_ndarray(node.attr["value"].tensor)
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(halved(weights)))
        return GraphNetwork(replace(self.program, graph_def=graph_def))

    def with_temperature(self, temperature: float) -> GraphNetwork:
        return GraphNetwork(tempered_graph(self.program, temperature))

    def row_statistics(self, length: int) -> RowStatistics:
        return unknown_statistics(length)

    def freeze(self, spec: ModelSpec) -> FrozenGraph:
        return trace(spec, self._applied)

    @cached_property
    def _function(self) -> Any:
        import tensorflow as tf

        return tf.function(self._applied)

    def _applied(self, normalised: Any) -> Any:
        import tensorflow as tf

        (scores,) = tf.graph_util.import_graph_def(
            self.program.graph_def,
            input_map={self.program.input_name: normalised},
            return_elements=[self.program.output_name],
            name="",
        )
        return scores
