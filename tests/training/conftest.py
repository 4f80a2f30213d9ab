"""A model and a dataset that train in seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edgeconv import architectures
from edgeconv.generated import LABELS, draw_dataset
from edgeconv.spec import ModelSpec

SMALL_NETWORK = {"kind": "small_network"}


def _tiny_spec(architecture: Mapping[str, Any] = SMALL_NETWORK, **training: Any) -> ModelSpec:
    """The generated patterns at 32 pixels."""
    table = {
        "batch": 6,
        "epochs": 3,
        "body": "none",
        "augment": None,
        "optimizer": {"learning_rate": 0.01},
        "generated": {"train_per_label": 4, "test_per_label": 2, "seed": 5},
    }
    return ModelSpec.model_validate(
        {
            "name": "tiny",
            "basename": "Tiny",
            "summary": "for tests",
            "labels": list(LABELS),
            "architecture": dict(architecture),
            "input": {"size": [32, 32], "scale": "1/255"},
            "checkpoint": {"formats": ["safetensors"]},
            "training": table | training,
        }
    )


@pytest.fixture(scope="session", autouse=True)
def _small_network_is_known() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        small = architectures.Architecture("small_network", "convolutional")
        patch.setitem(architectures._BUILDERS, "small_network", small)
        yield


@pytest.fixture(scope="session")
def tiny_spec() -> Callable[..., ModelSpec]:
    """Makes the tiny spec: ``architecture=`` as it says, all else is its ``[training]`` table."""
    return _tiny_spec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``train/<label>/*`` and ``test/<label>/*``: three and two pictures a label."""
    place = tmp_path / "pictures"
    draw_dataset(place, per_label_train=3, per_label_test=2, seed=1, size=(40, 40))
    return place
