"""What ONNX pads and tensorflow does not: sides of their own, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from edgeconv.networks.onnx_to_tf.values import Untranslatable

Sides = tuple[tuple[int, int], tuple[int, int]]
"""(before, after) of height and of width."""


def sides(
    auto_pad: str,
    pads: Sequence[int] | None,
    size: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    *,
    ceil_mode: bool = False,
) -> Sides:
    """How many rows and columns stand before and after the picture.

    Args:
        auto_pad, pads: the attributes of the ONNX operation.
        size: height and width of the picture.
        window: height and width of the kernel, dilation counted in.
        strides: of height and width.
        ceil_mode: whether a last window may reach over the end, as pooling allows.
    """
    if auto_pad in {"SAME_UPPER", "SAME_LOWER"}:
        both = [_same(*along) for along in zip(size, window, strides, strict=True)]
        turned = both if auto_pad == "SAME_UPPER" else [(after, before) for before, after in both]
        return turned[0], turned[1]
    if auto_pad not in {"NOTSET", "VALID"}:
        raise Untranslatable(f"its auto_pad is {auto_pad}")
    given = [0, 0, 0, 0] if auto_pad == "VALID" or not pads else list(pads)
    rows, columns = (given[0], given[2]), (given[1], given[3])
    if ceil_mode:
        rows, columns = (
            _reaching(pad, *along)
            for pad, *along in zip((rows, columns), size, window, strides, strict=True)
        )
    return rows, columns


def scheme(
    padding: Sides, size: Sequence[int], window: Sequence[int], strides: Sequence[int]
) -> Literal["VALID", "SAME"] | None:
    """tensorflow's word for a padding, or None where it has none."""
    if padding == ((0, 0), (0, 0)):
        return "VALID"
    same = tuple(_same(*along) for along in zip(size, window, strides, strict=True))
    return "SAME" if padding == same else None


def _same(size: int, window: int, stride: int) -> tuple[int, int]:
    """What tensorflow's SAME pads: enough for ``ceil(size / stride)``, the odd one after."""
    total = max(0, (-(-size // stride) - 1) * stride + window - size)
    return total // 2, total - total // 2


def _reaching(pad: tuple[int, int], size: int, window: int, stride: int) -> tuple[int, int]:
    """The padding with which the last, partial window is a whole one.

    A window that would start behind the picture is left out, as ONNX and torch do.
    """
    before, after = pad
    reach = size + before + after - window
    steps = -(-reach // stride)
    if steps * stride >= size + before:
        steps -= 1
    return before, after + max(0, steps * stride - reach)
