"""From an image file to RGB pixels, exactly as a contract's preprocessing says.

What a stranger's file may do to a decoder is met here: pixels are counted before any is decoded, a
truncated file is an error, EXIF orientation is applied, 16-bit gray is scaled, transparency is laid
on the stated background, CMYK is converted without a colour profile (Adobe's inverted JPEGs
included), of an animation the first frame counts, and only formats that people send are opened.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from edgeconv.errors import FileError, ImageError, ImageTooLarge, UnreadableImage, UnsupportedImage
from edgeconv.resizing import resize
from edgeconv.spec import Preprocessing

__all__ = [
    "FORMATS",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "decode",
    "find_images",
    "load_pixels",
    "resize",
]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
"""The formats that are opened, by Pillow's names."""

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""By which :func:`find_images` knows a picture in a folder, in upper or lower case."""

MAX_PIXELS = 178_956_970
"""A picture of more pixels is not decoded: this many take three quarters of a gigabyte."""

MAX_SIDE = 65_535
"""A picture with a longer side is not decoded. It is JPEG's own limit; resizing one pixel by a
hundred million would pass through an intermediate picture of a hundred gigabytes."""

_STRANGERS = (
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphe", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftyp", "MP4 or QuickTime video"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM video"),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\x00\x00\x01\x00", "ICO"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "SVG or other XML"),
)
"""Where, by which bytes, and what: formats that are sent at times and not opened."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings each EXIF orientation upright."""

# Pillow logs what it dislikes in a TIFF; where nobody handles that, Python prints it on stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def find_images(paths: Iterable[Path], suffixes: tuple[str, ...] = IMAGE_SUFFIXES) -> list[Path]:
    """The pictures among files and folders, in the order given.

    A folder is searched to its depths, in name order; hidden files, linked folders and files of
    other suffixes are passed over. A path that is no folder is taken as it is: reading it will
    tell.

    Raises:
        FileError: a folder cannot be read.
    """
    return [
        picture
        for path in paths
        for picture in (_files_in(path, suffixes) if path.is_dir() else [path])
    ]


def load_pixels(
    source: Path | bytes,
    preprocessing: Preprocessing,
    name: str | None = None,
    least_side: int | None = None,
) -> NDArray[np.uint8]:
    """Decode a picture and bring it to the model's size.

    Args:
        source: an image file, or its content.
        preprocessing: size, resize, EXIF policy and background.
        name: what errors call the picture; a file's own path by default.
        least_side: a JPEG may be decoded at a half, a quarter or an eighth of its size, by leaving
            out what its blocks say of finer detail, as long as no side falls below this many
            pixels. None decodes it whole.

    Returns:
        RGB pixels 0..255, uint8, (height, width, 3).

    Raises:
        UnreadableImage: missing, truncated, broken, or no image at all.
        UnsupportedImage: a format that is known not to be on the list.
        ImageTooLarge: more pixels than the cap; none was decoded.
    """
    return resize(decode(source, preprocessing, name, least_side), preprocessing)


def decode(
    source: Path | bytes,
    preprocessing: Preprocessing,
    name: str | None = None,
    least_side: int | None = None,
) -> Image.Image:
    """Decode a picture at its own size: RGB, opaque, and upright where ``exif`` is ``apply``.

    A TIFF is always upright: Pillow turns it while decoding. Arguments and errors are those of
    :func:`load_pixels`.
    """
    name = name or (str(source) if isinstance(source, Path) else "the picture")
    with open_stream(source, name) as stream, pillow_errors(name):
        if stranger := _stranger(stream):
            raise UnsupportedImage(
                f"{name} is in a format that is not read here",
                got=stranger,
                expected=f"one of {', '.join(FORMATS)}",
                do="convert it to JPEG or PNG first",
            )
        with Image.open(stream, formats=FORMATS) as image:
            refuse_too_large(image.size, name)
            if least_side is not None:
                image.draft(None, (least_side, least_side))
            image.load()
            picture = on_background(image, preprocessing.background)
            turn = _TURNS.get(_orientation(image)) if preprocessing.exif == "apply" else None
            return picture if turn is None else picture.transpose(turn)


def _files_in(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise FileError(
            f"cannot read the folder {error.filename}",
            got=error.strerror,
            do="check who may read it",
        ) from error

    found = []
    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(parent, name)
            for name in files
            if not name.startswith(".") and name.lower().endswith(suffixes)
        ]
    return sorted(found)


def open_stream(source: Path | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    try:
        return source.open("rb")
    except OSError as error:
        raise UnreadableImage(
            f"cannot read {name}",
            got=error.strerror,
            expected="an image file",
            do="check that it is there and may be read",
        ) from error


@contextmanager
def pillow_errors(name: str) -> Iterator[None]:
    """Raise whatever Pillow raises as an error of ours, and print none of its warnings."""
    try:
        with warnings.catch_warnings():
            # By module: where threads interleave, all that can stay behind is a silent Pillow.
            warnings.filterwarnings("ignore", module="PIL")
            yield
    except ImageError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise _too_large(name, str(error) or "more than the memory there is") from error
    except Exception as error:  # a decoder raises whatever a broken file leads it to
        unknown = isinstance(error, UnidentifiedImageError)
        raise UnreadableImage(
            f"cannot decode {name}",
            got="nothing that can be identified as an image"
            if unknown
            else str(error) or repr(error),
            expected=f"a whole image file: {', '.join(FORMATS)}",
            do="it is truncated, damaged or no image: fetch or save it again",
        ) from error


def _stranger(stream: BinaryIO) -> str | None:
    """What the file is, where it is known not to be read here."""
    start = stream.read(16)
    for offset, signature, name in _STRANGERS:
        if start[offset:].startswith(signature):
            return name
    return None


def refuse_too_large(size: tuple[int, int], name: str, pixels: int = MAX_PIXELS) -> None:
    if size[0] * size[1] > pixels or max(size) > MAX_SIDE:
        raise _too_large(name, f"{size[0]:,} x {size[1]:,} pixels", pixels)


def _too_large(name: str, got: str, pixels: int = MAX_PIXELS) -> ImageTooLarge:
    return ImageTooLarge(
        f"{name} is too large to decode",
        got=got,
        expected=f"at most {pixels:,} pixels, and {MAX_SIDE:,} along a side",
        do="make it smaller first",
    )


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a damaged EXIF block says nothing, and the pixels are still good
        return 1


def on_background(image: Image.Image, background: str) -> Image.Image:
    """The picture as opaque RGB."""
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(layer, mask=layer)
    return canvas


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep gray as 8 bits, scaled: the high byte of 16 bits, as Pillow does for 16-bit colour.

    32-bit gray states no range. It is taken for the smallest customary one that holds its brightest
    pixel: 1 (float only), 255, 65,535 or 2^31 - 1.
    """
    gray = np.asarray(image)
    if image.mode.startswith("I;16"):
        eight = Image.fromarray((gray >> 8).astype(np.uint8))
        if "transparency" in image.info:
            opaque = (gray != image.info["transparency"]) * np.uint8(255)
            eight.putalpha(Image.fromarray(opaque))
        return eight
    brightest = gray.max()
    if not np.isfinite(gray).all():
        raise ValueError("its pixels hold NaN or infinity")
    ranges = ([1.0] if image.mode == "F" else []) + [255.0, 65_535.0, 2.0**31 - 1]
    white = next((top for top in ranges if brightest <= top), float(brightest))
    return Image.fromarray(np.clip(gray * (255 / white), 0, 255).astype(np.uint8))
