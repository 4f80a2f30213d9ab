"""ReLU6 as NeuralNetworks spell it, put back together for speed.

coremltools writes ReLU6 into a ``.mlmodel`` as four layers: ReLU, times -1, threshold at -6,
times -1. ``-max(-x, -6)`` is ``min(x, 6)`` to the last bit, so one ``clip`` stands for all four.
The oracle runs them as they are written.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

from edgeconv.runtimes.coreml_reference.program import Constant, Operation, Program, inline_constant


def fuse_clips(program: Program, kept: frozenset[str]) -> tuple[Operation, ...]:
    """The operations of ``program`` with each such chain made one ``clip``.

    Args:
        program: whose operations are fused.
        kept: variables that must stay because they are asked for.
    """
    uses = Counter(
        operand.name
        for operation in program.operations
        for operands in operation.inputs.values()
        for operand in operands
    )
    fused: list[Operation] = []
    for operation in program.operations:
        fused.append(operation)
        chain = fused[-4:]
        inner = {step.place for step in chain[:-1]}
        if len(chain) == 4 and not inner & kept and all(uses[name] == 1 for name in inner):
            ceiling = _relu_ceiling(chain)
            if ceiling is not None:
                fused[-4:] = [_clip(chain, ceiling)]
    return tuple(fused)


def _relu_ceiling(chain: list[Operation]) -> float | None:
    """The ceiling of a chain ReLU, negate, threshold, negate; None for any other chain."""
    relu, negate, threshold, negate_back = chain
    linked = all(_source(after) == before.place for before, after in pairwise(chain))
    if not linked or relu.type != "relu" or threshold.type != "threshold":
        return None
    if not (_is_negation(negate) and _is_negation(negate_back)):
        return None
    return -_number(threshold, "alpha")


def _source(operation: Operation) -> str | None:
    operands = operation.inputs.get("x", ())
    return operands[0].name if len(operands) == 1 else None


def _is_negation(operation: Operation) -> bool:
    return (
        operation.type == "linear_activation"
        and _number(operation, "alpha") == -1
        and _number(operation, "beta") == 0
    )


def _number(operation: Operation, attribute: str) -> float:
    operands = operation.inputs.get(attribute, ())
    if len(operands) == 1 and isinstance(operands[0], Constant) and not operands[0].type.shape:
        return float(operands[0].stored)
    return math.nan


def _clip(chain: list[Operation], ceiling: float) -> Operation:
    return Operation(
        "clip",
        {
            "x": chain[0].inputs["x"],
            "alpha": (inline_constant("alpha", 0.0),),
            "beta": (inline_constant("beta", ceiling),),
        },
        chain[-1].outputs,
    )
