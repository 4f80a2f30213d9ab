"""What an ONNX file says of its inputs and outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgeconv.formats.features import Feature, Features, named_for_what_it_is
from edgeconv.formats.onnx_file import read_structure
from edgeconv.formats.onnx_inspect import read_precision


def read_features(path: Path) -> Features:
    """Inputs, outputs and precision. ONNX itself names no labels.

    Raises:
        ArtifactError: it is no ONNX file.
    """
    model = read_structure(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    return Features(
        # Files of IR version 3 list their weights among the inputs.
        inputs=tuple(_feature(v) for v in model.graph.input if v.name not in constants),
        outputs=tuple(_feature(value) for value in model.graph.output),
        labels=None,
        precision=named_for_what_it_is(read_precision(model, asked="")),
    )


def _feature(value: Any) -> Feature:
    import onnx

    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return Feature(value.name, (), str(kind))
    tensor = value.type.tensor_type
    sides = (
        side.dim_value if side.WhichOneof("value") == "dim_value" else None
        for side in tensor.shape.dim
    )
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    return Feature(value.name, tuple(sides), dtype.name)
