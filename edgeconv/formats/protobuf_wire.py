"""The wire format of protocol buffers, for messages too large to hold in memory twice.

Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5

_FIXED_SIZES = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT = 10

Buffer: TypeAlias = "bytes | memoryview"
"""Where a message lies: in memory, or in a file that is mapped into it."""


@dataclass(frozen=True)
class Field:
    """One field of a message: ``buffer[start:end]`` with its tag, ``buffer[payload:end]`` without.

    The payload of a length-delimited field is its content.
    """

    number: int
    wire_type: int
    start: int
    payload: int
    end: int

    def of(self, buffer: Buffer) -> bytes:
        """The whole field."""
        return bytes(buffer[self.start : self.end])


def fields(buffer: Buffer, start: int, end: int) -> Iterator[Field]:
    """The fields of the message in ``buffer[start:end]``, in order; payloads are not looked at.

    Raises:
        ValueError: this is no message.
    """
    while start < end:
        tag, payload = _varint(buffer, start, end)
        wire_type = tag & 7
        if wire_type == VARINT:
            _, stop = _varint(buffer, payload, end)
        elif wire_type == LENGTH_DELIMITED:
            length, payload = _varint(buffer, payload, end)
            stop = payload + length
        elif wire_type in _FIXED_SIZES:
            stop = payload + _FIXED_SIZES[wire_type]
        else:
            raise ValueError(f"unknown wire type {wire_type} at byte {start}")
        if stop > end or tag >> 3 == 0:
            raise ValueError(f"a field at byte {start} reaches beyond its message")
        yield Field(tag >> 3, wire_type, start, payload, stop)
        start = stop


def header(number: int, length: int) -> bytes:
    """Tag and length of a length-delimited field."""
    return _as_varint(number << 3 | LENGTH_DELIMITED) + _as_varint(length)


def _varint(buffer: Buffer, start: int, end: int) -> tuple[int, int]:
    """The number that begins at ``start``, and where the next byte is."""
    value = 0
    for place in range(start, min(end, start + _LONGEST_VARINT)):
        byte = buffer[place]
        value |= (byte & 0x7F) << 7 * (place - start)
        if byte < 0x80:
            return value, place + 1
    raise ValueError(f"a number at byte {start} does not end")


def _as_varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
