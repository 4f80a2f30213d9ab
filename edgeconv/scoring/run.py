"""``edgeconv.score``: a plan, an engine that works through it, a summary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from edgeconv.errors import ScoringError
from edgeconv.files import locked
from edgeconv.progress import Progress, Silent
from edgeconv.scoring import arrays, pictures
from edgeconv.scoring.chunks import chunk_size, pack
from edgeconv.scoring.decoding import EXACT, Decoding, measured
from edgeconv.scoring.engines import Engine
from edgeconv.scoring.inputs import Reading, survey
from edgeconv.scoring.job import Job
from edgeconv.scoring.location import Location
from edgeconv.scoring.model import Model, find_model
from edgeconv.scoring.parts import Counts, read_counts
from edgeconv.scoring.plan import PARTS, Plan, read_plan
from edgeconv.scoring.tables import Columns, parquet
from edgeconv.scoring.watching import Tally, Watcher
from edgeconv.spec import Embedding

SUMMARY = "summary.json"

LARGEST_CHUNK = {"picture": 1024, "embedding": 65_536}
"""Inputs: some seconds of work, which is what a killed worker loses."""


@dataclass(frozen=True)
class ScoreRun:
    """What a run gave: ``parts`` is a folder of parquet files, a row for each input."""

    out: str
    parts: str
    counts: Counts
    notice: str | None
    summary: dict[str, Any]


def score(
    model: str | Path,
    given: str | Path,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    labels: Sequence[str] = (),
    point: str | None = None,
    engine: str = "local",
    workers: int | None = None,
    cluster: str | None = None,
    exact_decode: bool = False,
    column: str | None = None,
    key: str | None = None,
    watchers: Sequence[Watcher] = (),
    progress: Progress | None = None,
) -> ScoreRun:
    """Score every input once: ``OUT/scores/*.parquet`` and ``OUT/summary.json``.

    A run that was killed goes on where it stopped when it is called again in the same way. An
    input that cannot be scored is a row with an error. Of an animation the first frame counts;
    :func:`edgeconv.classify` looks at all of it.

    With several ``workers`` on one machine, call it under ``if __name__ == "__main__":``.

    Args:
        model: an exported file; an export folder, of which the fastest verified file is taken; a
            known model, a spec or a checkpoint.
        given: a folder, a list (``.txt``, a path a line), or a file: pictures, tar shards, parquet,
            ``.npy``. A local path or any fsspec URL.
        out: a folder, or an fsspec URL.
        weights: the checkpoint of a known model.
        labels: of the scores, for a checkpoint that names none.
        point: the operating point that decides; see :func:`~edgeconv.policy.choose_point`.
        engine: one of :data:`edgeconv.scoring.engines.ENGINES`.
        workers: processes, each with one thread, or threads where embeddings are scored in batches;
            by default as many as there are cores.
        cluster: the address of Ray's or Spark's cluster; by default it runs here.
        exact_decode: never decode a JPEG at a fraction of its size.
        column: of parquet, the one that is scored; by default the only one that can be.
        key: of parquet, the column that names the rows; by default they are named by their place.
        watchers: told how it is going, whenever a chunk is done.
        progress: told what is being done before the first chunk.

    Raises:
        UsageError, UnknownName: something that was asked for is not there.
        ArtifactError, CheckpointError, CannotRunHere: the model cannot be used.
        FileError: the inputs cannot be listed, or ``out`` cannot be written.
        ScoringError: ``out`` holds another run, or workers die over and over.
        MissingDependency: an extra is not installed: ``data``, ``ray``, ``spark``.
    """
    parquet()
    began, shown = monotonic(), progress or Silent()
    handing_out = Engine.named(engine, workers, cluster)
    place = Location(str(out) if "://" in str(out) else str(Path(out).absolute()))
    asked = {
        "model": str(model),
        "weights": weights and str(weights),
        "labels": list(labels),
        "input": str(given),
        "point": point,
        "exact_decode": exact_decode,
        "column": column,
        "key": key,
    }
    with locked(Path(place.name)) if place.is_local else nullcontext():
        plan = read_plan(place, asked)
        shown.step(f"loading {model}")
        found = find_model(model, weights, labels, point, plan.decided if plan else None)
        reading = Reading(found.how, Columns(column, key))
        if plan is None:
            plan = _planned(asked, found, reading, shown)
            plan.write(place)
        job = _job(plan, found, reading, place)
        worked = _worked_off(job, plan, handing_out, watchers)
        summary = _summary(plan, handing_out, worked, monotonic() - began)
        (place / SUMMARY).write(json.dumps(summary, indent=1, ensure_ascii=False).encode())
    return ScoreRun(place.name, job.parts.name, worked.all, found.notice, summary)


def _planned(asked: dict[str, Any], model: Model, reading: Reading, shown: Progress) -> Plan:
    shown.step(f"listing {asked['input']}")
    pieces = survey(asked["input"], reading)
    count = sum(piece.count for piece in pieces)
    step = arrays.PIECE if isinstance(model.how, Embedding) else pictures.AT_ONCE
    size = chunk_size(count, step, LARGEST_CHUNK[model.how.noun])
    decoding = None
    if not isinstance(model.how, Embedding):
        shown.step("trying how JPEGs are best decoded")
        decoding = (
            EXACT
            if asked["exact_decode"]
            else measured(pieces, reading, model.scorer, model.policy)
        )
    decided = {**model.decided(), "decoding": decoding and decoding.as_dict()}
    return Plan(asked, decided, tuple(pack(pieces, size)))


def _job(plan: Plan, model: Model, reading: Reading, place: Location) -> Job:
    decoding = plan.decided["decoding"]
    least_side = Decoding(**decoding).least_side if decoding else None
    return Job(model.scorer, model.policy, reading, least_side, place / PARTS)


@dataclass(frozen=True)
class _Worked:
    """The counts of all parts, and of those that were there before."""

    all: Counts
    before: Counts


def _worked_off(job: Job, plan: Plan, engine: Engine, watchers: Sequence[Watcher]) -> _Worked:
    """Score what is not there yet.

    Raises:
        ScoringError: in the end there is not one row an input.
    """
    names = job.parts.names()
    done = [chunk for chunk in plan.chunks if chunk.part in names]
    left = [chunk for chunk in plan.chunks if chunk.part not in names]
    before = sum((read_counts(job.parts / chunk.part) for chunk in done), Counts())
    began, counts = monotonic(), before
    for new in engine.run(job, left) if left else ():
        counts += new
        tally = Tally(plan.count, before.rows, counts, monotonic() - began)
        for watcher in watchers:
            watcher(tally)
    if counts.rows != plan.count:
        raise ScoringError(
            "there is not one row for each input", got=f"{counts.rows}", expected=f"{plan.count}"
        )
    job.parts.sweep()
    return _Worked(counts, before)


def _summary(plan: Plan, engine: Engine, worked: _Worked, seconds: float) -> dict[str, Any]:
    new = worked.all.rows - worked.before.rows
    return {
        "asked": plan.asked,
        "decided": plan.decided,
        "engine": asdict(engine),
        "counts": asdict(worked.all),
        "parts": f"{PARTS}/",
        "rows_of_an_earlier_run": worked.before.rows,
        "seconds": round(seconds, 3),
        "rows_per_second": round(new / seconds, 1),
    }
