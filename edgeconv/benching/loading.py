"""Loads one artifact in a process of its own, and says what that took: one JSON document.

    python -m edgeconv.benching.loading ARTIFACT

What was loaded before would otherwise count as this one's memory, or be missing from its time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from edgeconv.errors import ArtifactError
from edgeconv.spec import Strict


class Loading(Strict):
    """``load_ms`` is from the file to the first answer, without importing the runtime's library;
    ``peak_mb`` the process's peak memory, None where the system does not tell."""

    load_ms: float
    peak_mb: float | None


def measure_loading(path: Path) -> Loading:
    """Load an artifact in a child process, with one thread.

    Raises:
        ArtifactError: the process failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    if done.returncode:
        raise ArtifactError(f"{path} cannot be loaded", got=done.stderr.strip().splitlines()[-3:])
    return Loading.model_validate_json(done.stdout.splitlines()[-1])


def main(path: Path) -> None:
    """Print :class:`Loading` of the artifact at ``path``."""
    import numpy as np

    from edgeconv.artifact import open_artifact
    from edgeconv.runtimes import open_runtime

    labels = open_artifact(path).labels_from_elsewhere
    open_runtime(path, 1, labels)  # imports the library, and brings the file into the page cache
    start = perf_counter()
    runtime = open_runtime(path, 1, labels)
    runtime.run(np.zeros(runtime.signature.shape, runtime.signature.dtype))
    loaded = (perf_counter() - start) * 1e3
    sys.stdout.write(json.dumps({"load_ms": round(loaded, 2), "peak_mb": _peak_memory()}) + "\n")


def _peak_memory() -> float | None:
    # Not ru_maxrss: that of a process starts at what its parent had.
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    kibibytes = int(status.read_text().split("VmHWM:")[1].split()[0])
    return round(kibibytes * 1024 / 1e6, 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
