"""Values of fewer than eight bits, packed as ``weight.bin`` and palettised layers pack them."""

from __future__ import annotations

import numpy as np

from edgeconv.runtimes.coreml_reference.element_types import Array


def packed_size(count: int, bits: int) -> int:
    """Bytes that ``count`` values of ``bits`` bits take."""
    return (count * bits + 7) // 8


def unpack(data: bytes, bits: int, count: int, *, signed: bool = False) -> Array:
    """Values packed from the least significant bit of the first byte upwards.

    Args:
        data: at least ``packed_size(count, bits)`` bytes.
        bits: 1 to 8.
        count: how many values to read.
        signed: whether the values are in two's complement.

    Returns:
        ``(count,)`` uint8, or int8 where ``signed``.
    """
    octets = np.frombuffer(data, np.uint8, packed_size(count, bits))
    if bits == 8:
        return octets.view(np.int8 if signed else np.uint8)[:count]
    stream = np.unpackbits(octets, count=count * bits, bitorder="little").reshape(count, bits)
    values = np.packbits(stream, axis=1, bitorder="little")[:, 0]
    if not signed:
        return values
    unused = 8 - bits
    return (values << unused).view(np.int8) >> unused


def unpack_msb_first(data: bytes, bits: int, count: int) -> Array:
    """Values packed from the most significant bit of the first byte downwards.

    This is how ``WeightParams.rawValue`` of a NeuralNetwork packs quantised weights.

    Returns:
        ``(count,)`` uint8.
    """
    octets = np.frombuffer(data, np.uint8, packed_size(count, bits))
    stream = np.unpackbits(octets, count=count * bits).reshape(count, bits)
    padded = np.pad(stream, ((0, 0), (8 - bits, 0)))
    return np.packbits(padded, axis=1)[:, 0]
