"""TensorFlow.js graph models: a frozen graph in ``model.json``, its constants in shards beside it.

The graph is a ``GraphDef`` written as JSON, in which TensorFlow.js has fused operations. They are
taken apart again: some of them tensorflow does not know, and converters know none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeconv.checkpoints import tfjs, tfjs_weights
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.fitting import at_most
from edgeconv.checkpoints.graph_program import GraphProgram
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

Tensors = Mapping[str, NDArray[Any]]

_PLAIN = """
    Abs Add AddN AddV2 AvgPool BatchMatMul BatchMatMulV2 BiasAdd Cast ConcatV2 Const Conv2D
    DepthwiseConv2dNative Elu Erf Exp ExpandDims FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
    GatherV2 Identity LeakyRelu Log MatMul Max MaxPool Maximum Mean Min Minimum MirrorPad Mul Neg
    Pack Pad PadV2 Placeholder Pow RealDiv Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor
    Rsqrt Selu Shape Sigmoid Slice Softmax Softplus Split SplitV Sqrt Square SquaredDifference
    Squeeze StridedSlice Sub Sum Tanh Tile Transpose Unpack
"""
ALLOWED = frozenset(_PLAIN.split())
"""Operations that compute what they say from their inputs and attributes, and do nothing else."""

FUSED = {
    "_FusedConv2D": "Conv2D",
    "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
    "_FusedMatMul": "MatMul",
}
"""Operation with a bias and perhaps an activation in it -> the operation alone."""

_ACTIVATIONS = frozenset({"Relu", "Relu6", "Elu", "Sigmoid", "Tanh"})
_OWN_ATTRIBUTES = {
    "Conv2D": {"T", "strides", "padding", "data_format", "dilations", "explicit_paddings"},
    "DepthwiseConv2dNative": {"T", "strides", "padding", "data_format", "dilations"},
    "MatMul": {"T", "transpose_a", "transpose_b"},
}


def recognises(path: Path) -> bool:
    """Whether this is a TensorFlow.js model whose ``model.json`` holds a graph."""
    if not tfjs.recognises(path):
        return False
    try:
        return tfjs.is_graph_model(tfjs.opened(path)[2])
    except CheckpointError:
        return False


def read(path: Path) -> Checkpoint:
    """Read a graph model.

    Args:
        path: the folder, or its ``model.json``.

    Returns:
        The checkpoint; its path is the folder, its program the graph, its tensors the float
        constants under the names of their nodes.

    Raises:
        UnsafeCheckpoint: it has operations that are not on the list, or a shard outside its folder.
        CorruptCheckpoint: constants and weights do not agree, or the graph is none.
        CheckpointError: it does not take one picture, or does not give one row of scores.
    """
    folder, where, model = tfjs.opened(path)
    try:
        graph = _parsed(model["modelTopology"], where)
        found = list(tfjs_weights.tensors(model["weightsManifest"], folder, where))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptCheckpoint(
            f"{where} is no sound graph model", got=f"{type(error).__name__}: {error}"
        ) from error
    weights = dict(found)
    if len(weights) < len(found):
        raise CorruptCheckpoint(f"{where} lists a tensor twice")
    _check_operations(graph, where)
    _drop_control_inputs(graph)
    _check_order(graph, where)
    _fill(graph, weights, where)
    program = _program(_unfused(graph, where), where)
    floats = {name: tensor for name, tensor in weights.items() if tensor.dtype.kind == "f"}
    return Checkpoint(folder, "tfjs_graph", floats, program=program)


def _parsed(topology: Mapping[str, Any], where: str) -> Any:
    from google.protobuf import json_format
    from tensorflow.core.framework import graph_pb2

    try:
        return json_format.ParseDict(topology, graph_pb2.GraphDef())
    except (json_format.ParseError, RecursionError) as error:
        raise CorruptCheckpoint(f"{where} holds no graph", got=str(error)) from error


def _check_operations(graph: Any, where: str) -> None:
    found = sorted({node.op for node in graph.node} - ALLOWED - FUSED.keys())
    functions = [function.signature.name for function in graph.library.function]
    trained = [
        node.name
        for node in graph.node
        if node.op.startswith("FusedBatchNorm")
        and not ("is_training" in node.attr and node.attr["is_training"].b is False)
    ]
    if found or functions or trained:
        raise UnsafeCheckpoint(
            f"{where} was refused; nothing of it was run",
            got=at_most(
                [f"operation {name}" for name in found]
                + [f"function {name}" for name in functions]
                + [f"{name} normalises by the batch" for name in trained]
            ),
            expected="operations of a classifier that is done learning, such as Conv2D and MatMul",
        )


def _drop_control_inputs(graph: Any) -> None:
    """They say what is to be done first; operations that do nothing but compute need none."""
    for node in graph.node:
        node.input[:] = [given for given in node.input if not given.startswith("^")]


def _check_order(graph: Any, where: str) -> None:
    """That names are unique, and that every node can be computed from others before it."""
    names = {node.name for node in graph.node}
    if len(names) < len(graph.node):
        raise CorruptCheckpoint(f"two nodes of {where} have one name")
    waiting = {node.name: {_node(given) for given in node.input} for node in graph.node}
    missing = sorted(set().union(*waiting.values()) - names) if waiting else []
    if missing:
        raise CorruptCheckpoint(f"nodes of {where} are missing", got=at_most(missing))
    try:
        TopologicalSorter(waiting).prepare()
    except CycleError as error:
        raise CorruptCheckpoint(
            f"nodes of {where} wait for each other", got=at_most(error.args[1])
        ) from error


def _node(given: str) -> str:
    """The node that an input is a result of: ``name``, ``name:1``."""
    return given.partition(":")[0]


def _fill(graph: Any, weights: Tensors, where: str) -> None:
    """Give every constant its value."""
    import tensorflow as tf

    constants = {node.name: node for node in graph.node if node.op == "Const"}
    if constants.keys() != weights.keys():
        raise CorruptCheckpoint(
            f"{where} does not hold the weights of its own graph",
            got=at_most(sorted(weights.keys() - constants.keys())) or "nothing else",
            expected=at_most(sorted(constants.keys() - weights.keys())) or "nothing else",
        )
    for name, node in constants.items():
        declared = node.attr["value"].tensor
        shape = tuple(side.size for side in declared.tensor_shape.dim)
        filled = tf.make_tensor_proto(weights[name])
        if shape != weights[name].shape or declared.dtype != filled.dtype:
            raise CorruptCheckpoint(
                f"a constant of {where} is not as its graph says",
                got=f"{name} {weights[name].shape} of {weights[name].dtype}",
                expected=f"{shape} of {tf.dtypes.as_dtype(declared.dtype or 1).name}",
            )
        declared.CopyFrom(filled)


def _unfused(graph: Any, where: str) -> Any:
    """The graph with every fused operation as the chain that it stands for."""
    plain = type(graph)()
    plain.versions.CopyFrom(graph.versions)
    for node in graph.node:
        plain.node.extend(_chain(node, where) if node.op in FUSED else [node])
    for node in plain.node:
        node.ClearField("device")
    return plain


def _chain(node: Any, where: str) -> Iterator[Any]:
    """Operation, bias and activation; the last one has the fused one's name."""
    fused = [name.decode(errors="replace") for name in node.attr["fused_ops"].list.s]
    if len(node.input) != 3 or fused[:1] != ["BiasAdd"] or not _ACTIVATIONS.issuperset(fused[1:]):
        raise CheckpointError(
            f"{where} fuses what cannot be taken apart",
            got=f"{node.op} with {len(node.input)} inputs, {' and '.join(fused) or 'nothing'}",
            expected="a bias, and one of " + ", ".join(sorted(_ACTIVATIONS)),
        )
    operation = FUSED[node.op]
    names = [f"{node.name}/{operation}", *(f"{node.name}/{name}" for name in fused)]
    names[-1] = node.name
    source, kernel, bias = node.input
    first = type(node)(name=names[0], op=operation, input=[source, kernel])
    for key in _OWN_ATTRIBUTES[operation] & set(node.attr):
        first.attr[key].CopyFrom(node.attr[key])
    yield first
    for before, name, kind in zip(names, names[1:], fused, strict=False):
        step = type(node)(name=name, op=kind, input=[before, bias][: 2 if kind == "BiasAdd" else 1])
        step.attr["T"].CopyFrom(node.attr["T"])
        if kind == "BiasAdd" and "data_format" in node.attr:
            step.attr["data_format"].CopyFrom(node.attr["data_format"])
        yield step


def _program(graph: Any, where: str) -> GraphProgram:
    """The graph with its one input and one output, once tensorflow agrees that it is a graph."""
    import tensorflow as tf

    read_from = {_node(given) for node in graph.node for given in node.input}
    inputs = [node.name for node in graph.node if node.op == "Placeholder"]
    outputs = [n.name for n in graph.node if n.name not in read_from and n.op != "Const"]
    if len(inputs) != 1 or len(outputs) != 1:
        raise CheckpointError(
            f"{where} is no classifier of one picture",
            got=f"inputs {', '.join(inputs) or 'none'}; outputs {', '.join(outputs) or 'none'}",
            expected="one of each",
        )
    program = GraphProgram(graph, f"{inputs[0]}:0", f"{outputs[0]}:0")
    try:
        with tf.Graph().as_default():
            given, scores = tf.graph_util.import_graph_def(
                graph, name="", return_elements=[program.input_name, program.output_name]
            )
    except Exception as error:  # tensorflow raises all sorts for graphs that do not fit
        raise CorruptCheckpoint(
            f"the graph of {where} cannot be built", got=str(error).splitlines()[:3]
        ) from error
    pictures = given.shape.rank == 4 and given.shape[3] == 3 and given.dtype == tf.float32
    if not pictures or scores.shape.rank != 2 or scores.dtype != tf.float32:
        raise CheckpointError(
            f"{where} is no classifier of pictures",
            got=f"{given.shape} of {given.dtype.name} to {scores.shape} of {scores.dtype.name}",
            expected="(N, height, width, 3) to (N, labels), float32",
        )
    return program
