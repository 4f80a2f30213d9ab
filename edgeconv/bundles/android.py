"""What an Android app needs: assets, MediaPipe's classifier in Kotlin, a test for the device."""

from __future__ import annotations

from pathlib import Path

from edgeconv.artifact import Artifact
from edgeconv.bundles.contents import GOLDEN, write_contents, write_mark
from edgeconv.bundles.pages import fill
from edgeconv.contract import InputTensor
from edgeconv.files import sha256_of

SUFFIXES = (".tflite",)

_ASSETS = Path("app/src/main/assets/moderation")
_SOURCE = Path("app/src/main/java/moderation")
_TEST_ASSETS = Path("app/src/androidTest/assets")
_TEST_SOURCE = Path("app/src/androidTest/java/moderation")


def write(artifact: Artifact, folder: Path) -> None:
    """Fill an empty folder with the bundle.

    Raises:
        UsageError, ArtifactError: as :func:`~edgeconv.bundles.contents.write_contents`.
    """
    for place in (_ASSETS, _SOURCE, _TEST_ASSETS, _TEST_SOURCE):
        (folder / place).mkdir(parents=True)
    recorded = write_contents(artifact, folder / _ASSETS)
    (folder / _ASSETS / GOLDEN).replace(folder / _TEST_ASSETS / GOLDEN)
    fill("Moderator.kt", folder / _SOURCE / "Moderator.kt", artifact)
    fill(
        "GoldenTest.kt",
        folder / _TEST_SOURCE / "GoldenTest.kt",
        artifact,
        model_sha256=sha256_of(artifact.path),
    )
    fill("android.md", folder / "README.md", artifact)
    write_mark(
        "android",
        artifact,
        folder,
        tuple(
            str((_TEST_ASSETS if name.startswith(f"{GOLDEN}/") else _ASSETS) / name)
            for name in recorded
        ),
    )


def notes(artifact: Artifact) -> list[str]:
    """What the user must do about pictures that MediaPipe would resize in another way."""
    taken = artifact.contract.input
    if isinstance(taken, InputTensor) and taken.resize.mode != "stretch":
        return [
            f"{artifact.path.name} needs pictures brought to its size by {taken.resize.mode}; "
            "MediaPipe stretches them: see the README"
        ]
    return []
