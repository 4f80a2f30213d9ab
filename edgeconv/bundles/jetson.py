"""A folder that judges pictures on a Jetson, by ONNX Runtime with TensorRT."""

from __future__ import annotations

from pathlib import Path

from edgeconv.artifact import Artifact
from edgeconv.bundles.contents import copy_files, write_contents, write_mark
from edgeconv.bundles.pages import fill
from edgeconv.bundles.pinned import PICTURES, Pin, requirements
from edgeconv.bundles.tensorrt_operators import TENSORRT, newer_than_8, obstacles
from edgeconv.errors import UsageError

SUFFIXES = (".onnx",)

_FOR_THE_CPU = (Pin("onnxruntime", "1.23.2", 'python_version >= "3.10"'),)
_MACHINES = ("aarch64", "x86_64")


def write(artifact: Artifact, folder: Path) -> None:
    """Fill an empty folder with the bundle. No engine is among it: each device builds its own.

    Raises:
        UsageError: TensorRT has no such operators, or the model takes embeddings.
        ArtifactError: as :func:`~edgeconv.bundles.contents.write_contents`.
    """
    if found := obstacles(artifact.path):
        raise UsageError(
            f"{artifact.path.name} does not run by TensorRT",
            got=found,
            expected=f"operators that {TENSORRT} has",
            do="bundle the fp16 or fp32 file",
        )
    recorded = write_contents(artifact, folder)
    copy_files(folder, "python", "jetson")
    needed, for_the_cpu = (requirements(pins, _MACHINES) for pins in (PICTURES, _FOR_THE_CPU))
    (folder / "requirements.txt").write_text(needed, "utf-8")
    (folder / "requirements-cpu.txt").write_text(for_the_cpu, "utf-8")
    script = folder / "build_engine.sh"
    engine = f"{artifact.path.stem}.engine"
    fill(
        "build_engine.sh",
        script,
        artifact,
        engine=engine,
        fp16=artifact.contract.precision.asked == "fp16",
    )
    script.chmod(0o755)
    fill("jetson.md", folder / "README.md", artifact)
    write_mark("jetson", artifact, folder, recorded)


def notes(artifact: Artifact) -> list[str]:
    """What is slow about this file on a Jetson, and what it needs a newer JetPack for."""
    told = []
    if artifact.contract.precision.asked == "fp32":
        told.append(f"{artifact.path.name} is fp32: a Jetson computes fp16 faster")
    if newer := newer_than_8(artifact.path):
        told.append(f"it needs TensorRT 10, of JetPack 6.1 or later, for {', '.join(newer)}")
    return told
