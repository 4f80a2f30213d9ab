"""Runs the ONNX file by ONNX Runtime: TensorRT, else CUDA, else the processor."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from moderation.bundle import Bundle, BundleError
from moderation.pictures import as_tensor

TENSORRT, CUDA, CPU = (f"{name}ExecutionProvider" for name in ("Tensorrt", "CUDA", "CPU"))

GPU_TOLERANCE = {"fp32": 5e-3, "fp16": 2e-2}
"""How far scores on a GPU may be from those of a processor: fp32 is multiplied as TF32 there."""

HEARTBEAT = 10.0
"""Seconds between two signs of life while an engine is built."""


class Model:
    """The bundle's model, loaded; ``tolerance`` is the self-test's for where it runs."""

    def __init__(self, bundle: Bundle, threads: int) -> None:
        import onnxruntime

        precision = bundle.contract["precision"]["asked"]
        cache = bundle.folder / "engine_cache"
        providers = _providers(onnxruntime.get_available_providers(), precision, cache)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        try:
            with _telling_of_the_first_build(providers, cache):
                self._session = onnxruntime.InferenceSession(
                    str(bundle.model), settings, providers=providers
                )
        except Exception as error:  # each provider has errors of its own
            raise BundleError(f"{bundle.model.name} does not load: {error}") from error
        used = self._session.get_providers()[0]
        self.description = f"ONNX Runtime {onnxruntime.__version__} by {used}"
        on_gpu = used in (TENSORRT, CUDA)
        self.tolerance = GPU_TOLERANCE[precision] if on_gpu else bundle.tolerance
        self._taken, self._labels = bundle.contract["input"], bundle.labels
        _refuse_other(bundle, self._session)

    def scores(self, pixels: np.ndarray) -> dict[str, float]:
        """Scores by label for uint8 RGB pixels, (height, width, 3), at the model's size."""
        feed = {self._taken["name"]: as_tensor(pixels, self._taken)}
        (scores,) = self._session.run(None, feed)
        return {label: float(score) for label, score in zip(self._labels, scores[0])}


def _providers(available: list[str], precision: str, cache: Path) -> list[tuple[str, Any]]:
    """Those there are, the fastest first, and how they are to work."""
    wanted: list[tuple[str, Any]] = [
        (
            TENSORRT,
            {
                "trt_engine_cache_enable": True,
                "trt_engine_cache_path": str(cache),
                "trt_timing_cache_enable": True,
                "trt_timing_cache_path": str(cache),
                "trt_fp16_enable": precision == "fp16",
            },
        ),
        (CUDA, {}),
        (CPU, {}),
    ]
    return [(name, options) for name, options in wanted if name in available]


@contextmanager
def _telling_of_the_first_build(providers: list[tuple[str, Any]], cache: Path) -> Iterator[None]:
    """TensorRT builds an engine in silence, for minutes; say so, and that it goes on."""
    if providers[0][0] != TENSORRT or any(cache.glob("*.engine")):
        yield
        return
    cache.mkdir(exist_ok=True)
    print(
        "building the TensorRT engine for this device: minutes the first time, seconds later",
        file=sys.stderr,
        flush=True,
    )
    done, start = threading.Event(), time.monotonic()

    def beat() -> None:
        while not done.wait(HEARTBEAT):
            seconds = time.monotonic() - start
            print(f"still building the engine: {seconds:.0f} s", file=sys.stderr, flush=True)

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        done.set()
        heart.join()


def _refuse_other(bundle: Bundle, session: Any) -> None:
    """The contract and the file must speak of the same tensors."""
    taken, given = bundle.contract["input"], bundle.contract["output"]
    expected = [
        (taken["name"], taken["shape"]),
        (given["name"], [1, len(bundle.labels)]),
    ]
    found = [
        (node.name, list(node.shape)) for node in (*session.get_inputs(), *session.get_outputs())
    ]
    if found != expected:
        raise BundleError(
            f"the model is not the one of contract.json: it has {found}, not {expected}"
        )
