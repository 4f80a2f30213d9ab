"""What a file itself says of its inputs and outputs, whether it carries a contract or not."""

from __future__ import annotations

from dataclasses import dataclass

from edgeconv.contract import Precision

DICTIONARY = "dictionary"
"""The ``dtype`` of Core ML's label -> score outputs."""

LABEL = "label"
"""The ``dtype`` of Core ML's best label."""


@dataclass(frozen=True)
class Feature:
    """One input or output.

    ``shape`` has None for a side that the file leaves open, and is empty where it states none;
    ``dtype`` is as numpy names it. An integer ``q`` stands for ``(q - zero_point) * scale``.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True)
class Features:
    """All that a file says of itself. ``labels`` is None where it names none."""

    inputs: tuple[Feature, ...]
    outputs: tuple[Feature, ...]
    labels: tuple[str, ...] | None
    precision: Precision


def named_for_what_it_is(found: Precision) -> Precision:
    """The precision of a file that nobody asked for: under the name that its weights deserve."""
    by_weights = {"float32": "fp32", "float64": "fp32", "none": "fp32", "float16": "fp16"}
    name = by_weights.get(found.weight_type, "int8" if found.float_ops <= 0.5 else "dynamic")
    return found.model_copy(update={"asked": name})
