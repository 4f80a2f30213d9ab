"""What a bench found, as data."""

from __future__ import annotations

from edgeconv.benching.loading import Loading
from edgeconv.spec import Strict


class Timing(Strict):
    """Milliseconds of one inference: median, and the range that nine of ten fall into.

    ``relative`` is the median over the rounds of this file's time by that of its target's fp32
    file in the same round; None where there is none.
    """

    median_ms: float
    p5_ms: float
    p95_ms: float
    relative: float | None = None


class Agreement(Strict):
    """How far scores are from what they are held against, and how many decisions differ."""

    held_against: str
    mean_diff: float
    max_diff: float
    flips: int
    images: int


class Benched(Strict):
    """One artifact. What was not measured is None, and ``note`` says why.

    ``times_smaller`` is the size of the target's fp32 file by this one's.
    """

    path: str
    target: str
    precision: str
    bytes: int
    times_smaller: float | None
    loading: Loading | None
    one_thread: Timing | None
    all_threads: Timing | None
    agreement: Agreement | None
    note: str | None = None


class BenchRun(Strict):
    """A bench. ``threads`` is how many "all" are; ``load`` the machine's mean load beforehand by
    that number: above one half, times are those of a busy machine."""

    headline: str
    model: str
    machine: str
    threads: int
    rounds: int
    load: float | None
    artifacts: tuple[Benched, ...]
