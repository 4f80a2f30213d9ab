"""Perceptrons that torch saved: the state dict of one ``Sequential`` of ``Linear`` layers.

As LAION's head over CLIP ViT-H/14: ``layers.0.weight``, ``layers.0.bias``, ``layers.3.weight`` and
so on. The numbers count modules, so two that follow each other have no activation between them.
Which activation stands in a gap no state dict says; that is for the spec.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints import torch_zip
from edgeconv.checkpoints.checkpoint import Checkpoint, Declared
from edgeconv.checkpoints.fitting import at_most, described
from edgeconv.errors import CheckpointError

_LARGEST = 256 << 20
_NAME = re.compile(r"(?P<prefix>(?:\w+\.)*)(?P<number>[0-9]{1,4})\.(?P<what>weight|bias)")

Tensors = dict[str, NDArray[Any]]


def recognises(path: Path) -> bool:
    """Whether this is a torch file, and all its tensors are the layers of one ``Sequential``."""
    if not torch_zip.recognises(path) or path.stat().st_size > _LARGEST:
        return False
    try:
        return _numbers(torch_zip.read_tensors(path)) is not None
    except CheckpointError:
        return False


def read(path: Path) -> Checkpoint:
    """Read a perceptron.

    Returns:
        A checkpoint whose tensors have the names that
        :mod:`edgeconv.architectures.embedding_mlp` gives them; it declares the architecture, and
        is silent on input and output.

    Raises:
        UnsafeCheckpoint, CorruptCheckpoint: as :func:`edgeconv.checkpoints.torch_zip.read_tensors`.
        CheckpointError: it is no chain of dense layers.
    """
    tensors = torch_zip.read_tensors(path)
    numbers = _numbers(tensors)
    layers = [] if numbers is None else _layers(tensors, numbers)
    if numbers is None or not _is_chain(layers):
        raise CheckpointError(
            f"{path.name} is no chain of dense layers",
            got=at_most([described(name, tensor.shape) for name, tensor in tensors.items()]),
            expected="weight (out, in) and bias (out) of each, the next one's in being this one's "
            "out",
        )
    named: Tensors = {}
    for place, (weight, bias) in enumerate(layers):
        name = f"dense_{place}" if place < len(layers) - 1 else "scores"
        named |= {f"{name}/kernel": weight.T, f"{name}/bias": bias}
    options = {
        "kind": "embedding_mlp",
        "hidden": [len(bias) for _, bias in layers[:-1]],
        "linear_tail": _linear_tail(numbers, path.name),
    }
    return Checkpoint(path, "torch_mlp", named, declared=Declared(options))


def _numbers(tensors: Tensors) -> list[int] | None:
    """The modules' numbers in order; None if a tensor is no module's weight or bias."""
    found = [_NAME.fullmatch(name) for name in tensors]
    matches = [match for match in found if match is not None]
    pairs = {(int(match["number"]), match["what"]) for match in matches}
    numbers = sorted({number for number, _ in pairs})
    whole = {(number, what) for number in numbers for what in ("weight", "bias")}
    if len(matches) < len(found) or len({match["prefix"] for match in matches}) != 1:
        return None
    return numbers if pairs == whole and len(pairs) == len(found) and len(numbers) > 1 else None


def _layers(tensors: Tensors, numbers: list[int]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Weight and bias of each module, first one first."""
    prefix = next(iter(tensors)).rpartition(".")[0].rpartition(".")[0]
    stem = f"{prefix}." if prefix else ""
    return [(tensors[f"{stem}{n}.weight"], tensors[f"{stem}{n}.bias"]) for n in numbers]


def _is_chain(layers: list[tuple[NDArray[Any], NDArray[Any]]]) -> bool:
    if not all(weight.ndim == 2 and bias.shape == weight.shape[:1] for weight, bias in layers):
        return False
    return all(
        np.shape(before)[0] == np.shape(after)[1] for (before, _), (after, _) in pairwise(layers)
    )


def _linear_tail(numbers: list[int], where: str) -> int:
    """How many hidden layers at the end have nothing between them and the next one."""
    gaps = [after - before > 1 for before, after in pairwise(numbers)]
    tail = len(gaps) - max((place for place, gap in enumerate(gaps, 1) if gap), default=0)
    if not all(gaps[: len(gaps) - tail]):
        raise CheckpointError(
            f"{where} has dense layers without activation between others with one",
            got=f"modules {', '.join(map(str, numbers))}",
            expected="such layers at the end alone",
        )
    return tail
