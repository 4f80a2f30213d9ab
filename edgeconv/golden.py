"""The scores an artifact gives for a few fixed pictures, so that a device can test itself."""

from __future__ import annotations

import hashlib

from edgeconv.artifact import Artifact
from edgeconv.contract import GoldenPicture
from edgeconv.errors import CannotRunHere
from edgeconv.parity.reference_set import golden_pictures
from edgeconv.runtimes import as_contracted, open_runtime

DECIMALS = 5
"""Enough for a self-test, and few enough that one machine's rounding gives the next one's bytes."""


def golden_scores(artifact: Artifact) -> tuple[GoldenPicture, ...]:
    """Run the artifact on the golden pictures; empty where this machine cannot run it."""
    try:
        runtime = open_runtime(artifact.path)
    except CannotRunHere:
        return ()
    contract = artifact.contract
    return tuple(
        GoldenPicture(
            name=name,
            sha256=hashlib.sha256(pixels.tobytes()).hexdigest(),
            scores={
                label: round(float(score), DECIMALS)
                for label, score in zip(
                    runtime.labels,
                    runtime.run(as_contracted(pixels, contract.input)),
                    strict=True,
                )
            },
        )
        for name, pixels in golden_pictures(contract.input.preprocessing)
    )
