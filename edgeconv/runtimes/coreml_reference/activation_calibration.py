"""Activation quantisation (W8A8) calibrated off a Mac.

coremltools' ``linear_quantize_activations`` measures the ranges of activations with ``predict``,
which needs macOS. Here the reference executor measures them instead, in place of a private
function of coremltools; its version is therefore checked. coremltools 9.0 also keeps the range of
the last sample only (``ModelDebugger.record_intermediate_output`` overwrites what it was to
extend); these ranges span all samples.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgeconv.errors import CalibrationError, ConversionError
from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.model import ReferenceModel, load

_KNOWN_VERSION = "9.0"

Ranges = dict[str, dict[str, float]]
"""``rmin`` and ``rmax`` of each variable, as coremltools keeps them."""


def quantize_activations(
    model: Any,
    config: Any,
    samples: Iterable[Mapping[str, Array]] = (),
    ranges: Ranges | None = None,
) -> Any:
    """An ML Program with 8-bit activations, calibrated by the reference executor.

    Args:
        model: a ``coremltools.models.MLModel`` with an ML Program for iOS 17 or later.
        config: a ``coremltools.optimize.coreml.OptimizationConfig``.
        samples: inputs as :meth:`ReferenceModel.predict` takes them: images are uint8 RGB pixels.
        ranges: of every float variable, where they are known already; then no samples are needed.

    Returns:
        A new ``MLModel``; quantise its weights with ``linear_quantize_weights`` for W8A8.

    Raises:
        CalibrationError: there are no samples.
        ConversionError: coremltools is not the version whose private function is replaced.
        ArtifactError: the reference executor does not know the model.
    """
    import coremltools
    from coremltools.optimize.coreml import _post_training_quantization as quantization
    from coremltools.optimize.coreml.experimental import _model_debugger
    from coremltools.optimize.coreml.experimental import _post_training_quantization as experimental

    if coremltools.__version__ != _KNOWN_VERSION:
        raise ConversionError(
            "activations cannot be calibrated with this coremltools",
            got=coremltools.__version__,
            expected=_KNOWN_VERSION,
            do=f"pip install coremltools=={_KNOWN_VERSION}",
        )
    found = ranges if ranges is not None else _measured(model, samples)

    def measured(float_model: Any, _samples: object, _group_size: int = -1) -> Ranges:
        concats = _model_debugger.ModelDebugger(float_model)._get_concat_op_info()
        experimental._adjust_concat_surrounding_activation_stats(concats, found)
        return found

    with _replaced(quantization, "_get_activation_calibration_stats", measured):
        return quantization.linear_quantize_activations(model, config, sample_data=[])


def _measured(model: Any, samples: Iterable[Mapping[str, Array]]) -> Ranges:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.mlpackage"
        model.save(str(path))
        return activation_ranges(load(path), samples)


def activation_ranges(model: ReferenceModel, samples: Iterable[Mapping[str, Array]]) -> Ranges:
    """The smallest and largest value of every float variable, over all samples.

    Variables that leave the model under their own name are left out, as coremltools leaves them.

    Raises:
        CalibrationError: there are no samples.
    """
    outputs = {feature.name for feature in model.outputs}
    program = model.program
    names = [variable.name for variable in program.inputs] + [
        variable.name
        for operation in program.operations
        for variable in operation.outputs
        if variable.name not in outputs
        and variable.type is not None
        and variable.type.element.is_float
    ]
    ranges: Ranges = {}
    for sample in samples:
        for name, values in model.intermediates(sample, names).items():
            known = ranges.setdefault(name, {"rmin": float("inf"), "rmax": float("-inf")})
            known["rmin"] = min(known["rmin"], float(values.min()))
            known["rmax"] = max(known["rmax"], float(values.max()))
    if not ranges:
        raise CalibrationError("activations cannot be calibrated without samples")
    return ranges


@contextmanager
def _replaced(module: Any, name: str, value: object) -> Iterator[None]:
    """``module.name`` is ``value`` for a while."""
    original = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, original)
