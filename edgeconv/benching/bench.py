"""Times every artifact of a folder in turns, and says what it saves and what it changes."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from edgeconv.artifact import Artifact, find_artifacts, open_artifact
from edgeconv.benching.agreement import agreements
from edgeconv.benching.loading import Loading, measure_loading
from edgeconv.benching.results import Agreement, Benched, BenchRun, Timing
from edgeconv.errors import CannotRunHere
from edgeconv.files import size_of
from edgeconv.parity.latency import take_turns
from edgeconv.progress import Progress, Silent
from edgeconv.runtimes import Runtime, open_runtime

ROUNDS = 50

NO_DEVICE = "Core ML runs on a Mac only: neither timed nor loaded here"


def bench(place: str | Path, *, rounds: int = ROUNDS, progress: Progress | None = None) -> BenchRun:
    """Measure the artifact at a path, or all those of a folder.

    Args:
        place: an exported file, or a folder that ``export`` wrote.
        rounds: in each of which every artifact runs once.
        progress: told what is being done.

    Raises:
        UsageError: there is no artifact.
        ArtifactError: one is broken.
        NoContract: one was not made by edgeconv.
    """
    progress = progress or Silent()
    artifacts = [open_artifact(path) for path in find_artifacts(Path(place))]
    load = _load()
    threads = _threads()
    progress.step("loading each file in a process of its own", len(artifacts))
    timed, loadings = [], {}
    for artifact in artifacts:
        if _runs_here(artifact):
            timed.append(artifact)
            loadings[artifact.path.name] = measure_loading(artifact.path)
        progress.advance()
    progress.step(f"timing {len(timed)} files, {rounds} rounds")
    one, many = (_times(timed, count, rounds) for count in (1, threads))
    agreed = agreements(artifacts, progress)
    results = [_benched(artifact, artifacts, loadings, one, many, agreed) for artifact in artifacts]
    return BenchRun(
        headline=headline(results),
        model=artifacts[0].contract.model,
        machine=f"{platform.system()} {platform.machine()}",
        threads=threads,
        rounds=rounds,
        load=load,
        artifacts=tuple(results),
    )


def headline(results: Sequence[Benched]) -> str:
    """What the fastest file that is not fp32 saves and changes, in one sentence."""
    rivals = [one for one in results if one.one_thread and one.one_thread.relative]
    rivals = [one for one in rivals if one.precision != "fp32"]
    if not rivals:
        return f"{len(results)} file{'s' * (len(results) != 1)}, none to compare with its fp32"
    best = min(rivals, key=lambda one: one.one_thread.median_ms if one.one_thread else 0.0)
    said = [f"{best.path} is the fastest but fp32"]
    if best.one_thread and best.one_thread.relative:
        said = [f"{best.path} takes {best.one_thread.relative:.2f} of fp32's time"]
    if best.times_smaller:
        said.append(f"is {best.times_smaller:.1f} times smaller")
    if best.agreement:
        said.append(f"{best.agreement.flips} of {best.agreement.images} decisions differ")
    return ", ".join(said)


def _benched(
    artifact: Artifact,
    artifacts: Sequence[Artifact],
    loadings: Mapping[str, Loading],
    one: Mapping[str, Timing],
    many: Mapping[str, Timing],
    agreed: Mapping[str, Agreement],
) -> Benched:
    name = artifact.path.name
    size = size_of(artifact.path)
    baseline = _fp32_of(artifact, artifacts)
    return Benched(
        path=name,
        target=artifact.target,
        precision=artifact.contract.precision.asked,
        bytes=size,
        times_smaller=size_of(baseline.path) / size if baseline else None,
        loading=loadings.get(name),
        one_thread=one.get(name),
        all_threads=many.get(name),
        agreement=agreed.get(name),
        note=None if name in loadings else NO_DEVICE,
    )


def _fp32_of(artifact: Artifact, artifacts: Sequence[Artifact]) -> Artifact | None:
    """The fp32 file of the same target."""
    for other in artifacts:
        if (other.target, other.contract.precision.asked) == (artifact.target, "fp32"):
            return other
    return None


def _runs_here(artifact: Artifact) -> bool:
    try:
        return _open(artifact, 1).is_the_device_runtime
    except CannotRunHere:
        return False


def _open(artifact: Artifact, threads: int) -> Runtime:
    return open_runtime(artifact.path, threads, artifact.labels_from_elsewhere)


def _times(artifacts: Sequence[Artifact], threads: int, rounds: int) -> dict[str, Timing]:
    times = take_turns({one.path.name: _open(one, threads) for one in artifacts}, rounds)
    timings = {}
    for artifact in artifacts:
        name, baseline = artifact.path.name, _fp32_of(artifact, artifacts)
        p5, median, p95 = np.percentile(times[name], [5, 50, 95])
        relative = (
            float(np.median(np.divide(times[name], times[baseline.path.name])))
            if baseline
            else None
        )
        timings[name] = Timing(median_ms=median, p5_ms=p5, p95_ms=p95, relative=relative)
    return timings


def _threads() -> int:
    return os.cpu_count() or 1


def _load() -> float | None:
    if not hasattr(os, "getloadavg"):
        return None
    return round(os.getloadavg()[0] / _threads(), 2)
