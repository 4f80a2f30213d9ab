"""Files that are whole or not there: atomic writes, locks, hashes, paths that stay inside."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from edgeconv.errors import FileError

STAGING_PREFIX = ".edgeconv-staging-"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder: its relative names and their contents, in name order."""
    if not path.is_dir():
        return _sha256_of_file(path)
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        digest.update(bytes.fromhex(_sha256_of_file(file)))
    return digest.hexdigest()


def _sha256_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size


def inside(folder: Path, name: str) -> Path:
    """``folder/name``, where ``name`` is one plain file name.

    Raises:
        FileError: ``name`` has a separator, is absolute, or is ``..``.
    """
    if not name or name in {".", ".."} or PurePosixPath(name).name != name or "\\" in name:
        raise FileError(
            f"{name!r} is not a plain file name",
            expected=f"a file inside {folder}, without any path",
        )
    return folder / name


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write beside the place and rename: readers see the old file or the new one, whole.

    Raises:
        FileError: the folder cannot be written, or the disk is full.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A fresh folder inside ``folder`` to write into; it is gone afterwards, whatever happens.

    Staging folders that a killed run left behind are removed first, so hold :func:`locked`.

    Raises:
        FileError: the folder cannot be written, or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left_behind in folder.glob(STAGING_PREFIX + "*"):
            shutil.rmtree(left_behind)
        place = Path(tempfile.mkdtemp(dir=folder, prefix=STAGING_PREFIX))
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield place
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}:
            raise cannot_write(folder, error) from error
        raise
    finally:
        shutil.rmtree(place, ignore_errors=True)


def move_into_place(staged: Path, place: Path) -> None:
    """Put a staged file or folder at its place in one step; what was there is gone after it.

    Raises:
        FileError: the place cannot be written.
    """
    try:
        if place.is_dir():
            _exchange(staged, place)
        else:
            staged.replace(place)
    except OSError as error:
        raise cannot_write(place, error) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against other edgeconv processes; waits until they are done.

    Raises:
        FileError: the folder cannot be written.
    """
    from filelock import FileLock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".edgeconv.lock")
        lock.acquire()
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def cannot_write(path: Path, error: OSError) -> FileError:
    """The typed error for a failed write."""
    return FileError(
        f"cannot write {path}",
        got=error.strerror or str(error),
        do="free some space, or choose another folder with --out",
    )


def _exchange(staged: Path, place: Path) -> None:
    """Swap two paths. A plain rename cannot replace a folder that is not empty."""
    libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    at_cwd, swap = -100, 2
    if libc is not None and sys.platform == "linux" and hasattr(libc, "renameat2"):
        failed = libc.renameat2(at_cwd, os.fsencode(staged), at_cwd, os.fsencode(place), swap)
    elif libc is not None and sys.platform == "darwin":
        failed = libc.renamex_np(os.fsencode(staged), os.fsencode(place), swap)
    else:
        failed = -1
    if failed:
        # No atomic swap on this file system: the old folder is kept until the new one is in place.
        old = Path(tempfile.mkdtemp(dir=place.parent, prefix=STAGING_PREFIX)) / place.name
        place.replace(old)
        staged.replace(place)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
