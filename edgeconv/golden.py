"""The scores an artifact gives for a few fixed inputs, so that a device can test itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from edgeconv.artifact import Artifact
from edgeconv.contract import Contract, GoldenPicture
from edgeconv.errors import CannotRunHere
from edgeconv.runtimes import Runtime, as_contracted, open_runtime

DECIMALS = 5
"""Enough for a self-test, and few enough that one machine's rounding gives the next one's bytes."""


def with_golden_scores(artifact: Artifact, inputs: Sequence[tuple[str, NDArray[Any]]]) -> Contract:
    """The artifact's contract with the scores for some inputs, and what runtime gave them.

    Without them where this machine cannot run the artifact.

    Args:
        artifact: a finished file.
        inputs: names, and uint8 pixels (H, W, 3) at the model's size or float32 rows (length,).
    """
    contract = artifact.contract
    try:
        runtime = open_runtime(artifact.path)
    except CannotRunHere:
        return contract
    golden = tuple(_golden(runtime, contract, name, given) for name, given in inputs)
    return contract.model_copy(update={"golden": golden, "golden_from": runtime.description})


def _golden(runtime: Runtime, contract: Contract, name: str, given: NDArray[Any]) -> GoldenPicture:
    scores = runtime.run(as_contracted(given, contract.input))
    return GoldenPicture(
        name=name,
        sha256=hashlib.sha256(given.tobytes()).hexdigest(),
        scores={
            label: round(float(score), DECIMALS)
            for label, score in zip(runtime.labels, scores, strict=True)
        },
        values=tuple(given.tolist()) if given.ndim == 1 else None,
    )
