"""Writes ``vectors/resize.json``: what :mod:`edgeconv.resizing` makes of pictures given by formula.

python tests/resize_vectors.py
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.resizing import resize
from edgeconv.spec import Preprocessing, Resize

PLACE = Path(__file__).parent / "vectors" / "resize.json"

IN_FULL = 2048
"""Pictures of at most so many bytes are there in full."""

PICTURES = {
    "gradient": "pixel (x, y) from the top left: red x * 255 / max(1, width - 1), green y * 255 / "
    "max(1, height - 1), blue (x + y) * 255 / max(1, width + height - 2), each rounded down",
    "noise": "channel c (0 red, 1 green, 2 blue) of pixel (x, y), in unsigned 32-bit integers "
    "that wrap: h = (x * 73856093) xor (y * 19349663) xor (c * 83492791); "
    "h = h * 2654435761; the value is h >> 24",
}


def gradient(width: int, height: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height, :width]
    channels = (
        x * 255 // max(1, width - 1),
        y * 255 // max(1, height - 1),
        (x + y) * 255 // max(1, width + height - 2),
    )
    return np.stack(channels, axis=-1).astype(np.uint8)


def noise(width: int, height: int) -> NDArray[np.uint8]:
    y, x, c = np.mgrid[:height, :width, :3].astype(np.uint32)
    mixed = (x * np.uint32(73856093)) ^ (y * np.uint32(19349663)) ^ (c * np.uint32(83492791))
    return (mixed * np.uint32(2654435761) >> np.uint32(24)).astype(np.uint8)


DRAWN = {"gradient": gradient, "noise": noise}

Case = tuple[str, str, tuple[int, int], tuple[int, int], dict[str, Any]]

CASES: list[Case] = [
    # name, picture, (width, height), [height, width], resize
    ("stretch, shrinking", "gradient", (64, 48), (16, 16), {}),
    ("stretch, shrinking noise", "noise", (64, 48), (16, 16), {}),
    ("stretch, odd factors", "noise", (61, 47), (24, 20), {}),
    ("stretch, enlarging", "noise", (9, 7), (24, 24), {}),
    ("the size itself", "noise", (16, 16), (16, 16), {}),
    ("one pixel", "noise", (1, 1), (8, 8), {}),
    ("a panorama", "noise", (300, 7), (24, 24), {}),
    ("not antialiased, shrinking", "noise", (64, 48), (16, 16), {"antialias": False}),
    ("not antialiased, enlarging", "noise", (9, 7), (24, 24), {"antialias": False}),
    ("nearest, shrinking", "noise", (61, 47), (24, 20), {"filter": "nearest"}),
    ("nearest, enlarging", "noise", (9, 7), (24, 24), {"filter": "nearest"}),
    ("bicubic", "noise", (61, 47), (24, 24), {"filter": "bicubic"}),
    ("bicubic, not antialiased", "noise", (61, 47), (24, 24),
     {"filter": "bicubic", "antialias": False}),
    ("lanczos", "noise", (61, 47), (24, 24), {"filter": "lanczos"}),
    ("centre crop of a wide picture", "noise", (80, 48), (24, 24), {"mode": "center_crop"}),
    ("centre crop of a tall picture", "noise", (48, 80), (24, 24), {"mode": "center_crop"}),
    ("centre crop, odd margin rounded to even", "noise", (61, 40), (24, 24),
     {"mode": "center_crop", "filter": "bicubic", "crop": 0.875}),
    ("centre crop, odd margin rounded down", "noise", (61, 40), (24, 24),
     {"mode": "center_crop", "filter": "bicubic", "crop": 0.875, "offset": "floor"}),
    ("stretch, then crop", "noise", (61, 40), (24, 24), {"crop": 0.875}),
    ("centre crop to a rectangle", "noise", (80, 60), (16, 24), {"mode": "center_crop"}),
    ("pad a wide picture", "gradient", (80, 40), (24, 24), {"mode": "pad"}),
    ("pad a tall picture", "noise", (30, 80), (24, 24), {"mode": "pad", "filter": "bicubic"}),
    ("a camera's frame", "noise", (640, 480), (224, 224), {}),
    ("a camera's frame, centre crop", "gradient", (640, 480), (224, 224),
     {"mode": "center_crop", "filter": "bicubic", "crop": 0.875}),
]  # fmt: skip

BACKGROUND = "#204060"


def document() -> dict[str, Any]:
    """The whole file, computed afresh."""
    return {
        "version": 1,
        "pictures": PICTURES,
        "made_with": "sha256 and corner_pixels hold for Pillow 13; other versions may differ by "
        "one level a channel from the bytes in base64: RGB, row by row",
        "cases": [_case(*case) for case in CASES],
    }


def _case(
    name: str,
    picture: str,
    source: tuple[int, int],
    size: tuple[int, int],
    how: dict[str, Any],
) -> dict[str, Any]:
    preprocessing = Preprocessing(size=size, resize=Resize(**how), background=BACKGROUND)
    pixels = resize(Image.fromarray(DRAWN[picture](*source)), preprocessing)
    case = {
        "name": name,
        "width": source[0],
        "height": source[1],
        "picture": picture,
        "size": list(size),
        "resize": preprocessing.resize.model_dump(mode="json"),
        "background": BACKGROUND,
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
        "corner_pixels": pixels[[0, 0, -1, -1], [0, -1, 0, -1]].tolist(),
    }
    if pixels.nbytes <= IN_FULL:
        case["base64"] = base64.b64encode(pixels.tobytes()).decode()
    return case


def furthest(one: dict[str, Any], other: dict[str, Any]) -> int:
    """How many levels two cases differ by at the most, as far as their bytes are there."""
    pair = [
        np.frombuffer(base64.b64decode(case["base64"]), np.uint8)
        if "base64" in case
        else np.ravel(case["corner_pixels"])
        for case in (one, other)
    ]
    return int(np.abs(np.subtract(*pair, dtype=np.int16)).max())


if __name__ == "__main__":
    PLACE.write_text(json.dumps(document(), indent=1) + "\n", encoding="utf-8")
