"""Inputs of every kind, and scorers that take no time."""

import io
import os
import signal
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

LABELS = ("dark", "bright")


def picture(brightness, size=(40, 30), form="PNG"):
    stream = io.BytesIO()
    Image.new("RGB", size, (brightness,) * 3).save(stream, form)
    return stream.getvalue()


def write_tar(path, members):
    """A tar of (name, content), or of a ``TarInfo`` that has none."""
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def unit_rows(count, length=16, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, length))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Brightness:
    """The mean of an input, brought to 0..1."""

    def __call__(self, given):
        means = given.reshape(len(given), -1).mean(axis=1, dtype=np.float64)
        bright = (means / 255 if given.dtype == np.uint8 else means + 0.5).astype(np.float32)
        return np.stack([1 - bright, bright], axis=1)


def read_parts(folder):
    import pyarrow.parquet

    return pyarrow.parquet.read_table(folder).to_pylist()


@dataclass(frozen=True)
class Deadly(Brightness):
    """Kills its process, as the kernel does when memory runs out, at pictures of one brightness.

    Where ``marker`` is a file, it does so once only.
    """

    brightness: int
    marker: str | None = None

    def __call__(self, given):
        if (given == self.brightness).all(axis=(1, 2, 3)).any() and not self._has_killed():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(given)

    def _has_killed(self):
        if self.marker is None:
            return False
        try:
            Path(self.marker).touch(exist_ok=False)
        except FileExistsError:
            return True
        return False
