"""What parity found, as data: the content of ``parity.json`` and of the report."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Literal

from pydantic import Field

from edgeconv.contract import Precision
from edgeconv.spec import Strict

Gate = Literal["tensor", "pixels", "file"]


class Verdict(str, Enum):
    """``NOT_RUN`` is for a file that no runtime here can run; it never counts as a pass."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_RUN = "NOT_RUN"


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """One FAIL fails all; what was not run does not count; nothing run is INCONCLUSIVE."""
    counted = [verdict for verdict in verdicts if verdict is not Verdict.NOT_RUN]
    for decisive in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if decisive in counted:
            return decisive
    return Verdict.PASS if counted else Verdict.INCONCLUSIVE


class Flips(Strict):
    """Pictures on which reference and candidate decide differently.

    ``newly_flagged`` went from safe to unsafe, ``newly_missed`` from unsafe to safe; the rest
    changed label without changing safety. ``bound_95`` is the exact one-sided 95 %
    Clopper-Pearson upper bound of the flip rate.
    """

    count: int
    images: int
    newly_flagged: int
    newly_missed: int
    bound_95: float


class PointFlips(Flips):
    """Flips of the decision "unsafe score reaches the threshold" at one operating point.

    ``threshold`` is the file's own; a quantised file may have another than its reference.
    """

    name: str
    threshold: float
    reference_threshold: float


class Differences(Strict):
    """How far apart the scores are. Differences in score units 0..1, KL(reference || candidate)
    in nats."""

    max_abs: float
    mean_abs: float
    kl_mean: float
    kl_p95: float
    kl_max: float


class Tolerance(Strict):
    """The largest score difference allowed, as a multiple of the reference's own noise floor."""

    limit: float
    noise_floor: float
    multiple: float
    kind: str = Field(description="how the floor was measured, in words")


class WorstPicture(Strict):
    """A picture whose scores moved most. ``margin`` is the reference's lead of its first label
    over its second; ``flipped`` says whether the decision changed."""

    name: str
    reference: dict[str, float]
    candidate: dict[str, float]
    max_abs_diff: float
    margin: float
    flipped: bool


class GateResult(Strict):
    """One gate's verdict on one artifact, with the reasons for it."""

    verdict: Verdict
    images: int
    flips: Flips
    points: tuple[PointFlips, ...] = ()
    differences: Differences
    max_flip_rate: float
    tolerance: Tolerance | None = None
    findings: tuple[str, ...] = ()
    worst: tuple[WorstPicture, ...] = ()


class Latency(Strict):
    """Median time of one picture on one thread, and against the target's own fp32 file."""

    median_ms: float
    spread_ms: float
    relative_to_fp32: float | None = None


class ArtifactResult(Strict):
    """All that was found about one artifact.

    ``runtime`` is None, and ``gates`` empty, where nothing here can run the file.
    ``scores`` are those of the file gate, one row a picture of the run, in label order;
    pictures that could not be read have no row.
    """

    path: str
    target: str
    precision: str
    found: Precision
    bytes: int
    sha256: str
    runtime: str | None
    verdict: Verdict
    note: str | None = None
    gates: dict[Gate, GateResult] = {}
    warnings: tuple[str, ...] = ()
    latency: Latency | None = None
    scores: tuple[tuple[float, ...], ...] = ()

    @property
    def flips(self) -> Flips | None:
        """Changed decisions from the image file on; None where the file was not run."""
        return self.gates["file"].flips if "file" in self.gates else None


class NoiseFloor(Strict):
    """How much the reference differs from itself, largest score difference over the set."""

    float32: float
    float16_weights: float
    variants: dict[str, float]


class Pictures(Strict):
    """The reference set of a run. ``skipped`` gives name and reason of unreadable files."""

    name: str
    count: int
    fingerprint: str
    names: tuple[str, ...]
    skipped: dict[str, str] = {}


class ParityRun(Strict):
    """Everything a report needs.

    ``reference_scores`` has one row a picture in the order of ``pictures.names``, in the order
    of ``labels``.
    """

    model: str
    summary: str
    notice: str | None
    labels: tuple[str, ...]
    unsafe_labels: tuple[str, ...]
    verdict: Verdict
    headline: str
    reference: str
    pictures: Pictures
    noise_floor: NoiseFloor | None
    reference_scores: tuple[tuple[float, ...], ...]
    artifacts: tuple[ArtifactResult, ...]
    made_with: dict[str, str]
