#!/usr/bin/env python3
"""Whether this folder is as it was bundled, and the model scores here as it did there.

Exit codes: 0 all is well, 1 something differs, 2 the model cannot run here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from typing import Any

from moderation.bundle import Bundle, BundleError, open_bundle


def main() -> int:
    parser = argparse.ArgumentParser(description="Replays the golden pictures.")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    as_json = parser.parse_args().json
    try:
        report = check(open_bundle())
    except (BundleError, ImportError) as error:
        report = {"verdict": "CANNOT RUN", "problems": [str(error)]}
    if as_json:
        print(json.dumps(report, indent=1))
    else:
        _print(report)
    return {"PASS": 0, "FAIL": 1}.get(report["verdict"], 2)


def check(bundle: Bundle) -> dict[str, Any]:
    """Compare every file by SHA-256, then every golden picture by its scores.

    Raises:
        BundleError: the model does not load, or a golden picture cannot be read.
    """
    # What a file that was changed says is not read any further.
    problems = bundle.changed() or _other_labels(bundle)
    if not problems and not bundle.contract["golden"]:
        problems = ["contract.json has no golden pictures: nothing can be compared"]
    if problems:
        return {"verdict": "FAIL", "problems": problems}
    from moderation.runtime import Model

    model = Model(bundle, threads=1)
    differences = {}
    for golden in bundle.contract["golden"]:
        name = golden["name"]
        pixels = _golden_pixels(bundle, name)
        if hashlib.sha256(pixels.tobytes()).hexdigest() != golden["sha256"]:
            problems.append(f"golden/{name} has other pixels than the contract says")
            continue
        scores = model.scores(pixels)
        expected = golden["scores"]
        differences[name] = max(abs(scores[label] - expected[label]) for label in bundle.labels)
        # Written so that NaN is a failure.
        if not differences[name] <= model.tolerance:
            problems.append(f"golden/{name}: scored {_rounded(scores)}, expected {expected}")
    return {
        "verdict": "FAIL" if problems else "PASS",
        "problems": problems,
        "runtime": model.description,
        "pictures": len(differences),
        "largest_difference": max(differences.values(), default=None),
        "tolerance": model.tolerance,
    }


def _golden_pixels(bundle: Bundle, name: str) -> Any:
    import numpy as np

    from moderation.pictures import decode

    return np.asarray(decode(bundle.folder / "golden" / name, bundle.contract["input"]))


def _other_labels(bundle: Bundle) -> list[str]:
    try:
        listed = (bundle.folder / "labels.txt").read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        return [f"labels.txt cannot be read: {error}"]
    return [] if listed == bundle.labels else ["labels.txt and contract.json name other labels"]


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {label: round(score, 5) for label, score in scores.items()}


def _print(report: dict[str, Any]) -> None:
    for problem in report["problems"]:
        print(f"  {problem}", file=sys.stderr)
    if "runtime" in report:
        print(
            f"{report['verdict']}  {report['pictures']} golden pictures in {report['runtime']}, "
            f"scores differ by {report['largest_difference']:.2g} at most "
            f"(allowed {report['tolerance']:.2g})"
        )
    else:
        print(report["verdict"])


if __name__ == "__main__":
    sys.exit(main())
