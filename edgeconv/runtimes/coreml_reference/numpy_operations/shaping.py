"""Shapes, axes and copies (``tensor_transformation.py``, ``tensor_operation.py``)."""

# numpy gives Any for arithmetic on arrays of any element type
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.numpy_operations.operations import operation
from edgeconv.runtimes.coreml_reference.registry import UnknownValue


@operation("reshape")
def reshape(x: Array, shape: Array) -> Array:
    """A 0 in ``shape`` keeps the size of its axis, counted from the right, or is 1 where there is
    no such axis; a -1 takes what is left."""
    sizes = [int(size) for size in shape]
    for from_right in range(1, len(sizes) + 1):
        if sizes[-from_right] == 0:
            sizes[-from_right] = x.shape[-from_right] if from_right <= x.ndim else 1
    return x.reshape(sizes)


@operation("flatten2d")
def flatten2d(x: Array, *, axis: int = 1) -> Array:
    """Two axes: what stands before ``axis``, and the rest."""
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


@operation("transpose")
def transpose(x: Array, *, perm: tuple[int, ...]) -> Array:
    """Axis ``i`` of the result is axis ``perm[i]`` of ``x``."""
    return x.transpose(perm)


@operation("expand_dims")
def expand_dims(x: Array, *, axes: tuple[int, ...]) -> Array:
    """New axes of size one at the places ``axes`` of the result."""
    return np.expand_dims(x, axes)


@operation("squeeze")
def squeeze(x: Array, *, axes: tuple[int, ...] | None = None) -> Array:
    """Without ``axes`` all axes of size one go."""
    return x.squeeze(axes)


@operation("shape")
def shape(x: Array) -> Array:
    """The sizes of ``x``, as int32."""
    return np.array(x.shape, np.int32)


@operation("concat")
def concat(*values: Array, axis: int, interleave: bool = False) -> Array:
    """Joined end to end, or, interleaved, one slice of each in turn."""
    if not interleave:
        return np.concatenate(values, axis)
    along = axis % values[0].ndim
    sizes = list(values[0].shape)
    sizes[along] *= len(values)
    return np.stack(values, along + 1).reshape(sizes)


@operation("stack")
def stack(*values: Array, axis: int) -> Array:
    """Joined along a new axis."""
    return np.stack(values, axis)


@operation("split")
def split(
    x: Array, *, axis: int, num_splits: int = 0, split_sizes: tuple[int, ...] = ()
) -> tuple[Array, ...]:
    """Parts of ``split_sizes``, or ``num_splits`` equal ones."""
    if not split_sizes:
        return tuple(np.split(x, num_splits, axis))
    if sum(split_sizes) != x.shape[axis]:
        raise ValueError(f"split sizes {split_sizes} of an axis of {x.shape[axis]}")
    return tuple(np.split(x, np.cumsum(split_sizes)[:-1], axis))


@operation("tile")
def tile(x: Array, *, reps: tuple[int, ...]) -> Array:
    """``x`` repeated along each axis."""
    return np.tile(x, reps)


@operation("reverse")
def reverse(x: Array, *, axes: tuple[int, ...] | None = None) -> Array:
    """Back to front along ``axes``, or along all."""
    return np.flip(x, axes)


@operation("pad")
def pad(
    x: Array, *, pad: tuple[int, ...], mode: str = "constant", constant_val: float = 0.0
) -> Array:
    """``pad`` holds before and after of the last ``len(pad) / 2`` axes."""
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}
    if mode not in modes:
        raise UnknownValue("mode", mode, *modes)
    if len(pad) % 2 or len(pad) > 2 * x.ndim or min(pad, default=0) < 0:
        raise ValueError(f"pad {pad} for a tensor of rank {x.ndim}")
    amounts = [(0, 0)] * (x.ndim - len(pad) // 2) + list(zip(pad[0::2], pad[1::2], strict=True))
    if mode == "constant":
        return np.pad(x, amounts, constant_values=constant_val)
    return np.pad(x, amounts, modes[mode])  # type: ignore[call-overload]


@operation("fill")
def fill(*, shape: tuple[int, ...], value: float = 0.0) -> Array:
    """``value`` everywhere."""
    return np.full(shape, value, np.int32 if isinstance(value, int) else np.float32)


@operation("fill_like")
def fill_like(ref_tensor: Array, *, value: float = 0.0) -> Array:
    """``value`` everywhere, in the shape of ``ref_tensor``."""
    return fill(shape=ref_tensor.shape, value=value)


@operation("depth_to_space")
def depth_to_space(x: Array, *, block_size: int) -> Array:
    """``(N, C * b * b, H, W)`` to ``(N, C, H * b, W * b)``; the block comes before the channel."""
    n, depth, h, w = x.shape
    b = block_size
    blocks = x.reshape(n, b, b, depth // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2)
    return blocks.reshape(n, depth // (b * b), h * b, w * b)


@operation("space_to_depth")
def space_to_depth(x: Array, *, block_size: int) -> Array:
    """The inverse of ``depth_to_space``."""
    n, c, h, w = x.shape
    b = block_size
    blocks = x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4)
    return blocks.reshape(n, c * b * b, h // b, w // b)


@operation("pixel_shuffle")
def pixel_shuffle(x: Array, *, upscale_factor: int) -> Array:
    """``(N, C * r * r, H, W)`` to ``(N, C, H * r, W * r)``; the channel comes before the block."""
    n, depth, h, w = x.shape
    r = upscale_factor
    blocks = x.reshape(n, depth // (r * r), r, r, h, w).transpose(0, 1, 4, 2, 5, 3)
    return blocks.reshape(n, depth // (r * r), h * r, w * r)


@operation("pixel_unshuffle")
def pixel_unshuffle(x: Array, *, downscale_factor: int) -> Array:
    """The inverse of ``pixel_shuffle``."""
    n, c, h, w = x.shape
    r = downscale_factor
    blocks = x.reshape(n, c, h // r, r, w // r, r).transpose(0, 1, 3, 5, 2, 4)
    return blocks.reshape(n, c * r * r, h // r, w // r)
