"""What a scorer is given at once, made ahead of it by a thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue
from threading import Event, Thread
from typing import Any, TypeVar

from numpy.typing import NDArray

T = TypeVar("T")

AHEAD = 2
"""Batches that wait for the scorer, at most."""


@dataclass(frozen=True)
class Batch:
    """Neighbouring inputs: those that can be scored, and why the others cannot.

    ``keys`` is a pyarrow array of strings. ``given`` is (N, H, W, 3) uint8 or (N, length) float32,
    and ``places`` says which of ``keys`` its rows belong to; ``errors`` has the rest.
    """

    keys: Any
    given: NDArray[Any]
    places: NDArray[Any]
    errors: dict[int, str]


class _End:
    """Behind the last item; ``error`` where the iterator raised."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterator[T], depth: int = AHEAD) -> Iterator[T]:
    """The same items, made by a thread while the last ones are being used."""
    queue: Queue[T | _End] = Queue(depth)
    stopped = Event()

    def fill() -> None:
        error = None
        try:
            for item in items:
                queue.put(item)
                if stopped.is_set():
                    return
        except BaseException as raised:  # it is raised again where the items are used
            error = raised
        queue.put(_End(error))

    thread = Thread(target=fill, daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        while thread.is_alive():
            while not queue.empty():
                queue.get_nowait()
            thread.join(0.01)
