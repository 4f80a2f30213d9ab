"""A folder with CLIP's vision tower, as transformers saves it, and a safety head as a zip archive.

``config.json``, ``preprocessor_config.json`` and ``model.safetensors`` of the tower lie beside the
archive that LAION publishes. Together they take pictures.
"""

from __future__ import annotations

from pathlib import Path

from edgeconv.checkpoints import huggingface, saved_model
from edgeconv.checkpoints.checkpoint import Checkpoint, Declared
from edgeconv.errors import CheckpointError, CheckpointMismatch


def recognises(path: Path) -> bool:
    """Whether this is a folder of transformers' with a zip archive of a SavedModel in it."""
    return huggingface.recognises(path) and any(map(saved_model.recognises, _archives(path)))


def read(path: Path) -> Checkpoint:
    """Read tower and head.

    Returns:
        A checkpoint whose tensors have the names that :mod:`edgeconv.architectures.clip_mlp` gives
        them; it declares architecture and output, and the input where the tower's folder does.

    Raises:
        UnsafeCheckpoint, CorruptCheckpoint, CheckpointError: as
            :func:`edgeconv.checkpoints.huggingface.read` and
            :func:`edgeconv.checkpoints.saved_model.read`; or there are several archives.
        CheckpointMismatch: the tower is no CLIP, or its embeddings have another length than the
            head's.
    """
    archives = _archives(path)
    if len(archives) != 1:
        raise CheckpointError(
            f"{path.name} holds {len(archives)} zip archives",
            got=[archive.name for archive in archives] or "none",
            expected="one, the head",
        )
    tower, head = huggingface.read(path), saved_model.read(archives[0])
    assert tower.declared is not None
    assert head.declared is not None
    assert head.declared.input is not None
    options = dict(tower.declared.architecture)
    length = options.get("projection")
    wanted = dict(head.declared.input)["length"]
    if length != wanted:
        raise CheckpointMismatch(
            f"tower and head in {path.name} do not belong together",
            got="a tower without projection" if length is None else f"embeddings of {length}",
            expected=f"embeddings of {wanted}, as {archives[0].name} takes them",
        )
    return Checkpoint(
        path,
        "clip_with_head",
        {**tower.tensors, **head.tensors},
        declared=Declared(
            {
                "kind": "clip_mlp",
                "tower": _without_kind(tower.declared),
                "head": _without_kind(head.declared),
            },
            input=tower.declared.input,
            output=head.declared.output,
        ),
    )


def _archives(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.zip"))


def _without_kind(declared: Declared) -> dict[str, object]:
    return {key: value for key, value in declared.architecture.items() if key != "kind"}
