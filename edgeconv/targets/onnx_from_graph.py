"""From a frozen tensorflow graph to ONNX by tf2onnx, which never sees the large weights.

tf2onnx copies the whole graph for every pass of its optimiser: 16.8 GB and 32 s for a ViT-B. The
matrices that dense layers multiply by need none of those passes. They are left out of the graph,
with inputs of the same shape in their place, and become initializers afterwards.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from edgeconv.errors import ConversionError
from edgeconv.formats.onnx_model import OPSET, OnnxModel
from edgeconv.freezing import LARGE, light_graph
from edgeconv.frozen import OUTPUT_NAME
from edgeconv.networks import Frozen
from edgeconv.spec import Embedding
from edgeconv.targets.onnx_names import renamed, settled

_CATCH_ERRORS = "TF2ONNX_CATCH_ERRORS"


def from_graph(frozen: Frozen, large: int = LARGE) -> OnnxModel:
    """The float32 ONNX model of a frozen graph.

    Args:
        frozen: has a tensorflow function.
        large: matrices of so many values are kept from tf2onnx.

    Raises:
        ConversionError: tf2onnx refused the graph.
    """
    import tf2onnx

    tf2onnx.logging.set_level(logging.ERROR)
    graph = light_graph(frozen.function, large)
    matrices = graph.matrices()
    given, scores = f"{frozen.input_name}:0", f"{OUTPUT_NAME}:0"
    try:
        with _optimised_in_place():
            proto, _ = tf2onnx.convert.from_graph_def(
                graph.complete(apart_from=matrices),
                input_names=[given, *(f"{name}:0" for name in matrices)],
                output_names=[scores],
                inputs_as_nchw=None if isinstance(frozen.spec.input, Embedding) else [given],
                opset=OPSET,
            )
    except Exception as error:
        raise ConversionError(
            f"tf2onnx cannot convert {frozen.spec.name}", got=str(error)
        ) from error
    model = OnnxModel(proto, {f"{name}:0": graph.weights[name] for name in matrices})
    return settled(renamed(model, {given: frozen.input_name, scores: OUTPUT_NAME}))


@contextmanager
def _optimised_in_place() -> Iterator[None]:
    """Keep tf2onnx from copying the graph before every pass, in case that the pass fails."""
    before = os.environ.get(_CATCH_ERRORS)
    os.environ[_CATCH_ERRORS] = "FALSE"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CATCH_ERRORS]
        else:
            os.environ[_CATCH_ERRORS] = before
