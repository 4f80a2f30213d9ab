"""What runtimes answered, written down on one machine and judged on another.

One run on a Mac anchors a pipeline on Linux: the recording names the file by its SHA-256 and
every picture by the SHA-256 of what was fed, so that it can only be judged for what it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, ValidationError

from edgeconv.artifact import Artifact
from edgeconv.errors import FileError, UsageError
from edgeconv.files import sha256_of
from edgeconv.parity.candidate import GATES, Answers, feed
from edgeconv.parity.decoded import DecodedSet
from edgeconv.parity.results import Gate
from edgeconv.runtimes import Signature
from edgeconv.spec import Strict, explain

MOST_NAMED = 5
"""How many of the pictures that do not match are named."""


class RecordedScores(Strict):
    """The answer to one tensor: ``sha256`` is that of its bytes, which are RGB pixels row by row
    where the file takes uint8 pictures; ``gates`` are those that feed it."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    gates: tuple[Gate, ...]
    sha256: str
    scores: dict[str, float]


class RecordedPicture(Strict):
    """One picture, with an answer for every gate."""

    name: str
    answers: tuple[RecordedScores, ...]


class RecordedRuntime(Strict):
    """Everything that one runtime answered, and the input tensor as the file declares it."""

    runtime: str
    shape: tuple[int, ...]
    dtype: Literal["uint8", "float32"]
    layout: Literal["NHWC", "NCHW"]
    pictures: tuple[RecordedPicture, ...]


class Recording(Strict):
    """The content of a recording file."""

    version: Literal[1] = 1
    artifact: str
    artifact_sha256: str
    pictures: str
    runtimes: tuple[RecordedRuntime, ...]


def record(artifact: Artifact, answers: Sequence[Answers], pictures: DecodedSet) -> Recording:
    """Write down what runtimes answered for an artifact on a decoded set."""
    return Recording(
        artifact=artifact.path.name,
        artifact_sha256=sha256_of(artifact.path),
        pictures=pictures.source.name,
        runtimes=tuple(_recorded(artifact, answered, pictures) for answered in answers),
    )


def read_recording(path: Path) -> Recording:
    """Read a recording back.

    Raises:
        FileError: there is no such file, or it cannot be read.
        UsageError: it is no recording of a version known here.
    """
    try:
        return Recording.model_validate_json(path.read_bytes())
    except OSError as error:
        raise FileError(f"cannot read {path}", got=error.strerror or str(error)) from error
    except ValidationError as error:
        raise UsageError(
            f"{path} is no recording",
            got=explain(error)[:MOST_NAMED],
            expected="a file that edgeconv verify --record wrote",
        ) from error


def recorded_answers(
    recording: Recording, artifact: Artifact, pictures: DecodedSet
) -> tuple[Answers, ...]:
    """What a recording says that an artifact answered on a decoded set, a runtime each.

    Raises:
        UsageError: it is a recording of another file, or of other pictures.
    """
    digest = sha256_of(artifact.path)
    if digest != recording.artifact_sha256:
        raise UsageError(
            f"the recording is not of {artifact.path.name}",
            got=f"a recording of {recording.artifact}, SHA-256 {recording.artifact_sha256}",
            expected=f"SHA-256 {digest}",
            do="record this very file: edgeconv verify FILE --record RECORDING.json",
        )
    return tuple(_answers(recorded, artifact, pictures) for recorded in recording.runtimes)


def _recorded(artifact: Artifact, answered: Answers, pictures: DecodedSet) -> RecordedRuntime:
    signature = answered.signature
    return RecordedRuntime(
        runtime=answered.runtime,
        shape=signature.shape,
        dtype=signature.dtype,
        layout=signature.layout,
        pictures=tuple(
            RecordedPicture(
                name=name,
                answers=tuple(
                    RecordedScores(
                        gates=gates,
                        sha256=_sha256(tensor),
                        scores=dict(
                            zip(
                                answered.labels,
                                answered.scores[gates[0]][row].tolist(),
                                strict=True,
                            )
                        ),
                    )
                    for gates, tensor in fed
                ),
            )
            for row, (name, fed) in enumerate(feed(artifact, signature, pictures))
        ),
    )


def _answers(recorded: RecordedRuntime, artifact: Artifact, pictures: DecodedSet) -> Answers:
    signature = Signature(recorded.shape, recorded.dtype, recorded.layout)
    by_name = {picture.name: picture for picture in recorded.pictures}
    rows: dict[Gate, list[dict[str, float]]] = {gate: [] for gate in GATES}
    strangers = [f"{name}: recorded, not given" for name in by_name.keys() - set(pictures.names)]
    for name, fed in feed(artifact, signature, pictures):
        answers = by_name[name].answers if name in by_name else ()
        found = {answer.sha256: answer.scores for answer in answers}
        for gates, tensor in fed:
            scores = found.get(_sha256(tensor))
            if scores is None:
                reason = "other pixels" if name in by_name else "not recorded"
                strangers.append(f"{name}: {reason} ({', '.join(gates)})")
            for gate in gates:
                rows[gate].append(scores or {})
    if strangers:
        raise UsageError(
            f"the recording of {artifact.path.name} is not of these pictures",
            got=_shortened(sorted(strangers)),
            expected=f"the {len(by_name)} pictures that it was made on, pixel for pixel",
            do="give the same pictures with --images, and decode them with the same Pillow",
        )
    labels = tuple(dict.fromkeys(label for row in rows["file"] for label in row))
    return Answers(
        runtime=f"recorded: {recorded.runtime}",
        signature=signature,
        labels=labels,
        scores={
            gate: np.array(
                [[row.get(label, np.nan) for label in labels] for row in given], np.float32
            )
            for gate, given in rows.items()
        },
    )


def _shortened(lines: Sequence[str]) -> list[str]:
    left = len(lines) - MOST_NAMED
    return [*lines[:MOST_NAMED], *([f"and {left} more"] if left > 0 else [])]


def _sha256(tensor: NDArray[np.generic]) -> str:
    return hashlib.sha256(tensor.tobytes()).hexdigest()
