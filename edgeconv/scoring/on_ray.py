"""Ray Data: chunks go to actors, each with a session of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from edgeconv.errors import EdgeconvError, MissingDependency, ScoringError
from edgeconv.scoring.chunks import Chunk
from edgeconv.scoring.job import Job
from edgeconv.scoring.parts import Counts


def run(job: Job, chunks: Sequence[Chunk], workers: int, cluster: str | None) -> Iterator[Counts]:
    """Score chunks; the counts of each, as they are done.

    Ray restarts an actor that dies and gives its chunk out again; a part is there whole or not at
    all, and one that is there is not made again.

    Args:
        job: what to do with a chunk; its parts must lie where every node writes.
        chunks: those that are not done yet.
        workers: actors of one CPU each.
        cluster: the address of one, as ``ray.init`` takes it; None starts one in this process.

    Raises:
        MissingDependency: Ray Data is not installed.
        ScoringError: Ray does not start, or gave up.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingDependency("ray", "--engine ray", extra="ray") from error
    ours = not ray.is_initialized()
    try:
        if ours:
            alone: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False}
            quiet = {"log_to_driver": False, "logging_level": "ERROR"}
            ray.init(address=cluster, **quiet, **({} if cluster else alone))
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        rows = ray.data.from_items(
            [{"chunk": chunk.to_json()} for chunk in chunks], override_num_blocks=len(chunks)
        ).map_batches(
            _Worker,
            fn_constructor_args=(job,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(chunks))),
            num_cpus=1,
        )
        for row in rows.iter_rows():
            yield Counts.from_json(row["counts"])
    except Exception as error:  # Ray's own errors share no base class, and wrap ours
        if isinstance(cause := getattr(error, "cause", error), EdgeconvError):
            raise cause from error
        raise ScoringError("Ray gave up", got=str(error).splitlines()[:5]) from error
    finally:
        if ours:
            ray.shutdown()


class _Worker:
    """An actor; its scorer keeps its session from chunk to chunk."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        counts = [self._job.run(Chunk.from_json(str(text))) for text in batch["chunk"]]
        return {"counts": [one.to_json() for one in counts]}
