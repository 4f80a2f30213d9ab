"""Training end to end, in seconds: what is written, and going on after an interruption."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeconv.checkpoints import read
from edgeconv.errors import TrainingError
from edgeconv.progress import Silent
from edgeconv.spec import ModelSpec
from edgeconv.training import TrainingRun, train
from edgeconv.training.learner import Learner

MakeSpec = Callable[..., ModelSpec]


class Recorder(Silent):
    """Keeps what it is told; interrupts where it is asked to."""

    def __init__(self, interrupt_at: str | None = None) -> None:
        self.said: list[str] = []
        self.advanced = 0
        self.interrupt_at = interrupt_at

    def step(self, text: str, total: int | None = None) -> None:
        self._say(text)

    def advance(self) -> None:
        self.advanced += 1

    def note(self, text: str) -> None:
        self._say(text)

    def _say(self, text: str) -> None:
        self.said.append(text)
        if self.interrupt_at and text.startswith(self.interrupt_at):
            raise KeyboardInterrupt


def same_weights(one: Path, other: Path) -> bool:
    first, second = read(one).tensors, read(other).tensors
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name]) for name in first
    )


@pytest.fixture(scope="module")
def uninterrupted(
    tiny_spec: MakeSpec, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainingRun, Recorder]:
    recorder = Recorder()
    out = tmp_path_factory.mktemp("run")
    return train(tiny_spec(), None, out, progress=recorder), recorder


def test_a_run_writes_weights_history_and_a_plot(
    uninterrupted: tuple[TrainingRun, Recorder],
) -> None:
    run, recorder = uninterrupted
    assert run.weights.name == "tiny.safetensors"
    assert [epoch.epoch for epoch in run.history] == [1, 2, 3]
    assert json.loads((run.weights.parent / "history.json").read_text()) == [
        epoch.model_dump() for epoch in run.history
    ]
    with Image.open(run.plot) as plot:
        assert plot.format == "PNG"
        assert plot.width > 300
    assert run.unreadable == 0
    assert run.stopped is None
    assert recorder.advanced == 3 * 2
    assert "epoch 1 of 3" in recorder.said


def test_the_figures_are_those_of_the_best_epoch(
    uninterrupted: tuple[TrainingRun, Recorder],
) -> None:
    run, _ = uninterrupted
    best = min(run.history, key=lambda epoch: epoch.val_loss)
    assert run.held_out.loss == pytest.approx(best.val_loss, abs=1e-6)
    assert run.held_out.accuracy.value == best.val_accuracy
    assert run.held_out.accuracy.of == 6


@pytest.mark.parametrize("moment", ["epoch 1: ", "epoch 2 of", "epoch 3 of", "writing"])
def test_an_interrupted_run_goes_on_to_the_same_weights(
    moment: str,
    uninterrupted: tuple[TrainingRun, Recorder],
    tiny_spec: MakeSpec,
    tmp_path: Path,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tiny_spec(), None, tmp_path, progress=Recorder(interrupt_at=moment))
    assert not (tmp_path / "tiny.safetensors").exists()
    recorder = Recorder()
    run = train(tiny_spec(), None, tmp_path, progress=recorder)
    assert "epoch 1 of 3" not in recorder.said
    assert run.history == uninterrupted[0].history
    assert same_weights(run.weights, uninterrupted[0].weights)


@pytest.mark.slow
def test_an_interruption_while_the_body_is_frozen_changes_nothing_either(
    tiny_spec: MakeSpec, uninterrupted: tuple[TrainingRun, Recorder], tmp_path: Path
) -> None:
    spec = tiny_spec(body=str(uninterrupted[0].weights), frozen_epochs=2, epochs=4)
    whole = train(spec, None, tmp_path / "whole")
    for epoch in (2, 3):
        with pytest.raises(KeyboardInterrupt):
            train(spec, None, tmp_path / "cut", progress=Recorder(f"epoch {epoch} of"))
    cut = train(spec, None, tmp_path / "cut")
    assert cut.history == whole.history
    assert same_weights(cut.weights, whole.weights)


@pytest.mark.slow
def test_mobilenet_v2_goes_on_after_an_interruption_to_the_same_weights(
    tiny_spec: MakeSpec, tmp_path: Path
) -> None:
    spec = tiny_spec(
        {"kind": "mobilenet_v2", "width": 0.35, "head": [8], "dropout": 0.5},
        epochs=2,
        batch_norm_momentum=0.9,
        augment={},
    )
    whole = train(spec, None, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(spec, None, tmp_path / "cut", progress=Recorder("epoch 2 of"))
    cut = train(spec, None, tmp_path / "cut")
    assert cut.history == whole.history
    assert same_weights(cut.weights, whole.weights)


def test_a_frozen_body_keeps_its_weights(
    tiny_spec: MakeSpec, uninterrupted: tuple[TrainingRun, Recorder], tmp_path: Path
) -> None:
    body = uninterrupted[0].weights
    run = train(tiny_spec(body=str(body), frozen_epochs=1, epochs=1), None, tmp_path)
    before, after = read(body).tensors, read(run.weights).tensors
    assert np.array_equal(before["conv/kernel"], after["conv/kernel"])
    assert np.array_equal(before["bn_conv/moving_mean"], after["bn_conv/moving_mean"])
    assert not np.array_equal(before["scores/kernel"], after["scores/kernel"])


def test_a_finished_run_says_so_and_more_epochs_make_it_go_on(
    tiny_spec: MakeSpec, tmp_path: Path
) -> None:
    train(tiny_spec(), None, tmp_path, epochs=1)
    again = Recorder()
    assert len(train(tiny_spec(), None, tmp_path, epochs=1, progress=again).history) == 1
    assert again.said[0] == "this training is finished: 1 epochs"
    assert again.advanced == 0
    longer = Recorder()
    assert len(train(tiny_spec(), None, tmp_path, epochs=2, progress=longer).history) == 2
    assert longer.said[0] == "going on after epoch 1"


def test_another_training_in_the_same_folder_is_refused(
    tiny_spec: MakeSpec, tmp_path: Path
) -> None:
    run = train(tiny_spec(), None, tmp_path, epochs=1)
    before = run.weights.read_bytes()
    with pytest.raises(TrainingError, match="another recipe"):
        train(tiny_spec(), None, tmp_path, epochs=1, seed=9)
    assert run.weights.read_bytes() == before


def test_a_state_that_cannot_be_read_is_an_error(tiny_spec: MakeSpec, tmp_path: Path) -> None:
    (tmp_path / "state.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(TrainingError, match="cannot be resumed"):
        train(tiny_spec(), None, tmp_path)


@pytest.mark.slow
def test_the_seed_decides(tiny_spec: MakeSpec, tmp_path: Path) -> None:
    one, same, other = (
        train(tiny_spec(), None, tmp_path / name, epochs=1, seed=seed)
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert same_weights(one.weights, same.weights)
    assert not same_weights(one.weights, other.weights)


def test_a_folder_with_a_broken_picture_trains_without_it(
    tiny_spec: MakeSpec, folder: Path, tmp_path: Path
) -> None:
    sorted((folder / "train" / "Dots").iterdir())[0].write_bytes(b"broken")
    run = train(tiny_spec(augment={}), folder, tmp_path / "out", epochs=1)
    assert run.unreadable == 1


def test_a_loss_that_is_no_number_stops_with_the_best_kept(
    tiny_spec: MakeSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = iter([0.0, 0.0, float("nan")])
    real = Learner.learn
    monkeypatch.setattr(Learner, "learn", lambda *given: real(*given) + next(steps))
    recorder = Recorder()
    run = train(tiny_spec(), None, tmp_path, progress=recorder)
    assert run.stopped is not None
    assert run.stopped.startswith("the loss was nan in epoch 2, batch 1 (")
    assert run.stopped.endswith(", ...)")
    assert run.stopped.count(",") == 4
    assert [epoch.epoch for epoch in run.history] == [1]
    assert run.held_out.loss == pytest.approx(run.history[0].val_loss, abs=1e-6)
    assert f"stopped: {run.stopped}; the best weights so far are kept" in recorder.said
    assert train(tiny_spec(), None, tmp_path).stopped == run.stopped


def test_a_first_epoch_that_diverges_is_an_error(tiny_spec: MakeSpec, tmp_path: Path) -> None:
    spec = tiny_spec(optimizer={"learning_rate": 1e30})
    recorder = Recorder()
    with pytest.raises(TrainingError, match="learning rate"):
        train(spec, None, tmp_path, progress=recorder)
    assert recorder.said[-1].startswith("stopped: the loss was ")
    assert "kept" not in recorder.said[-1], "there is nothing to keep"
    assert not (tmp_path / "tiny.safetensors").exists()


def test_float16_kernels_are_what_is_measured(tiny_spec: MakeSpec, tmp_path: Path) -> None:
    run = train(tiny_spec(stored="float16"), None, tmp_path, epochs=1)
    kernel = read(run.weights).tensors["conv/kernel"]
    assert np.array_equal(kernel, kernel.astype(np.float16).astype(np.float32))
    assert run.held_out.loss != run.history[0].val_loss
    assert run.held_out.loss == pytest.approx(run.history[0].val_loss, rel=0.01)


def test_the_momentum_of_the_moving_statistics_is_the_recipes(
    tiny_spec: MakeSpec, tmp_path: Path
) -> None:
    slow, fast = (
        read(train(tiny_spec(batch_norm_momentum=value), None, tmp_path / name, epochs=1).weights)
        for name, value in (("slow", 0.999), ("fast", 0.5))
    )
    fresh = 1.0
    moved = [np.abs(run.tensors["bn_conv/moving_variance"] - fresh).mean() for run in (slow, fast)]
    assert moved[1] > 20 * moved[0]
