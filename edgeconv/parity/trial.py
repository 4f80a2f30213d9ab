"""One artifact under judgement: opened in the runtimes it is judged in, and run in them.

Off a Mac that is one runtime. On a Mac a Core ML file is judged on the CPU alone and on all
compute units, and the reference executor is compared with them; elsewhere it is compared with a
recording that was made on one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edgeconv.artifact import Artifact
from edgeconv.contract import Precision
from edgeconv.errors import ArtifactError, CannotRunHere
from edgeconv.parity.candidate import Answers, run_candidate
from edgeconv.parity.decoded import DecodedSet
from edgeconv.parity.gates import align
from edgeconv.parity.recording import Recording, recorded_answers
from edgeconv.parity.results import Gate, GateResult, Latency
from edgeconv.parity.statistics import Scores
from edgeconv.progress import Progress
from edgeconv.runtimes import Runtime, open_runtime
from edgeconv.runtimes.coreml import SUFFIXES, CoreML, ReferenceExecutor


@dataclass
class Trial:
    """One artifact under judgement, and what is found on the way.

    ``runtimes`` are those that it is judged in, ``executor`` one that is only compared with them.
    ``answers`` come from the runtimes, or from a recording in their place.
    """

    artifact: Artifact
    runtimes: tuple[Runtime, ...] = ()
    executor: Runtime | None = None
    answers: tuple[Answers, ...] = ()
    notes: list[str] = field(default_factory=list)
    gates: dict[Gate, GateResult] = field(default_factory=dict)
    scores: Scores | None = None
    latency: Latency | None = None

    @property
    def precision(self) -> Precision:
        return self.artifact.contract.precision

    @property
    def runs(self) -> int:
        """How often the pictures will be run."""
        return len(self.runtimes) + (self.executor is not None)

    @property
    def ran(self) -> bool:
        """Whether there is anything to judge."""
        return bool(self.runtimes or self.answers)

    @property
    def runtime(self) -> str | None:
        """What gave the answers, in words; None where nothing here can."""
        return "; ".join(answered.runtime for answered in self.answers) or None

    def run(self, pictures: DecodedSet, progress: Progress) -> None:
        """Get the answers, unless a recording has given them, and compare the executor's."""
        if self.runtimes:
            self.answers = tuple(
                run_candidate(runtime, self.artifact, pictures, progress)
                for runtime in self.runtimes
            )
        if self.executor:
            beside = run_candidate(self.executor, self.artifact, pictures, progress)
            self.notes += [_compared(beside, answered) for answered in self.answers]


def open_trial(artifact: Artifact) -> Trial:
    """Open an artifact in whatever runs it here; ``ran`` is False where nothing does."""
    labels = artifact.labels_from_elsewhere
    try:
        runtime = open_runtime(artifact.path, labels=labels)
    except CannotRunHere as reason:
        return Trial(artifact, notes=[reason.message])
    trial = Trial(artifact, (runtime,))
    if not runtime.is_the_device_runtime:
        trial.notes.append(f"file semantics verified by {runtime.description}")
    if isinstance(runtime, CoreML):
        trial.runtimes = (runtime, CoreML(artifact.path, labels, "ALL"))
        _bring_executor(trial)
    return trial


def recorded_trial(artifact: Artifact, recording: Recording, pictures: DecodedSet) -> Trial:
    """An artifact with the answers of a recording in place of a runtime's.

    Raises:
        UsageError: the recording is of another file, or of other pictures.
    """
    trial = Trial(artifact, answers=recorded_answers(recording, artifact, pictures))
    if artifact.path.suffix in SUFFIXES:
        _bring_executor(trial)
    return trial


def _bring_executor(trial: Trial) -> None:
    artifact = trial.artifact
    try:
        trial.executor = ReferenceExecutor(artifact.path, labels=artifact.labels_from_elsewhere)
    except ArtifactError as error:
        trial.notes.append(f"not compared with the reference executor: {error.message}")


def _compared(executor: Answers, answered: Answers) -> str:
    """How far the executor is from what was answered, over all gates."""
    largest = max(
        float(np.abs(align(scores, executor.labels, answered.labels) - answered.scores[gate]).max())
        for gate, scores in executor.scores.items()
    )
    return f"{executor.runtime} differs by up to {largest:.2g} from {answered.runtime}"
