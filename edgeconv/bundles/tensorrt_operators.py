"""Which ONNX operators TensorRT has, and what of a file it would refuse.

From onnx-tensorrt: ``docs/operators.md`` of TensorRT 8.5 (commit 6d0ab7b), and what 8.6 added by
``docs/Changelog.md`` (GroupNormalization, IsInf, LayerNormalization). JetPack 6.0 has 8.6, and 6.1
has 10.3. What only ``docs/operators.md`` of TensorRT 10.15 has is no obstacle, but told.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeconv.formats.onnx_file import read_structure

TENSORRT = "TensorRT 8.6 or 10"

OPSET_OF_8, OPSET_OF_10 = 17, 20

_NAMES = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization
Cast Ceil Celu Clip Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum
DepthToSpace DequantizeLinear Div Dropout Einsum Elu Equal Erf Exp Expand EyeLike Flatten
Floor Gather GatherElements GatherND Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool
Greater GreaterOrEqual GridSample GRU GroupNormalization HardSigmoid HardSwish Identity If
InstanceNormalization IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log
LogSoftmax Loop LRN LSTM LpNormalization LpPool MatMul Max MaxPool Mean
MeanVarianceNormalization Min Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or Pad Pow
PRelu QuantizeLinear RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range
Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin
ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ReverseSequence RNN RoiAlign Round
Scan Scatter ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice
Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu
Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor
"""

OPERATORS = frozenset(_NAMES.split())

OPERATORS_OF_10 = frozenset({"CastLike", "Gelu", "Hardmax", "Mish", "RMSNormalization"})

_STANDARD = {"", "ai.onnx"}


def obstacles(path: Path) -> list[str]:
    """What of an ONNX file TensorRT refuses, a phrase each; empty where nothing is.

    Besides operators it does not have: an opset that it does not know, and quantised values that
    are unsigned or whose zero is not 0 (operators.md: "INT8", "zero_point must be zero").

    Raises:
        ArtifactError: it is no ONNX file.
    """
    model = read_structure(path)
    unknown = _operators(model.graph) - OPERATORS - OPERATORS_OF_10
    found = [f"operator {name}" for name in sorted(unknown)]
    if (opset := _opset(model)) > OPSET_OF_10:
        found.append(f"opset {opset}")
    if unsigned := _unsigned_zero_points(model.graph):
        found.append(f"{unsigned} tensors quantised to uint8: TensorRT computes in int8 around 0")
    return found


def newer_than_8(path: Path) -> list[str]:
    """What of an ONNX file TensorRT 10 has and 8.6 does not, a phrase each.

    Raises:
        ArtifactError: it is no ONNX file.
    """
    model = read_structure(path)
    found = [f"operator {name}" for name in sorted(_operators(model.graph) & OPERATORS_OF_10)]
    if (opset := _opset(model)) > OPSET_OF_8:
        found.append(f"opset {opset}")
    return found


def _opset(model: Any) -> int:
    return max(
        (int(used.version) for used in model.opset_import if used.domain in _STANDARD), default=0
    )


def _nodes(graph: Any) -> Iterator[Any]:
    """The graph's, and those of branches and loops inside it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _operators(graph: Any) -> set[str]:
    return {
        node.op_type if node.domain in _STANDARD else f"{node.domain}.{node.op_type}"
        for node in _nodes(graph)
    }


def _unsigned_zero_points(graph: Any) -> int:
    import onnx

    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    return sum(
        node.op_type == "QuantizeLinear"
        and bool(node.input[2:])
        and types.get(node.input[2]) == onnx.TensorProto.UINT8
        for node in _nodes(graph)
    )
