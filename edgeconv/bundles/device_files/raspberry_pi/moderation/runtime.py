"""Runs the TFLite file: ai-edge-litert, or tflite-runtime where that is what there is."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

from moderation.bundle import Bundle, BundleError
from moderation.pictures import as_tensor

INTERPRETERS = (
    ("ai_edge_litert.interpreter", "ai-edge-litert"),
    ("tflite_runtime.interpreter", "tflite-runtime"),
)


class Model:
    """The bundle's model, loaded; ``tolerance`` is the self-test's."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        self.tolerance = bundle.tolerance
        module, self.description = _interpreter(bundle.contract.get("compat"))
        try:
            self._interpreter = module.Interpreter(
                str(bundle.model),
                num_threads=threads,
                **_kernels(module, bundle.contract.get("compat")),
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BundleError(
                f"{bundle.model.name} does not load into {self.description}: {error}"
            ) from error
        self._taken, self._labels = bundle.contract["input"], bundle.labels
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        _refuse_other(bundle.contract, self._input, self._output)

    def scores(self, pixels: np.ndarray) -> dict[str, float]:
        """Scores by label for uint8 RGB pixels, (height, width, 3), at the model's size."""
        self._interpreter.set_tensor(self._input["index"], as_tensor(pixels, self._taken))
        self._interpreter.invoke()
        scores = self._interpreter.get_tensor(self._output["index"])[0]
        scale, zero_point = self._output["quantization"]
        if scale:
            scores = (scores.astype(np.float32) - zero_point) * np.float32(scale)
        return {label: float(score) for label, score in zip(self._labels, scores)}


def _interpreter(compat: str | None) -> tuple[Any, str]:
    for name, package in INTERPRETERS:
        if package == "tflite-runtime" and compat is None:
            raise BundleError(
                "this model needs ai-edge-litert (64-bit, Python 3.10 or later); for other systems "
                "export it with --compat tflite-2.14 and bundle it again"
            )
        try:
            return import_module(name), f"{package} {version(package)}"
        except ImportError:
            continue
    raise BundleError("no TFLite runtime is installed: run install.sh")


def _kernels(module: Any, compat: str | None) -> dict[str, Any]:
    """A file for tflite-runtime 2.14 is run by the built-in kernels, as that runs it.

    XNNPACK, which newer runtimes use by default, rounds integers otherwise.
    """
    resolvers = getattr(module, "OpResolverType", None)
    if compat is None or resolvers is None:
        return {}
    return {"experimental_op_resolver_type": resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES}


def _refuse_other(
    contract: Mapping[str, Any], given: Mapping[str, Any], out: Mapping[str, Any]
) -> None:
    """The contract and the file must speak of the same tensors."""
    expected = {
        "input": (contract["input"]["shape"], contract["input"]["dtype"]),
        "scores": ([1, len(contract["labels"])], contract["output"]["dtype"]),
    }
    found = {
        name: (list(map(int, details["shape"])), np.dtype(details["dtype"]).name)
        for name, details in (("input", given), ("scores", out))
    }
    quantised = contract["output"].get("scale", 0.0), contract["output"].get("zero_point", 0)
    scale, zero_point = out["quantization"]
    if found != expected or not np.isclose(scale, quantised[0]) or zero_point != quantised[1]:
        raise BundleError(
            f"the model is not the one of contract.json: it has {found}, quantised by "
            f"{out['quantization']}, and not {expected}, quantised by {quantised}"
        )
