"""The scores an artifact gives for a few fixed pictures, so that a device can test itself."""

from __future__ import annotations

import hashlib

from edgeconv.artifact import Artifact
from edgeconv.contract import Contract, GoldenPicture
from edgeconv.errors import CannotRunHere
from edgeconv.parity.reference_set import golden_pictures
from edgeconv.runtimes import as_contracted, open_runtime

DECIMALS = 5
"""Enough for a self-test, and few enough that one machine's rounding gives the next one's bytes."""


def with_golden_scores(artifact: Artifact) -> Contract:
    """The artifact's contract with the golden pictures' scores, and what runtime gave them.

    Without them where this machine cannot run the artifact.
    """
    contract = artifact.contract
    try:
        runtime = open_runtime(artifact.path)
    except CannotRunHere:
        return contract
    golden = tuple(
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
    return contract.model_copy(update={"golden": golden, "golden_from": runtime.description})
