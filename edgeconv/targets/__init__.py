"""The files edgeconv can make: one module a target, one :class:`Form` a kind of file.

Nothing here imports a converter; :func:`converter` imports the one that is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeconv.contract import Contract, InputTensor, OutputTensor, Precision
from edgeconv.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from edgeconv.frozen import FrozenGraph

PrecisionName = Literal["fp32", "fp16", "dynamic", "int8"]
ALL = "all"


@dataclass(frozen=True)
class Form:
    """One kind of file: a target at a precision, with its suffix.

    ``plain`` forms are named ``<Basename><suffix>``, the others carry their precision too.
    ``default`` forms are made when no precision is asked for.
    """

    target: str
    precision: PrecisionName
    suffix: str
    plain: bool = False
    default: bool = True

    def file_name(self, basename: str) -> str:
        """``NSFW.mlmodel``, or ``NSFW.int8.tflite``."""
        return basename + ("" if self.plain else f".{self.precision}") + self.suffix


FORMS = (
    Form("coreml", "fp32", ".mlmodel", plain=True),
    Form("coreml", "fp16", ".mlmodel", default=False),
    Form("coreml", "fp16", ".mlpackage", plain=True),
    Form("coreml", "fp32", ".mlpackage", default=False),
    Form("tflite", "fp32", ".tflite"),
    Form("tflite", "fp16", ".tflite"),
    Form("tflite", "dynamic", ".tflite"),
    Form("tflite", "int8", ".tflite"),
    Form("onnx", "fp32", ".onnx"),
    Form("onnx", "fp16", ".onnx"),
    Form("onnx", "int8", ".onnx"),
)

_MODULES = {
    "coreml": "edgeconv.targets.coreml:CoreMLConverter",
    "tflite": "edgeconv.targets.tflite:TFLiteConverter",
    "onnx": "edgeconv.targets.onnx:OnnxConverter",
}

TARGETS = tuple(_MODULES)
PRECISIONS = tuple(dict.fromkeys(form.precision for form in FORMS))
COMPATIBILITIES = ("tflite-2.14",)
IOS_VERSIONS = (15, 16, 17, 18, 26)
"""Deployment targets of ML programs, which came with iOS 15; after 18 Apple counts in years."""


@dataclass(frozen=True)
class Options:
    """What a conversion needs besides the graph.

    ``calibration`` holds (N, H, W, 3) uint8 RGB pixels; None where nothing quantises activations.
    ``minimum_ios`` is the Core ML deployment target of ML programs.
    """

    calibration: NDArray[np.uint8] | None = None
    compat: str | None = None
    minimum_ios: int = 15


class Converter(Protocol):
    """Turns one frozen graph into files. Shared work between precisions is done once."""

    def __init__(self, frozen: FrozenGraph, options: Options) -> None: ...

    def write(self, form: Form, path: Path) -> None:
        """Write the file, without its contract."""

    def describe(self, form: Form, path: Path) -> tuple[InputTensor, OutputTensor, Precision]:
        """Input, output and precision, read back from the written file."""

    def embed(self, path: Path, contract: Contract) -> None:
        """Put the contract, and what the format itself says of labels and author, into the file."""


def converter(target: str) -> type[Converter]:
    """The converter class of a target; imports its library."""
    module, name = _MODULES[target].split(":")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


def select_forms(targets: Sequence[str], precisions: Sequence[str]) -> list[Form]:
    """The forms asked for; without precisions, the default ones.

    Raises:
        UnknownName: a target or precision that does not exist.
        UsageError: a target was named that has none of the precisions.
    """
    for target in targets:
        if target not in (*TARGETS, ALL):
            raise UnknownName("target", target, (*TARGETS, ALL))
    for precision in precisions:
        if precision not in PRECISIONS:
            raise UnknownName("precision", precision, PRECISIONS)
    chosen = [
        form
        for form in FORMS
        if (form.target in targets or ALL in targets)
        and (form.precision in precisions if precisions else form.default)
    ]
    for target in (*targets, *TARGETS) if ALL not in targets else ():
        if target in targets and not any(form.target == target for form in chosen):
            raise UsageError(
                f"{target} has no precision {', '.join(precisions)}",
                expected=f"one of {', '.join(_precisions_of([target]))}",
            )
    return chosen


def _precisions_of(targets: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(form.precision for form in FORMS if form.target in targets))
