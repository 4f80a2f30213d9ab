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
    padding = padding_attributes(pad_type, pad)
    if "auto_pad" in padding and pad_type != "valid" and max(dilations, default=1) > 1:
        # ONNX Runtime refuses automatic padding of dilated kernels
        sizes, kernel = graph.sizes(x)[2:], graph.sizes(weight)[2:]
        padding = {"pads": _same_pads(pad_type, sizes, kernel, strides, dilations)}
    return graph.node(
        "Conv",
        x,
        weight,
        bias,
        group=groups,
        **given(strides=strides, dilations=dilations),
        **padding,
    )


def _same_pads(
    pad_type: str,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> list[int]:
    """All starts, then all ends, for ``ceil(size / stride)`` outputs along each axis."""
    totals = [
        max((-(-size // stride) - 1) * stride + (k - 1) * dilation + 1 - size, 0)
        for size, k, stride, dilation in zip(
            sizes, kernel, strides or (1,) * len(sizes), dilations, strict=True
        )
    ]
    smaller, larger = [total // 2 for total in totals], [(total + 1) // 2 for total in totals]
    return [*smaller, *larger] if pad_type == "same" else [*larger, *smaller]


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
