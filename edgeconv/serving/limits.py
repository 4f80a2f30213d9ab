"""What a client may ask of the server."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from edgeconv.errors import UsageError

MEBIBYTE = 1 << 20
MEGAPIXEL = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Each is met by an answer of its own: 413, 422, 408 or 429.

    ``upload`` is in bytes of one request, ``pixels`` of one picture (or frame), ``files`` of one
    request. ``queue`` inputs wait or are judged at a time, fewer where they would wait for more
    than half of ``seconds``; all uploads together hold ``memory`` bytes. ``seconds`` are for a
    request's head, for its body, and for the answer, each; so long a connection may be idle, and
    an animation is judged for half of it.

    Raises:
        UsageError: one of them leaves no room for anything.
    """

    upload: int = 20 * MEBIBYTE
    pixels: int = 50 * MEGAPIXEL
    files: int = 32
    queue: int = 128
    memory: int = 256 * MEBIBYTE
    connections: int = 1000
    seconds: float = 30.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value <= 0:
                raise UsageError(f"no such limit: {name}", got=str(value), expected="more than 0")
