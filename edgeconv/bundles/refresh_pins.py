"""Asks PyPI for the SHA-256 of every wheel that ``pins.json`` names a version of.

To pin another version, add it there as ``"name==version": {}`` and run
``python -m edgeconv.bundles.refresh_pins``.
"""

from __future__ import annotations

import json

import httpx

from edgeconv.bundles.pinned import TABLE
from edgeconv.files import write_atomically

MACHINES = ("aarch64", "armv7l", "x86_64")


def wheels_of(pinned: str) -> dict[str, str]:
    """SHA-256 of the Linux wheels of a ``name==version``, for glibc and the processors we know."""
    name, version = pinned.split("==")
    answer = httpx.get(f"https://pypi.org/pypi/{name}/json", timeout=60, follow_redirects=True)
    answer.raise_for_status()
    return {
        file["filename"]: file["digests"]["sha256"]
        for file in sorted(answer.json()["releases"][version], key=lambda file: file["filename"])
        if "-cp3" in file["filename"]
        and "manylinux" in file["filename"]
        and file["filename"].endswith(tuple(f"{machine}.whl" for machine in MACHINES))
    }


def main() -> None:
    pinned = sorted(json.loads(TABLE.read_text("utf-8")))
    table = {one: wheels_of(one) for one in pinned}
    write_atomically(TABLE, json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
