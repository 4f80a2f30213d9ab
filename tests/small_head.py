"""A perceptron over embeddings with lookup tables, as small as it gets."""

import numpy as np

from edgeconv.architectures import build
from edgeconv.architectures.lookup import digits
from edgeconv.checkpoints import safetensors
from edgeconv.spec import load_spec

SPEC = """
name = "head"
basename = "Head"
summary = "A perceptron over embeddings, with tables"
labels = ["safe", "nsfw"]
unsafe = ["nsfw"]
output = { kind = "sigmoid" }

[architecture]
kind = "embedding_mlp"
hidden = [24, 8]
standardise = true
tables = { 3 = 40, 7 = 2000 }

[input]
length = 16
made_by = "nobody"

[checkpoint]
formats = ["safetensors"]
embedded = "head.safetensors"
"""


def write_head(folder):
    """A TOML, and weights under which scores vary and what the tables say matters."""
    toml = folder / "head.toml"
    toml.write_text(SPEC)
    model = build(load_spec(toml))
    generator = np.random.default_rng(4)
    for layer in model.layers:
        if layer.name.startswith(("dense", "scores")):
            kernel, bias = layer.get_weights()
            layer.set_weights([generator.normal(0, 2 / len(kernel) ** 0.5, kernel.shape), bias])
    encoding = model.get_layer("encoding")
    named = {w.name.removesuffix(":0").rpartition("/")[2]: w for w in encoding.weights}
    for column, entries in {3: 40, 7: 2000}.items():
        halves = generator.normal(0, 0.1, 50_000).astype(np.float16).astype(np.float64)
        chosen = generator.choice(np.unique(np.rint(halves * 1e6)), entries, replace=False)
        for digit, values in zip(("high", "low"), digits(chosen), strict=True):
            named[f"{digit}_{column}"].assign(values.astype(np.int32))
    mean, deviation = np.zeros(16), np.full(16, 0.25)
    mean[[3, 7]], deviation[[3, 7]] = (20, 1000), (12, 600)
    named["mean"].assign(mean)
    named["deviation"].assign(deviation)
    safetensors.write(model, folder / "head.safetensors")
    return toml
