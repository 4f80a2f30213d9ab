"""coremltools' tensorflow front end, given a graph as it is.

By itself it freezes what is frozen, prints all weights into a string that nobody reads, which takes
half a minute for a ViT-B, and checks and prints the whole program around each of its passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from coremltools.converters.mil.converter import ConverterRegistry
from coremltools.converters.mil.frontend.tensorflow.load import TF1Loader
from coremltools.converters.mil.frontend.tensorflow2.load import TF2Loader
from coremltools.converters.mil.mil import Program

from edgeconv.freezing import LightGraph

_FRONT_END = "tensorflow2"


class _TrustedProgram(Program):  # type: ignore[misc]
    """A program that passes neither check nor print; what comes out is run and judged anyway."""

    def validate(self, *_: Any, **__: Any) -> None:
        pass

    def __str__(self, *_: Any, **__: Any) -> str:
        return "a program"


class _LightGraphLoader(TF2Loader):  # type: ignore[misc]
    """``model`` is a :class:`LightGraph`."""

    # The one for graphs without functions in them: it takes the nodes as they are.
    _tf_ssa_from_graph_def = TF1Loader._tf_ssa_from_graph_def

    def _graph_def_from_model(self, *_: Any, **__: Any) -> Any:
        return self.model.complete()

    def _program_from_tf_ssa(self) -> Any:
        program = super()._program_from_tf_ssa()
        program.__class__ = _TrustedProgram
        return program


def _front_end() -> Callable[..., Any]:
    def load(model: LightGraph, **options: Any) -> Any:
        return _LightGraphLoader(model, **options).load()

    return load


@contextmanager
def reading_light_graphs() -> Iterator[None]:
    """Inside, ``ct.convert(..., source="tensorflow")`` takes a :class:`LightGraph`."""
    usual = ConverterRegistry.frontends[_FRONT_END]
    ConverterRegistry.frontends[_FRONT_END] = _front_end
    try:
        yield
    finally:
        ConverterRegistry.frontends[_FRONT_END] = usual
