"""Whether a file is what its name says: its weights, its size, its speed on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeconv.contract import Precision
from edgeconv.parity.results import ArtifactResult, Latency

WORTHWHILE_SIZE = 0.9
SLOWER = 1.05

SLOWER_THAN_ANOTHER = 1.25
"""A file fails for it: more than medians vary on a busy machine."""

WEIGHT_TYPES = {
    "fp32": {"float32"},
    "fp16": {"float16"},
    "dynamic": {"int8"},
    "int8": {"int8", "uint8"},
    "w8": {"int8"},
    "pal8": {"palette8"},
    "pal6": {"palette6"},
    "pal4": {"palette4"},
    "w8a8": {"int8"},
}

IN_INTEGERS = ("int8", "w8a8")
"""Precisions that promise to compute in integers."""


def misnamed(precision: Precision) -> str | None:
    """Why a file does not deserve the name of its precision, or None."""
    wanted = WEIGHT_TYPES.get(precision.asked, {precision.weight_type})
    if precision.weight_type not in wanted:
        return f"asked for as {precision.asked}, but its weights are {precision.weight_type}"
    # Of a transformer most operations stay in float; that its weights are multiplied so is the lie.
    in_float = min(precision.float_ops, precision.float_products)
    if precision.asked in IN_INTEGERS and in_float > 0.5:
        return f"asked for as {precision.asked}, but {in_float:.0%} of it computes in float"
    return None


def repeated(result: ArtifactResult, others: Sequence[ArtifactResult]) -> str | None:
    """Why a file is no precision of its own: it holds and answers what another does, or None."""
    for other in others:
        if (
            other.precision != result.precision
            and _content(other) == _content(result)
            and other.scores == result.scores != ()
        ):
            return f"the same weights and the same scores as {other.path}: no precision of its own"
    return None


def _content(result: ArtifactResult) -> tuple[str, Precision]:
    return Path(result.path).suffix, result.found.model_copy(update={"asked": ""})


def pointless(result: ArtifactResult, others: Sequence[ArtifactResult]) -> str | None:
    """Why nobody should ship a file: another of its target is better in every way, or None.

    Better is what is no larger, faster by more than measurements vary, and no further from the
    original.
    """
    for other in others:
        if (
            result.target == other.target
            and result.bytes >= other.bytes
            and _takes_longer(result, other)
            and _error(result) >= _error(other)
        ):
            return f"slower than {other.path} here, no smaller and no closer to the original"
    return None


def _takes_longer(result: ArtifactResult, other: ArtifactResult) -> bool:
    if result.latency is None or other.latency is None:
        return False
    return result.latency.median_ms > SLOWER_THAN_ANOTHER * other.latency.median_ms


def _error(result: ArtifactResult) -> float:
    return result.gates["file"].differences.mean_abs if "file" in result.gates else 0.0


def not_worthwhile(
    precision: Precision, size: int, fp32_size: int | None, latency: Latency | None
) -> list[str]:
    """Where a reduced precision brings nothing: no smaller, or slower than fp32 here."""
    if precision.asked == "fp32":
        return []
    findings = []
    if fp32_size and size > WORTHWHILE_SIZE * fp32_size:
        findings.append(f"no smaller: {size / fp32_size:.0%} of the fp32 file")
    if latency and latency.relative_to_fp32 and latency.relative_to_fp32 > SLOWER:
        findings.append(
            f"slower than fp32 on this machine: {latency.relative_to_fp32:.2f} times its time"
        )
    return findings
