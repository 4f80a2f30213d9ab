"""``conv`` and ``conv_transpose``."""

from __future__ import annotations

from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations.operations import translation
from edgeconv.runtimes.coreml_reference.onnx_operations.padding import given, padding_attributes


@translation("conv")
def conv(
    graph: OnnxGraph,
    x: OnnxTensor,
    weight: OnnxTensor,
    bias: OnnxTensor | None = None,
    *,
    strides: tuple[int, ...] = (),
    pad_type: str = "valid",
    pad: tuple[int, ...] = (),
    dilations: tuple[int, ...] = (),
    groups: int = 1,
) -> OnnxTensor:
    return graph.node(
        "Conv",
        x,
        weight,
        bias,
        group=groups,
        **given(strides=strides, dilations=dilations),
        **padding_attributes(pad_type, pad),
    )


@translation("conv_transpose")
def conv_transpose(
    graph: OnnxGraph,
    x: OnnxTensor,
    weight: OnnxTensor,
    bias: OnnxTensor | None = None,
    *,
    pad: tuple[int, ...] = (),
    output_shape: tuple[int, ...] = (),
    pad_type: str = "valid",
    strides: tuple[int, ...] = (),
    dilations: tuple[int, ...] = (),
    groups: int = 1,
) -> OnnxTensor:
    padding = padding_attributes(pad_type, pad)
    wanted = list(output_shape[2:])
    if wanted and pad_type != "same":
        # ONNX would spread the difference over both ends; MIL adds it at the end
        padding = {"pads": padding.get("pads", [0, 0] * len(wanted))}
        starts = padding["pads"][: len(wanted)]
        sizes, kernel = graph.sizes(x)[2:], graph.sizes(weight)[2:]
        steps = strides or (1,) * len(wanted)
        spread = dilations or (1,) * len(wanted)
        full = [
            (size - 1) * step + (k - 1) * dilation + 1
            for size, step, k, dilation in zip(sizes, steps, kernel, spread, strict=True)
        ]
        ends = [f - low - w for f, low, w in zip(full, starts, wanted, strict=True)]
        padding["pads"] = [*starts, *(max(end, 0) for end in ends)]
        padding["output_padding"] = [max(-end, 0) for end in ends]
    elif wanted:
        padding["output_shape"] = wanted
    return graph.node(
        "ConvTranspose",
        x,
        weight,
        bias,
        group=groups,
        **given(strides=strides, dilations=dilations),
        **padding,
    )
