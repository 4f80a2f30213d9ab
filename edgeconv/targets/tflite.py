"""TFLite: float32, float16, dynamic range and full integer, for LiteRT and tflite-runtime.

Input ``image`` is NHWC, RGB 0..255, batch 1: float32, or uint8 in the full-integer file, whose
scores are uint8 too. Input ``embedding`` is float32 (1, length), as are its scores, in every file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.architectures import family
from edgeconv.contract import Contract, EmbeddingTensor, InputTensor, OutputTensor, Precision
from edgeconv.errors import ConversionError
from edgeconv.formats.tflite_inspect import io_quantisation, read_precision, score_step
from edgeconv.formats.tflite_metadata import attach
from edgeconv.frozen import OUTPUT_NAME
from edgeconv.networks import Frozen
from edgeconv.spec import Embedding
from edgeconv.targets import Form, Options, PrecisionName
from edgeconv.targets.inputs import described_input
from edgeconv.targets.tflite_from_graph import from_graph
from edgeconv.targets.tflite_int8 import to_int8


class TFLiteConverter:
    """Converts by tensorflow's own TFLiteConverter, from the one frozen graph."""

    def __init__(self, frozen: Frozen, options: Options) -> None:
        self._frozen = frozen
        self._options = options

    def write(self, form: Form, path: Path) -> None:
        """Write one precision, without its contract.

        Raises:
            ConversionError: tensorflow refused the graph.
        """
        try:
            content = self._made(form)
        except ConversionError:  # the graph itself said why
            raise
        except Exception as error:
            raise ConversionError(
                f"TFLite cannot express {self._frozen.spec.name} at {form.precision}",
                got=str(error),
            ) from error
        path.write_bytes(content)

    def _made(self, form: Form) -> bytes:
        if form.precision == "int8":
            quantisable = self._options.quantisable or self._frozen
            if family(self._frozen.spec) == "transformer":
                return self._converted("dynamic", quantisable)
            return to_int8(
                self._converted("fp32", quantisable),
                self._calibration(),
                pixels=not self._takes_rows,
                plain_dense=self._plain_dense,
            )
        wanted_twice = form.precision == "fp32" and self._options.calibration is not None
        return self._float32 if wanted_twice else self._converted(form.precision, self._frozen)

    @cached_property
    def _float32(self) -> bytes:
        return self._converted("fp32", self._frozen)

    def _converted(self, precision: PrecisionName, frozen: Frozen) -> bytes:
        import tensorflow as tf

        def configure(converter: Any) -> None:
            if precision != "fp32":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision == "fp16":
                converter.target_spec.supported_types = [tf.float16]
            converter._experimental_disable_per_channel_quantization_for_dense_layers = (
                self._plain_dense
            )

        return from_graph(frozen.function, configure)

    @property
    def _plain_dense(self) -> bool:
        """Per-channel dense layers make operator versions that tflite-runtime 2.14 refuses
        (dynamic range) or crashes on (full integer, Arm)."""
        return self._options.compat == "tflite-2.14"

    def describe(
        self, form: Form, path: Path
    ) -> tuple[InputTensor | EmbeddingTensor, OutputTensor, Precision]:
        """Input, output and precision as they stand in the written file.

        Raises:
            ConversionError: an integer input does not take pixels as they are.
        """
        model = path.read_bytes()
        quantisation = io_quantisation(model)
        spec = self._frozen.spec
        pixels, scores = quantisation.input, quantisation.output
        if pixels is not None and (pixels.scale, pixels.zero_point) != (1.0, 0):
            raise ConversionError(
                f"the {form.precision} file does not take pixels as they are",
                got=f"input scale {pixels.scale}, zero point {pixels.zero_point}",
                expected="scale 1, zero point 0",
            )
        return (
            described_input(
                spec.input,
                name=self._frozen.input_name,
                shape=self._frozen.input_shape,
                dtype="uint8" if pixels else "float32",
                layout="NHWC",
            ),
            OutputTensor(
                name=OUTPUT_NAME,
                kind=spec.output.kind,
                dtype="uint8" if scores else "float32",
                scale=scores.scale if scores else None,
                zero_point=scores.zero_point if scores else None,
                score_step=score_step(model),
            ),
            read_precision(model, asked=form.precision),
        )

    @staticmethod
    def embed(path: Path, contract: Contract) -> None:
        """Put standard TFLite metadata, labels and the contract into the file."""
        path.write_bytes(attach(path.read_bytes(), contract=contract))

    @property
    def _takes_rows(self) -> bool:
        return isinstance(self._frozen.spec.input, Embedding)

    def _calibration(self) -> Iterator[NDArray[np.float32]]:
        assert self._options.calibration is not None
        for number, given in enumerate(self._options.calibration):
            stretched = number == 0 and not self._takes_rows
            yield (_whole_range(given) if stretched else given)[None].astype(np.float32)


def _whole_range(picture: NDArray[np.generic]) -> NDArray[np.generic]:
    """The picture with one black and one white pixel.

    So that calibration sees 0..255, and the integer input means pixels with scale 1, zero point 0.
    """
    stretched: NDArray[np.generic] = picture.copy()
    stretched[0, 0], stretched[0, 1] = 0, 255
    return stretched
