"""From what the user typed to a spec and a checkpoint; needs no tensorflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeconv import checkpoints
from edgeconv.architectures import FROM_CHECKPOINT, drawn_weights
from edgeconv.checkpoints.checkpoint import Checkpoint
from edgeconv.checkpoints.tfjs import MODEL_FILE
from edgeconv.errors import CheckpointError, UsageError
from edgeconv.files import inside, sha256_of
from edgeconv.own_models import is_checkpoint, spec_of_checkpoint
from edgeconv.pulling import cached
from edgeconv.spec import ModelSpec, known_models, load_spec

PARTS = (MODEL_FILE, "config.json", "open_clip_config.json")
"""Files that stand for the folder that they lie in."""


@dataclass(frozen=True)
class Resolved:
    """A model, and the checkpoint to load into it; ``checkpoint`` where it had to be read."""

    spec: ModelSpec
    weights: Path
    checkpoint: Checkpoint | None = None


def resolve(
    model: str | Path, weights: str | Path | None = None, labels: Sequence[str] = ()
) -> Resolved:
    """Find the spec and the checkpoint that are meant.

    Args:
        model: a known model's name, a TOML of the user's own, or a checkpoint, which is
            recognised by its SHA-256, else described by its own configuration, else by being of
            the format and shapes of one known spec alone.
        weights: a checkpoint; by default the embedded or the pulled one.
        labels: of the scores, for a checkpoint that names none.

    Raises:
        UnknownName: no known model has that name, and there is no such file.
        SpecError: the TOML does not say what it must.
        UsageError: ``model`` is itself a checkpoint, and ``weights`` another; or labels are
            missing, or given where a spec has them.
        CheckpointError: there are no weights here, or nobody can tell which model they are of.
    """
    given = None if weights is None else _whole(Path(weights))
    if is_checkpoint(model, list(known_models())):
        path = _whole(Path(model))
        if given not in {None, path}:
            raise UsageError(
                f"{model} is a checkpoint, and --weights names another",
                got=str(weights),
                do="give a model's name or its TOML together with --weights",
            )
        checkpoint = checkpoints.read(path)
        return Resolved(_recognised(checkpoint, labels), path, checkpoint)
    if labels:
        raise UsageError(
            f"the labels of {model} are known",
            got=f"--labels {','.join(labels)}",
            do="give --labels together with a checkpoint, not with a model's name or TOML",
        )
    spec = load_spec(model)
    toml = known_models().get(str(model)) or Path(model)
    return Resolved(spec, given or _default_weights(spec, toml))


def _whole(path: Path) -> Path:
    """The folder, for a file that is only a part of a checkpoint."""
    is_part = path.name in PARTS or path.name.endswith(".index.json")
    return path.parent if is_part else path


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


def _recognised(checkpoint: Checkpoint, labels: Sequence[str]) -> ModelSpec:
    """The model that a checkpoint belongs to: a known one, or one that it describes itself."""
    specs = [load_spec(name) for name in known_models()]
    if not labels:
        digest = sha256_of(checkpoint.path)
        for spec in specs:
            if spec.checkpoint.sha256 == digest:
                return spec
    if labels or checkpoint.declared is not None:
        described = spec_of_checkpoint(checkpoint, labels)
        if described is not None:
            return described
    fits = [spec for spec in specs if _fits(spec, checkpoint)]
    if len(fits) != 1:
        raise CheckpointError(
            f"cannot tell which model {checkpoint.path} belongs to",
            got=f"it fits {', '.join(spec.name for spec in fits)}" if fits else "it fits none",
            expected="a checkpoint of one of " + ", ".join(spec.name for spec in specs),
            do=f"name the model: edgeconv export MODEL --weights {checkpoint.path}, or, where the "
            "file lists its layers, its labels: --labels Neutral,Porn,Sexy",
        )
    return fits[0]


def _fits(spec: ModelSpec, checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint may be of this model, as far as can be told without building it.

    A spec that takes any layers is never guessed: other labels may come with the same shapes.
    """
    if (
        spec.architecture["kind"] in FROM_CHECKPOINT
        or checkpoint.format not in spec.checkpoint.formats
    ):
        return False
    shapes = {name: tensor.shape for name, tensor in checkpoint.tensors.items()}
    return (len(spec.labels),) in shapes.values() and drawn_weights(spec) in (None, shapes)
