"""Several workers learn what one learns from the whole batch."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv.errors import UsageError
from edgeconv.spec import ModelSpec
from edgeconv.training.batches import batches
from edgeconv.training.data import open_dataset
from edgeconv.training.recipe import Generated
from edgeconv.training.strategy import VARIABLE, Workers, strategy_of, workers

MakeSpec = Callable[..., ModelSpec]

CHILD = """
import json, sys
from pathlib import Path
from edgeconv.spec import ModelSpec
from edgeconv.training import train
spec = ModelSpec.model_validate(json.loads(sys.argv[1]))
run = train(spec, None, Path(sys.argv[2]), strategy=sys.argv[3])
print(json.dumps([[epoch.loss, epoch.val_loss] for epoch in run.history]))
"""


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def started(spec: ModelSpec, out: Path, strategy: str, config: Any) -> subprocess.Popen[str]:
    said = {VARIABLE: json.dumps(config)} if config else {}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, spec.model_dump_json(), str(out), strategy],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", **said},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def losses_of(process: subprocess.Popen[str]) -> np.ndarray:
    said, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints[-3000:]
    return np.array(json.loads(said.splitlines()[-1]))


@pytest.fixture
def vit(tiny_spec: MakeSpec) -> ModelSpec:
    """Without batch normalisation, which sees only its own worker's part of a batch."""
    kind = {"kind": "vit", "patch": 8, "width": 16, "depth": 2, "heads": 2, "mlp": 32}
    return tiny_spec(
        kind,
        epochs=3,
        batch=7,
        optimizer={"kind": "adamw", "learning_rate": 0.003, "clip_norm": 1.0, "layer_decay": 0.8},
        averaging=0.8,
        generated={"train_per_label": 8, "test_per_label": 4, "seed": 5},
    )


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_workers_on_loopback_learn_what_one_learns_from_the_whole_batch(
    accumulate: int, vit: ModelSpec, tmp_path: Path
) -> None:
    spec = vit.model_copy(update={"training": {**(vit.training or {}), "accumulate": accumulate}})
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    both = [
        started(
            spec,
            tmp_path / "two",
            "multi-worker",
            {"cluster": cluster, "task": {"type": "worker", "index": number}},
        )
        for number in (0, 1)
    ]
    first, second = map(losses_of, both)
    alone = losses_of(started(spec, tmp_path / "one", "auto", None))
    assert np.array_equal(first, second)
    assert np.allclose(first, alone, atol=2e-5)
    assert np.ptp(alone[:, 0]) > 1e-3, "something was learnt"
    assert (tmp_path / "two" / "tiny.safetensors").is_file()


def test_workers_share_a_batch_out(tiny_spec: MakeSpec) -> None:
    spec = tiny_spec()
    train = open_dataset(spec, None, Generated(train_per_label=3, test_per_label=2)).train
    whole = list(batches(train, spec, range(9), 4))
    parts = [list(batches(train, spec, range(9), 4, share=Workers(n, 2))) for n in (0, 1)]
    for batch, *shares in zip(whole, *parts, strict=True):
        assert np.array_equal(batch[0], np.concatenate([inputs for inputs, _ in shares]))
    # The last batch has one picture: the other worker takes part with none.
    assert [len(inputs) for inputs, _ in parts[1]] == [2, 2, 0]


@pytest.mark.parametrize(
    "said",
    ["nonsense", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 3}}'],
)
def test_a_variable_that_makes_no_sense_is_refused(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, said)
    with pytest.raises(UsageError, match=VARIABLE):
        workers()


def test_multi_worker_needs_to_know_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(UsageError, match="other workers"):
        strategy_of("multi-worker")
