"""Runs an artifact over a reference set, fed as each gate demands.

- tensor: as the *file* declares its input. Is the conversion right?
- pixels: as the *contract* tells programs to make the input. Is the normalisation right?
- file: from the image file on, decoded and resized as the contract says. Is the preprocessing
  right?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeconv.artifact import Artifact
from edgeconv.inputs import load_input
from edgeconv.parity.decoded import DecodedSet
from edgeconv.parity.results import Gate
from edgeconv.parity.statistics import Scores
from edgeconv.progress import Progress
from edgeconv.runtimes import Runtime, Signature, as_contracted, as_declared

GATES: tuple[Gate, ...] = ("tensor", "pixels", "file")


@dataclass(frozen=True)
class Answers:
    """What one runtime answered: (N, labels) scores a gate, columns in the order of ``labels``."""

    runtime: str
    signature: Signature
    labels: tuple[str, ...]
    scores: Mapping[Gate, Scores]


Fed = list[tuple[tuple[Gate, ...], NDArray[np.generic]]]
"""The tensors made of one picture, each with the gates that feed it."""


def feed(
    artifact: Artifact, signature: Signature, pictures: DecodedSet
) -> Iterator[tuple[str, Fed]]:
    """Each picture's name, and what is made of it; gates that feed the very same share it."""
    preprocessing = artifact.contract.input.preprocessing
    decoded_alike = preprocessing == pictures.preprocessing
    contents = {picture.name: picture for picture in pictures.source.pictures}
    for name, given in zip(pictures.names, pictures.inputs, strict=True):
        from_file = (
            given if decoded_alike else load_input(contents[name].read(), preprocessing, name)
        )
        tensors: dict[Gate, NDArray[np.generic]] = {
            "tensor": as_declared(artifact.prepared(given), signature),
            "pixels": as_contracted(artifact.prepared(given), artifact.contract.input),
            "file": as_contracted(artifact.prepared(from_file), artifact.contract.input),
        }
        yield name, _grouped(tensors)


def run_candidate(
    runtime: Runtime, artifact: Artifact, pictures: DecodedSet, progress: Progress
) -> Answers:
    """Run every tensor once, whichever gates feed it."""
    rows: dict[Gate, list[NDArray[np.float32]]] = {gate: [] for gate in GATES}
    for _, fed in feed(artifact, runtime.signature, pictures):
        for gates, tensor in fed:
            scores = runtime.run(tensor)
            for gate in gates:
                rows[gate].append(scores)
        progress.advance()
    return Answers(
        runtime=runtime.description,
        signature=runtime.signature,
        labels=runtime.labels,
        scores={gate: np.stack(scores) for gate, scores in rows.items()},
    )


def _grouped(tensors: Mapping[Gate, NDArray[np.generic]]) -> Fed:
    fed: Fed = []
    for gate, tensor in tensors.items():
        for index, (gates, other) in enumerate(fed):
            if tensor.dtype == other.dtype and np.array_equal(tensor, other):
                fed[index] = ((*gates, gate), other)
                break
        else:
            fed.append(((gate,), tensor))
    return fed
