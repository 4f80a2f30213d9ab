"""A quantised file's own thresholds: moved so that it flags as many pictures as the original.

The pictures carry no labels. They are those that integer files are calibrated on, so that parity,
which has others, judges what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.artifact import Artifact
from edgeconv.contract import Contract
from edgeconv.errors import CannotRunHere
from edgeconv.evaluating.operating_points import refitted
from edgeconv.parity.gates import align
from edgeconv.parity.statistics import unsafe_scores
from edgeconv.runtimes import as_contracted, open_runtime


@dataclass(frozen=True)
class RefittingSet:
    """What thresholds are refitted on.

    ``inputs`` is (N, H, W, 3) uint8 pixels or (N, length) rows, ``scores`` (N, labels) the
    original's for them, in the order of ``labels``; ``source`` says where the inputs came from.
    """

    source: str
    inputs: NDArray[Any]
    labels: tuple[str, ...]
    scores: NDArray[np.float32]


def with_refitted_points(artifact: Artifact, on: RefittingSet) -> Contract:
    """The artifact's contract with each of its operating points refitted.

    As it was where this machine cannot run the artifact.
    """
    contract = artifact.contract
    try:
        runtime = open_runtime(artifact.path)
    except CannotRunHere:
        return contract
    answers = np.stack([runtime.run(as_contracted(one, contract.input)) for one in on.inputs])
    unsafe = np.isin(on.labels, contract.unsafe_labels)
    reference = unsafe_scores(on.scores, unsafe)
    candidate = unsafe_scores(align(answers, runtime.labels, on.labels), unsafe)
    pictures = f"{len(on.inputs)} {contract.input.noun}s: {on.source}"
    points = (
        refitted(point, reference, candidate, pictures) for point in contract.operating_points
    )
    return contract.model_copy(update={"operating_points": tuple(points)})
