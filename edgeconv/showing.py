"""What a model is, or what is inside an exported file: its contract, and the file itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.artifact import SUFFIXES, open_artifact
from edgeconv.errors import NoContract
from edgeconv.foreign import read_features
from edgeconv.formats.features import Features
from edgeconv.own_models import is_checkpoint
from edgeconv.resolving import resolve
from edgeconv.runtimes.coreml import SUFFIXES as COREML_SUFFIXES
from edgeconv.spec import ModelSpec, known_models, load_spec

if TYPE_CHECKING:
    from edgeconv.runtimes.coreml_reference import InputFeature, OutputFeature
    from edgeconv.runtimes.coreml_reference.inspect import Summary


def find_spec(model: str | Path, labels: Sequence[str] = (), /) -> ModelSpec | None:
    """The spec of a known model, of a TOML file, or of a checkpoint by what it says of itself.

    Returns:
        None for an exported file, which has a contract, and no spec.

    Raises:
        UnknownName, SpecError, UsageError, CheckpointError: as :func:`edgeconv.resolving.resolve`.
    """
    if Path(model).suffix in SUFFIXES and Path(model).exists():
        return None
    if is_checkpoint(model, list(known_models())):
        return resolve(model, labels=labels).spec
    return load_spec(model)


def describe(path: Path) -> dict[str, Any]:
    """The contract's own keys, where there is one, and ``file``; for Core ML ``lint`` too.

    Raises:
        UsageError: there is no such file.
        ArtifactError: the file is broken, or uses what the reference executor does not know.
    """
    try:
        document = open_artifact(path).contract.as_dict()
    except NoContract:
        document = {}
    if path.suffix in COREML_SUFFIXES:
        from edgeconv.runtimes.coreml_reference.inspect import inspect
        from edgeconv.runtimes.coreml_reference.lint import lint

        found = [asdict(finding) | {"places": list(finding.places)} for finding in lint(path)]
        return document | {"file": _coreml_file(inspect(path)), "lint": found}
    return document | {"file": _file(read_features(path))}


def _file(features: Features) -> dict[str, Any]:
    def plain(feature: Any) -> dict[str, Any]:
        values = asdict(feature) | {"shape": [side or "open" for side in feature.shape]}
        return {key: value for key, value in values.items() if value is not None}

    return {
        "inputs": [plain(feature) for feature in features.inputs],
        "outputs": [plain(feature) for feature in features.outputs],
        "labels": list(features.labels or ()),
        # Nobody asked for anything here: this is what was found.
        "precision": features.precision.model_dump(mode="json", exclude={"asked"}),
    }


def _coreml_file(summary: Summary) -> dict[str, Any]:
    return {
        "kind": summary.kind,
        "opset": summary.opset,
        "specification_version": summary.specification_version,
        "deployment_target": summary.deployment_target,
        "operations": dict(summary.operations),
        "weights": dict(summary.weights),
        "activations": dict(summary.activations),
        "inputs": [_feature(feature) for feature in summary.inputs],
        "outputs": [_feature(feature) for feature in summary.outputs],
        "labels": list(summary.labels or ()),
    }


def _feature(feature: InputFeature | OutputFeature) -> dict[str, Any]:
    from edgeconv.runtimes.coreml_reference import ArrayFeature, ImageFeature, ScoresFeature

    if isinstance(feature, ImageFeature):
        size = [feature.height, feature.width]
        return {"name": feature.name, "type": "image", "size": size, "colour": feature.colour}
    if isinstance(feature, ArrayFeature):
        element = feature.element.value
        return {
            "name": feature.name,
            "type": "array",
            "shape": list(feature.shape),
            "element": element,
        }
    kind = "label -> score" if isinstance(feature, ScoresFeature) else "label"
    return {"name": feature.name, "type": kind}
