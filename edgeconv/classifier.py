"""The classifier: a network with its weights and its spec, the reference for all else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv import checkpoints
from edgeconv.contract import Source
from edgeconv.errors import SpecError, UsageError
from edgeconv.files import sha256_of
from edgeconv.generated_rows import draw_rows
from edgeconv.networks import Frozen, Network
from edgeconv.normalising import normalise
from edgeconv.own_models import reconciled
from edgeconv.resolving import Resolved, resolve
from edgeconv.spec import Embedding, ModelSpec


@dataclass(frozen=True)
class Classifier:
    """A model that all its exports are held against."""

    spec: ModelSpec
    network: Network
    source: Source

    def scores(self, inputs: NDArray[Any], batch_size: int = 32) -> NDArray[np.float32]:
        """Classify pictures, or embeddings.

        Args:
            inputs: RGB 0..255, uint8 or float32, (N, H, W, 3) at the model's size; or float rows
                (N, length).
            batch_size: how many go through the model at once.

        Returns:
            (N, labels) float32.

        Raises:
            UsageError: the inputs are of another shape.
        """
        if inputs.shape[1:] != self.spec.input_shape:
            raise UsageError(
                f"{self.spec.name} cannot take these inputs",
                got=str(inputs.shape),
                expected=f"(N, {', '.join(map(str, self.spec.input_shape))})",
            )
        scores = np.empty((len(inputs), len(self.spec.labels)), np.float32)
        for start in range(0, len(inputs), batch_size):
            batch = normalise(inputs[start : start + batch_size], self.spec.input)
            scores[start : start + batch_size] = self.network.scores(batch)
        return scores

    def freeze(self) -> Frozen:
        """The classifier as converters take it: see :mod:`edgeconv.frozen`."""
        return self.network.freeze(self.spec)

    def typical_rows(self, count: int, seed: int) -> NDArray[np.float32]:
        """Embeddings as the model was trained on, (count, length); the same seed gives the same.

        Raises:
            SpecError: the model takes pictures.
        """
        taken = self.spec.input
        if not isinstance(taken, Embedding):
            raise SpecError(f"{self.spec.name} takes pictures, not embeddings")
        return draw_rows(self.network.row_statistics(taken.length), count, seed, unit=taken.unit)

    def with_half_weights(self) -> Classifier:
        """The same classifier, every weight rounded to float16 and widened again."""
        return replace(self, network=self.network.with_half_weights())


def load_classifier(
    model: str | Path, weights: str | Path | None = None, labels: Sequence[str] = ()
) -> Classifier:
    """The classifier of a model, with weights.

    Labels and preprocessing are those of the checkpoint's own configuration, where it has one.

    Args:
        model: a known model's name, a TOML of the user's own, or a checkpoint.
        weights: a checkpoint; by default the embedded or the pulled one.
        labels: of the scores, for a checkpoint that names none.

    Raises:
        UnknownName, SpecError, UsageError, CheckpointError: as
            :func:`edgeconv.resolving.resolve` and :func:`edgeconv.checkpoints.read`.
        CheckpointMismatch: the checkpoint's tensors are not those of the model.
    """
    resolved = resolve(model, weights, labels)
    return classifier_of(resolved, sha256_of(resolved.weights))


def classifier_of(resolved: Resolved, sha256: str) -> Classifier:
    """The classifier of a model that has been resolved.

    Args:
        resolved: its spec and checkpoint.
        sha256: of the checkpoint, as :func:`edgeconv.files.sha256_of` gives it.

    Raises:
        CheckpointError: as :func:`edgeconv.checkpoints.read`.
        CheckpointMismatch: the checkpoint's tensors are not those of the model.
    """
    from edgeconv.networks.from_checkpoint import network_of

    checkpoint = resolved.checkpoint or checkpoints.read(
        resolved.weights, resolved.spec.checkpoint.formats
    )
    spec = reconciled(resolved.spec, checkpoint)
    return Classifier(
        spec,
        network_of(spec, checkpoint),
        Source(
            checkpoint_sha256=sha256,
            checkpoint_format=checkpoint.format,
            licence=spec.checkpoint.licence,
            author=spec.checkpoint.author,
        ),
    )
