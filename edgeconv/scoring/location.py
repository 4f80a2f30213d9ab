"""Files by local path or by any fsspec URL: listed, opened, and written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from edgeconv.errors import FileError, MissingDependency
from edgeconv.files import cannot_write, write_atomically
from edgeconv.images import find_images

_HERE: dict[str, Callable[[str], Any]] = {
    "exists": os.path.exists,
    "isdir": os.path.isdir,
    "size": os.path.getsize,
    "ls": os.listdir,
    "rm": os.remove,
}
"""What fsspec is asked of other places; asking it of this machine would cost each process a tenth
of a second, and each file as much as reading it."""


@dataclass(frozen=True)
class Location:
    """A file or a folder. What has no ``://`` is a local path, whatever else is in its name."""

    name: str

    @property
    def is_local(self) -> bool:
        return "://" not in self.name

    def exists(self) -> bool:
        return bool(self._asked("exists"))

    def is_folder(self) -> bool:
        return bool(self._asked("isdir"))

    def size(self) -> int:
        """Bytes of a file."""
        return int(self._asked("size") or 0)

    def __truediv__(self, name: str) -> Location:
        return Location(f"{self.name.rstrip('/')}/{name}")

    def find(self, suffixes: tuple[str, ...]) -> list[Location]:
        """The files of these suffixes below a folder, by name; hidden ones are passed over.

        Raises:
            FileError: the folder cannot be read.
        """
        if self.is_local:
            return [Location(str(path)) for path in find_images([Path(self.name)], suffixes)]
        file_system, root = self._opened
        found = []
        for path in self._asked("find"):
            below = path.removeprefix(root).split("/")
            if path.lower().endswith(suffixes) and not any(part[:1] == "." for part in below):
                found.append(Location(str(file_system.unstrip_protocol(path))))
        return sorted(found, key=lambda one: one.name)

    def names(self) -> set[str]:
        """The names of what lies in a folder; none where there is no folder."""
        if not self.exists():
            return set()
        if not self.is_local:
            self._opened[0].invalidate_cache()
        return {path.rstrip("/").rpartition("/")[2] for path in self._asked("ls", detail=False)}

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """To be read from.

        Raises:
            FileError: it cannot be.
        """
        with self._errors(), self._stream() as stream:
            yield stream

    def write(self, content: bytes) -> None:
        """Put a file there; others see the old one or the new one, whole.

        Raises:
            FileError: it cannot be written.
        """
        if self.is_local:
            write_atomically(Path(self.name), content)
            return
        from uuid import uuid4

        file_system, path = self._opened
        folder, _, name = path.rpartition("/")
        beside = f"{folder}/.{name}.{uuid4().hex}"
        try:
            file_system.makedirs(folder, exist_ok=True)
            file_system.pipe_file(beside, content)
            file_system.mv(beside, path)
        except Exception as error:  # each file system raises its own
            raise cannot_write(Path(self.name), OSError(str(error))) from error

    def sweep(self) -> None:
        """Remove what writers that were killed left beside their places in a folder.

        Raises:
            FileError: it cannot be.
        """
        for name in self.names():
            if name.startswith("."):
                (self / name)._asked("rm")

    def _stream(self) -> Any:
        if self.is_local:
            return Path(self.name).open("rb")
        file_system, path = self._opened
        return file_system.open(path, "rb")

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        try:
            import fsspec
        except ImportError as error:
            raise MissingDependency("fsspec", "edgeconv score", extra="data") from error
        try:
            file_system, path = fsspec.core.url_to_fs(self.name)
        except (ImportError, ValueError) as error:
            raise FileError(
                f"cannot reach {self.name}",
                got=str(error),
                do="install the fsspec package of that protocol, or give a local path",
            ) from error
        return file_system, str(path)

    def _asked(self, question: str, **options: Any) -> Any:
        with self._errors():
            if self.is_local:
                return _HERE[question](self.name)
            file_system, path = self._opened
            return getattr(file_system, question)(path, **options)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileError(
                f"cannot read {self.name}",
                got=error.strerror or str(error),
                do="check that it is there and may be read",
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        object.__setattr__(self, "name", state["name"])
