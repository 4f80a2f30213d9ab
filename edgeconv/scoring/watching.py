"""How a run is going: counts, rate, and what is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from edgeconv.errors import MissingDependency
from edgeconv.files import write_atomically
from edgeconv.scoring.parts import Counts

EVERY = 1.0
"""Seconds between two looks, at least."""


@dataclass(frozen=True)
class Tally:
    """Of ``planned`` inputs, ``before`` were done by an earlier run; ``seconds`` are this one's."""

    planned: int
    before: int
    counts: Counts
    seconds: float

    @property
    def rate(self) -> float:
        """Inputs a second, in this run."""
        done = self.counts.rows - self.before
        return done / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take; None where nobody can tell yet."""
        return (self.planned - self.counts.rows) / self.rate if self.rate else None


Watcher = Callable[[Tally], None]


class PrometheusFile:
    """A :data:`Watcher` that keeps a text file for node_exporter's textfile collector.

    Raises:
        MissingDependency: prometheus-client is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            import prometheus_client  # noqa: F401
        except ImportError as error:
            raise MissingDependency("prometheus-client", "--prometheus", extra="data") from error
        self._path = path
        self._due = 0.0

    def __call__(self, tally: Tally) -> None:
        """Raises FileError where the file cannot be written."""
        if monotonic() < self._due and tally.counts.rows < tally.planned:
            return
        self._due = monotonic() + EVERY
        from prometheus_client import CollectorRegistry, Gauge, generate_latest

        registry = CollectorRegistry()
        for name, text, value in (
            ("planned", "Inputs of the run.", tally.planned),
            ("done", "Rows that are committed.", tally.counts.rows),
            ("errors", "Rows of inputs that could not be scored.", tally.counts.errors),
            ("unsafe", "Rows that are flagged.", tally.counts.unsafe),
            ("per_second", "Inputs a second in this run.", tally.rate),
            ("seconds", "How long this run has lasted.", tally.seconds),
        ):
            Gauge(f"edgeconv_score_{name}", text, registry=registry).set(value)
        labels = Gauge("edgeconv_score_label", "Rows by label.", ["label"], registry=registry)
        for label, count in tally.counts.labels.items():
            labels.labels(label).set(count)
        write_atomically(self._path, generate_latest(registry))
