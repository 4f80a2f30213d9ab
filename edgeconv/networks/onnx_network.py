"""An ONNX file as a network: run by ONNX Runtime as its author wrote it, frozen by surgery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgeconv.checkpoints.onnx_program import Ending, OnnxProgram
from edgeconv.errors import CheckpointError, CheckpointMismatch, CorruptCheckpoint, SpecError
from edgeconv.formats.onnx_model import OnnxModel
from edgeconv.frozen import FrozenNetwork
from edgeconv.generated_rows import RowStatistics, unknown_statistics
from edgeconv.networks import halved, onnx_surgery
from edgeconv.networks.tempering import tempered_onnx
from edgeconv.spec import ONE_LOGIT, ModelSpec, OutputKind

_TAKES: dict[OutputKind, tuple[Ending, ...]] = {
    "softmax": ("softmax", "logits"),
    "multi-label": ("sigmoid", "logits"),
    "sigmoid": ("sigmoid", "logits"),
    "linear": ("logits",),
}
"""The endings from which scores of a kind can be had; logits get their activation from us."""


@dataclass(frozen=True)
class OnnxNetwork:
    """The file itself, and what the spec adds: how its output becomes scores.

    Raises:
        CheckpointMismatch: the file's size, width or last activation is not that of the spec.
        CorruptCheckpoint: ONNX Runtime cannot load it.
    """

    program: OnnxProgram
    spec: ModelSpec

    library: ClassVar[str] = "ONNX Runtime"

    def __post_init__(self) -> None:
        _check_size(self.program, self.spec)
        _check_width(self.program, self.spec)
        if self.ending not in _TAKES[self.spec.output.kind]:
            raise CheckpointMismatch(
                f"{self.program.where} does not give the scores of {self.spec.name}",
                got=f"it ends in {self.ending}",
                expected=f"{' or '.join(_TAKES[self.spec.output.kind])}, as the spec says: "
                f"{self.spec.output.kind}",
                do="state the right [output] kind in the model's TOML",
            )

    @cached_property
    def ending(self) -> Ending:
        """What the file ends in: as its last operations say, else as its answers do.

        A softmax that was written out as exponentials is told by scores that sum to one; applied
        twice, it would leave every decision and spoil every score.
        """
        if self.program.ending != "logits":
            return self.program.ending
        noise = np.random.default_rng(0).normal(0, 1, (4, *self.spec.input_shape))
        found = self._run(noise.astype(np.float32))
        sums_to_one = np.allclose(found.sum(axis=1), 1, atol=1e-3)
        return "softmax" if found.shape[1] > 1 and (found >= 0).all() and sums_to_one else "logits"

    def scores(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return _scores(self._run(inputs), self.ending, self.spec.output.kind)

    def with_half_weights(self) -> OnnxNetwork:
        model = onnx_surgery.copy_of(self.program.model)
        for tensor in onnx_surgery.float_tensors(model):
            values = onnx_surgery.values_of(tensor)
            onnx_surgery.set_values(tensor, halved(values))
        return replace(self, program=replace(self.program, model=model))

    def with_temperature(self, temperature: float) -> OnnxNetwork:
        if self.ending != self.program.ending:
            raise SpecError(
                f"no temperature can be folded into {self.program.where}",
                got="a softmax that is written out as exponentials",
                do="leave temperature out of [output]",
            )
        return replace(self, program=tempered_onnx(self.program, temperature))

    def row_statistics(self, length: int) -> RowStatistics:
        return unknown_statistics(length)

    def freeze(self, spec: ModelSpec) -> FrozenOnnx:
        return FrozenOnnx(spec, onnx_surgery.frozen(self.program, self.ending, spec))

    def _run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        nchw = self.program.layout == "NCHW"
        taken = np.ascontiguousarray(inputs.transpose(0, 3, 1, 2) if nchw else inputs)
        # One by one: many a file that says it takes any batch has a 1 left somewhere inside.
        return _run(self._session, self.program.input_name, taken, self.program.where)

    @cached_property
    def _session(self) -> Any:
        return _session(self.program.model, self.program.where)


@dataclass(frozen=True)
class FrozenOnnx(FrozenNetwork):
    """An ONNX network as converters take it; see :class:`edgeconv.networks.Frozen`.

    ``proto`` holds normalisation and the last activation; input ``image`` (1, 3, H, W) RGB 0..255,
    output ``scores`` (1, labels).
    """

    proto: Any

    @property
    def onnx(self) -> OnnxModel:
        return OnnxModel(self.proto)

    @cached_property
    def function(self) -> Any:
        """The same network as a tensorflow ``ConcreteFunction``, (1, H, W, 3) in.

        Raises:
            ConversionError: an operation cannot be translated.
        """
        from edgeconv.networks.onnx_to_tf import concrete_function

        return concrete_function(self.proto, self.spec)

    @property
    def graph_def(self) -> Any:
        """The ``GraphDef`` of :attr:`function`."""
        return self.function.graph.as_graph_def()

    def scores(
        self, inputs: NDArray[Any], *, threads: int = 0, optimise: bool = True
    ) -> NDArray[np.float32]:
        """Run the frozen graph by ONNX Runtime; see :class:`edgeconv.networks.Frozen`."""
        session = _session(self.proto, self.spec.name, threads, optimise)
        taken = np.ascontiguousarray(inputs.transpose(0, 3, 1, 2), np.float32)
        return _run(session, self.input_name, taken, self.spec.name)


def _check_size(program: OnnxProgram, spec: ModelSpec) -> None:
    expected = spec.pictures.size
    if any(found not in {None, side} for found, side in zip(program.size, expected, strict=True)):
        raise CheckpointMismatch(
            f"{program.where} takes pictures of another size than {spec.name}",
            got=" x ".join("open" if side is None else str(side) for side in program.size),
            expected=" x ".join(map(str, expected)),
            do="state the right size in [input] of the model's TOML",
        )


def _check_width(program: OnnxProgram, spec: ModelSpec) -> None:
    expected = 1 if spec.output.kind in ONE_LOGIT else len(spec.labels)
    if program.width not in {None, expected}:
        raise CheckpointMismatch(
            f"{program.where} does not give the scores of {spec.name}",
            got=f"{program.output_name} (1, {program.width})",
            expected=f"(1, {expected}): {spec.output.kind} of {', '.join(spec.labels)}",
            do="write a TOML with the labels of this file",
        )


def _scores(found: NDArray[np.float32], ending: Ending, kind: OutputKind) -> NDArray[np.float32]:
    """The file's output (N, width) as scores (N, labels)."""
    scores = found
    if ending == "logits" and kind == "softmax":
        powers = np.exp(found - found.max(axis=1, keepdims=True))
        scores = powers / powers.sum(axis=1, keepdims=True)
    elif ending == "logits" and kind in {"sigmoid", "multi-label"}:
        scores = np.float32(1) / (np.float32(1) + np.exp(-found))
    if kind in ONE_LOGIT:
        scores = np.concatenate([1 - scores, scores], axis=1)
    return scores.astype(np.float32, copy=False)


def _run(session: Any, name: str, inputs: NDArray[Any], where: str) -> NDArray[np.float32]:
    """(N, ...) inputs, one by one, to (N, width) outputs."""
    try:
        rows = [session.run(None, {name: inputs[i : i + 1]})[0] for i in range(len(inputs))]
    except Exception as error:  # its exceptions share no public base class
        raise CheckpointError(f"{where} fails in ONNX Runtime", got=str(error)) from error
    return np.concatenate(rows).astype(np.float32, copy=False)


def _session(model: Any, where: str, threads: int = 0, optimise: bool = True) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(deterministic=True),
            options,
            providers=["CPUExecutionProvider"],
        )
    except Exception as error:  # its exceptions share no public base class
        raise CorruptCheckpoint(
            f"{where} does not load into ONNX Runtime", got=str(error)
        ) from error
