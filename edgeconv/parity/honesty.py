"""Whether a file is what its name says: its weights, its size, its speed on this machine."""

from __future__ import annotations

from edgeconv.contract import Precision
from edgeconv.parity.results import Latency

WORTHWHILE_SIZE = 0.9
SLOWER = 1.05

WEIGHT_TYPES = {
    "fp32": {"float32"},
    "fp16": {"float16"},
    "dynamic": {"int8"},
    "int8": {"int8", "uint8"},
}


def misnamed(precision: Precision) -> str | None:
    """Why a file does not deserve the name of its precision, or None."""
    wanted = WEIGHT_TYPES.get(precision.asked, {precision.weight_type})
    if precision.weight_type not in wanted:
        return f"asked for as {precision.asked}, but its weights are {precision.weight_type}"
    if precision.asked == "int8" and precision.float_products > 0.5:
        return f"asked for as int8, but {precision.float_products:.0%} of it is multiplied in float"
    return None


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
