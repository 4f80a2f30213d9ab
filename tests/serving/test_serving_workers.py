"""Sharing uploads among threads, without HTTP."""

from threading import Event
from time import sleep

import pytest

from edgeconv.serving.judging import Upload
from edgeconv.serving.workers import Busy, Workers


class Held:
    """A judge that notes its batches, and waits to be let go."""

    def __init__(self):
        self.batches, self.free, self.began = [], Event(), Event()

    def __call__(self, uploads):
        self.batches.append([upload.name for upload in uploads])
        self.began.set()
        assert self.free.wait(10)
        if any(upload.content == b"fatal" for upload in uploads):
            raise MemoryError
        return [[upload.name] for upload in uploads]


def uploads(*names):
    return [Upload(name, b"") for name in names]


def test_what_waits_is_judged_together():
    judge = Held()
    workers = Workers([judge], batch=3, queue=10, seconds=9)
    first = workers.submit(uploads("a"))
    assert judge.began.wait(10)
    rest = workers.submit(uploads("b", "c", "d", "e"))
    judge.free.set()
    assert [answer.result(10) for answer in [*first, *rest]] == [["a"], ["b"], ["c"], ["d"], ["e"]]
    workers.close()
    assert judge.batches == [["a"], ["b", "c", "d"], ["e"]]


def test_no_worker_takes_what_another_could():
    judges = [Held(), Held()]
    workers = Workers(judges, batch=8, queue=10, seconds=9)
    first = workers.submit(uploads("a", "b"))
    for judge in judges:
        assert judge.began.wait(10)
    rest = workers.submit(uploads("c", "d", "e", "f"))
    judges[0].free.set()
    for answer in [first[0], *rest] if judges[0].batches[0] == ["a"] else [first[1], *rest]:
        answer.result(10)
    assert [len(batch) for batch in judges[0].batches] == [1, 2, 1, 1]
    judges[1].free.set()
    workers.close()


def test_the_queue_has_an_end_and_takes_all_or_nothing():
    judge = Held()
    workers = Workers([judge], batch=1, queue=3, seconds=9)
    accepted = workers.submit(uploads("a", "b"))
    with pytest.raises(Busy) as busy:
        workers.submit(uploads("c", "d"))
    assert busy.value.seconds >= 1
    assert workers.pending == 2
    accepted += workers.submit(uploads("c"))
    judge.free.set()
    workers.close()
    assert [answer.result() for answer in accepted] == [["a"], ["b"], ["c"]]
    assert workers.pending == 0


def test_nobody_is_accepted_who_would_wait_too_long():
    judge = Held()
    workers = Workers([judge], batch=1, queue=100, seconds=0.05)
    (slow,) = workers.submit(uploads("a"))
    assert judge.began.wait(10)
    sleep(0.1)
    judge.free.set()
    slow.result(10)
    while workers.pending:
        sleep(0.001)
    judge.free.clear()
    accepted = workers.submit(uploads("b"))
    with pytest.raises(Busy):
        workers.submit(uploads("c"))
    judge.free.set()
    workers.close()
    assert accepted[0].result() == ["b"]


def test_an_error_is_raised_where_it_is_waited_for_and_the_worker_lives():
    judge = Held()
    judge.free.set()
    workers = Workers([judge], batch=1, queue=3, seconds=9)
    (broken,) = workers.submit([Upload("x", b"fatal")])
    with pytest.raises(MemoryError):
        broken.result(10)
    (answer,) = workers.submit(uploads("y"))
    assert answer.result(10) == ["y"]
    workers.close()


def test_nobody_judges_what_nobody_waits_for():
    judge = Held()
    workers = Workers([judge], batch=1, queue=3, seconds=9)
    workers.submit(uploads("a"))
    assert judge.began.wait(10)
    (given_up,) = workers.submit(uploads("b"))
    assert given_up.cancel()
    assert workers.pending == 1
    judge.free.set()
    workers.close()
    assert judge.batches == [["a"]]
