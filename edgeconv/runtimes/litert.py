"""LiteRT, or tflite-runtime, or tensorflow's own interpreter, whichever is installed."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.errors import ArtifactError, CannotRunHere, NoContract
from edgeconv.formats.tflite_metadata import read_contract, read_labels
from edgeconv.runtimes import Signature, layout_of

INTERPRETERS = (
    ("ai_edge_litert.interpreter", "ai-edge-litert", "LiteRT"),
    ("tflite_runtime.interpreter", "tflite-runtime", "tflite-runtime"),
    ("tensorflow.lite.python.interpreter", "tensorflow", "tensorflow's TFLite"),
)


class LiteRT:
    """A TFLite file in an interpreter; integer scores are turned back by the file's own scale."""

    is_the_device_runtime = True

    def __init__(self, path: Path, threads: int, labels: tuple[str, ...] | None) -> None:
        module, self.description = _interpreter()
        try:
            self._interpreter = module.Interpreter(
                str(path), num_threads=threads, **_kernels(path, module)
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ArtifactError(
                f"{path} does not load into {self.description}", got=str(error)
            ) from error
        (self._input,) = self._interpreter.get_input_details()
        (self._scores,) = self._interpreter.get_output_details()
        self.labels = labels or read_labels(path)
        shape = tuple(int(side) for side in self._input["shape"])
        self.signature = Signature(
            shape=shape,
            dtype=np.dtype(self._input["dtype"]).name,
            layout="row" if layout_of(shape) == "row" else "NHWC",
        )

    def run(self, tensor: NDArray[np.generic]) -> NDArray[np.float32]:
        """One (1, H, W, 3) or (1, length) tensor to (labels,) scores."""
        self._interpreter.set_tensor(self._input["index"], tensor)
        self._interpreter.invoke()
        scores = self._interpreter.get_tensor(self._scores["index"])[0]
        scale, zero_point = self._scores["quantization"]
        if scale:
            scores = (scores.astype(np.float32) - zero_point) * np.float32(scale)
        return np.asarray(scores, np.float32)


def open_file(path: Path, threads: int, labels: tuple[str, ...] | None = None) -> LiteRT:
    """Load a ``.tflite`` file; ``labels`` are for one that names none."""
    return LiteRT(path, threads, labels)


def _kernels(path: Path, module: Any) -> dict[str, Any]:
    """Files for tflite-runtime 2.14 are run by the built-in kernels, as it runs them.

    XNNPACK, which newer runtimes use by default, rounds integers differently.
    """
    resolvers = getattr(module, "OpResolverType", None)
    try:
        compat = read_contract(path).compat
    except NoContract:
        compat = None
    if resolvers is None or compat is None:
        return {}
    return {"experimental_op_resolver_type": resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES}


def _interpreter() -> tuple[Any, str]:
    for module, package, name in INTERPRETERS:
        try:
            return import_module(module), f"{name} {version(package)}"
        except ImportError:
            continue
    raise CannotRunHere("no TFLite runtime is installed", do="pip install ai-edge-litert")
