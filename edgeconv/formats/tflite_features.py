"""What a TFLite file says of its inputs, outputs and labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgeconv.errors import NoContract
from edgeconv.formats.features import Feature, Features, named_for_what_it_is
from edgeconv.formats.tflite_flatbuffer import unpack
from edgeconv.formats.tflite_inspect import dtype_of, quantisation_of, read_precision
from edgeconv.formats.tflite_metadata import read_labels

if TYPE_CHECKING:
    from ai_edge_litert.schema_py_generated import TensorT


def read_features(path: Path) -> Features:
    """Inputs, outputs and precision, and the labels of its ``labels.txt``.

    Raises:
        ArtifactError: it is no TFLite file, or a broken one.
    """
    content = path.read_bytes()
    graph = unpack(content).subgraphs[0]
    try:
        labels = read_labels(path)
    except NoContract:
        labels = None
    return Features(
        inputs=tuple(_feature(graph.tensors[index]) for index in graph.inputs),
        outputs=tuple(_feature(graph.tensors[index]) for index in graph.outputs),
        labels=labels,
        precision=named_for_what_it_is(read_precision(content, asked="")),
    )


def _feature(tensor: TensorT) -> Feature:
    # The signature has -1 where the shape has 1 for a side that is left open.
    sides = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    quantised = quantisation_of(tensor)
    return Feature(
        tensor.name.decode() if isinstance(tensor.name, bytes) else tensor.name,
        tuple(None if side < 0 else int(side) for side in sides),
        dtype_of(tensor),
        *((quantised.scale, quantised.zero_point) if quantised else ()),
    )
