"""Whatever happens to a training, it goes on to the same end, and nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeconv import files
from edgeconv.checkpoints import read
from edgeconv.errors import FileError, TrainingError
from edgeconv.spec import ModelSpec
from edgeconv.training import train
from edgeconv.training.state import STATE

MakeSpec = Callable[..., ModelSpec]

EVERYTHING: dict[str, Any] = {
    "epochs": 4,
    "optimizer": {"kind": "adamw", "learning_rate": 0.01, "weight_decay": 0.01, "warmup_epochs": 1},
    "schedule": "cosine",
    "averaging": 0.9,
    "label_smoothing": 0.1,
    "class_weights": "balanced",
    "mixing": {"mixup": 0.2, "cutmix": 0.2},
    "augment": {"colour_jitter": 0.2},
}
"""A recipe with all that a run has to remember."""

CHILD = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from edgeconv import architectures
architectures._BUILDERS["small_network"] = architectures.Architecture(
    "small_network", "convolutional")
from edgeconv.spec import ModelSpec
from edgeconv.training import train
class Said:
    def step(self, text, total=None): print(text, flush=True)
    def advance(self): print("a batch", flush=True)
    def note(self, text): print(text, flush=True)
train(ModelSpec.model_validate(json.loads(sys.argv[1])), None, Path(sys.argv[2]), progress=Said())
"""


def child(spec: ModelSpec, out: Path) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, spec.model_dump_json(), str(out), here],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def end_of(out: Path) -> tuple[bytes, list[Any]]:
    return (out / "tiny.safetensors").read_bytes(), json.loads((out / "history.json").read_text())


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_like_one_that_is_not(
    tiny_spec: MakeSpec, tmp_path: Path
) -> None:
    spec, out, moments = tiny_spec(**EVERYTHING), tmp_path / "killed", random.Random(3)
    whole = child(spec, tmp_path / "whole")
    for _ in range(3):
        running = child(spec, out)
        assert running.stdout is not None
        for _ in range(moments.randint(2, 7)):
            running.stdout.readline()
        # Anywhere in what it does next: a step, judging, or writing its state.
        time.sleep(moments.uniform(0, 0.2))
        assert running.poll() is None, "killed before its end"
        running.kill()
        running.wait()
        if (out / STATE).exists():
            with np.load(out / STATE, allow_pickle=False) as state:
                assert all(np.isfinite(state[name]).all() for name in state if "/" in name)
    assert child(spec, out).wait() == whole.wait() == 0
    assert end_of(tmp_path / "killed") == end_of(tmp_path / "whole")
    assert not list((tmp_path / "killed").glob(f".{STATE}.*"))


@pytest.mark.slow
def test_two_processes_with_one_seed_write_the_same_bytes(
    tiny_spec: MakeSpec, tmp_path: Path
) -> None:
    spec = tiny_spec(**EVERYTHING)
    one, other = (child(spec, tmp_path / name) for name in ("one", "other"))
    assert (one.wait(), other.wait()) == (0, 0)
    for name in ("tiny.safetensors", "history.json", "run.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


@pytest.mark.slow
def test_every_part_of_the_recipe_matters_and_one_seed_gives_the_same_bytes(
    tiny_spec: MakeSpec, tmp_path: Path
) -> None:
    one, same, other = (
        train(tiny_spec(**EVERYTHING | {"epochs": 2, "seed": seed}), None, tmp_path / name)
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one.weights.read_bytes() == same.weights.read_bytes()
    assert one.record.read_bytes() == same.record.read_bytes()
    assert one.weights.read_bytes() != other.weights.read_bytes()
    assert one.history[-1].loss != other.history[-1].loss


def test_a_full_disk_is_said_and_the_run_goes_on_where_it_was(
    tiny_spec: MakeSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tiny_spec(), None, tmp_path / "whole")
    real, left = os.fsync, iter([True, True, False])

    def fsync(handle: int) -> None:
        if not next(left, True):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    with monkeypatch.context() as full:
        full.setattr(files.os, "fsync", fsync)
        with pytest.raises(FileError, match="cannot write") as caught:
            train(tiny_spec(), None, tmp_path / "full")
    assert caught.value.got == ("No space left on device",)
    run = train(tiny_spec(), None, tmp_path / "full")
    assert run.history == whole.history
    assert run.weights.read_bytes() == whole.weights.read_bytes()


def test_a_broken_picture_is_refused_before_the_first_step_where_strict(
    tiny_spec: MakeSpec, folder: Path, tmp_path: Path
) -> None:
    sorted((folder / "train" / "Dots").iterdir())[0].write_bytes(b"broken")
    with pytest.raises(TrainingError, match="1 pictures cannot be read"):
        train(tiny_spec(), folder, tmp_path / "out", strict=True)
    assert not (tmp_path / "out" / STATE).exists()


@pytest.mark.slow
def test_a_run_stops_where_nothing_gets_better(tiny_spec: MakeSpec, tmp_path: Path) -> None:
    spec = tiny_spec(epochs=30, patience=2, optimizer={"learning_rate": 1e-12})
    run = train(spec, None, tmp_path)
    best = min(run.history, key=lambda epoch: epoch.val_loss).epoch
    assert len(run.history) == best + 2 < 30
    assert run.stopped == f"the held-out loss was best in epoch {best}, 2 before"
    assert train(spec, None, tmp_path).history == run.history


@pytest.mark.slow
def test_bfloat16_computes_otherwise_and_keeps_float32_weights(
    tiny_spec: MakeSpec, tmp_path: Path
) -> None:
    import tf_keras

    # Without dropout, which draws other numbers in another type.
    vit = {"kind": "vit", "patch": 8, "width": 16, "depth": 1, "heads": 2, "mlp": 16}
    exact, short = (
        train(tiny_spec(vit, precision=precision), None, tmp_path / precision, epochs=1)
        for precision in ("float32", "bfloat16")
    )
    assert short.history[0].loss != exact.history[0].loss
    assert short.history[0].loss == pytest.approx(exact.history[0].loss, rel=0.02)
    kernel = read(short.weights).tensors["patch/kernel"]
    assert not np.array_equal(kernel, kernel.astype(np.float16))
    assert tf_keras.mixed_precision.global_policy().name == "float32"


@pytest.mark.slow
def test_features_of_a_frozen_body_are_computed_once_and_change_nothing(
    tiny_spec: MakeSpec, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeconv.training import stage

    body = train(tiny_spec(), None, tmp_path / "body", epochs=1).weights
    spec = tiny_spec(body=str(body), frozen_epochs=2, epochs=3)
    kept, seen = train(spec, folder, tmp_path / "kept"), []
    monkeypatch.setattr(stage, "can_be_kept", lambda *given: seen.append(given) or False)
    again = train(spec, folder, tmp_path / "again")
    assert len(seen) == 1, "asked for the frozen stage alone"
    for one, other in zip(kept.history, again.history, strict=True):
        assert one.loss == pytest.approx(other.loss, abs=1e-5)
        assert one.val_loss == pytest.approx(other.val_loss, abs=1e-5)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        ".edgeconv.lock", "history.json", "history.png", "run.json", STATE, "tiny.safetensors"
    ]  # fmt: skip


def test_the_record_repeats_the_run(tiny_spec: MakeSpec, folder: Path, tmp_path: Path) -> None:
    run = train(tiny_spec(epochs=2), folder / "train", tmp_path / "one", seed=3, split=0.34)
    said = json.loads(run.record.read_text())
    assert said["recipe"]["seed"] == 3
    assert said["held_out"]["accuracy"] == run.held_out.accuracy.model_dump()
    again = train(
        ModelSpec.model_validate({**said["spec"], "training": said["recipe"]}),
        Path(said["asked"]["data"]),
        tmp_path / "two",
        split=said["asked"]["split"],
    )
    assert again.weights.read_bytes() == run.weights.read_bytes()
    assert json.loads(again.record.read_text())["weights"] == said["weights"]


def test_tensorboard_gets_each_epoch(tiny_spec: MakeSpec, tmp_path: Path) -> None:
    from tensorflow.core.util.event_pb2 import Event
    from tensorflow.data import TFRecordDataset

    run = train(tiny_spec(), None, tmp_path, epochs=2, tensorboard=True)
    events = [
        Event.FromString(record.numpy())
        for file in sorted((tmp_path / "tensorboard").iterdir())
        for record in TFRecordDataset(str(file))
    ]
    losses = {
        event.step: float(np.frombuffer(value.tensor.tensor_content, np.float32)[0])
        if value.tensor.tensor_content
        else value.tensor.float_val[0]
        for event in events
        for value in event.summary.value
        if value.tag == "val_loss"
    }
    assert losses == pytest.approx({epoch.epoch: epoch.val_loss for epoch in run.history})
