"""How much LAION's heads depend on the last digits of an embedding, and what tables are worth.

    python benchmarks/laion_tables.py ../shared

Reads the published heads and the rows in ``golden/`` with what the original answers to them, and
prints how many decisions at .5 change when rows are rounded or disturbed, and when the tables are
left out.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeconv.checkpoints import saved_model
from edgeconv.checkpoints.checkpoint import Checkpoint, sound
from edgeconv.networks.from_checkpoint import network_of
from edgeconv.spec import ModelSpec, load_spec

HEADS = {
    "laion-clip-l14-head": ("clip_autokeras_binary_nsfw.zip", "laion_clip_l14.npz"),
    "laion-clip-b32-head": ("clip_autokeras_nsfw_b32.zip", "laion_clip_b32.npz"),
}


def main(shared: Path) -> None:
    for name, (archive, golden) in HEADS.items():
        checkpoint = sound(saved_model.read(shared / "checkpoints/laion" / archive))
        head = network_of(load_spec(name), checkpoint)
        unknown = network_of(without_tables(load_spec(name)), checkpoint)
        average = network_of(without_tables(load_spec(name)), with_average(checkpoint))
        rows = np.load(shared / "golden" / golden)
        for kind in ("float16", "float32"):
            report(name, kind, {"head": head, "unknown": unknown, "average": average}, rows)


def with_average(checkpoint: Checkpoint) -> Checkpoint:
    """The same, but that 0 in a column with a table stands for its mean."""
    assert checkpoint.declared is not None
    mean = checkpoint.tensors["encoding/mean"].copy()
    mean[list(checkpoint.declared.architecture["tables"])] = 0
    return replace(checkpoint, tensors={**checkpoint.tensors, "encoding/mean": mean})


def without_tables(spec: ModelSpec) -> ModelSpec:
    return spec.model_copy(update={"architecture": {**spec.architecture, "look_up": False}})


def report(name: str, kind: str, networks: Mapping[str, Any], rows: Any) -> None:
    given = rows[f"embeddings_{kind}"].astype(np.float32)
    original = rows[f"scores_{kind}"]
    generator = np.random.default_rng(0)
    noise = generator.uniform(-1e-7, 1e-7, given.shape).astype(np.float32)
    print(f"{name}, {len(given)} rows as {kind}")
    for what, network, changed in (
        ("as it is", "head", given),
        ("disturbed by up to 1e-7", "head", given + noise),
        ("rounded to float16", "head", given.astype(np.float16).astype(np.float32)),
        ("every number unknown", "unknown", given),
        ("every number unknown, disturbed", "unknown", given + noise),
        ("every number the mean", "average", given),
    ):
        scores = networks[network].scores(changed)[:, 1]
        flips = np.count_nonzero((scores > 0.5) != (original > 0.5)) / len(given)
        apart = np.abs(scores - original)
        print(
            f"  {what:32} {flips:6.2%} of decisions, mean {apart.mean():.1e}, max {apart.max():.1e}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
