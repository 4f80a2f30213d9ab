"""Who hands the chunks out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeconv.errors import UnknownName, UsageError
from edgeconv.scoring.chunks import Chunk
from edgeconv.scoring.job import Job
from edgeconv.scoring.parts import Counts

ENGINES = ("local", "ray", "spark")


@dataclass(frozen=True)
class Engine:
    """An engine with its workers, each of one thread."""

    name: str
    workers: int
    cluster: str | None

    @classmethod
    def named(cls, name: str, workers: int | None, cluster: str | None) -> Engine:
        """Check what was asked for; by default there is a worker for each core of this machine.

        Raises:
            UnknownName: no engine is called so.
            UsageError: no workers, or a cluster of this machine's processes.
        """
        if name not in ENGINES:
            raise UnknownName("engine", name, ENGINES)
        if workers is not None and workers < 1:
            raise UsageError("somebody has to do the work", got=f"--workers {workers}")
        if cluster is not None and name == "local":
            raise UsageError("processes of this machine are no cluster", do="add --engine ray")
        return cls(name, workers or _cores(), cluster)

    def run(self, job: Job, chunks: Sequence[Chunk]) -> Iterator[Counts]:
        """Score chunks; the counts of each, as they are done."""
        if self.name == "local":
            from edgeconv.scoring import local

            return local.run(job, chunks, min(self.workers, len(chunks)))
        if self.name == "ray":
            from edgeconv.scoring import on_ray

            return on_ray.run(job, chunks, self.workers, self.cluster)
        from edgeconv.scoring import on_spark

        return on_spark.run(job, chunks, self.workers, self.cluster)


def _cores() -> int:
    """That this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
