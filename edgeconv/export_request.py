"""An export as it was asked for: checked, named and fingerprinted before anything heavy loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.architectures import family
from edgeconv.errors import UnknownName
from edgeconv.files import sha256_of
from edgeconv.parity.samples import samples_in
from edgeconv.resolving import Resolved, resolve
from edgeconv.spec import ModelSpec, known_models
from edgeconv.targets import (
    CALIBRATED,
    COMPATIBILITIES,
    IOS_VERSIONS,
    QUANTISED,
    Form,
    select_forms,
)
from edgeconv.versions import code_fingerprint, library_versions

if TYPE_CHECKING:
    from edgeconv.classifier import Classifier

DEMO = "demo"


@dataclass(frozen=True)
class Request:
    """An export, checked and ready to run: what would be made, and from what.

    ``model`` is a classifier where the caller had loaded it already.
    """

    model: Resolved | Classifier
    source: str
    checkpoint_sha256: str
    forms: tuple[Form, ...]
    out: Path
    calibration: Path | None
    images: Path | None
    verify: bool
    compat: str | None
    minimum_ios: int
    max_flip_rate: float | None

    @property
    def spec(self) -> ModelSpec:
        """What the model is, as far as is known before its checkpoint is read."""
        return self.model.spec

    @property
    def weights(self) -> Path | None:
        """The checkpoint; None where the caller had loaded it already."""
        return self.model.weights if isinstance(self.model, Resolved) else None

    @property
    def names(self) -> tuple[str, ...]:
        """File names of the artifacts, in order."""
        return tuple(form.file_name(self.spec.basename) for form in self.forms)

    @property
    def wants_calibration(self) -> bool:
        """Whether any form needs calibration pictures, for its activations or its thresholds."""
        precisions = {form.precision for form in self.forms}
        return not precisions.isdisjoint(CALIBRATED) or (
            bool(self.spec.operating_points) and not precisions.isdisjoint(QUANTISED)
        )

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """All that decides the content of the output folder; reads every picture given."""
        return {
            "spec": self.spec.fingerprint,
            "checkpoint": self.checkpoint_sha256,
            "artifacts": list(self.names),
            "calibration": self._fingerprint(self.calibration) if self.wants_calibration else None,
            "images": self._fingerprint(self.images) if self.verify else None,
            "verify": self.verify,
            "compat": self.compat,
            "minimum_ios": self.minimum_ios,
            "max_flip_rate": self.max_flip_rate,
            "code": code_fingerprint(),
            "libraries": library_versions(),
        }

    def _fingerprint(self, place: Path | None) -> str:
        """SHA-256 of what is in a folder; generated samples are covered by the code's own."""
        return samples_in(place, self.spec.input).fingerprint if place else "generated"


def plan(
    model: str | Path | Classifier = DEMO,
    *,
    targets: Sequence[str] = ("all",),
    precisions: Sequence[str] = (),
    weights: str | Path | None = None,
    labels: Sequence[str] = (),
    out: str | Path | None = None,
    calibration: str | Path | None = None,
    images: str | Path | None = None,
    verify: bool = True,
    compat: str | None = None,
    minimum_ios: int = 15,
    max_flip_rate: float | None = None,
) -> Request:
    """Check an export and say what it would make, without making it.

    Takes the options of :func:`edgeconv.exporting.export`.
    """
    if compat is not None and compat not in COMPATIBILITIES:
        raise UnknownName("compatibility", compat, COMPATIBILITIES)
    if minimum_ios not in IOS_VERSIONS:
        raise UnknownName("iOS deployment target", str(minimum_ios), map(str, IOS_VERSIONS))
    given: Resolved | Classifier
    if isinstance(model, str | Path):
        given = resolve(model, Path(weights) if weights else None, labels)
        checkpoint_sha256 = sha256_of(given.weights)
    else:
        given, checkpoint_sha256 = model, model.source.checkpoint_sha256
    spec = given.spec
    return Request(
        model=given,
        source=spec.name if spec.name in known_models() else str(model),
        checkpoint_sha256=checkpoint_sha256,
        forms=tuple(select_forms(targets, precisions, family(spec))),
        out=Path(out) if out else Path("build") / spec.name,
        calibration=Path(calibration) if calibration else None,
        images=Path(images) if images else None,
        verify=verify,
        compat=compat,
        minimum_ios=minimum_ios,
        max_flip_rate=max_flip_rate,
    )
