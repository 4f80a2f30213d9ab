"""Video files, decoded by PyAV (FFmpeg's libraries), which the extra ``video`` brings.

What a stranger's file may do is met here. FFmpeg guesses containers by content, and a playlist is
one: it would open what the list names. So the container is told by its signature, FFmpeg is given
an open file and the one demuxer for it, no protocol, and a refusal for whatever else it asks to
open. Decoders are those on a list; a frame's pixels are counted before it is decoded.

Frames that no other frame refers to are not decoded: sampled twice a second, what is on the screen
is then at most a few frames older. The pixels are those of the whole frame, converted at full size
and resized as the contract says: 11 ms for 1080p. Scaled in FFmpeg on the way it takes 2 ms, and
moved the scores of nsfwjs by up to 0.31 on 24 photographs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeconv.errors import ImageTooLarge, MissingDependency, UnreadableImage, UnsupportedImage
from edgeconv.frames.frame import LUMINANCE_SIZE, Frame, Moving
from edgeconv.images import open_stream

if TYPE_CHECKING:
    from types import ModuleType

VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
"""By which a video is known in a folder, in upper or lower case."""

CODECS = (
    "av1", "h264", "hevc", "libdav1d", "mjpeg", "mpeg4", "msmpeg4v3", "prores", "vp8", "vp9",
    "libvpx", "libvpx-vp9",
)  # fmt: skip
"""The decoders that are run, by FFmpeg's names."""

MAX_FRAME_PIXELS = 1 << 26
"""A frame of more pixels is not decoded: 8192 x 8192. Decoders hold up to twenty at a time."""

THREADS = 8
"""Decoding frames side by side. One that has a frame to skip is idle: with as many threads as cores
a minute of 1080p took 6.0 s on two cores, with eight 5.1."""

MISSING = 0.5
"""A file that ends this many seconds before it says, or earlier, is cut off."""

HIGH_DEFINITION = 720
"""From this height on, colours that name no matrix are BT.709, as players have it; below, 601."""

_SIGNATURES = (
    (4, b"ftypheic", None),
    (4, b"ftypheix", None),
    (4, b"ftyphevc", None),
    (4, b"ftypmif1", None),
    (4, b"ftypmsf1", None),
    (4, b"ftypavif", None),
    (4, b"ftypavis", None),
    (4, b"ftypcrx", None),
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"wide", "mov"),
    (4, b"free", "mov"),
    (4, b"skip", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (8, b"AVI ", "avi"),
)
"""Where, by which bytes, and FFmpeg's demuxer; still pictures in the same box come first."""

_MATRICES = {1: "ITU709", 4: "FCC", 5: "ITU601", 6: "ITU601", 7: "SMPTE240M", 9: "BT2020"}
"""FFmpeg's numbers of colour matrices, and PyAV's names."""

_UPRIGHT = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    -180: Image.Transpose.ROTATE_180,
    -90: Image.Transpose.ROTATE_270,
}
"""What a frame's rotation, in degrees against the clock, asks for."""


def demuxer_of(start: bytes) -> str | None:
    """FFmpeg's name for the container that a file's first 16 bytes tell, if it is a video."""
    for offset, signature, demuxer in _SIGNATURES:
        if start[offset:].startswith(signature):
            return demuxer
    return None


@contextmanager
def open_video(source: Path | bytes, demuxer: str, name: str) -> Iterator[Moving]:
    """Open a video file of the container that :func:`demuxer_of` told.

    Raises:
        MissingDependency: PyAV is not installed.
        UnreadableImage: nothing can be decoded; it is damaged, or holds no video.
        UnsupportedImage: its codec is not on the list.
        ImageTooLarge: more pixels a frame than the cap.
    """
    av = _pyav()
    with open_stream(source, name) as stream, _opened(av, stream, demuxer, name) as container:
        track = container.streams.best("video")
        _refuse_unwanted(track, name)
        decoder = track.codec_context
        decoder.thread_type, decoder.thread_count = "AUTO", THREADS
        decoder.skip_frame = "NONREF"
        decoder.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
        decoding = _Decoding(av, container, track, name)
        yield Moving(decoding.seconds, decoding.frames())


class Decoded:
    """A :class:`Content` that is still as the decoder gave it."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def picture(self) -> Image.Image:
        try:
            pixels = self._frame.reformat(format="rgb24", src_colorspace=_matrix(self._frame))
        except (OSError, ValueError, MemoryError) as error:  # PyAV's own derive from these
            raise UnreadableImage("a frame cannot be converted to RGB", got=str(error)) from error
        picture = Image.fromarray(pixels.to_ndarray())
        turn = _UPRIGHT.get(self._frame.rotation)
        return picture if turn is None else picture.transpose(turn)

    def luminance(self) -> NDArray[np.uint8]:
        width, height = LUMINANCE_SIZE
        gray = self._frame.reformat(width, height, "gray", interpolation="POINT")
        levels: NDArray[np.uint8] = gray.to_ndarray()
        return levels


def _matrix(frame: Any) -> str:
    """The colour matrix the file names, or the usual one."""
    usual = "ITU709" if frame.height >= HIGH_DEFINITION else "ITU601"
    return _MATRICES.get(int(frame.colorspace), usual)


def _pyav() -> ModuleType:
    try:
        return import_module("av")
    except ImportError as error:
        raise MissingDependency("av", "reading video", extra="video") from error


@contextmanager
def _opened(av: ModuleType, stream: BinaryIO, demuxer: str, name: str) -> Iterator[Any]:
    def refuse(url: str, *_: object) -> None:
        raise PermissionError(f"{name} asks for {url}")

    try:
        container = av.open(
            stream,
            format=demuxer,
            options={"protocol_whitelist": "none"},
            io_open=refuse,
            buffer_size=1 << 18,
            **_lenient(av),
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    with container:
        yield container


def _lenient(av: ModuleType) -> dict[str, str]:
    """What lets titles be in any encoding: PyAV 19 does by itself, and has no word for it."""
    return {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def _refuse_unwanted(track: Any, name: str) -> None:
    if track is None:
        raise UnreadableImage(f"{name} holds no video", got="sound, or nothing")
    decoder = track.codec_context
    codec = decoder.name if decoder else "none that is known"
    if codec not in CODECS:
        raise UnsupportedImage(
            f"the video in {name} is in a codec that is not read here",
            got=codec,
            expected=f"one of {', '.join(CODECS)}",
            do="convert it to H.264 first",
        )
    if decoder.width * decoder.height > MAX_FRAME_PIXELS:
        raise ImageTooLarge(
            f"{name} is too large to decode",
            got=f"{decoder.width:,} x {decoder.height:,} pixels a frame",
            expected=f"at most {MAX_FRAME_PIXELS:,} pixels a frame",
            do="make it smaller first",
        )


class _Clock:
    """When frames are on the screen, in seconds from the first one's start, never going back."""

    def __init__(self, track: Any) -> None:
        self._unit = track.time_base
        self._usual = float(1 / track.average_rate) if track.average_rate else 1 / 25
        self._zero: float | None = None
        self._start = 0.0
        self.end = 0.0

    def frame(self, frame: Any) -> Frame:
        """The frame in its time; without content where it is known to be damaged."""
        said = self.end if frame.pts is None else float(frame.pts * self._unit)
        if self._zero is None:
            self._zero = said
        start = max(self._start, said - self._zero)
        lasts = float(frame.duration * self._unit) if frame.duration else self._usual
        return self._shown(start, start + lasts, None if frame.is_corrupt else Decoded(frame))

    def gap(self) -> Frame:
        """A frame that did not come, after the one before it."""
        return self._shown(self.end, self.end + self._usual, None)

    def _shown(self, start: float, end: float, content: Decoded | None) -> Frame:
        self._start, self.end = start, end
        return Frame(start, end, content)


class _Decoding:
    """A container on its way from first packet to last."""

    def __init__(self, av: ModuleType, container: Any, track: Any, name: str) -> None:
        self._errors = (av.FFmpegError, OSError, ValueError)
        self._container = container
        self._track = track
        self._name = name
        self._clock = _Clock(track)
        self._lost = 0
        self._read = 0.0
        self._broken: Exception | None = None
        self.seconds = _declared(av, container, track)

    def frames(self) -> Iterator[Frame]:
        """All that can be decoded, and then an :class:`ImageError` if that is not all there is."""
        for packet in self._packets():
            yield from self._decoded(packet)
        self._complain()

    def _packets(self) -> Iterator[Any]:
        """Those of the video, and None, which has the decoder give what it holds back."""
        first = (self._container.start_time or 0) / 1e6
        try:
            # Sound is not decoded, but tells how far the file goes.
            for packet in self._container.demux(self._track, *self._container.streams.audio):
                if packet.pts is not None:
                    end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    self._read = max(self._read, end - first)
                if packet.stream is self._track and packet.size:
                    yield packet
        except self._errors as error:
            self._broken = error
        yield None

    def _decoded(self, packet: Any) -> Iterator[Frame]:
        try:
            frames = self._track.codec_context.decode(packet)
        except self._errors:
            self._lost += 1
            yield self._clock.gap()
            return
        for frame in frames:
            self._lost += frame.is_corrupt
            yield self._clock.frame(frame)

    def _complain(self) -> None:
        missing = (self.seconds or 0) - self._read
        if self._broken is not None or missing > MISSING:
            raise UnreadableImage(
                f"{self._name} breaks off at {self._clock.end:.1f} s",
                got=str(self._broken) if self._broken else "the end of the file",
                expected=f"{self.seconds:.1f} s, as it says itself" if self.seconds else None,
                do="it was judged up to there: fetch or save it again",
            )
        if self._lost:
            raise UnreadableImage(
                f"{self._name} is damaged",
                got=f"{self._lost} frames that cannot be decoded",
                do="the others were judged: fetch or save it again",
            )


def _declared(av: ModuleType, container: Any, track: Any) -> float | None:
    """How many seconds the file says it has."""
    if container.format.name == "avi" and track.frames and track.average_rate:
        # Of an AVI that is cut off, FFmpeg guesses the length; its header has the frames.
        return float(track.frames / track.average_rate)
    return container.duration / av.time_base if container.duration else None


def _unreadable(name: str, error: Exception) -> UnreadableImage:
    return UnreadableImage(
        f"cannot decode {name}",
        got=getattr(error, "strerror", None) or str(error) or repr(error),
        expected="a whole video file: MP4, QuickTime, Matroska, WebM, AVI",
        do="it is truncated, damaged or no video: fetch or save it again",
    )
