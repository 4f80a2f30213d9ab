"""Trains an embedded model from scratch and compares its accuracy with the shipped one's.

    python benchmarks/retrain_demo.py [demo | demo-vit] [--out build/retrained] [--json]

Both are judged on the recipe's held-out pictures. The bar: the retrained accuracy lies within the
exact 95 % interval (Clopper & Pearson 1934) of the shipped one. On two cores `demo-vit` takes some
six minutes, `demo` most of an hour.
"""

import argparse
import json
import sys
from pathlib import Path

from edgeconv.classifier import load_classifier
from edgeconv.training import recipe_of, train
from edgeconv.training.data import open_dataset
from edgeconv.training.evaluation import evaluate


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", choices=["demo", "demo-vit"], default="demo")
    parser.add_argument("--out", type=Path, default=Path("build/retrained"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    shipped = load_classifier(arguments.model)
    pictures = open_dataset(shipped.spec, None, recipe_of(shipped.spec).generated).held_out
    theirs = evaluate(shipped.network.model, pictures, shipped.spec).accuracy
    ours = train(shipped.spec, None, arguments.out / arguments.model).held_out.accuracy
    held = theirs.low <= ours.value <= theirs.high
    if arguments.json:
        print(
            json.dumps(
                {
                    "model": arguments.model,
                    "shipped": theirs.value,
                    "interval": [theirs.low, theirs.high],
                    "retrained": ours.value,
                    "held": held,
                }
            )
        )
    else:
        print(
            f"{arguments.model}: shipped {theirs.value:.1%} ({theirs.low:.1%} to "
            f"{theirs.high:.1%}), retrained {ours.value:.1%}: {'holds' if held else 'FAILS'}"
        )
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
