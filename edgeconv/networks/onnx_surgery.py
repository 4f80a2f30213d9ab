"""Makes a stranger's ONNX graph ours: fixed shapes, our names, pixels in, scores out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints.onnx_program import Ending, OnnxProgram, quantised_operations
from edgeconv.errors import ConversionError
from edgeconv.formats.features import named_for_what_it_is
from edgeconv.formats.onnx_inspect import read_precision
from edgeconv.frozen import OUTPUT_NAME
from edgeconv.networks.onnx_batch_norm import fold_batch_norms
from edgeconv.networks.onnx_folding import drop_unread, fold_constants
from edgeconv.networks.onnx_opset import at_our_opset
from edgeconv.spec import ONE_LOGIT, Input, ModelSpec, OutputKind

INPUT_NAME = "image"

_ADDED = "edgeconv."
"""Begins the name of every tensor and node that is added here."""

Step: TypeAlias = "tuple[str, str | None, dict[str, Any]]"
"""An operation, its constant operand, and its attributes."""


def frozen(program: OnnxProgram, ending: Ending, spec: ModelSpec) -> Any:
    """The ``onnx.ModelProto`` that converters start from.

    Args:
        program: the file as it came; it is left as it is.
        ending: what its output is.
        spec: how pixels are normalised, and what the scores are.

    Returns:
        A model of one batch from ``image`` (1, 3, H, W), RGB 0..255, to ``scores`` (1, labels).

    Raises:
        ConversionError: the result is no valid ONNX.
    """
    import onnx

    model = _inlined(program.model)
    _strip(model)
    _name_nodes(model.graph)
    _rename(model.graph, _fresh_names(model.graph, program))
    given, found = f"{_ADDED}input", f"{_ADDED}output"
    pictures = spec.pictures
    body = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(_normalisation(model.graph, pictures, program.layout, given))
    model.graph.node.extend(body)
    model.graph.node.extend(_scores(model.graph, found, ending, spec.output.kind))
    _fix_shapes(model.graph, pictures.size, len(spec.labels))
    model = at_our_opset(model)
    if not quantised_operations(model):
        fold_constants(model)
        fold_batch_norms(model.graph)
    drop_unread(model.graph)
    model.ir_version = onnx.helper.find_min_ir_version_for(list(model.opset_import), True)
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # shape inference and the checker have no common error
        raise ConversionError(f"{program.where} cannot be frozen", got=str(error)) from error
    return model


def quantised_precision(model: Any) -> str | None:
    """``int8`` or ``dynamic``, whichever a quantised model already is; None for a float one."""
    if not quantised_operations(model):
        return None
    return named_for_what_it_is(read_precision(model, asked="")).asked


def refuse_quantised(model: Any, name: str, made: str) -> None:
    """For whatever rounds or translates weights: a quantised file has lost what that starts from.

    Args:
        model: the ``onnx.ModelProto`` that is to be converted.
        name: what it is called.
        made: what would be made of it, for the error.

    Raises:
        ConversionError: the graph is quantised already.
    """
    own = quantised_precision(model)
    if own is not None:
        raise ConversionError(
            f"{name} is quantised already, and cannot become {made}",
            got=", ".join(quantised_operations(model)),
            expected="a float32 file",
            do="give the float32 ONNX file it was made from; this one can be run, verified and "
            f"shipped as it is: --target onnx --precision {own}",
        )


def copy_of(model: Any) -> Any:
    """An independent copy of a ``ModelProto``."""
    made = type(model)()
    made.CopyFrom(model)
    return made


def float_tensors(model: Any) -> Iterator[Any]:
    """Every float32 ``TensorProto`` of a model: weights, and the values of Constant nodes."""
    import onnx

    tensors = [*model.graph.initializer]
    for node in model.graph.node:
        if node.op_type == "Constant":
            tensors += [a.t for a in node.attribute if a.type == onnx.AttributeProto.TENSOR]
    for tensor in tensors:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            yield tensor


def values_of(tensor: Any) -> NDArray[Any]:
    """The values of a ``TensorProto``."""
    import onnx

    return np.asarray(onnx.numpy_helper.to_array(tensor))


def set_values(tensor: Any, values: NDArray[Any]) -> None:
    """Give a ``TensorProto`` other values; its name stays."""
    import onnx

    tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))


def _inlined(model: Any) -> Any:
    """The model without local functions, which torch's exporter may leave."""
    import onnx

    return onnx.inliner.inline_local_functions(model) if model.functions else copy_of(model)


def _strip(model: Any) -> None:
    """Drop weights from the inputs, and all prose: exporters write stack traces into nodes."""
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:], graph.value_info[:], model.metadata_props[:], graph.metadata_props[:]
    graph.input.extend(inputs)
    model.doc_string = graph.doc_string = ""
    for holder in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        holder.doc_string = ""
        del holder.metadata_props[:]


def _name_nodes(graph: Any) -> None:
    for number, node in enumerate(graph.node):
        node.name = node.name or f"{node.op_type}_{number}"


def _fresh_names(graph: Any, program: OnnxProgram) -> dict[str, str]:
    """The graph's own input and output under names of ours, and ours out of the way of its own."""
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    names = {name: f"{name}.inner" for name in (INPUT_NAME, OUTPUT_NAME) if name in taken}
    return {
        **names,
        program.input_name: f"{_ADDED}input",
        program.output_name: f"{_ADDED}output",
    }


def _rename(graph: Any, names: dict[str, str]) -> None:
    """Rename tensors wherever they appear, in the bodies of branches and loops too."""
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(name, name) for name in values]
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                _rename(body, names)


def _normalisation(graph: Any, how: Input, layout: str, made: str) -> list[Any]:
    """``(p * scale - mean) / std`` from ``image``, leaving out what would do nothing."""
    mean, std = np.array(how.mean, np.float32), np.array(how.std, np.float32)
    scale = np.float32(how.scale)
    steps: list[tuple[str, NDArray[np.float32]]] = []
    if mean.any():
        steps = [("Mul", scale), ("Sub", mean), ("Div", std)]
    elif len(set(how.std)) > 1:
        steps = [("Mul", scale / std)]
    elif (factor := np.float32(how.scale / how.std[0])) != 1:
        steps = [("Mul", factor)]
    chain: list[Step] = [
        (operation, _constant(graph, f"normalise.{operation.lower()}", _per_channel(values)), {})
        for operation, values in steps
    ]
    if layout == "NHWC":
        chain.append(("Transpose", None, {"perm": [0, 2, 3, 1]}))
    return _chain(INPUT_NAME, chain or [("Identity", None, {})], made)


def _per_channel(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.reshape(1, 3, 1, 1) if values.size == 3 else values


def _scores(graph: Any, found: str, ending: Ending, kind: OutputKind) -> list[Any]:
    """From the graph's own output to ``scores``."""
    import onnx

    activation = {"softmax": "Softmax", "linear": None}.get(kind, "Sigmoid")
    chain: list[Step] = []
    if graph.output[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        chain.append(("Cast", None, {"to": onnx.TensorProto.FLOAT}))
    if ending == "logits" and activation is not None:
        chain.append((activation, None, {"axis": 1} if activation == "Softmax" else {}))
    if kind not in ONE_LOGIT:
        return _chain(found, chain or [("Identity", None, {})], OUTPUT_NAME)
    second, first = f"{_ADDED}second", f"{_ADDED}first"
    one = _constant(graph, "one", np.float32(1))
    return [
        *_chain(found, chain or [("Identity", None, {})], second),
        onnx.helper.make_node("Sub", [one, second], [first], f"{_ADDED}complement"),
        onnx.helper.make_node("Concat", [first, second], [OUTPUT_NAME], f"{_ADDED}both", axis=1),
    ]


def _chain(start: str, steps: Sequence[Step], end: str) -> list[Any]:
    """Nodes one after the other."""
    import onnx

    nodes, current = [], start
    for number, (operation, operand, attributes) in enumerate(steps, 1):
        made = end if number == len(steps) else f"{end}.{number}"
        inputs = [current] if operand is None else [current, operand]
        name = f"{_ADDED}{end.removeprefix(_ADDED)}.{operation.lower()}"
        nodes.append(onnx.helper.make_node(operation, inputs, [made], name, **attributes))
        current = made
    return nodes


def _constant(graph: Any, name: str, values: NDArray[Any]) -> str:
    import onnx

    tensor = onnx.numpy_helper.from_array(np.asarray(values, np.float32), f"{_ADDED}{name}")
    graph.initializer.append(tensor)
    return str(tensor.name)


def _fix_shapes(graph: Any, size: tuple[int, int], labels: int) -> None:
    import onnx

    shapes = {INPUT_NAME: (1, 3, *size), OUTPUT_NAME: (1, labels)}
    image, scores = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    del graph.input[:], graph.output[:]
    graph.input.append(image)
    graph.output.append(scores)
