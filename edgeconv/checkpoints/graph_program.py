"""A tensorflow graph that came as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GraphProgram:
    """A checked ``GraphDef`` without variables, and the names of its one input and output.

    The input is float32 (N, H, W, 3), normalised; the output float32 (N, labels). Names are those
    of tensors: ``input:0``.
    """

    graph_def: Any
    input_name: str
    output_name: str
