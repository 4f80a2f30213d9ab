#!/usr/bin/env python3
"""Judges pictures: one line each, or one JSON object a line.

Exit codes: 0 all were judged, 2 some could not be, or the bundle cannot run.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from moderation.bundle import Bundle, BundleError, open_bundle


def main() -> int:
    # Whoever reads no further, as head does, ends this quietly.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    options = _options()
    try:
        bundle = open_bundle()
        judge = Judge(bundle, options.point, options.threads)
    except BundleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    failed = False
    for path in options.pictures:
        try:
            verdict = judge(path)
            print(json.dumps(verdict) if options.json else _line(verdict), flush=True)
        except BundleError as error:
            failed = True
            if options.json:
                print(json.dumps({"path": str(path), "error": str(error)}), flush=True)
            print(f"error: {error}", file=sys.stderr)
    return 2 if failed else 0


class Judge:
    """Gives one picture's verdict at an operating point.

    Raises:
        BundleError: the model does not load, or the contract has no such operating point.
    """

    def __init__(self, bundle: Bundle, point: str | None, threads: int) -> None:
        # Imported late, for --help to be instant and a missing package to be explained.
        try:
            from moderation import pictures, policy
            from moderation.runtime import Model
        except ImportError as error:
            raise BundleError(f"{error}: run install.sh, then .venv/bin/python") from error
        policy.operating_point(bundle.contract, point)
        self._contract, self._point = bundle.contract, point
        self._pictures, self._policy = pictures, policy
        self.model = Model(bundle, threads)

    def __call__(self, path: Path) -> dict[str, Any]:
        """The verdict on an image file, as plain JSON values."""
        pixels = self._pictures.load_pixels(path, self._contract["input"])
        return {"path": str(path), **self.of_pixels(pixels)}

    def of_image(self, image: Any) -> dict[str, Any]:
        """The verdict on an RGB Pillow image of any size."""
        return self.of_pixels(self._pictures.resize(image, self._contract["input"]))

    def of_pixels(self, pixels: Any) -> dict[str, Any]:
        """The verdict on uint8 RGB pixels, (height, width, 3), at the model's size."""
        scores = self.model.scores(pixels)
        decision = self._policy.decide(self._contract, scores, self._point)
        return {
            "label": decision.label,
            "flagged": decision.flagged,
            "unsafe_score": decision.unsafe_score,
            "point": decision.point,
            "scores": scores,
        }


def _line(verdict: dict[str, Any]) -> str:
    word = "FLAGGED" if verdict["flagged"] else "ok"
    return f"{verdict['path']}  {word}  {verdict['label']}  unsafe {verdict['unsafe_score']:.3f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Judges pictures.")
    parser.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--point", help="operating point of the contract, by name")
    parser.add_argument("--threads", type=int, default=4, help="default: %(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
