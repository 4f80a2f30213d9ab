"""Clips and animations that tests make themselves, tiny, of patterns that the demo knows."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.generated import draw_pattern

SAFE, UNSAFE = "Dots", "Rings"

SEEDS = {SAFE: 5, UNSAFE: 0}
"""Of which the demo is sure; on other backgrounds, so that going from one to the other is a cut."""

SIZE = (64, 96)
"""Height and width."""

BLINKING = 6
"""Rows at the top, and columns at the left, of an animation's corner that blinks."""

RATE = 10
"""Frames a second."""

Parts = Iterable[tuple[str, float]]
"""What is shown, a label or a colour, and for how many seconds."""


def drawing(what: str, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """The pattern of a label, or a plain colour: RGB, (height, width, 3)."""
    if what.startswith("#"):
        return np.asarray(Image.new("RGB", size[::-1], what))
    return draw_pattern(what, 0.0, SEEDS[what], size)


def clip(
    parts: Parts,
    container: str = "mp4",
    codec: str = "libx264",
    *,
    size: tuple[int, int] = SIZE,
    pixel_format: str = "yuv420p",
    colours: int | None = None,
    options: dict[str, str] | None = None,
    title: str = "",
) -> bytes:
    """The content of a video file."""
    import av

    quiet = {"x264-params": "log-level=none"} if codec == "libx264" else {}
    quiet |= {"x265-params": "log-level=none"} if codec == "libx265" else {}
    folder = tempfile.TemporaryDirectory()
    place = Path(folder.name, "clip")  # faststart reads back what it wrote, by its name
    with folder, av.open(str(place), "w", format=container, options=options or {}) as file:
        file.metadata["title"] = title
        stream: Any = file.add_stream(codec, rate=RATE)
        stream.height, stream.width = size
        stream.pix_fmt = pixel_format
        stream.bit_rate = 2_000_000
        stream.options = quiet
        for what, seconds in parts:
            picture = drawing(what, size)
            for _ in range(round(seconds * RATE)):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                if colours is not None:
                    frame.colorspace = colours
                file.mux(stream.encode(frame))
        file.mux(stream.encode())
        file.close()
        return place.read_bytes()


def turned(mp4: bytes, a: int, b: int, c: int, d: int) -> bytes:
    """An MP4 whose track header has another display matrix, as phones write it."""
    place = mp4.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    matrix = list(struct.unpack_from(">9i", mp4, place))
    matrix[0], matrix[1], matrix[3], matrix[4] = (value << 16 for value in (a, b, c, d))
    return mp4[:place] + struct.pack(">9i", *matrix) + mp4[place + 36 :]


def animation(
    parts: Parts, file_format: str = "GIF", size: tuple[int, int] = SIZE, frame_seconds: float = 0.1
) -> bytes:
    """The content of an animated GIF, WebP or PNG."""
    pictures = [
        Image.fromarray(drawing(what, size))
        for what, seconds in parts
        for _ in range(round(seconds / frame_seconds))
    ]
    stream = io.BytesIO()
    lossless = {"lossless": True} if file_format == "WEBP" else {}
    for number, picture in enumerate(pictures):
        blinking = (255, 255, 255) if number % 2 else (0, 0, 0)  # equal frames would be merged
        picture.paste(blinking, (0, 0, BLINKING, BLINKING))
    pictures[0].save(
        stream, file_format, save_all=True, append_images=pictures[1:],
        duration=round(frame_seconds * 1000), loop=0, **lossless,
    )  # fmt: skip
    return stream.getvalue()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
