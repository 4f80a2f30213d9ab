"""Every error that edgeconv raises on purpose.

A message says what was got, what was expected and what to do next, and names the file.

    EdgeconvError
    ├── UsageError                 the request itself is wrong
    │   └── UnknownName            no such model, target, precision; lists those there are
    ├── SpecError                  a model's TOML does not say what it must
    ├── CheckpointError            weights in somebody else's format
    │   ├── UnsafeCheckpoint       it carries code, or reaches outside its folder
    │   ├── CorruptCheckpoint      truncated, malformed, or holding NaN or infinity
    │   └── CheckpointMismatch     its tensors are not those of the model
    ├── InputError                 what is to be classified
    │   ├── ImageError             a picture
    │   │   ├── UnreadableImage    truncated or not an image at all
    │   │   ├── UnsupportedImage   a format that is not on the list
    │   │   └── ImageTooLarge      more pixels than the cap
    │   └── EmbeddingError         rows that cannot be read, or are not what the model takes
    ├── CalibrationError           the calibration set cannot serve
    ├── ConversionError            a converter refused, or made something else than asked for
    ├── ArtifactError              an exported file that is broken
    │   └── NoContract             it is sound, but edgeconv did not make it
    ├── DatasetError               labelled pictures or rows that cannot be used
    ├── TrainingError              training cannot start or go on
    ├── ScoringError               a run over many inputs cannot go on
    ├── DownloadError              a published checkpoint could not be fetched, or is another
    ├── FileError                  a folder or file that cannot be read or written
    ├── CannotRunHere              no runtime on this machine runs the artifact
    └── MissingDependency          an optional package is not installed; names the extra
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class EdgeconvError(Exception):
    """Base of all errors edgeconv raises on purpose.

    Args:
        message: one line naming what failed and, where there is one, the file.
        got: what was found. A list gives one line each.
        expected: what should have been found.
        do: what the reader can do next.
    """

    def __init__(
        self,
        message: str,
        *,
        got: str | Iterable[str] | None = None,
        expected: str | Iterable[str] | None = None,
        do: str | None = None,
    ) -> None:
        self.message = message
        self.got = _lines(got)
        self.expected = _lines(expected)
        self.do = do
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        """An error of a worker process arrives as it was raised, whatever its class takes."""
        return _restored, (type(self), self.message, vars(self))

    def __str__(self) -> str:
        rows = [self.message]
        for title, lines in (
            ("got", self.got),
            ("expected", self.expected),
            ("do", _lines(self.do)),
        ):
            for number, line in enumerate(lines):
                rows.append(f"  {title if number == 0 else '':<8}  {line}")
        return "\n".join(rows)


class UsageError(EdgeconvError):
    """The request itself is wrong."""


class UnknownName(UsageError):
    """A name that is on no list; the message gives the list and the nearest names.

    Args:
        kind: what was named, for instance ``"target"``.
        name: the name that was given.
        known: the names there are.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = list(known)
        near = get_close_matches(name, names, n=1)
        super().__init__(
            f"no {kind} is called {name!r}",
            expected="one of " + ", ".join(names),
            do=f"did you mean {near[0]!r}?" if near else None,
        )


class SpecError(EdgeconvError):
    """A model's TOML does not say what it must."""


class CheckpointError(EdgeconvError):
    """Weights in somebody else's format cannot be used."""


class UnsafeCheckpoint(CheckpointError):
    """The checkpoint carries code, or reaches outside its folder. Nothing of it was run."""


class CorruptCheckpoint(CheckpointError):
    """The checkpoint is truncated or malformed, or holds NaN or infinite weights."""


class CheckpointMismatch(CheckpointError):
    """The checkpoint's tensors are not those of the model: missing, extra or misshapen."""


class InputError(EdgeconvError):
    """Something that was to be classified cannot be used."""


class ImageError(InputError):
    """A picture cannot be used."""


class UnreadableImage(ImageError):
    """The picture is truncated, or no image at all."""


class UnsupportedImage(ImageError):
    """The picture is in a format that is not on the list."""


class ImageTooLarge(ImageError):
    """The picture has more pixels than the cap; it was not decoded."""


class EmbeddingError(InputError):
    """Embeddings cannot be read, or are not of the length or norm that the model takes."""


class CalibrationError(EdgeconvError):
    """The calibration set cannot serve: empty, unreadable, or one picture repeated."""


class ConversionError(EdgeconvError):
    """A converter refused, or what it made is not what was asked for."""


class ArtifactError(EdgeconvError):
    """An exported file is broken, or is not what it must be."""


class NoContract(ArtifactError):
    """An exported file is sound, but carries no contract: edgeconv did not make it."""


class DatasetError(EdgeconvError):
    """A dataset lists nothing, or what it lists cannot be understood."""


class TrainingError(EdgeconvError):
    """Training cannot start or go on."""


class ScoringError(EdgeconvError):
    """A run over many inputs cannot go on, or its folder belongs to another one."""


class DownloadError(EdgeconvError):
    """A published checkpoint could not be fetched, or its SHA-256 is not the one named."""


class FileError(EdgeconvError):
    """A folder or file cannot be read or written."""


class CannotRunHere(EdgeconvError):
    """No runtime on this machine runs the artifact. Parity reports it as not run, never as PASS."""


class MissingDependency(EdgeconvError):
    """A package that this needs is not installed.

    Args:
        package: what is missing, as one would name it to pip.
        needed_for: what was to be done with it.
        extra: the extra of edgeconv that brings it, where there is one.
    """

    def __init__(self, package: str, needed_for: str, extra: str | None = None) -> None:
        what = f"edgeconv[{extra}]" if extra else package
        super().__init__(
            f"{needed_for} needs {package}, which is not installed",
            do=f"pip install '{what}'",
        )


def _restored(kind: type[EdgeconvError], message: str, state: dict[str, Any]) -> EdgeconvError:
    error = kind.__new__(kind, message)
    vars(error).update(state)
    return error


def _lines(value: str | Iterable[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
