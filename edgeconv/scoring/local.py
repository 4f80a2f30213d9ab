"""One machine: a process a core, or a thread; each reads and decodes ahead of its inference."""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from threading import Thread

from edgeconv.errors import ScoringError
from edgeconv.scoring.chunks import Chunk
from edgeconv.scoring.job import Job
from edgeconv.scoring.parts import Counts

WAITING = 2
"""Chunks that are handed out, a worker: one in work, one next."""

LIVES = 3
"""Workers that may die while a chunk is in work."""


def run(job: Job, chunks: Sequence[Chunk], workers: int) -> Iterator[Counts]:
    """Score chunks; the counts of each, as they are done.

    A worker that is killed is replaced, and what it had in work is done again: a part is there
    whole or not at all.

    Raises:
        ScoringError: workers die whenever a chunk is in work.
        EdgeconvError: as :meth:`Job.run`.
    """
    if workers == 1:
        yield from map(job.run, chunks)
        return
    if job.in_threads:
        yield from _in_threads(job, chunks, workers)
        return
    left = deque(chunks)
    while left:
        lost = yield from _in_a_pool(job, left, workers, workers * WAITING)
        yield from _one_by_one(job, lost)


def _in_threads(job: Job, chunks: Sequence[Chunk], workers: int) -> Iterator[Counts]:
    """One thread more than workers: there is always one that waits for the disk."""
    pool = ThreadPoolExecutor(workers + 1)
    try:
        for future in as_completed([pool.submit(job.run, chunk) for chunk in chunks]):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_by_one(job: Job, chunks: Iterable[Chunk]) -> Iterator[Counts]:
    """Chunks that were in work when a worker died: so that it is known which of them it is."""
    left, deaths = deque(chunks), Counter[int]()
    while left:
        for chunk in (yield from _in_a_pool(job, left, 1, 1)):
            deaths[chunk.number] += 1
            if deaths[chunk.number] == LIVES - 1:
                raise _deadly(chunk)
            left.appendleft(chunk)


def _in_a_pool(
    job: Job, left: deque[Chunk], workers: int, handed_out: int
) -> Generator[Counts, None, list[Chunk]]:
    """Take from ``left`` until it is empty or a worker dies; returns what was in work then."""
    # Not fork: the libraries that run a model hold threads and locks.
    context = multiprocessing.get_context("spawn")
    in_work: dict[Future[Counts], Chunk] = {}
    pool = ProcessPoolExecutor(workers, context, _begin, (job,))
    try:
        while left or in_work:
            while left and len(in_work) < handed_out:
                future = pool.submit(_score, left[0])
                in_work[future] = left.popleft()
            done, _ = wait(in_work, return_when=FIRST_COMPLETED)
            for future in done:
                counts = future.result()
                del in_work[future]
                yield counts
    except BrokenProcessPool:
        return list(in_work.values())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return []


_job: Job | None = None
"""Of this worker process."""


def _begin(job: Job) -> None:
    global _job  # noqa: PLW0603 - an initializer has no other way to leave something behind
    _job = job
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _score(chunk: Chunk) -> Counts:
    assert _job is not None
    return _job.run(chunk)


def _deadly(chunk: Chunk) -> ScoringError:
    first, last = chunk.pieces[0], chunk.pieces[-1]
    return ScoringError(
        "workers die again and again over the same inputs",
        got=f"{LIVES} deaths over chunk {chunk.number}: {first.file} to {last.file}",
        do="leave them out, or give a worker more memory: --workers 1; what is done is kept. A "
        'program that calls this needs an if __name__ == "__main__" around it',
    )
