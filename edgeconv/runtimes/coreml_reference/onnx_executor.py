"""The fast path: a program translated to ONNX and run by ONNX Runtime on the CPU."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime

from edgeconv.errors import ArtifactError
from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.onnx_fusion import fuse_clips
from edgeconv.runtimes.coreml_reference.onnx_graph import InferredType, OnnxGraph, OnnxTensor
from edgeconv.runtimes.coreml_reference.onnx_operations import TRANSLATIONS
from edgeconv.runtimes.coreml_reference.program import (
    Constant,
    Operand,
    Operation,
    Program,
    Variable,
)

_MOST_VALUES = 1 << 29
"""Of one variable: 2 GiB of float32. A damaged file may ask for any amount of memory."""


class OnnxExecutor:
    """Runs a program on ONNX Runtime.

    The declared type of every operation's results is held against what ONNX infers from the
    inputs when the program is loaded; outputs are checked again as it runs.

    Args:
        program: what to run.
        rounding: whether what a device may compute in fp16 is rounded to it: an estimate of what
            a device computes.
        threads: that one inference may use.

    Raises:
        ArtifactError: an operation or attribute is not known, or the program contradicts itself.
    """

    def __init__(self, program: Program, *, rounding: bool, threads: int) -> None:
        self._program = program
        self._rounding = rounding
        self._threads = threads
        self._sessions: dict[frozenset[str], Any] = {}
        self._session(program.outputs)

    def run(self, inputs: Mapping[str, Array], names: Iterable[str]) -> dict[str, Array]:
        """The values of the named variables.

        Args:
            inputs: the program's input variables, in their carrier types.
            names: variables of the program, its outputs or any in between.

        Raises:
            ArtifactError: the program cannot be computed, or a result is not what is declared.
        """
        wanted = list(dict.fromkeys(names))
        session = self._session(wanted)
        try:
            values = session.run(wanted, {_fed(name): value for name, value in inputs.items()})
        # the exceptions of ONNX Runtime have no common base but Exception
        except Exception as error:
            raise ArtifactError(
                f"{self._program.source} cannot be computed", got=str(error)
            ) from error
        results = dict(zip(wanted, map(np.asarray, values), strict=True))
        for operation in self._program.operations:
            for variable in operation.outputs:
                if variable.type is not None and variable.name in results:
                    value = results[variable.name]
                    if not variable.type.admits(value.shape):
                        found = f"{value.dtype}{list(value.shape)}"
                        raise self._program.misdeclared(operation, variable, found)
        return results

    def _session(self, names: Iterable[str]) -> Any:
        key = frozenset(names)
        if key not in self._sessions:
            self._sessions[key] = self._compile(key)
        return self._sessions[key]

    def _compile(self, names: frozenset[str]) -> Any:
        translation = _Translation(self._program, names, rounding=self._rounding)
        outputs = {name: translation.values[name] for name in sorted(names)}
        translation.check_declared_types(outputs)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 4
        if self._rounding or _is_quantised(self._program):
            # optimisers fold rounding steps away, and with them what is to be judged
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        model = translation.graph.model(outputs)
        large = translation.graph.large_constants(model)
        options.add_external_initializers(
            list(large), [onnxruntime.OrtValue.ortvalue_from_numpy(v) for v in large.values()]
        )
        try:
            return onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        # the exceptions of ONNX Runtime have no common base but Exception
        except Exception as error:
            raise ArtifactError(
                f"{self._program.source} does not make a program that can run", got=str(error)
            ) from error


class _Translation:
    """A program as an ONNX graph; ``values`` maps its variables to the graph's."""

    def __init__(self, program: Program, kept: frozenset[str], *, rounding: bool) -> None:
        self.program = program
        self.graph = OnnxGraph()
        self.values: dict[str, OnnxTensor] = {}
        for variable in program.inputs:
            if variable.type is None:
                raise ArtifactError(f"{program.source}: the input {variable.name!r} has no type")
            self.values[variable.name] = self.graph.input(_fed(variable.name), variable.type)
        operations = program.operations if rounding else fuse_clips(program, kept)
        for operation in operations:
            self._translate(operation, rounding=rounding)

    def _translate(self, operation: Operation, *, rounding: bool) -> None:
        self.graph.place = operation.place
        tensors = TRANSLATIONS.bind(self.program, operation).call(self._tensor, self.graph)
        for variable, tensor in zip(operation.outputs, tensors, strict=True):
            result = self._rounded(variable, tensor) if rounding else tensor
            self.values[variable.name] = OnnxTensor(result.name, variable.type)

    def _tensor(self, operand: Operand) -> OnnxTensor:
        if isinstance(operand, Constant):
            return self.graph.file_constant(operand)
        return self.values[operand.name]

    def _rounded(self, variable: Variable, tensor: OnnxTensor) -> OnnxTensor:
        if variable.name not in self.program.halves:
            return tensor
        half = self.graph.node("Cast", tensor, to=onnx.TensorProto.FLOAT16)
        return self.graph.node("Cast", half, to=onnx.TensorProto.FLOAT)

    def check_declared_types(self, outputs: Mapping[str, OnnxTensor]) -> None:
        """Hold what the program declares against what follows from its inputs.

        Raises:
            ArtifactError: they differ; the message names the operation.
        """
        try:
            inferred = self.graph.inferred(outputs)
        except ValueError as error:
            raise ArtifactError(
                f"{self.program.source} contradicts itself", got=str(error)
            ) from error
        for operation in self.program.operations:
            for variable in operation.outputs:
                tensor = self.values.get(variable.name)
                if tensor is not None and tensor.name in inferred:
                    self._check_type(operation, variable, inferred[tensor.name])

    def _check_type(self, operation: Operation, variable: Variable, found: InferredType) -> None:
        if variable.type is not None and found.contradicts(variable.type):
            raise self.program.misdeclared(
                operation, variable, f"{found.dtype}{list(found.shape or ())}"
            )
        if math.prod(size or 1 for size in found.shape or ()) > _MOST_VALUES:
            raise self.program.fault(
                operation,
                f"gives more values than are let into memory as {variable.name!r}",
                got=str(list(found.shape or ())),
                expected=f"at most {_MOST_VALUES} values",
            )


def _fed(name: str) -> str:
    """The graph's name for an input: an input that is asked for as an output needs another."""
    return f"input:{name}"


def _is_quantised(program: Program) -> bool:
    return any(operation.type in {"quantize", "dequantize"} for operation in program.operations)
