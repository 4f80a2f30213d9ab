"""Compressed weights: the ``constexpr_*`` operations, decoded bit for bit as coremltools does.

Each function takes stored values under the parameter names of the operation's documentation
(``coremltools.converters.mil.mil.ops.defs.iOS16.constexpr_ops`` and ``iOS18.compression``) and
raises ``ValueError`` where they do not fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.packing import packed_size, unpack
from edgeconv.runtimes.coreml_reference.program import Constant

Decoder = Callable[..., "Array | tuple[Array, Array]"]

DECODERS: dict[str, Decoder] = {}
"""Decoder of each ``constexpr_*`` operation."""


def _decoder(function: Decoder) -> Decoder:
    DECODERS[f"constexpr_{function.__name__}"] = function
    return function


@_decoder
def cast(source_val: Array, output_dtype: Array) -> Array:
    """fp16 weights that the program computes with in fp32."""
    if str(output_dtype) != "fp32":
        raise ValueError(f"output_dtype {output_dtype}, only fp32 is known")
    return source_val.astype(np.float32)


@_decoder
def affine_dequantize(quantized_data: Array, zero_point: Array, scale: Array, axis: Array) -> Array:
    """``scale * (quantized_data - zero_point)``, in float32, rounded to the type of ``scale``."""
    along = _axis(axis, quantized_data.ndim)

    def aligned(parameter: Array) -> Array:
        if parameter.ndim == 0:
            return parameter
        if parameter.shape != (quantized_data.shape[along],):
            raise ValueError(f"{parameter.shape} parameters for {quantized_data.shape}[{along}]")
        return parameter.reshape([-1 if at == along else 1 for at in range(quantized_data.ndim)])

    centred = quantized_data.astype(np.float32) - aligned(zero_point).astype(np.float32)
    dense: Array = (centred * aligned(scale)).astype(scale.dtype)
    return dense


@_decoder
def blockwise_shift_scale(data: Array, scale: Array, offset: Array | None = None) -> Array:
    """``scale * (data - offset)``, one scale a block, computed in the type of ``scale``."""
    shifted = data.astype(scale.dtype)
    if offset is not None:
        if offset.shape != scale.shape:
            raise ValueError(f"offset {offset.shape} and scale {scale.shape}")
        shifted = shifted - _spread(offset, data.shape)
    dense: Array = (_spread(scale, data.shape) * shifted).astype(scale.dtype)
    return dense


@_decoder
def lut_to_dense(
    indices: Array, lut: Array, vector_axis: Array | None = None, shape: Array | None = None
) -> Array:
    """Palettised weights: each index is replaced by a value, or a vector, of its group's table.

    Until iOS 17 there is one table and the packed indices come with the ``shape`` of the result;
    from iOS 18 on ``lut`` is ``(*groups, palette, vector)`` and ``indices`` have their own shape.
    """
    if shape is not None:
        indices = _unpacked_indices(indices, lut, shape)
        lut = lut.reshape((1,) * indices.ndim + (-1, 1))
    if lut.ndim != indices.ndim + 2:
        raise ValueError(f"lut {lut.shape} for indices {indices.shape}")
    palette, vector = lut.shape[-2:]
    if indices.size and int(indices.max()) >= palette:
        raise ValueError(f"index {int(indices.max())} in a table of {palette}")
    groups = [
        np.arange(size) // _block(size, count)
        for size, count in zip(indices.shape, lut.shape[:-2], strict=True)
    ]
    index = (*np.ix_(*groups), indices)
    vectors: Array = lut[index]
    if vector == 1:
        scalars: Array = vectors[..., 0]
        return scalars
    if vector_axis is None:
        raise ValueError(f"vectors of {vector} without a vector_axis")
    along = _axis(vector_axis, indices.ndim)
    dense_shape = [size * (vector if at == along else 1) for at, size in enumerate(indices.shape)]
    dense: Array = np.moveaxis(vectors, -1, along + 1).reshape(dense_shape)
    return dense


@_decoder
def sparse_to_dense(nonzero_data: Array, mask: Array, shape: Array | None = None) -> Array:
    """Pruned weights: ``nonzero_data`` where the mask is set, zero elsewhere."""
    if shape is not None:
        sizes = tuple(int(size) for size in shape)
        count = int(np.prod(sizes, dtype=np.int64))
        if mask.size != packed_size(count, 1):
            raise ValueError(f"{mask.size} bytes of mask for {count} values")
        mask = unpack(mask.tobytes(), 1, count).reshape(sizes)
    chosen = mask != 0
    if nonzero_data.shape != (int(chosen.sum()),):
        raise ValueError(f"{nonzero_data.shape} values for {int(chosen.sum())} bits of mask")
    dense = np.zeros(mask.shape, nonzero_data.dtype)
    dense[chosen] = nonzero_data
    return dense


@_decoder
def lut_to_sparse(
    indices_mask: Array,
    indices_nonzero_data: Array,
    lut: Array,
    vector_axis: Array | None = None,
) -> tuple[Array, Array]:
    """Pruned and palettised weights; gives the mask and the values where it is set."""
    dense = lut_to_dense(sparse_to_dense(indices_nonzero_data, indices_mask), lut, vector_axis)
    mask = indices_mask
    if vector_axis is not None:
        mask = np.repeat(mask, lut.shape[-1], axis=_axis(vector_axis, mask.ndim))
    return mask, dense[mask != 0]


@_decoder
def sparse_blockwise_shift_scale(
    data_mask: Array, nonzero_data: Array, scale: Array, offset: Array | None = None
) -> tuple[Array, Array]:
    """Pruned and quantised weights; gives the mask and the values where it is set."""
    dense = blockwise_shift_scale(sparse_to_dense(nonzero_data, data_mask), scale, offset)
    return data_mask, dense[data_mask != 0]


def precision(kind: str, parts: Mapping[str, Constant]) -> str:
    """In what form the weights of a ``constexpr_*`` operation lie in the file, in words.

    Args:
        kind: the operation.
        parts: its constants, by parameter name.
    """
    if kind in {"constexpr_lut_to_dense", "constexpr_lut_to_sparse"}:
        # until iOS 17 the table is a vector; from iOS 18 on it ends in (palette, vector)
        sizes = parts["lut"].type.shape or (1,)
        palette = sizes[-2] if len(sizes) > 1 else sizes[0]
        return f"palettised {(palette or 1).bit_length() - 1} bit"
    data = parts[_DATA_PARAMETER[kind]].precision
    return f"sparse {data}" if kind == "constexpr_sparse_to_dense" else data


_DATA_PARAMETER = {
    "constexpr_cast": "source_val",
    "constexpr_affine_dequantize": "quantized_data",
    "constexpr_blockwise_shift_scale": "data",
    "constexpr_sparse_to_dense": "nonzero_data",
    "constexpr_sparse_blockwise_shift_scale": "nonzero_data",
}


def _unpacked_indices(indices: Array, lut: Array, shape: Array) -> Array:
    bits = int(lut.size).bit_length() - 1
    if lut.ndim != 1 or lut.size != 1 << bits or not 1 <= bits <= 8:
        raise ValueError(f"a table of {lut.size} values")
    sizes = tuple(int(size) for size in shape)
    count = int(np.prod(sizes, dtype=np.int64))
    if indices.size != packed_size(count, bits):
        raise ValueError(f"{indices.size} bytes of {bits}-bit indices for {count} values")
    return unpack(indices.tobytes(), bits, count).reshape(sizes)


def _spread(parameter: Array, shape: tuple[int, ...]) -> Array:
    """One parameter a block, repeated over the values of its block."""
    if parameter.ndim != len(shape):
        raise ValueError(f"parameters {parameter.shape} for data {shape}")
    for axis, size in enumerate(shape):
        parameter = np.repeat(parameter, _block(size, parameter.shape[axis]), axis)
    return parameter


def _block(size: int, count: int) -> int:
    if count == 0 or size % count:
        raise ValueError(f"{count} blocks along an axis of {size}")
    return size // count


def _axis(axis: Array, rank: int) -> int:
    number = int(axis)
    if not -rank <= number < rank:
        raise ValueError(f"axis {number} of a tensor of rank {rank}")
    return number % rank
