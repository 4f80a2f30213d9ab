"""Where a training computes: one device, all of one machine, or several machines.

All is left to ``tf.distribute``. The workers of a training over several machines share the folder
that is written, as a training that goes on after an interruption needs its state on each of them;
only the first of them writes.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, Literal

from edgeconv.errors import CannotRunHere, UsageError

StrategyName = Literal["auto", "mirrored", "multi-worker"]

VARIABLE = "TF_CONFIG"


@dataclass(frozen=True)
class Workers:
    """Which of how many processes this is. The first, number 0, writes."""

    number: int = 0
    count: int = 1


def workers() -> Workers:
    """What ``TF_CONFIG`` says of this process; one alone where it is not set.

    Raises:
        UsageError: it is not what tensorflow documents.
    """
    said = os.environ.get(VARIABLE)
    if not said:
        return Workers()
    try:
        config = json.loads(said)
        addresses, task = config["cluster"]["worker"], config["task"]
        number, count = int(task["index"]), len(addresses)
        if task["type"] != "worker" or not 0 <= number < count:
            raise ValueError(f"task {task} is not one of {count} workers")
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{VARIABLE} cannot be used",
            got=f"{type(error).__name__}: {error}",
            expected='{"cluster": {"worker": ["host:port", ...]}, '
            '"task": {"type": "worker", "index": 0}}',
        ) from error
    return Workers(number, count)


def strategy_of(name: StrategyName) -> Any:
    """The ``tf.distribute.Strategy`` of a name. Call it before tensorflow computes anything.

    Args:
        name: ``auto`` takes several workers where ``TF_CONFIG`` names them, else all GPUs of this
            machine where there is more than one, else the one device there is.

    Raises:
        UsageError: ``TF_CONFIG`` is missing or wrong.
        CannotRunHere: the workers do not find each other.
    """
    import tensorflow as tf

    count = workers().count
    if name == "multi-worker" and VARIABLE not in os.environ:
        raise UsageError(
            "multi-worker training needs to know the other workers",
            expected=f"{VARIABLE} in the environment of each",
            do="see https://www.tensorflow.org/guide/distributed_training#TF_CONFIG",
        )
    if name == "multi-worker" or (name == "auto" and count > 1):
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (RuntimeError, tf.errors.OpError) as error:
            raise CannotRunHere(
                "the workers do not find each other",
                got=str(error).splitlines()[0],
                do=f"check the addresses in {VARIABLE}, and that all workers were started",
            ) from error
    if count > 1:
        raise UsageError(
            f"{VARIABLE} names {count} workers, and --strategy {name} uses one",
            do="--strategy multi-worker, or unset the variable",
        )
    if name == "mirrored" or len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()
