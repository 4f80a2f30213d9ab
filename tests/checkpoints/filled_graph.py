"""The real TensorFlow.js graph of nsfwjs, with weights of ours: its own are not at hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def fill(real: Path, folder: Path) -> None:
    """Write the graph of a ``model.json`` into ``folder``, its shards filled.

    Weights are of He's variance, so that scores vary with the picture.
    """
    document = json.loads(real.read_text())
    generator = np.random.default_rng(0)
    data = b""
    for weight in document["weightsManifest"][0]["weights"]:
        shape, how = weight["shape"], weight["quantization"]
        if shape:
            inputs = shape[:2] if "depthwise" in weight["name"] else shape[:-1]
            deviation = (2 / np.prod(inputs)) ** 0.5 if len(shape) > 1 else 0.2
            reach = 3**0.5 * float(deviation)
            how.update(min=-reach, scale=2 * reach / 255)
        # A scalar is its minimum: 2 and 1, by which pixels are brought to -1..1.
        count = int(np.prod(shape))
        data += generator.integers(0, 256, count, np.uint8).tobytes() if shape else bytes(count)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "group1-shard1of2").write_bytes(data[: 4 << 20])
    (folder / "group1-shard2of2").write_bytes(data[4 << 20 :])
    (folder / "model.json").write_text(json.dumps(document))
