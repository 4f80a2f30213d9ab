"""The files edgeconv can make: one module a target, one :class:`Form` a kind of file.

Nothing here imports a converter; :func:`converter` imports the one that is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures import Family
from edgeconv.contract import Contract, EmbeddingTensor, InputTensor, OutputTensor, Precision
from edgeconv.errors import UnknownName, UsageError
from edgeconv.progress import Progress, Silent

if TYPE_CHECKING:
    from edgeconv.networks import Frozen

PrecisionName = Literal["fp32", "fp16", "dynamic", "int8", "w8", "pal8", "pal6", "pal4", "w8a8"]
ALL = "all"


@dataclass(frozen=True)
class Form:
    """One kind of file: a target at a precision, with its suffix.

    ``plain`` forms are named ``<Basename><suffix>``, the others carry their precision too.
    ``usual_for`` are the families of networks that get this form when no precision is asked for:
    those that it serves in size or speed without changing decisions.
    """

    target: str
    precision: PrecisionName
    suffix: str
    plain: bool = False
    usual_for: tuple[Family, ...] = ("convolutional", "transformer", "dense")

    def file_name(self, basename: str) -> str:
        """``NSFW.mlmodel``, or ``NSFW.int8.tflite``."""
        return basename + ("" if self.plain else f".{self.precision}") + self.suffix


FORMS = (
    Form("coreml", "fp32", ".mlmodel", plain=True, usual_for=("convolutional", "dense")),
    Form("coreml", "fp16", ".mlmodel", usual_for=()),
    Form("coreml", "fp16", ".mlpackage", plain=True),
    Form("coreml", "fp32", ".mlpackage", usual_for=()),
    Form("coreml", "w8", ".mlpackage", usual_for=()),
    Form("coreml", "pal8", ".mlpackage", usual_for=()),
    Form("coreml", "pal6", ".mlpackage", usual_for=()),
    Form("coreml", "pal4", ".mlpackage", usual_for=()),
    Form("coreml", "w8a8", ".mlpackage", usual_for=()),
    Form("tflite", "fp32", ".tflite"),
    Form("tflite", "fp16", ".tflite"),
    Form("tflite", "dynamic", ".tflite", usual_for=("convolutional", "transformer")),
    Form("tflite", "int8", ".tflite", usual_for=("convolutional",)),
    Form("onnx", "fp32", ".onnx"),
    Form("onnx", "fp16", ".onnx"),
    # On a depthwise convolution ONNX Runtime is 8.65 times as slow with it.
    Form("onnx", "dynamic", ".onnx", usual_for=("transformer",)),
    Form("onnx", "int8", ".onnx", usual_for=("convolutional",)),
)

_MODULES = {
    "coreml": "edgeconv.targets.coreml:CoreMLConverter",
    "tflite": "edgeconv.targets.tflite:TFLiteConverter",
    "onnx": "edgeconv.targets.onnx:OnnxConverter",
}

TARGETS = tuple(_MODULES)
FIRST_IOS = {"w8": 16, "pal8": 16, "pal6": 16, "pal4": 16, "w8a8": 17}
"""The first iOS that takes Core ML's compressed weights, or 8-bit activations
(https://apple.github.io/coremltools/docs-guides/source/opt-whats-new.html)."""

CALIBRATED = ("int8", *FIRST_IOS)
"""Precisions that look at typical inputs."""

QUANTISED = ("dynamic", *CALIBRATED)
"""Precisions that round scores so much that a file wants thresholds of its own."""

PRECISIONS = tuple(dict.fromkeys(form.precision for form in FORMS))
COMPATIBILITIES = ("tflite-2.14",)
IOS_VERSIONS = (15, 16, 17, 18, 26)
"""Deployment targets of ML programs, which came with iOS 15; after 18 Apple counts in years."""


@dataclass(frozen=True)
class Options:
    """What a conversion needs besides the graph.

    ``calibration`` holds (N, H, W, 3) uint8 RGB pixels, or (N, length) float32 embeddings; None
    where nothing quantises activations. ``quantisable`` is what int8 files are made of, where it is
    not the network that all others are made of. ``minimum_ios`` is the Core ML deployment target of
    ML programs; compressed ones may need a later system. ``progress`` is told of long work.
    """

    calibration: NDArray[np.uint8] | NDArray[np.float32] | None = None
    quantisable: Frozen | None = None
    compat: str | None = None
    minimum_ios: int = 15
    progress: Progress = field(default_factory=Silent)


class Converter(Protocol):
    """Turns one frozen graph into files. Shared work between precisions is done once."""

    def __init__(self, frozen: Frozen, options: Options) -> None: ...

    def write(self, form: Form, path: Path) -> None:
        """Write the file, without its contract."""

    def describe(
        self, form: Form, path: Path
    ) -> tuple[InputTensor | EmbeddingTensor, OutputTensor, Precision]:
        """Input, output and precision, read back from the written file."""

    @staticmethod
    def embed(path: Path, contract: Contract) -> None:
        """Put the contract, and what the format itself says of labels and author, into the file.

        In place of what was there; nothing that computes is touched.
        """


def converter(target: str) -> type[Converter]:
    """The converter class of a target; imports its library."""
    module, name = _MODULES[target].split(":")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


def select_forms(
    targets: Sequence[str], precisions: Sequence[str], family: Family = "convolutional"
) -> list[Form]:
    """The forms asked for; without precisions, the usual ones of such a network.

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
        and (form.precision in precisions if precisions else family in form.usual_for)
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
