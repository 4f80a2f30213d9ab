"""TensorBundle, in which tensorflow keeps variables: ``variables.index`` and one data shard.

The index is a table in LevelDB's format (``sstable``): blocks of sorted keys, each key without what
it shares with the one before it. A key is a variable's path in the saved object, its value a
``BundleEntryProto`` that says where in the shard the tensor lies. Read here without tensorflow's
own reader, which takes paths and aborts the process on some damaged files.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import CorruptCheckpoint

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_BLOCK_TRAILER = 5
_HEADER_KEY = b""
_OBJECT_GRAPH = b"_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"


class TensorBundle:
    """The float32 variables of a bundle, by the names that the graph gives them.

    Args:
        index: the bytes of ``variables.index``.
        data: the bytes of ``variables.data-00000-of-00001``.
        where: the checkpoint, for the errors.

    Raises:
        CorruptCheckpoint: damaged, or in several shards; also when a variable is asked for that is
            damaged.
    """

    def __init__(self, index: bytes, data: bytes, where: str) -> None:
        from google.protobuf.message import DecodeError
        from tensorflow.core.protobuf import tensor_bundle_pb2

        self._data = data
        self._where = where
        try:
            table = dict(_entries_of_table(index))
            header = tensor_bundle_pb2.BundleHeaderProto.FromString(table.pop(_HEADER_KEY))
            if header.num_shards != 1 or header.endianness != header.LITTLE:
                raise ValueError(f"{header.num_shards} shards, endianness {header.endianness}")
            self._entries = {
                key: tensor_bundle_pb2.BundleEntryProto.FromString(value)
                for key, value in table.items()
            }
            self._keys = self._keys_by_name()
        except (ValueError, KeyError, IndexError, struct.error, DecodeError) as error:
            raise self._corrupt(str(error)) from error

    def variable(self, name: str) -> NDArray[np.float32]:
        """The value of the variable that the graph calls ``name``."""
        from tensorflow.core.framework import types_pb2

        if name not in self._keys:
            raise self._corrupt(f"no variable {name!r}")
        entry = self._entries[self._keys[name]]
        shape = tuple(side.size for side in entry.shape.dim)
        if entry.dtype != types_pb2.DT_FLOAT or min(shape, default=0) < 0:
            raise self._corrupt(f"{name} is no float32 tensor: {shape}")
        if entry.size != 4 * math.prod(shape):
            raise self._corrupt(f"{name} {shape} has {entry.size:,} bytes")
        stored = self._bytes(entry)
        if not _fits(stored, entry.crc32c):
            raise self._corrupt(f"{name} does not have its checksum")
        return np.frombuffer(stored, "<f4").reshape(shape)

    def _keys_by_name(self) -> dict[str, bytes]:
        """The graph's names of variables, as the saved object lists them, to keys of the index."""
        from tensorflow.core.protobuf import trackable_object_graph_pb2

        entry = self._entries[_OBJECT_GRAPH]
        stored = self._bytes(entry)
        length, start = _varint(stored, 0)
        # What is checked has the length in four bytes, whatever it takes in the file.
        checked = struct.pack("<I", length) + stored[start:]
        start += 4  # a checksum of the length alone
        if len(stored) != start + length or not _fits(checked, entry.crc32c):
            raise ValueError("the object graph is damaged")
        graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(stored[start:])
        return {
            attribute.full_name: attribute.checkpoint_key.encode()
            for node in graph.nodes
            for attribute in node.attributes
            if attribute.name == _VALUE and attribute.checkpoint_key.encode() in self._entries
        }

    def _bytes(self, entry: Any) -> bytes:
        stored = self._data[entry.offset : entry.offset + entry.size]
        if entry.offset < 0 or entry.shard_id or len(stored) != entry.size:
            raise self._corrupt(f"{entry.size:,} bytes at {entry.offset:,} lie outside the data")
        return stored

    def _corrupt(self, found: str) -> CorruptCheckpoint:
        return CorruptCheckpoint(
            f"the variables of {self._where} are damaged",
            got=found,
            do="it may be truncated: copy or download it again",
        )


def _entries_of_table(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a whole table, in order."""
    footer = table[-_FOOTER:]
    if len(footer) != _FOOTER or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("the index does not end as an index does")
    _, place = _block_handle(footer, 0)
    index, _ = _block_handle(footer, place)
    for _, handle in _entries_of_block(_block(table, *index)):
        yield from _entries_of_block(_block(table, *_block_handle(handle, 0)[0]))


def _block_handle(data: bytes, place: int) -> tuple[tuple[int, int], int]:
    """((offset, size) of a block, where the next one begins)."""
    offset, place = _varint(data, place)
    size, place = _varint(data, place)
    return (offset, size), place


def _block(table: bytes, offset: int, size: int) -> bytes:
    whole = table[offset : offset + size + _BLOCK_TRAILER]
    if len(whole) != size + _BLOCK_TRAILER:
        raise ValueError("a block lies outside the index")
    if whole[size] != 0:
        raise ValueError("the index is compressed")
    if not _fits(whole[:-4], struct.unpack("<I", whole[-4:])[0]):
        raise ValueError("a block of the index does not have its checksum")
    return whole[:size]


def _entries_of_block(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    (restarts,) = struct.unpack("<I", block[-4:])
    place, end, key = 0, len(block) - 4 * (restarts + 1), b""
    while place < end:
        shared, place = _varint(block, place)
        rest, place = _varint(block, place)
        length, place = _varint(block, place)
        if shared > len(key) or place + rest + length > end:
            raise ValueError("an entry of the index is cut off")
        key = key[:shared] + block[place : place + rest]
        place += rest + length
        yield key, block[place - length : place]


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """(the number, where it ends)."""
    number = 0
    for shift in range(0, 64, 7):
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise ValueError("a number of more than 64 bits")


@cache
def _crc_table() -> list[int]:
    """CRC-32C, the Castagnoli polynomial, bit by bit for each byte."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)  # noqa: PLW2901
        table.append(byte)
    return table


def _fits(data: bytes, masked: int) -> bool:
    """Whether data have a checksum, which LevelDB stores masked."""
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF == masked
