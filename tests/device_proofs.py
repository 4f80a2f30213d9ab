"""Which proofs about devices ran, and why others did not: a section of pytest's summary.

A test that stands for a device is marked ``device_proof("Raspberry Pi, armhf")``; a proof may be
several tests. What is not in the section was not selected.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

MARK = "device_proof"

OUTCOMES = ("failed", "error", "passed", "skipped")
"""Of pytest's reports; the first that a proof's tests had is the proof's."""

WORDS = {"failed": "FAILED", "error": "FAILED", "passed": "ran", "skipped": "SKIPPED"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note each test's proof where it travels with the test's reports, from other processes too."""
    for item in items:
        for mark in item.iter_markers(MARK):
            item.user_properties.append((MARK, mark.args[0]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line a proof: whether it ran, how many tests it is, and why any were skipped."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, set[str]] = defaultdict(set)
    for outcome in OUTCOMES:
        for report in terminalreporter.stats.get(outcome, ()):
            # What could not be collected has none.
            noted = getattr(report, "user_properties", ())
            for name in (value for key, value in noted if key == MARK):
                counts[name][outcome] += 1
                if outcome == "skipped":
                    reasons[name].add(report.longrepr[2].removeprefix("Skipped: "))
    if not counts:
        return
    terminalreporter.section("device proofs")
    for name, counted in sorted(counts.items()):
        word = next(WORDS[outcome] for outcome in OUTCOMES if counted[outcome])
        line = f"{word:8} {name}: {_tests(counted)}"
        terminalreporter.line("; ".join([line, *sorted(reasons[name])]))


def _tests(counted: Counter[str]) -> str:
    return ", ".join(f"{counted[outcome]} {outcome}" for outcome in OUTCOMES if counted[outcome])
