"""``weight.bin``: the weights of an ML Program, as blobs behind 64-byte records.

The file starts with a 64-byte header (blob count, version). An operation names the offset of a
record; a record is magic, element type, size in bytes, offset of the data and the number of
padding bits at its end, all little-endian.
"""

from __future__ import annotations

import math
import mmap
import struct
from pathlib import Path

import numpy as np

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference.element_types import Array, ElementType
from edgeconv.runtimes.coreml_reference.packing import packed_size, unpack

_HEADER = struct.Struct("<II")
_RECORD = struct.Struct("<IIQQQ")
_RECORD_SIZE = 64
_MAGIC = 0xDEADBEEF
_VERSION = 2


class WeightFile:
    """The blobs of one ``weight.bin``, read on demand and checked against its bounds.

    Raises:
        ArtifactError: the file cannot be read, or is not a blob file of version 2.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                self._data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ArtifactError(f"cannot read the weights {path}", got=str(error)) from error
        if len(self._data) < _RECORD_SIZE:
            raise self._broken("its header", f"{len(self._data)} bytes", f"{_RECORD_SIZE} bytes")
        _, version = _HEADER.unpack_from(self._data)
        if version != _VERSION:
            raise self._broken("its header", f"version {version}", f"version {_VERSION}")

    def read(self, offset: int, element: ElementType, shape: tuple[int, ...], name: str) -> Array:
        """The values of the blob whose record lies at ``offset``.

        Args:
            offset: of the record, from the start of the file.
            element: the element type that the program declares.
            shape: the shape that the program declares.
            name: of the constant, for errors.

        Returns:
            ``shape``, in the type in which ``element`` is stored.

        Raises:
            ArtifactError: the record or its data leave the file, or are not what was declared.
        """
        size = len(self._data)
        place = f"the record at {offset} of {name}"
        if offset % _RECORD_SIZE or offset + _RECORD_SIZE > size:
            raise self._broken(place, f"offset {offset}", f"a multiple of 64 in a {size}-byte file")
        magic, blob_type, length, start, padding_bits = _RECORD.unpack_from(self._data, offset)
        if magic != _MAGIC:
            raise self._broken(place, f"magic {magic:#010x}", f"magic {_MAGIC:#010x}")
        encoding = element.encoding
        if blob_type != encoding.blob:
            raise self._broken(
                place, f"element type {blob_type}", f"{encoding.blob} ({element.value})"
            )
        count = math.prod(shape)
        wanted = packed_size(count, encoding.bits)
        if length != wanted:
            raise self._broken(
                place, f"{length} bytes", f"{wanted} bytes for {element.value}{list(shape)}"
            )
        if encoding.bits < 8 and padding_bits != length * 8 - count * encoding.bits:
            raise self._broken(
                place,
                f"{padding_bits} padding bits",
                f"{length * 8 - count * encoding.bits} after {count} values",
            )
        if start + length > size:
            raise self._broken(place, f"data up to {start + length}", f"a file of {size} bytes")
        data = self._data[start : start + length]
        if encoding.bits < 8:
            signed = encoding.stored.kind == "i"
            return unpack(data, encoding.bits, count, signed=signed).reshape(shape)
        return np.frombuffer(data, encoding.stored).reshape(shape)

    def _broken(self, place: str, got: str, expected: str) -> ArtifactError:
        return ArtifactError(
            f"{self.path} is damaged: {place}",
            got=got,
            expected=expected,
            do="export the model again, or copy the whole .mlpackage again",
        )
