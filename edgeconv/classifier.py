"""The classifier: a tf-keras model with its weights and its spec, the reference for all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv import checkpoints
from edgeconv.architectures import FROM_CHECKPOINT
from edgeconv.checkpoints import fitting, naming, topology
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.contract import Source
from edgeconv.errors import CheckpointError, CheckpointMismatch, UsageError
from edgeconv.files import sha256_of
from edgeconv.resolving import resolve
from edgeconv.spec import Input, ModelSpec, known_models, load_spec

_LAST_ACTIVATION = {"softmax": "softmax", "sigmoid": "sigmoid", "multi-label": "sigmoid"}


@dataclass(frozen=True)
class Classifier:
    """A model that all its exports are held against.

    ``model`` is a flat ``tf_keras.Model`` from *normalised* float32 pixels (N, H, W, 3) to scores
    (N, labels), in the order of ``spec.labels``.
    """

    spec: ModelSpec
    model: Any
    source: Source

    def normalise(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """See :func:`normalise`."""
        return normalise(pixels, self.spec.input)

    def scores(self, pixels: NDArray[Any], batch_size: int = 32) -> NDArray[np.float32]:
        """Classify pictures.

        Args:
            pixels: RGB 0..255, uint8 or float32, (N, H, W, 3) at the model's size.
            batch_size: how many go through the model at once.

        Returns:
            (N, labels) float32.

        Raises:
            UsageError: the pixels are of another shape.
        """
        shape = (*self.spec.input.size, 3)
        if pixels.shape[1:] != shape:
            raise UsageError(
                f"{self.spec.name} cannot take these pixels",
                got=str(pixels.shape),
                expected=f"(N, {', '.join(map(str, shape))})",
            )
        scores = np.empty((len(pixels), len(self.spec.labels)), np.float32)
        for start in range(0, len(pixels), batch_size):
            batch = self.normalise(pixels[start : start + batch_size])
            scores[start : start + batch_size] = self.model.predict_on_batch(batch)
        return scores


def normalise(pixels: NDArray[Any], how: Input) -> NDArray[np.float32]:
    """RGB pixels 0..255, (..., 3), to what the model was trained on: float32, the same shape."""
    mean, std = np.array(how.mean, np.float32), np.array(how.std, np.float32)
    normalised: NDArray[np.float32] = (
        pixels.astype(np.float32) * np.float32(how.scale) - mean
    ) / std
    return normalised


def load_classifier(model: str | Path, weights: str | Path | None = None) -> Classifier:
    """The classifier of a model, with weights.

    Args:
        model: a known model's name, a TOML of the user's own, or a checkpoint.
        weights: a checkpoint; by default the embedded or the pulled one.

    Raises:
        UnknownName, SpecError, UsageError, CheckpointError: as
            :func:`edgeconv.resolving.resolve` and :func:`edgeconv.checkpoints.read`.
        CheckpointMismatch: the checkpoint's tensors are not those of the model.
    """
    resolved = resolve(model, weights)
    spec = resolved.spec
    checkpoint = checkpoints.read(resolved.weights, spec.checkpoint.formats)
    network = _network(spec, checkpoint)
    layers = fitting.weighted_layers(network)
    tensors = naming.by_layer(checkpoint, network, layers)
    if found := fitting.differences_of_tensors(tensors, layers):
        raise _mismatch(spec, checkpoint, found, layers, _width(tensors, layers[-1]))
    fitting.fill(network, tensors, checkpoint.path.name, spec.name)
    return Classifier(
        spec,
        network,
        Source(
            checkpoint_sha256=sha256_of(checkpoint.path),
            checkpoint_format=checkpoint.format,
            licence=spec.checkpoint.licence,
            author=spec.checkpoint.author,
        ),
    )


def _network(spec: ModelSpec, checkpoint: Checkpoint) -> Any:
    """The model without its weights: as the checkpoint lists its layers, or else as the spec."""
    from edgeconv.architectures import build

    own = None if spec.architecture["kind"] == FROM_CHECKPOINT else build(spec)
    if checkpoint.topology is None:
        if own is None:
            raise CheckpointError(
                f"{checkpoint.path.name} holds weights alone, and {spec.name} takes its layers "
                "from the checkpoint",
                got=f"{len(checkpoint.tensors)} tensors without a model configuration",
                do="save the whole model (model.save), not its weights",
            )
        return own
    where = checkpoint.path.name
    network = topology.build(
        checkpoint.topology, spec.input.size, spec.name, checkpoint.values, where
    )
    if own is not None:
        got, expected = fitting.weighted_layers(network), fitting.weighted_layers(own)
        if found := fitting.differences_of_layers(got, expected):
            raise _mismatch(spec, checkpoint, found, expected, network.output_shape[-1])
    _check_output(spec, checkpoint, network)
    return network


def _check_output(spec: ModelSpec, checkpoint: Checkpoint, network: Any) -> None:
    """The last layer gives one score a label, of the kind that the spec states."""
    shape = tuple(network.output_shape[1:])
    if shape != (len(spec.labels),):
        got = fitting.Differences((fitting.described("scores", shape),), (_labels(spec),))
        raise _mismatch(spec, checkpoint, got, (), shape[-1])
    last = network.layers[-1]
    activation = getattr(last, "activation", None)
    found = activation.__name__ if activation else type(last).__name__.lower()
    if found != _LAST_ACTIVATION[spec.output.kind]:
        raise CheckpointMismatch(
            f"{checkpoint.path.name} does not give the scores of {spec.name}",
            got=f"{last.name} ends in {found}",
            expected=f"{_LAST_ACTIVATION[spec.output.kind]}, as the spec says: {spec.output.kind}",
            do="state the right [output] kind in the model's TOML",
        )


def _mismatch(
    spec: ModelSpec,
    checkpoint: Checkpoint,
    found: fitting.Differences,
    layers: Sequence[fitting.WeightedLayer],
    width: int | None,
) -> CheckpointMismatch:
    """The error for a checkpoint of another model.

    Args:
        layers: those of the spec's model; the last one gives the scores.
        width: how many scores the checkpoint's own last layer gives, where that is known.
    """
    scores = f"{layers[-1].name}/" if layers else "/"
    expected = [
        f"{line}   {_labels(spec)}" if line.startswith(scores) else line for line in found.expected
    ]
    return CheckpointMismatch(
        f"{checkpoint.path.name} does not fit {spec.name}",
        got=fitting.at_most(found.got) or "nothing of the kind",
        expected=fitting.at_most(expected) or "no other tensors than those of the model",
        do=_advice(spec, checkpoint, width),
    )


def _advice(spec: ModelSpec, checkpoint: Checkpoint, width: int | None) -> str:
    if width is None or width == len(spec.labels):
        return "check that these are weights of this very architecture, with the same layer names"
    for name in known_models():
        other = load_spec(name)
        if len(other.labels) == width and checkpoint.format in other.checkpoint.formats:
            return (
                f"this looks like a model of {width} classes: try  edgeconv export {name} "
                f"--weights {checkpoint.path}"
            )
    return f"this looks like a model of {width} classes: write a TOML with its {width} labels"


def _labels(spec: ModelSpec) -> str:
    return f"{len(spec.labels)} labels: {', '.join(spec.labels)}"


def _width(tensors: Mapping[str, NDArray[np.float32]], last: fitting.WeightedLayer) -> int | None:
    """How many scores the checkpoint's tensor for the last layer gives."""
    tensor = tensors.get(f"{last.name}/{last.weights[-1][0]}")
    return None if tensor is None or not tensor.shape else tensor.shape[-1]
