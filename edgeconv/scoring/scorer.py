"""The one scorer of all engines: it can be sent anywhere, and opens its session on first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.artifact import SUFFIXES, open_artifact
from edgeconv.classifying import open_scorer
from edgeconv.errors import NoContract

Scores = Callable[[NDArray[Any]], NDArray[np.float32]]


@dataclass(frozen=True)
class BatchScorer:
    """Scores batches by an exported file or a model.

    Pickling sends what it is made of, never its session.

    ``batch`` inputs go through an ONNX file at once, and 1 takes it as it is. ``threads`` is for
    one inference: one, where processes share the cores.
    """

    model: str
    weights: str | None = None
    labels: tuple[str, ...] = ()
    batch: int = 1
    threads: int = 1

    def __call__(self, given: NDArray[Any]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 RGB pixels at the model's size, or (N, length) float32 rows.

        Returns:
            (N, labels) float32.
        """
        session: Scores | None = self.__dict__.get("_session")
        if session is None:
            session = self._open()
            self.__dict__["_session"] = session
        return session(given)

    def _open(self) -> Scores:
        path = Path(self.model)
        if path.suffix in SUFFIXES:
            try:
                contract = open_artifact(path).contract
            except NoContract:
                return self._classifier()
            if path.suffix == ".onnx" and self.batch > 1:
                from edgeconv.scoring.onnx_batches import OnnxBatches

                return OnnxBatches(path, contract, self.batch, self.threads)
            score = open_scorer(path).score
            return lambda given: np.stack([score(one) for one in given])
        return self._classifier()

    def _classifier(self) -> Scores:
        from edgeconv.classifier import load_classifier

        return load_classifier(self.model, self.weights, self.labels).scores

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
