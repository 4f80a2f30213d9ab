"""From a checkpoint to the network of a spec: built, checked against the spec, and filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures import BOTH_SCORES, FROM_CHECKPOINT, build, drawn_weights
from edgeconv.checkpoints import fitting, naming, topology
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.graph_program import GraphProgram
from edgeconv.errors import CheckpointError, CheckpointMismatch
from edgeconv.networks import Network
from edgeconv.spec import ONE_LOGIT, Input, ModelSpec, known_models, load_spec

_LAST_ACTIVATION = {
    "softmax": "softmax",
    "sigmoid": "sigmoid",
    "multi-label": "sigmoid",
    "linear": "linear",
}


def network_of(spec: ModelSpec, checkpoint: Checkpoint) -> Network:
    """The network of a model, with the checkpoint's weights and the spec's temperature.

    Raises:
        CheckpointMismatch: the checkpoint's tensors are not those of the model.
        CheckpointError: it holds weights alone, and the spec takes the layers from it.
        SpecError: there is a temperature, and nobody can tell what the logits are.
    """
    network, temperature = _network(spec, checkpoint), spec.output.temperature
    return network if temperature == 1 else network.with_temperature(temperature)


def _network(spec: ModelSpec, checkpoint: Checkpoint) -> Network:
    if isinstance(checkpoint.program, GraphProgram):
        from edgeconv.networks.graph_network import GraphNetwork

        network = GraphNetwork(checkpoint.program)
        _check_graph(spec, checkpoint, network)
        return network
    if checkpoint.program is not None:
        from edgeconv.networks.onnx_network import OnnxNetwork

        return OnnxNetwork(checkpoint.program, spec)
    if "interpolate" in spec.architecture:
        checkpoint = _at_size(spec, checkpoint)
    if checkpoint.topology is None and _is_drawn_of(spec, checkpoint.tensors):
        from edgeconv.networks.drawn_network import DrawnNetwork

        return DrawnNetwork(spec, checkpoint.tensors)
    from edgeconv.networks.keras_network import KerasNetwork

    model = _unfilled(spec, checkpoint)
    layers = fitting.weighted_layers(model)
    tensors = naming.by_layer(checkpoint, model, layers)
    if found := fitting.differences_of_tensors(tensors, layers):
        raise _mismatch(spec, checkpoint, found, layers, _width(tensors, layers[-1]))
    fitting.fill(model, tensors, checkpoint.path.name, spec.name)
    return KerasNetwork(model)


def _at_size(spec: ModelSpec, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint of a vision transformer, its positions moved to the spec's size."""
    from edgeconv.architectures.vit_positions import POSITIONS, moved

    if POSITIONS not in checkpoint.tensors:
        return checkpoint
    own = checkpoint.declared.input if checkpoint.declared else None
    learned_for = own.size if isinstance(own, Input) else None
    return replace(checkpoint, tensors=moved(spec, checkpoint.tensors, learned_for))


def _is_drawn_of(spec: ModelSpec, tensors: Mapping[str, NDArray[np.float32]]) -> bool:
    """Whether the network can be drawn without tensorflow, and of just these tensors."""
    return drawn_weights(spec) == {name: tensor.shape for name, tensor in tensors.items()}


def _unfilled(spec: ModelSpec, checkpoint: Checkpoint) -> Any:
    """The model without its weights: as the checkpoint lists its layers, or else as the spec."""
    own = None if spec.architecture["kind"] in FROM_CHECKPOINT else build(spec)
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
        checkpoint.topology, spec.pictures.size, spec.name, checkpoint.values, where
    )
    if own is not None:
        got, expected = fitting.weighted_layers(network), fitting.weighted_layers(own)
        if found := fitting.differences_of_layers(got, expected):
            raise _mismatch(spec, checkpoint, found, expected, network.output_shape[-1])
    _check_output(spec, checkpoint, network)
    return _for_both_labels(network) if spec.output.kind in ONE_LOGIT else network


def _for_both_labels(network: Any) -> Any:
    """A network of one score, with the complement before it."""
    import tf_keras

    from edgeconv.architectures.heads import WithComplement

    return tf_keras.Model(
        network.input, WithComplement(name=BOTH_SCORES)(network.output), name=network.name
    )


def _check_output(spec: ModelSpec, checkpoint: Checkpoint, network: Any) -> None:
    """The last layer gives one score a label, of the kind that the spec states."""
    shape = tuple(network.output_shape[1:])
    if shape != (1 if spec.output.kind in ONE_LOGIT else len(spec.labels),):
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


def _check_graph(spec: ModelSpec, checkpoint: Checkpoint, network: Network) -> None:
    """A graph takes pictures of the spec's size, and gives one score a label."""
    try:
        (scores,) = network.scores(np.zeros((1, *spec.input_shape), np.float32))
    except Exception as error:  # tensorflow raises all sorts for shapes that do not fit
        raise CheckpointMismatch(
            f"{checkpoint.path.name} does not take pictures as {spec.name} does",
            got=str(error).splitlines()[:2],
            expected=" x ".join(map(str, spec.input_shape)),
            do="state the checkpoint's own size under [input] in the model's TOML",
        ) from error
    if len(scores) != len(spec.labels):
        got = fitting.described("scores", scores.shape)
        raise _mismatch(
            spec, checkpoint, fitting.Differences((got,), (_labels(spec),)), (), len(scores)
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
