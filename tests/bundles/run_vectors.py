"""Hold a bundle's modules to the shared vectors: BUNDLE VECTORS.

Executed by the Python of a device, or of another environment: numpy and Pillow only. Prints how
many resized pictures are the very same, and by how many levels the others differ at the most.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

bundle, vectors = sys.argv[1:]
sys.path.insert(0, bundle)

from moderation.pictures import resize  # noqa: E402
from moderation.policy import Smoothing, decide  # noqa: E402


def cases(name):
    return json.loads((Path(vectors) / f"{name}.json").read_text())["cases"]


def gradient(width, height):
    y, x = np.mgrid[:height, :width]
    red, green = x * 255 // max(1, width - 1), y * 255 // max(1, height - 1)
    return np.stack((red, green, (x + y) * 255 // max(1, width + height - 2)), axis=-1)


def noise(width, height):
    y, x, c = np.mgrid[:height, :width, :3].astype(np.uint32)
    mixed = (x * np.uint32(73856093)) ^ (y * np.uint32(19349663)) ^ (c * np.uint32(83492791))
    return mixed * np.uint32(2654435761) >> np.uint32(24)


for case in cases("decisions"):
    assert vars(decide(case, case["scores"], case["point"])) == case["expected"], case["name"]

for case in cases("smoothing"):
    smoothing = Smoothing(case["n"], case["k"], case["release"], case["fail_closed"])
    assert [smoothing.see(flagged) for flagged in case["frames"]] == case["expected"], case["name"]

same, levels = 0, 0
for case in cases("resize"):
    draw = {"gradient": gradient, "noise": noise}[case["picture"]]
    pixels = draw(case["width"], case["height"]).astype(np.uint8)
    resized = resize(Image.fromarray(pixels), case)
    if hashlib.sha256(resized.tobytes()).hexdigest() == case["sha256"]:
        same += 1
        continue
    stored = np.frombuffer(base64.b64decode(case["base64"]), np.uint8).reshape(resized.shape)
    levels = max(levels, int(np.abs(resized.astype(int) - stored).max()))

sys.stdout.write(json.dumps({"same": same, "levels": levels}))
