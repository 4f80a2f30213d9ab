"""From what the user typed to a spec and a checkpoint; needs no tensorflow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgeconv import checkpoints
from edgeconv.architectures import FROM_CHECKPOINT
from edgeconv.checkpoints import tfjs
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.errors import CheckpointError, UsageError
from edgeconv.files import inside, sha256_of
from edgeconv.pulling import cached
from edgeconv.spec import ModelSpec, known_models, load_spec


@dataclass(frozen=True)
class Resolved:
    """A model, and the checkpoint to load into it."""

    spec: ModelSpec
    weights: Path


def resolve(model: str | Path, weights: str | Path | None = None) -> Resolved:
    """Find the spec and the checkpoint that are meant.

    Args:
        model: a known model's name, a TOML of the user's own, or a checkpoint, which is
            recognised by its SHA-256, else by being of the format and shapes of one spec alone.
        weights: a checkpoint; by default the embedded or the pulled one.

    Raises:
        UnknownName: no known model has that name, and there is no such file.
        SpecError: the TOML does not say what it must.
        UsageError: ``model`` is itself a checkpoint, and ``weights`` another.
        CheckpointError: there are no weights here, or nobody can tell which model they are of.
    """
    given = None if weights is None else _whole(Path(weights))
    toml = known_models().get(str(model))
    if toml is None and Path(model).suffix != ".toml" and Path(model).exists():
        path = _whole(Path(model))
        if given not in {None, path}:
            raise UsageError(
                f"{model} is a checkpoint, and --weights names another",
                got=str(weights),
                do="give a model's name or its TOML together with --weights",
            )
        return Resolved(_recognised(path), path)
    spec = load_spec(model)
    return Resolved(spec, given or _default_weights(spec, toml or Path(model)))


def _whole(path: Path) -> Path:
    """The folder, for a file that is only a part of a checkpoint."""
    return path.parent if path.name == tfjs.MODEL_FILE else path


def _default_weights(spec: ModelSpec, toml: Path) -> Path:
    if spec.checkpoint.embedded is not None:
        embedded = inside(toml.parent, spec.checkpoint.embedded)
        if embedded.exists():
            return embedded
    pulled = cached(spec)
    if pulled is not None:
        return pulled
    give = f"give your own: edgeconv export {spec.name} --weights PATH"
    fetch = f"edgeconv pull {spec.name}, or " if spec.checkpoint.published else ""
    raise CheckpointError(
        f"there are no weights for {spec.name} here",
        expected="a checkpoint as " + ", ".join(spec.checkpoint.formats),
        do=fetch + give,
    )


def _recognised(path: Path) -> ModelSpec:
    """The known model that a checkpoint belongs to."""
    specs = [load_spec(name) for name in known_models()]
    checkpoint = checkpoints.read(path)
    digest = sha256_of(checkpoint.path)
    fits = [spec for spec in specs if spec.checkpoint.sha256 == digest] or [
        spec for spec in specs if _fits(spec, checkpoint)
    ]
    if len(fits) != 1:
        raise CheckpointError(
            f"cannot tell which model {path} belongs to",
            got=f"it fits {', '.join(spec.name for spec in fits)}" if fits else "it fits none",
            expected="a checkpoint of one of " + ", ".join(spec.name for spec in specs),
            do=f"name the model: edgeconv export MODEL --weights {path}",
        )
    return fits[0]


def _fits(spec: ModelSpec, checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint may be of this model, as far as can be told without building it.

    A spec that takes any layers is never guessed: other labels may come with the same shapes.
    """
    return (
        spec.architecture["kind"] != FROM_CHECKPOINT
        and checkpoint.format in spec.checkpoint.formats
        and any(tensor.shape == (len(spec.labels),) for tensor in checkpoint.tensors.values())
    )
