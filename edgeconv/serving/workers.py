"""Threads that judge uploads, several at once where the artifact gains by it.

Nothing waits for a batch to fill: a worker that is free takes its share of what is there. While
one thread decodes or infers, Pillow and the runtimes let the others run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from math import ceil
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import perf_counter

from edgeconv.serving.judging import Entry, Upload

Judges = Callable[[Sequence[Upload]], list[list[Entry]]]
Answer = Future[list[Entry]]
_Task = tuple[Upload, Answer]


WEIGHT = 0.1
"""Of the latest upload in the running mean of what one takes."""


class Busy(Exception):
    """The queue is full, or too slow; in ``seconds`` it will be empty."""

    def __init__(self, seconds: int) -> None:
        super().__init__("too many uploads at once")
        self.seconds = seconds


class Workers:
    """One thread for each judge, ``batch`` uploads at once.

    At most ``queue`` are accepted that are not done, and none that would wait for more than
    ``seconds``: under a load that lasts, a slow model would answer nobody in time.
    """

    def __init__(self, judges: Sequence[Judges], batch: int, queue: int, seconds: float) -> None:
        self._batch, self.most, self._longest = batch, queue, seconds
        self._queue: SimpleQueue[_Task | None] = SimpleQueue()
        self._lock = Lock()
        self.pending = 0
        self._each = 0.0
        self._threads = [
            Thread(target=self._work, args=(judge,), name=f"worker-{number}", daemon=True)
            for number, judge in enumerate(judges)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, uploads: Sequence[Upload]) -> list[Answer]:
        """Accept all of them.

        Raises:
            Busy: there is no room; none was accepted.
        """
        with self._lock:
            left = self.pending * self._each / len(self._threads)
            if self.pending + len(uploads) > self.most or left > self._longest:
                raise Busy(max(1, ceil(left)))
            self.pending += len(uploads)
        answers: list[Answer] = [Future() for _ in uploads]
        for upload, answer in zip(uploads, answers, strict=True):
            answer.add_done_callback(self._done)
            self._queue.put((upload, answer))
        return answers

    def close(self) -> None:
        """Finish what was accepted."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _done(self, _: Answer) -> None:
        with self._lock:
            self.pending -= 1

    def _work(self, judge: Judges) -> None:
        while (first := self._queue.get()) is not None:
            tasks = [first, *self._share()]
            wanted = [task for task in tasks if task[1].set_running_or_notify_cancel()]
            if wanted:
                self._answer(judge, wanted)

    def _answer(self, judge: Judges, tasks: Sequence[_Task]) -> None:
        start = perf_counter()
        failure: BaseException | None = None
        entries: list[list[Entry]] = []
        try:
            entries = judge([upload for upload, _ in tasks])
        except BaseException as error:  # it is raised where the answer is waited for
            failure = error
        self._note((perf_counter() - start) / len(tasks))
        if failure is not None:
            for _, answer in tasks:
                answer.set_exception(failure)
        else:
            for (_, answer), found in zip(tasks, entries, strict=True):
                answer.set_result(found)

    def _note(self, seconds: float) -> None:
        with self._lock:
            self._each += (seconds - self._each) * (WEIGHT if self._each else 1)

    def _share(self) -> Iterator[_Task]:
        """What else this worker takes: no more than leaves something for the others."""
        share = ceil((self._queue.qsize() + 1) / len(self._threads))
        for _ in range(min(self._batch, share) - 1):
            try:
                task = self._queue.get_nowait()
            except Empty:
                return
            if task is None:
                self._queue.put(None)  # the end, for another worker or for later
                return
            yield task
