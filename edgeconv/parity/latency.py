"""How long one picture takes, fairly: artifacts take turns, so that all see the same machine."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter

import numpy as np

from edgeconv.parity.results import Latency
from edgeconv.runtimes import Runtime

WARM_UP = 2
ROUNDS = 15


def measure(runtimes: Mapping[str, Runtime], baselines: Mapping[str, str]) -> dict[str, Latency]:
    """Median and interquartile range of one inference on each runtime's own threads.

    Args:
        runtimes: by artifact name, each opened with one thread.
        baselines: artifact name -> name of the fp32 artifact of the same target, where there is
            one.
    """
    times = take_turns(runtimes, ROUNDS)
    medians = {name: float(np.median(taken)) for name, taken in times.items()}
    return {
        name: Latency(
            median_ms=medians[name],
            spread_ms=float(np.subtract(*np.percentile(taken, [75, 25]))),
            relative_to_fp32=medians[name] / medians[baselines[name]]
            if baselines.get(name) in medians
            else None,
        )
        for name, taken in times.items()
    }


def take_turns(runtimes: Mapping[str, Runtime], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every inference after a warm-up: each runtime runs once a round."""
    tensors = {
        name: np.random.RandomState(0)
        .randint(0, 256, runtime.signature.shape)
        .astype(runtime.signature.dtype)
        for name, runtime in runtimes.items()
    }
    times: dict[str, list[float]] = {name: [] for name in runtimes}
    for turn in range(WARM_UP + rounds):
        for name, runtime in runtimes.items():
            start = perf_counter()
            runtime.run(tensors[name])
            if turn >= WARM_UP:
                times[name].append((perf_counter() - start) * 1e3)
    return times
