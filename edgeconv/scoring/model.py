"""From what the user typed to a scorer, and to what its scores mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeconv.artifact import SUFFIXES, open_artifact
from edgeconv.classifying import open_scorer
from edgeconv.errors import NoContract, ScoringError
from edgeconv.files import sha256_of
from edgeconv.manifest import MANIFEST
from edgeconv.policy import Policy, choose_point
from edgeconv.scoring.choosing import choose
from edgeconv.scoring.scorer import BatchScorer
from edgeconv.spec import Embedding, Preprocessing


@dataclass(frozen=True)
class Model:
    """``trials`` says what was measured, where there was a choice."""

    scorer: BatchScorer
    policy: Policy
    how: Preprocessing | Embedding
    notice: str | None
    sha256: str | None
    trials: tuple[dict[str, Any], ...]

    def decided(self) -> dict[str, Any]:
        """What must be the same in the rest of the run."""
        return {
            "model": self.scorer.model,
            "sha256": self.sha256,
            "batch": self.scorer.batch,
            "trials": list(self.trials),
        }


def find_model(
    model: str | Path,
    weights: str | Path | None,
    labels: Sequence[str],
    point: str | None,
    decided: Mapping[str, Any] | None,
) -> Model:
    """The scorer that is meant.

    Args:
        model, weights, labels, point: as :func:`edgeconv.score` takes them.
        decided: by the run that is gone on with: nothing is measured then.

    Raises:
        ScoringError: the file is no longer the one that the run began with.
        EdgeconvError: as :func:`edgeconv.score`.
    """
    if decided is not None:
        scorer = BatchScorer(decided["model"], _absolute(weights), tuple(labels), decided["batch"])
        trials = tuple(decided["trials"])
    elif _is_ours(Path(model)):
        choice = choose(Path(model).absolute())
        scorer = choice.scorer
        trials = tuple(trial.as_dict() for trial in choice.trials)
    else:
        name = _absolute(model) if Path(model).exists() else str(model)
        scorer = BatchScorer(str(name), _absolute(weights), tuple(labels))
        trials = ()
    path = Path(scorer.weights or scorer.model)
    sha256 = sha256_of(path) if path.exists() else None
    if decided is not None and decided["sha256"] != sha256:
        raise ScoringError(
            f"{path} is not the file that the run began with",
            got=str(sha256),
            expected=str(decided["sha256"]),
            do="put it back, or choose another folder for --out",
        )
    meaning = open_scorer(scorer.model, scorer.weights, labels)
    policy = Policy(
        tuple(meaning.labels), tuple(meaning.unsafe), choose_point(meaning.points, point)
    )
    return Model(scorer, policy, meaning.preprocessing, meaning.notice, sha256, trials)


def _is_ours(path: Path) -> bool:
    """Whether it is an exported file, or a folder of them."""
    if path.suffix not in SUFFIXES:
        return (path / MANIFEST).is_file()
    try:
        open_artifact(path)
    except NoContract:
        return path.suffix != ".onnx"  # an ONNX file of somebody else is a checkpoint
    return True


def _absolute(path: str | Path | None) -> str | None:
    """Workers may have another working directory."""
    return None if path is None else str(Path(path).absolute())
