"""The plain Keras layers a checkpoint may use, and the options of each.

A layer or option that is not listed here is refused. What matters only to training
(initialisers, regularisers, constraints) is dropped, so that it cannot carry anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgeconv.errors import CorruptCheckpoint, UnsafeCheckpoint

_ACTIVATIONS = """
    linear relu relu6 sigmoid softmax tanh elu selu swish silu gelu softplus softsign exponential
    mish
"""
# Not hard_sigmoid: Keras 2 and Keras 3 mean different functions by it.
ACTIVATIONS = frozenset(_ACTIVATIONS.split())
_TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
_WITHOUT_EFFECT = """
    name trainable dtype autocast batch_input_shape batch_shape input_shape sparse ragged optional
    seed noise_shape fused synchronized renorm_clipping renorm_momentum
"""
_IGNORED = frozenset(_WITHOUT_EFFECT.split())
_WORDS = frozenset({"valid", "same", "nearest", "bilinear"})
_LARGEST_NUMBER = 2**24


@dataclass(frozen=True)
class PlainLayer:
    """What may be said about one class of layer.

    ``options`` are passed on to tf_keras, under another name where ``renamed`` says so. An option
    in ``fixed`` may only have that value: any other changes what the layer computes.
    """

    options: frozenset[str]
    fixed: Mapping[str, object] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)


def _plain(options: str = "", **fixed: object) -> PlainLayer:
    return PlainLayer(frozenset(options.split()), fixed)


PLAIN_LAYERS: Mapping[str, PlainLayer] = {
    "Conv2D": _plain(
        "filters kernel_size strides padding dilation_rate groups activation use_bias"
    ),
    "DepthwiseConv2D": _plain(
        "kernel_size strides padding depth_multiplier dilation_rate activation use_bias", groups=1
    ),
    "SeparableConv2D": _plain(
        "filters kernel_size strides padding depth_multiplier dilation_rate activation use_bias",
        groups=1,
    ),
    "Dense": _plain("units activation use_bias", quantization_config=None),
    "BatchNormalization": _plain(
        "axis momentum epsilon center scale", renorm=False, virtual_batch_size=None, adjustment=None
    ),
    "LayerNormalization": _plain("axis epsilon center scale", rms_scaling=False),
    "Activation": _plain("activation"),
    "ReLU": _plain("max_value negative_slope threshold"),
    "LeakyReLU": PlainLayer(
        frozenset({"alpha", "negative_slope"}), renamed={"negative_slope": "alpha"}
    ),
    "PReLU": _plain("shared_axes"),
    "ELU": _plain("alpha"),
    "Softmax": _plain("axis"),
    "MaxPooling2D": _plain("pool_size strides padding"),
    "AveragePooling2D": _plain("pool_size strides padding"),
    "GlobalAveragePooling2D": _plain("keepdims"),
    "GlobalMaxPooling2D": _plain("keepdims"),
    "Add": _plain(),
    "Subtract": _plain(),
    "Multiply": _plain(),
    "Average": _plain(),
    "Maximum": _plain(),
    "Minimum": _plain(),
    "Concatenate": _plain("axis"),
    "Flatten": _plain(),
    "Reshape": _plain("target_shape"),
    "Permute": _plain("dims"),
    "Dropout": _plain("rate"),
    "SpatialDropout2D": _plain("rate"),
    "GaussianNoise": _plain("stddev"),
    "GaussianDropout": _plain("rate"),
    "ZeroPadding2D": _plain("padding"),
    "Cropping2D": _plain("cropping"),
    "UpSampling2D": _plain("size interpolation"),
    "Rescaling": _plain("scale offset"),
}


def checked_options(kind: str, name: str, config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The options to build a layer with, each a plain value.

    Args:
        kind: the layer's class, one of :data:`PLAIN_LAYERS`.
        name: the layer's name, for the errors.
        config: what the checkpoint says about it.
        where: the checkpoint, for the errors.

    Raises:
        UnsafeCheckpoint: an activation that is not on the list, or any other object or function.
        CorruptCheckpoint: an option that the layer does not have, or whose value it cannot take.
    """
    layer = PLAIN_LAYERS[kind]
    options: dict[str, Any] = {}
    for option, value in config.items():
        if option in _IGNORED or option.endswith(_TRAINING_ONLY):
            continue
        if option in layer.options:
            check = _check_activation if option == "activation" else _check_value
            check(value, option, f"layer {name!r} ({kind}) of {where}")
            options[layer.renamed.get(option, option)] = value
        elif option == "data_format" and value in {"channels_last", None}:
            continue
        elif option not in layer.fixed or value != layer.fixed[option]:
            raise CorruptCheckpoint(
                f"layer {name!r} ({kind}) of {where} cannot be built",
                got=f"{option} = {value!r}",
                expected="only " + ", ".join(sorted(layer.options | layer.fixed.keys())),
            )
    return options


def _check_activation(value: object, option: str, owner: str) -> None:
    if value is not None and (not isinstance(value, str) or value not in ACTIVATIONS):
        raise UnsafeCheckpoint(
            f"{owner} has an activation that is no plain function; nothing was run",
            got=f"{option} = {_short(value)}",
            expected="one of " + ", ".join(sorted(ACTIVATIONS)),
        )


def _check_value(value: object, option: str, owner: str) -> None:
    if isinstance(value, dict):
        raise UnsafeCheckpoint(
            f"{owner} is given an object where a plain value belongs; nothing was run",
            got=f"{option} = {_short(value)}",
        )
    if isinstance(value, list):
        for item in value:
            _check_value(item, option, owner)
    elif isinstance(value, str):
        _require(value in _WORDS, value, option, owner)
    elif value is not None:
        sound = isinstance(value, (int, float)) and abs(value) <= _LARGEST_NUMBER
        _require(sound, value, option, owner)


def _require(sound: bool, value: object, option: str, owner: str) -> None:
    if not sound:
        raise CorruptCheckpoint(f"{owner} cannot be built", got=f"{option} = {_short(value)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
