"""Compresses an ML program: the values are chosen here, the formats are written by coremltools.

coremltools' own encoders find again what they are given: ``unique`` palettes hold the values that
are there, and a symmetric int8 scale is the largest weight of its row by 127.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgeconv.compressing.layers import layer_of
from edgeconv.compressing.weights import Compression, compress
from edgeconv.progress import Progress
from edgeconv.runtimes.coreml_reference import ReferenceModel, load
from edgeconv.runtimes.coreml_reference.activation_calibration import quantize_activations
from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.program import Program

PALETTE_BITS = {"pal8": 8, "pal6": 6, "pal4": 4}
"""Precisions with palettes; all others have int8 weights."""

Samples = Sequence[Mapping[str, Array]]
"""Inputs as :meth:`ReferenceModel.predict` takes them: images are uint8 RGB pixels."""


def compressed(model: Any, precision: str, samples: Samples, progress: Progress) -> Any:
    """A float ML program with compressed weights, for ``w8a8`` with 8-bit activations too.

    Args:
        model: a ``coremltools.models.MLModel`` for the first system that takes the precision.
        precision: ``w8``, ``pal8``, ``pal6``, ``pal4`` or ``w8a8``.
        samples: some dozens of typical inputs at least.
        progress: told of every layer.

    Raises:
        CalibrationError: there are no samples.
        ConversionError: coremltools is not the version whose private functions are used.
        ArtifactError: the reference executor does not know the model.
    """
    reference = _reference(model)
    found = compress(
        reference,
        samples,
        progress,
        palette_bits=PALETTE_BITS.get(precision),
        activations=precision == "w8a8",
    )
    values = {**found.palettes, **found.int8, **found.biases}
    made = _rewritten(model, [_replacing(values)])
    if precision == "w8a8":
        made = quantize_activations(made, _affine(reference.program), ranges=found.ranges)
    return _encoded(made, found)


def _reference(model: Any) -> ReferenceModel:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.mlpackage"
        model.save(str(path))
        return load(path)


def _encoded(model: Any, found: Compression) -> Any:
    import coremltools.optimize.coreml as cto
    from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY

    palette = cto.OpPalettizerConfig(mode="unique", weight_threshold=0)
    steps = cto.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0)
    passes = []
    for kind, config, names in (
        ("palettize_weights", palette, found.palettes),
        ("linear_quantize_weights", steps, found.int8),
    ):
        if names:
            encoder = PASS_REGISTRY[f"compression::{kind}"]
            encoder.config = cto.OptimizationConfig(op_name_configs=dict.fromkeys(names, config))
            passes.append(encoder)
    return _rewritten(model, passes)


def _affine(program: Program) -> Any:
    """Activations as uint8 with a zero point: what no ReLU lets through takes no half of the range.

    Symmetric int8, coremltools' default, has 127 steps for the 0..6 of a ReLU6. What the last layer
    gives, the logits, stays in float: in steps it would move every score.
    """
    import coremltools.optimize.coreml as cto

    config = cto.OpLinearQuantizerConfig(mode="linear", dtype="uint8")
    last = [layer.operation.place for one in program.operations if (layer := layer_of(one))][-1:]
    return cto.OptimizationConfig(global_config=config, op_name_configs=dict.fromkeys(last))


def _rewritten(model: Any, passes: Sequence[Any]) -> Any:
    from coremltools.models import utils

    return utils._apply_graph_pass(model, passes, skip_model_load=True)


def _replacing(values: Mapping[str, Array]) -> Any:
    """A graph pass that puts other values into constants."""
    from coremltools.converters.mil.mil import Builder
    from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
    from coremltools.converters.mil.mil.passes.helper import block_context_manager

    @block_context_manager  # type: ignore[untyped-decorator]
    def replace_in(block: Any) -> None:
        for operation in list(block.operations):
            if operation.op_type == "const" and operation.outputs[0].name in values:
                (old,) = operation.outputs
                new = Builder.const(val=values[old.name], before_op=operation)
                block.replace_uses_of_var_after_op(
                    anchor_op=operation, old_var=old, new_var=new, no_check_var_types=True
                )
                block.remove_ops([operation])
                new.op.name = old.name
                new.name = old.name

    class Replace(AbstractGraphPass):  # type: ignore[misc]
        def apply(self, prog: Any) -> None:
            for function in prog.functions.values():
                replace_in(function)

    return Replace()
