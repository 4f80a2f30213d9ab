"""Each row of FINDINGS 7 is a test here, on real files and on files made for it."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import RandomState
from PIL import ExifTags, Image, PngImagePlugin

from edgeconv.errors import FileError, ImageError, ImageTooLarge, UnreadableImage, UnsupportedImage
from edgeconv.images import FORMATS, MAX_PIXELS, MAX_SIDE, decode, find_images, load_pixels
from edgeconv.spec import Preprocessing

AS_USUAL = Preprocessing(size=(224, 224), background="#204060")
BACKGROUND = (0x20, 0x40, 0x60)


def file_of(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def photo(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Soft colours, so that a lossy format changes little."""
    grid = RandomState(1).randint(0, 256, (4, 4, 3)).astype(np.uint8)
    return Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC)


def png(width: int, height: int, bits: int = 8, pixels: bytes = b"") -> bytes:
    """A PNG in RGB, by hand: without pixels, or with more bits than Pillow writes."""
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        content += struct.pack(">I", len(data)) + kind + data + checksum
    return content


def gif(width: int, height: int) -> bytes:
    """A GIF whose one frame holds no pixel."""
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\0;"


def bmp(width: int, height: int) -> bytes:
    """The headers of a BMP in RGB."""
    place = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
    return place + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def tiff(width: int, height: int, strip_at: int = 8, next_directory: int = 0) -> bytes:
    """A gray, uncompressed TIFF of one strip, whose pixels may be elsewhere or nowhere."""
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, strip_at),
        (278, 4, height),
        (279, 4, width * height % 2**32),
    ]
    directory = struct.pack("<H", len(tags))
    for tag, kind, value in tags:
        directory += struct.pack("<HHII", tag, kind, 1, value)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", next_directory)


class TestTheUsualWay:
    def test_is_byte_for_byte_what_everybody_does(self, shared: Path) -> None:
        for path in sorted((shared / "photos" / "natural").iterdir())[::12]:
            usual = Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BILINEAR)
            assert np.array_equal(load_pixels(path, AS_USUAL), np.asarray(usual)), path.name

    @pytest.mark.parametrize("name", ["glasses.png", "house.webp", "smile.jpg"])
    def test_reads_files_as_they_are_sent(self, shared: Path, name: str) -> None:
        pixels = load_pixels(shared / "photos" / "formats" / name, AS_USUAL)
        assert pixels.shape == (224, 224, 3)
        assert pixels.dtype == np.uint8
        assert pixels.std() > 20

    @pytest.mark.parametrize("file_format", FORMATS)
    def test_every_format_on_the_list(self, file_format: str) -> None:
        source = photo()
        drift = np.abs(np.asarray(decode(file_of(source, file_format), AS_USUAL), int) - source)
        assert drift.mean() < 6

    def test_bytes_and_file_are_the_same(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(file_of(photo()))
        from_file = load_pixels(tmp_path / "a.png", AS_USUAL)
        assert np.array_equal(from_file, load_pixels(file_of(photo()), AS_USUAL))

    def test_the_suffix_does_not_matter(self, tmp_path: Path) -> None:
        (tmp_path / "really-a.jpg").write_bytes(file_of(photo()))
        assert decode(tmp_path / "really-a.jpg", AS_USUAL).size == (64, 48)

    def test_a_phones_multi_picture_jpeg(self) -> None:
        content = file_of(photo(), "MPO", save_all=True, append_images=[photo().rotate(180)])
        assert np.abs(np.asarray(decode(content, AS_USUAL), int) - photo()).mean() < 6


class TestTooLarge:
    @pytest.mark.parametrize(
        "content",
        [
            png(20_000, 10_000),
            png(MAX_SIDE + 1, 1),
            png(1, 100_000_000),
            tiff(60_000, 60_000),
            gif(65_535, 65_535),
            bmp(30_000, 30_000),
        ],
        ids=["png", "png-wide", "png-high", "tiff", "gif", "bmp"],
    )
    def test_is_refused_before_decoding(self, content: bytes) -> None:
        # There is no pixel in these files: had one been looked for, they would be unreadable.
        with pytest.raises(ImageTooLarge, match="bomb is too large") as caught:
            decode(content, AS_USUAL, "bomb")
        assert f"{MAX_PIXELS:,}" in str(caught.value)

    def test_by_our_own_cap_not_pillows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        with pytest.raises(ImageTooLarge) as caught:
            decode(png(20_000, 10_000), AS_USUAL)
        assert caught.value.got == ("20,000 x 10,000 pixels",)

    def test_pillows_stricter_cap_is_the_same_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        with pytest.raises(ImageTooLarge):
            decode(file_of(photo()), AS_USUAL)

    def test_below_the_cap_pillow_does_not_even_warn(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UnreadableImage):  # not too large: the header has no pixels
                decode(png(10_000, 10_000), AS_USUAL)

    def test_no_memory_is_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def exhausted(*arguments: object) -> None:
            raise MemoryError

        monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", exhausted)
        with pytest.raises(ImageTooLarge):
            decode(file_of(photo()), AS_USUAL)

    def test_compressed_text_that_swells(self) -> None:
        notes = PngImagePlugin.PngInfo()
        notes.add_itxt("bomb", "a" * 20_000_000, zip=True)
        with pytest.raises(UnreadableImage):
            decode(file_of(photo(), pnginfo=notes), AS_USUAL)


class TestBroken:
    @pytest.mark.parametrize("file_format", FORMATS)
    def test_truncated(self, file_format: str) -> None:
        content = file_of(photo((200, 200)), file_format)
        for share in (0.2, 0.5, 0.8):
            with pytest.raises(UnreadableImage, match=r"cannot decode cut\.img"):
                decode(content[: int(len(content) * share)], AS_USUAL, "cut.img")

    def test_a_truncated_photograph(self, shared: Path, tmp_path: Path) -> None:
        whole = (shared / "photos" / "formats" / "smile.jpg").read_bytes()
        cut = tmp_path / "cut.jpg"
        cut.write_bytes(whole[: len(whole) // 2])
        Image.open(cut).verify()  # what does not see it
        with pytest.raises(UnreadableImage) as caught:
            load_pixels(cut, AS_USUAL)
        message = str(caught.value)
        assert str(cut) in message
        for part in ("got", "expected", "do"):
            assert f"\n  {part} " in message

    @pytest.mark.parametrize("content", [b"", b"\0" * 100, b"hello", b"\xff\xd8\xff", b"RIFF"])
    def test_no_image_at_all(self, content: bytes) -> None:
        with pytest.raises(UnreadableImage):
            decode(content, AS_USUAL)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableImage, match=r"cannot read .*none\.jpg"):
            decode(tmp_path / "none.jpg", AS_USUAL)

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableImage):
            decode(tmp_path, AS_USUAL)

    @pytest.mark.parametrize(
        "content",
        [
            tiff(100, 100, strip_at=1 << 31),
            tiff(100, 100, next_directory=8)[:-30],
            tiff(0, 0),
            tiff(100, 100)[:20],
        ],
        ids=["strip-outside", "directory-cut", "empty", "header-only"],
    )
    def test_a_tiff_that_lies(self, content: bytes) -> None:
        with pytest.raises(UnreadableImage):
            decode(content, AS_USUAL)

    def test_a_tiff_that_bites_its_tail(self) -> None:
        content = tiff(1, 1, next_directory=8)
        assert decode(content, AS_USUAL).size == (1, 1)

    @pytest.mark.parametrize("file_format", FORMATS)
    def test_whatever_is_in_it_the_error_is_ours_and_nothing_is_printed(
        self, file_format: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        whole = np.frombuffer(file_of(photo(), file_format), np.uint8)
        random = RandomState(0)
        refused = 0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for _ in range(300):
                damaged = whole.copy()
                # Headers are where decoders can be led astray, so half of the damage goes there.
                reach = random.choice([min(200, len(whole)), len(whole)])
                where = random.randint(0, reach, random.randint(1, 8))
                damaged[where] = random.randint(0, 256, len(where))
                try:
                    assert load_pixels(damaged.tobytes(), AS_USUAL).shape == (224, 224, 3)
                except ImageError:
                    refused += 1
        assert refused > 0
        assert capfd.readouterr() == ("", "")

    def test_a_damaged_exif_block_does_not_cost_the_picture(self) -> None:
        content = file_of(photo(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xff" * 40)
        assert decode(content, AS_USUAL).size == (64, 48)


class TestFormatsNobodySends:
    @pytest.mark.parametrize(
        ("start", "name"),
        [
            (b"\0\0\0\x20ftypheic\0\0\0\0", "HEIC"),
            (b"\0\0\0\x20ftypmif1\0\0\0\0", "HEIC"),
            (b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF"),
            (b"\0\0\0\x20ftypisom\0\0\0\0", "video"),
            (b"8BPS\0\1", "Photoshop"),
            (b"%PDF-1.7", "PDF"),
            (b"<svg xmlns=", "SVG"),
        ],
    )
    def test_are_refused_by_name(self, start: bytes, name: str) -> None:
        with pytest.raises(UnsupportedImage, match=r"odd\.file is in a format") as caught:
            decode(start + bytes(100), AS_USUAL, "odd.file")
        assert name in str(caught.value.got)

    @pytest.mark.parametrize("file_format", ["ICO", "PPM", "TGA", "JPEG2000", "PCX", "SGI", "AVIF"])
    def test_are_not_opened_although_pillow_can(self, file_format: str) -> None:
        content = file_of(photo(), file_format)
        Image.open(io.BytesIO(content)).load()
        with pytest.raises(ImageError):
            decode(content, AS_USUAL)


class TestOrientation:
    def test_every_orientation_of_a_photograph(self, shared: Path) -> None:
        upright = load_pixels(shared / "photos" / "exif" / "landscape_1.jpg", AS_USUAL).astype(int)
        for orientation in range(9):
            path = shared / "photos" / "exif" / f"landscape_{orientation}.jpg"
            assert decode(path, AS_USUAL).size == (1800, 1200)
            assert np.abs(load_pixels(path, AS_USUAL) - upright).mean() < 3

    def test_is_ignored_where_the_spec_says_so(self, shared: Path) -> None:
        ignoring = AS_USUAL.model_copy(update={"exif": "ignore"})
        path = shared / "photos" / "exif" / "landscape_6.jpg"
        assert decode(path, ignoring).size == (1200, 1800)

    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
    @pytest.mark.parametrize(
        ("orientation", "stored"),
        [
            (2, Image.Transpose.FLIP_LEFT_RIGHT),
            (3, Image.Transpose.ROTATE_180),
            (4, Image.Transpose.FLIP_TOP_BOTTOM),
            (5, Image.Transpose.TRANSPOSE),
            (6, Image.Transpose.ROTATE_90),
            (7, Image.Transpose.TRANSVERSE),
            (8, Image.Transpose.ROTATE_270),
        ],
    )
    def test_in_every_format_that_has_one(
        self, file_format: str, orientation: int, stored: Image.Transpose
    ) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        content = file_of(photo().transpose(stored), file_format, exif=exif)
        assert np.abs(np.asarray(decode(content, AS_USUAL), int) - photo()).mean() < 6

    @pytest.mark.parametrize("orientation", [0, 1, 9, 65_535])
    def test_a_number_that_means_nothing_turns_nothing(self, orientation: int) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        assert decode(file_of(photo(), exif=exif), AS_USUAL).size == (64, 48)


class TestDeepGray:
    RAMP = np.linspace(0, 65_535, 256).reshape(16, 16)

    @pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
    def test_16_bits_are_scaled_not_clipped(self, file_format: str) -> None:
        content = file_of(Image.fromarray(self.RAMP.astype(np.uint16)), file_format)
        pixels = np.asarray(decode(content, AS_USUAL))
        assert np.array_equal(pixels[..., 0], np.arange(256).reshape(16, 16))

    def test_as_pillow_scales_16_bit_colour(self) -> None:
        deep = RandomState(0).randint(0, 65_536, (16, 16)).astype(np.uint16)
        gray = decode(file_of(Image.fromarray(deep)), AS_USUAL)
        rows = [b"\0" + np.repeat(row.astype(">u2"), 3).tobytes() for row in deep]
        colour = decode(png(16, 16, bits=16, pixels=b"".join(rows)), AS_USUAL)
        assert np.array_equal(np.asarray(gray), np.asarray(colour))

    def test_big_endian(self) -> None:
        content = file_of(Image.fromarray(self.RAMP.astype(">u2")), "TIFF")
        assert Image.open(io.BytesIO(content)).mode == "I;16B"
        pixels = np.asarray(decode(content, AS_USUAL))
        assert np.array_equal(pixels[..., 0], np.arange(256).reshape(16, 16))

    @pytest.mark.parametrize(
        ("dtype", "white"),
        [
            (np.int32, 255),
            (np.int32, 65_535),
            (np.int32, 2**31 - 1),
            (np.float32, 1),
            (np.float32, 255),
            (np.float32, 65_535),
            (np.float32, 1e12),
        ],
    )
    def test_32_bits_take_a_customary_range(self, dtype: type, white: float) -> None:
        gray = (self.RAMP / 65_535 * white).astype(dtype)
        pixels = np.asarray(decode(file_of(Image.fromarray(gray), "TIFF"), AS_USUAL), int)
        assert np.abs(pixels[..., 0].ravel() - np.arange(256)).max() <= 1

    def test_nothing_below_black(self) -> None:
        gray = np.array([[-5.0, 0.0, 1.0]], np.float32)
        pixels = np.asarray(decode(file_of(Image.fromarray(gray), "TIFF"), AS_USUAL))
        assert pixels[0, :, 0].tolist() == [0, 0, 255]

    def test_nan_is_no_picture(self) -> None:
        gray = np.array([[np.nan, 1.0]], np.float32)
        with pytest.raises(UnreadableImage, match="NaN"):
            decode(file_of(Image.fromarray(gray), "TIFF"), AS_USUAL)


class TestTransparency:
    """Each picture hides red on its left, and shows blue (or white) on its right."""

    @staticmethod
    def assert_hidden(content: bytes, shown: tuple[int, int, int]) -> None:
        picture = decode(content, AS_USUAL)
        assert picture.mode == "RGB"
        assert picture.getpixel((2, 4)) == BACKGROUND
        assert picture.getpixel((6, 4)) == shown

    @staticmethod
    def indexed() -> Image.Image:
        picture = Image.new("P", (8, 8), 1)
        picture.paste(0, (0, 0, 4, 8))
        picture.putpalette([255, 0, 0, 0, 0, 255])
        return picture

    @staticmethod
    def layered(mode: str, hidden: Any, shown: Any) -> Image.Image:
        picture = Image.new(mode, (8, 8), shown)
        picture.paste(hidden, (0, 0, 4, 8))
        return picture

    @pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
    def test_alpha(self, file_format: str) -> None:
        options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
        picture = self.layered("RGBA", (255, 0, 0, 0), (0, 0, 255, 255))
        self.assert_hidden(file_of(picture, file_format, **options), (0, 0, 255))

    def test_gray_and_alpha(self) -> None:
        self.assert_hidden(file_of(self.layered("LA", (9, 0), (200, 255))), (200, 200, 200))

    @pytest.mark.parametrize("file_format", ["PNG", "GIF"])
    def test_a_palette_with_one_transparent_colour(self, file_format: str) -> None:
        self.assert_hidden(file_of(self.indexed(), file_format, transparency=0), (0, 0, 255))

    def test_a_palette_with_opacities(self) -> None:
        content = file_of(self.indexed(), transparency=bytes([0, 255]))
        self.assert_hidden(content, (0, 0, 255))

    def test_a_colour_key(self) -> None:
        picture = self.layered("RGB", (255, 0, 0), (0, 0, 255))
        self.assert_hidden(file_of(picture, transparency=(255, 0, 0)), (0, 0, 255))

    def test_a_gray_key(self) -> None:
        picture = self.layered("L", 7, 200)
        self.assert_hidden(file_of(picture, transparency=7), (200, 200, 200))

    def test_a_1_bit_key(self) -> None:
        picture = self.layered("1", 0, 1)
        self.assert_hidden(file_of(picture, transparency=0), (255, 255, 255))

    def test_a_16_bit_gray_key(self) -> None:
        gray = np.repeat(np.array([[30_000, 51_400]], np.uint16), 4, axis=1).repeat(8, axis=0)
        content = file_of(Image.fromarray(gray), transparency=30_000)
        self.assert_hidden(content, (200, 200, 200))

    def test_half_transparent_is_half_background(self) -> None:
        picture = decode(file_of(Image.new("RGBA", (8, 8), (255, 255, 255, 128))), AS_USUAL)
        expected = (np.array(BACKGROUND) * 127 + 255 * 128) / 255
        assert np.abs(np.array(picture.getpixel((0, 0))) - expected).max() <= 1

    def test_a_photograph_with_alpha(self, shared: Path) -> None:
        path = shared / "photos" / "formats" / "glasses.png"
        clear = np.asarray(Image.open(path).getchannel("A")) == 0
        assert clear.any()
        assert (np.asarray(decode(path, AS_USUAL))[clear] == BACKGROUND).all()


class TestColour:
    def test_cmyk_jpeg_with_adobes_inversion(self) -> None:
        content = file_of(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")
        assert b"Adobe" in content
        drift = np.abs(np.asarray(decode(content, AS_USUAL), int) - (255, 0, 0))
        assert drift.max() < 10

    def test_cmyk_tiff(self) -> None:
        content = file_of(Image.new("CMYK", (16, 16), (0, 0, 255, 0)), "TIFF")
        assert decode(content, AS_USUAL).getpixel((0, 0)) == (255, 255, 0)

    def test_1_bit(self) -> None:
        picture = decode(file_of(Image.new("1", (4, 4), 1)), AS_USUAL)
        assert picture.getpixel((0, 0)) == (255, 255, 255)

    def test_lab(self) -> None:
        picture = decode(file_of(Image.new("LAB", (4, 4), (255, 128, 128)), "TIFF"), AS_USUAL)
        assert min(picture.getpixel((0, 0))) > 240


class TestAnimation:
    @pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
    def test_the_first_frame_counts(self, file_format: str) -> None:
        others = [Image.new("RGB", (16, 16), colour) for colour in ("blue", "lime")]
        options = {"lossless": True} if file_format == "WEBP" else {}
        content = file_of(
            Image.new("RGB", (16, 16), "red"),
            file_format,
            save_all=True,
            append_images=others,
            **options,
        )
        assert decode(content, AS_USUAL).getpixel((8, 8)) == (255, 0, 0)

    def test_a_real_one(self, shared: Path) -> None:
        path = shared / "photos" / "formats" / "smile_animated.webp"
        with Image.open(path) as animation:
            first = np.asarray(animation.convert("RGB"))
            animation.seek(100)
            other = np.asarray(animation.convert("RGB"))
        assert np.array_equal(decode(path, AS_USUAL), first)
        assert not np.array_equal(decode(path, AS_USUAL), other)


class TestFindImages:
    def test_folders_to_their_depths_in_name_order(self, tmp_path: Path) -> None:
        wanted = ["a.JPG", "b/c.png", "b/d/e.webp", "f.jpeg", "g.TIF"]
        unwanted = [".h.png", ".i/j.png", "b/.k/l.jpg", "notes.txt", "m.mp4", "png"]
        for name in wanted + unwanted:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        assert find_images([tmp_path]) == [tmp_path / name for name in wanted]

    def test_files_are_taken_as_they_are_in_the_order_given(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "a.png").touch()
        given = [tmp_path / "z.odd", folder, tmp_path / "missing.jpg"]
        assert find_images(given) == [given[0], folder / "a.png", given[2]]

    def test_a_link_back_does_not_go_round(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").touch()
        (tmp_path / "again").symlink_to(tmp_path)
        assert find_images([tmp_path]) == [tmp_path / "a.png"]

    def test_a_folder_that_may_not_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(path: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr("os.scandir", refuse)  # root may read everything
        with pytest.raises(FileError, match="cannot read the folder"):
            find_images([tmp_path])
