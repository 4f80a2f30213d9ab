"""What candidates are held against: the original's own scores, and its own noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.artifact import Artifact
from edgeconv.parity.candidate import run_candidate
from edgeconv.parity.decoded import DecodedSet
from edgeconv.parity.results import Gate, NoiseFloor
from edgeconv.parity.statistics import Scores
from edgeconv.progress import Progress
from edgeconv.runtimes import open_runtime
from edgeconv.spec import Input, OperatingPoint

if TYPE_CHECKING:
    from edgeconv.classifier import Classifier
    from edgeconv.networks import Frozen

NOISE_PICTURES = 64


@dataclass(frozen=True)
class Reference:
    """The original's scores on a set, one (N, labels) array a gate.

    For the tensor gate they are those of the frozen graph: was it converted rightly? For the pixel
    and file gates they are those of the classifier itself, on pixels normalised outside any graph.
    ``normalisation`` is what the tensor of the tensor gate has behind it; None where it is pixels.
    ``points`` are its own operating points.
    """

    description: str
    labels: tuple[str, ...]
    pictures: DecodedSet
    scores: Mapping[Gate, Scores]
    noise: NoiseFloor | None
    normalisation: Input | None = None
    points: tuple[OperatingPoint, ...] = ()


def reference_from_classifier(
    classifier: Classifier, frozen: Frozen, pictures: DecodedSet, progress: Progress
) -> Reference:
    """Run the original on a decoded set, and measure its own noise floor."""
    progress.step("running the original", 3)
    original = classifier.scores(pictures.inputs)
    progress.advance()
    traced = frozen.scores(pictures.inputs)
    progress.advance()
    noise = _noise_floor(classifier, frozen, pictures.inputs, original, traced)
    progress.advance()
    return Reference(
        description=f"{classifier.spec.name} in {classifier.network.library}, "
        f"checkpoint {classifier.source.checkpoint_sha256[:12]}",
        labels=classifier.spec.labels,
        pictures=pictures,
        scores={"tensor": traced, "pixels": original, "file": original},
        noise=noise,
        points=classifier.spec.operating_points,
    )


def reference_from_artifact(
    artifact: Artifact, pictures: DecodedSet, progress: Progress
) -> Reference:
    """Run another artifact over a decoded set. It has no noise floor: decisions alone are judged.

    Raises:
        CannotRunHere: no runtime on this machine runs it.
    """
    runtime = open_runtime(artifact.path, labels=artifact.labels_from_elsewhere)
    progress.step(f"running {artifact.path.name}", len(pictures.names))
    return Reference(
        description=f"{artifact.path.name} in {runtime.description}",
        labels=runtime.labels,
        pictures=pictures,
        scores=run_candidate(runtime, artifact, pictures, progress).scores,
        noise=None,
        normalisation=artifact.normalisation,
        points=artifact.contract.operating_points,
    )


def _noise_floor(
    classifier: Classifier,
    frozen: Frozen,
    inputs: NDArray[Any],
    original: Scores,
    traced: Scores,
) -> NoiseFloor:
    """How far the original strays from itself when nothing of it changes but how it is run."""
    some = inputs[:NOISE_PICTURES]
    noun = classifier.spec.input.noun
    variants = {
        f"batch and graph optimisation, all {noun}s": _gap(original, traced),
        f"one thread, not optimised, {len(some)} {noun}s": _gap(
            original[: len(some)], frozen.scores(some, threads=1, optimise=False)
        ),
    }
    return NoiseFloor(
        float32=max(variants.values()),
        float16_weights=_gap(original, classifier.with_half_weights().scores(inputs)),
        variants=variants,
    )


def _gap(a: Scores, b: Scores) -> float:
    return float(np.abs(a - b).max())
