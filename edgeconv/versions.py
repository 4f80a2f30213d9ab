"""Which libraries, and which code of our own, shape what edgeconv makes."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = (
    "edgeconv",
    "tensorflow",
    "tf-keras",
    "coremltools",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "ai-edge-litert",
    "numpy",
    "pillow",
)


def library_versions() -> dict[str, str]:
    """Version of each library that shapes an artifact, of those that are installed."""
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def code_fingerprint() -> str:
    """SHA-256 of edgeconv's own source: other code may make other files."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for source in sorted(root.rglob("*.py")):
        digest.update(source.relative_to(root).as_posix().encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()
