"""Which layers a model has and how they are wired, as plain data; and the model made of it.

Nested models are laid flat, so every layer stands under a name of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from edgeconv.errors import CheckpointMismatch, CorruptCheckpoint, EdgeconvError

if TYPE_CHECKING:
    import tf_keras

Tree: TypeAlias = "tuple[tuple[str, str | Tree], ...]"
"""The nesting a model was saved with: (class, flat layer name) or (class, nested model)."""

_LARGEST_ACTIVATION = 2**28


@dataclass(frozen=True)
class Layer:
    """One layer: its class, on the list of plain ones, and the options it is built with."""

    kind: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One use of a layer. ``inputs`` count earlier results: 0 is the model's input, 1 the first
    call's result, and so on."""

    layer: str
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Topology:
    """A checked model configuration.

    ``input_shape`` is (height, width, channels), None where any will do. ``output`` counts results
    as :class:`Call` does. ``models`` are the names of the model and of those nested in it.
    """

    input_name: str
    input_shape: tuple[int | None, int | None, int | None]
    layers: Mapping[str, Layer]
    calls: tuple[Call, ...]
    output: int
    tree: Tree
    models: frozenset[str]

    @property
    def last_layer(self) -> Layer:
        """The layer that gives the output."""
        return self.layers[self.calls[self.output - 1].layer]

    def tensor_name(self, path: str) -> str:
        """``layer/weight`` for a path under which Keras keeps a weight.

        Scopes of the models around the layer are taken off, as long as no layer has that name.
        """
        layer, _, weight = path.rpartition("/")
        while layer not in self.layers and layer.partition("/")[0] in self.models:
            layer = layer.partition("/")[2]
        if weight == "kernel" and layer in self.layers:
            # Keras 3 says kernel where Keras 2 says depthwise_kernel.
            depthwise = self.layers[layer].kind == "DepthwiseConv2D"
            weight = "depthwise_kernel" if depthwise else weight
        return f"{layer}/{weight}"


def build(
    topology: Topology, size: tuple[int, int], name: str, weight_values: int, where: str
) -> tf_keras.Model:
    """A flat functional model, its weights still to be set.

    Args:
        topology: the checked configuration.
        size: (height, width) of the input.
        name: the model's name.
        weight_values: how many numbers the checkpoint holds; no layer may ask for more.
        where: the checkpoint, for the errors.

    Returns:
        A model from float32 (N, height, width, 3) to whatever its last layer gives.

    Raises:
        CheckpointMismatch: the configuration is for another input size, or for more weights than
            the checkpoint holds.
        CorruptCheckpoint: layers that do not fit each other.
    """
    import tf_keras

    _check_input(topology, size, where)
    results = [tf_keras.Input((*size, 3), name=topology.input_name)]
    layers: dict[str, Any] = {}
    for call in topology.calls:
        inputs = [results[index] for index in call.inputs]
        layer = topology.layers[call.layer]
        try:
            _check_weight_count(call.layer, layer, inputs[0].shape, weight_values, where)
            if call.layer not in layers:
                layer_class = getattr(tf_keras.layers, layer.kind)
                layers[call.layer] = layer_class(name=call.layer, **layer.options)
            result = layers[call.layer](inputs if len(inputs) > 1 else inputs[0])
        except EdgeconvError:
            raise
        except Exception as error:  # tf_keras raises all sorts for options that do not fit
            raise CorruptCheckpoint(
                f"layer {call.layer!r} ({layer.kind}) of {where} cannot be built",
                got=str(error).splitlines()[:3],
            ) from error
        if math.prod(side or 1 for side in result.shape) > _LARGEST_ACTIVATION:
            raise CorruptCheckpoint(
                f"layer {call.layer!r} ({layer.kind}) of {where} gives an absurdly large result",
                got=str(tuple(result.shape)),
            )
        results.append(result)
    return tf_keras.Model(results[0], results[topology.output], name=name)


def _check_input(topology: Topology, size: tuple[int, int], where: str) -> None:
    wanted = (*size, 3)
    if any(own not in {None, side} for own, side in zip(topology.input_shape, wanted, strict=True)):
        raise CheckpointMismatch(
            f"{where} is a model for another input",
            got=" x ".join(map(str, topology.input_shape)),
            expected=" x ".join(map(str, wanted)),
            do="state the checkpoint's own size under [input] in the model's TOML",
        )


def _check_weight_count(
    name: str, layer: Layer, shape: tuple[int | None, ...], available: int, where: str
) -> None:
    """Refuse a layer before tensorflow allocates what the checkpoint cannot fill."""
    options = layer.options
    channels = shape[-1] or 1
    area = math.prod(_as_list(options.get("kernel_size", 1), 2))
    multiplier = options.get("depth_multiplier", 1)
    units = options.get("units", options.get("filters", 1))
    if layer.kind in {"Dense", "Conv2D"}:
        count = area * channels * units // max(1, options.get("groups", 1))
    elif layer.kind in {"DepthwiseConv2D", "SeparableConv2D"}:
        count = channels * multiplier * max(area, units)
    elif layer.kind == "PReLU":
        shared = options.get("shared_axes") or []
        count = math.prod(side or 1 for axis, side in enumerate(shape) if axis not in shared)
    else:
        count = channels if layer.kind.endswith("Normalization") else 0
    if count > available:
        raise CheckpointMismatch(
            f"{where} does not hold the weights of its own layer {name!r} ({layer.kind})",
            got=f"{available:,} numbers in all",
            expected=f"at least {count:,}",
        )


def _as_list(value: Any, length: int) -> list[Any]:
    return list(value) if isinstance(value, list) else [value] * length
