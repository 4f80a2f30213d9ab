"""Models that have no page in ``models/``: a spec from what a checkpoint says of itself.

What a checkpoint is silent about is asked for, never guessed. The one thing a Keras file cannot
say, how pixels were scaled before they were fed, is taken as ``p / 255`` where no layer of the
model rescales them, and the spec says so in its summary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from edgeconv.checkpoints.checkpoint import Checkpoint, Declared
from edgeconv.checkpoints.topology import Topology
from edgeconv.errors import CheckpointError, CheckpointMismatch, UsageError
from edgeconv.spec import CheckpointSource, Embedding, Input, ModelSpec, Output

_KINDS = {"softmax": "softmax", "sigmoid": "multi-label"}
"""Output kinds by the last activation, for one score a label."""


def spec_of_checkpoint(checkpoint: Checkpoint, labels: Sequence[str] = ()) -> ModelSpec | None:
    """The spec of a model that nobody described.

    Args:
        checkpoint: with a configuration of its own.
        labels: in the order of its scores, where the checkpoint names none.

    Returns:
        None where the checkpoint says too little for any spec.

    Raises:
        UsageError: labels are missing, or there are others than the checkpoint's own.
        CheckpointError: its configuration is silent on something that changes scores.
    """
    if checkpoint.topology is not None:
        declared = _declared_by_layers(checkpoint.topology, checkpoint.path.name, labels)
    elif checkpoint.declared is not None:
        declared = checkpoint.declared
    else:
        return None
    known = _labels(checkpoint, declared, tuple(labels))
    if declared.input is None:
        example = _spec(checkpoint, declared, known, EXAMPLE_INPUT)
        raise CheckpointError(
            f"{checkpoint.path} does not say how pictures are prepared for it",
            got="no preprocessing in its configuration",
            expected="size, resize, scale, mean and std; or a preprocessor_config.json beside it",
            do=f"say it in mine.toml, then: edgeconv export mine.toml --weights {checkpoint.path}"
            f"\n\n{spec_as_toml(example)}",
        )
    return _spec(checkpoint, declared, known, declared.input)


def _spec(
    checkpoint: Checkpoint,
    declared: Declared,
    labels: tuple[str, ...],
    taken: Input | Embedding,
) -> ModelSpec:
    name = re.sub(r"[^a-z0-9]+", "-", checkpoint.path.stem.lower()).strip("-") or "model"
    return ModelSpec(
        name=name,
        basename=re.sub(r"[^A-Za-z0-9_-]+", "_", checkpoint.path.stem).strip("_-") or "Model",
        summary=f"{checkpoint.path.name}, described by its own configuration"
        + (_ASSUMED if checkpoint.topology and not _rescales(checkpoint.topology) else ""),
        labels=labels,
        architecture=dict(declared.architecture),
        input=taken,
        output=declared.output or Output(),
        checkpoint=CheckpointSource(formats=(checkpoint.format,)),
    )


EXAMPLE_INPUT = Input(
    size=(224, 224), scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)
"""What torchvision's own models take: a page to start from, and to be corrected."""

_ASSUMED = "; pixels are taken as p / 255, which it does not say"


def reconciled(spec: ModelSpec, checkpoint: Checkpoint) -> ModelSpec:
    """The spec with what the checkpoint's own configuration says of labels and preprocessing.

    A published model may change its labels' order or its preprocessing; the file at hand is right.

    Raises:
        CheckpointMismatch: the checkpoint is of another architecture, or of other labels.
    """
    declared = checkpoint.declared
    if declared is None:
        return spec
    where = checkpoint.path.name
    if found := _architecture_differences(spec.architecture, declared.architecture):
        raise CheckpointMismatch(
            f"{where} does not fit {spec.name}",
            got=[f"{key} = {got!r}" for key, got, _ in found],
            expected=[f"{key} = {expected!r}" for key, _, expected in found],
            do=f"export it as it is: edgeconv export {checkpoint.path}",
        )
    labels = declared.labels or spec.labels
    if {label.lower() for label in labels} != {label.lower() for label in spec.labels}:
        raise CheckpointMismatch(
            f"{where} has other labels than {spec.name}",
            got=", ".join(labels),
            expected=", ".join(spec.labels),
            do=f"export it as it is: edgeconv export {checkpoint.path}",
        )
    named = {label.lower(): label for label in spec.labels}
    return spec.model_copy(
        update={
            "labels": tuple(named[label.lower()] for label in labels),
            "input": _known_better(spec, declared),
            "output": _output(spec, declared),
        }
    )


def _labels(checkpoint: Checkpoint, declared: Declared, given: tuple[str, ...]) -> tuple[str, ...]:
    own = declared.labels
    if own and given and own != given:
        raise UsageError(
            f"{checkpoint.path} names its labels itself",
            got=", ".join(given),
            expected=", ".join(own),
            do="leave --labels out",
        )
    if not own and not given:
        raise UsageError(
            f"{checkpoint.path} does not name the labels of its scores",
            expected="their names, in the order of its scores",
            do=f"say what they are: edgeconv export {checkpoint.path} --labels Neutral,Porn,Sexy",
        )
    return own or given


def _declared_by_layers(topology: Topology, where: str, labels: Sequence[str]) -> Declared:
    """What a list of Keras layers says; the labels are the user's."""
    height, width, _ = topology.input_shape
    if height is None or width is None:
        raise CheckpointError(
            f"{where} takes pictures of any size",
            expected="one size",
            do="write a TOML with an [input] table that says which, and give it with --weights",
        )
    last = topology.last_layer
    activation = last.options.get("activation", last.kind.lower())
    one_logit = activation == "sigmoid" and last.options.get("units") == 1
    if activation not in _KINDS:
        raise CheckpointError(
            f"{where} gives no scores",
            got=f"a last layer that ends in {activation}",
            expected="softmax or sigmoid",
            do="add the activation as its last layer, and save the model again",
        )
    if len(labels) not in {0, 2 if one_logit else last.options.get("units", len(labels))}:
        raise UsageError(
            f"{where} gives {'one score for two' if one_logit else last.options['units']} labels",
            got=f"{len(labels)}: {', '.join(labels)}",
        )
    return Declared(
        architecture={"kind": "checkpoint"},
        input=Input(size=(height, width), scale=1.0 if _rescales(topology) else 1 / 255),
        output=Output.model_validate({"kind": "sigmoid" if one_logit else _KINDS[activation]}),
    )


def _rescales(topology: Topology) -> bool:
    return any(layer.kind == "Rescaling" for layer in topology.layers.values())


def _known_better(spec: ModelSpec, declared: Declared) -> Input | Embedding:
    """The checkpoint's input, but for what the spec alone knows.

    That is which network makes an embedding, and the size that positions are to be moved to.
    """
    own, theirs = spec.input, declared.input
    if "interpolate" in spec.architecture and isinstance(own, Input) and isinstance(theirs, Input):
        return theirs.model_copy(update={"size": own.size})
    if isinstance(own, Embedding) and isinstance(theirs, Embedding) and own.length == theirs.length:
        return own
    return theirs or own


def _output(spec: ModelSpec, declared: Declared) -> Output:
    """The checkpoint's kind of scores; a temperature is known to the spec alone."""
    if declared.output is None:
        return spec.output
    return declared.output.model_copy(update={"temperature": spec.output.temperature})


def _architecture_differences(
    spec: Mapping[str, Any], declared: Mapping[str, Any]
) -> list[tuple[str, object, object]]:
    """Key, the checkpoint's value and the spec's, where both speak of it and disagree."""
    found: list[tuple[str, object, object]] = []
    for key, value in _plain(declared).items():
        own = _plain(spec).get(key, value)
        if isinstance(value, dict) and isinstance(own, dict):
            inner = _architecture_differences(own, value)
            found += [(f"{key}.{name}", theirs, ours) for name, theirs, ours in inner]
        elif own != value:
            found.append((key, value, own))
    return found


def _plain(value: Any) -> Any:
    """A TOML value as Python compares it: tuples are lists, and keys of tables are text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def spec_as_toml(spec: ModelSpec) -> str:
    """A spec as a TOML page that :func:`edgeconv.spec.load_spec` reads back as the same spec."""
    import tomlkit

    page = spec.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    # A page is read aloud: "1/255", not 0.00392156862745098.
    scale = page["input"].get("scale", 1.0)
    as_fraction = Fraction(scale).limit_denominator(65_535)
    if as_fraction.denominator > 1 and float(as_fraction) == scale:
        page["input"]["scale"] = str(as_fraction)
    return tomlkit.dumps(page)


def is_checkpoint(model: str | Path, known: Sequence[str]) -> bool:
    """Whether a model was named by its checkpoint, rather than by name or TOML."""
    return str(model) not in known and Path(model).suffix != ".toml" and Path(model).exists()
