"""Which artifact of a folder, and how many inputs at once: by a short measurement on this machine.

For a small network over pictures, several at once are often slower on a CPU than one by one: what
is in between no longer fits the cache. For rows it is the other way round. So it is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.artifact import SUFFIXES, open_artifact
from edgeconv.errors import ArtifactError, CannotRunHere, UsageError
from edgeconv.manifest import MANIFEST, read_manifest
from edgeconv.parity.results import Verdict
from edgeconv.scoring.noise import noise
from edgeconv.scoring.scorer import BatchScorer
from edgeconv.spec import Embedding

PICTURES_AT_ONCE = (1, 8)
ROWS_AT_ONCE = (1, 512)

ROUNDS = 5

BY_OTHERS = (".mlmodel", ".mlpackage")
"""Files that no server runs: on a Mac they can be named, and are not chosen."""


@dataclass(frozen=True)
class Trial:
    """How long an artifact took, a batch at a time."""

    artifact: str
    batch: int
    ms_per_input: float

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Choice:
    """The fastest, and all that were tried."""

    scorer: BatchScorer
    trials: tuple[Trial, ...]


def choose(place: Path) -> Choice:
    """The fastest way to run an artifact, or the fastest artifact of an export folder.

    Of a folder, those that were verified and passed take part: whichever is taken, its decisions
    were held against the original's.

    Raises:
        UsageError: there is no artifact, or none that passed.
        ArtifactError, CannotRunHere: none runs here.
    """
    paths = [place] if place.suffix in SUFFIXES else _passed(place)
    trials = _timed(_running([way for path in paths for way in _ways(path)]))
    ranked = sorted(trials.items(), key=lambda trial: trial[1])
    return Choice(
        ranked[0][0],
        tuple(Trial(Path(way.model).name, way.batch, ms) for way, ms in ranked),
    )


def _running(ways: Sequence[BatchScorer]) -> list[BatchScorer]:
    """Those that run here, opened and warm."""
    running, failures = [], []
    for way in ways:
        try:
            way(_noise(way))
            running.append(way)
        except (ArtifactError, CannotRunHere) as error:
            failures.append(error)
    if not running:
        raise failures[0]
    return running


def _timed(ways: Sequence[BatchScorer]) -> dict[BatchScorer, float]:
    """The median of some rounds, in milliseconds an input; they take turns."""
    taken: dict[BatchScorer, list[float]] = {way: [] for way in ways}
    given = {way: _noise(way) for way in ways}
    for _ in range(ROUNDS if len(ways) > 1 else 1):
        for way in ways:
            start = perf_counter()
            way(given[way])
            taken[way].append((perf_counter() - start) * 1e3 / len(given[way]))
    return {way: float(np.median(times)) for way, times in taken.items()}


def _passed(folder: Path) -> list[Path]:
    """The artifacts of an export folder that may be taken unasked."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise UsageError(f"{folder} is no export folder", expected=f"{MANIFEST} in it")
    passed = [folder / one.path for one in manifest.artifacts if one.verdict is Verdict.PASS]
    found = [path for path in passed if path.suffix not in BY_OTHERS]
    if not found:
        raise UsageError(
            f"{folder} holds no artifact that passed its verification and runs on servers",
            got=manifest.headline,
            do="name the one that is to be used, or export again, verified, with --target onnx",
        )
    return found


def _ways(path: Path) -> Sequence[BatchScorer]:
    if path.suffix != ".onnx":
        return [BatchScorer(str(path))]
    rows = isinstance(open_artifact(path).contract.input, Embedding)
    batches = ROWS_AT_ONCE if rows else PICTURES_AT_ONCE
    return [BatchScorer(str(path), batch=batch) for batch in batches]


def _noise(way: BatchScorer) -> NDArray[Any]:
    """One batch."""
    return noise(open_artifact(Path(way.model)).contract.input, way.batch)
