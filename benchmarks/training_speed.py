"""What training MobileNetV2's head costs over a frozen body, and how busy it keeps the cores.

    python benchmarks/training_speed.py [--rounds 20] [--json]

Steps of the head and forward passes alone take turns in one run, on the same batch of 32; medians.
Then an epoch of pictures from files, with the recipe's augmentation: CPU seconds of this process
for each second that went by. Nothing else should run meanwhile. Bars: a step at most 1.15 of a
forward pass; at least .9 of every core busy.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from edgeconv.architectures import build
from edgeconv.generated import draw_dataset
from edgeconv.spec import load_spec
from edgeconv.training.data import open_dataset
from edgeconv.training.recipe import recipe_of
from edgeconv.training.stage import stage_of
from edgeconv.training.strategy import Workers

BARS = {"step of a forward pass": 1.15, "share of the cores": 0.9}
BATCH = 32
RATE = 0.1


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def step_of_a_forward_pass(stage, rounds):
    """The median of pairs that ran one after the other."""
    random = np.random.default_rng(0)
    inputs = random.uniform(0, 1, (BATCH, *stage.spec.input_shape)).astype(np.float32)
    targets = np.eye(3, dtype=np.float32)[random.integers(0, 3, BATCH)]
    weights = np.ones(BATCH, np.float32)

    def forward():
        np.asarray(stage.score(inputs))

    def step():
        stage.learner.learn(inputs, targets, weights, RATE)

    forward(), step()
    return statistics.median(seconds(step) / seconds(forward) for _ in range(rounds))


def share_of_the_cores(stage):
    """CPU seconds of an epoch by seconds that went by, and by cores."""
    order = np.random.default_rng(0).permutation(len(stage.train.labels))
    began, before = time.perf_counter(), os.times()
    for inputs, targets in stage.batches(order, 0, Workers()):
        stage.learner.learn(inputs, targets, np.ones(len(inputs), np.float32), RATE)
    after = os.times()
    used = after.user + after.system - before.user - before.system
    return used / (time.perf_counter() - began) / os.cpu_count()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    spec = load_spec("nsfw-mobilenet-v2")
    spec = spec.model_copy(update={"labels": ("Dots", "Rings", "Stripes"), "unsafe": ()})
    recipe = recipe_of(spec)
    with tempfile.TemporaryDirectory() as folder:
        draw_dataset(Path(folder), per_label_train=50, per_label_test=1, seed=1, size=(300, 300))
        dataset = open_dataset(spec, Path(folder), None)
        stage = stage_of(
            build(spec),
            spec,
            recipe,
            dataset,
            tf.distribute.get_strategy(),
            frozen=True,
            scratch=Path(folder),
        )
        found = {
            "step of a forward pass": round(step_of_a_forward_pass(stage, arguments.rounds), 3),
            "share of the cores": round(share_of_the_cores(stage), 2),
        }
    if arguments.json:
        print(json.dumps({"found": found, "bars": BARS}))
        return
    for name, value in found.items():
        print(f"{name:<24} {value:.2f}   bar {BARS[name]:.2f}")


if __name__ == "__main__":
    main()
