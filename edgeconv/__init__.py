"""edgeconv turns image classifiers into files that ship on phones and boards, and proves that
every file decides as the original does.

    import edgeconv

    model = edgeconv.load("nsfw-mobilenet-v2", weights="nsfw.h5")
    run = edgeconv.export(model, targets=["coreml", "tflite"], out="build")
    run.verdict
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeconv.artifact import Artifact, open_artifact
    from edgeconv.bundling import bundle
    from edgeconv.classifier import Classifier
    from edgeconv.classifier import load_classifier as load
    from edgeconv.classifying import classify, open_scorer
    from edgeconv.contract import Contract
    from edgeconv.errors import EdgeconvError
    from edgeconv.evaluating import evaluate
    from edgeconv.exporting import export
    from edgeconv.parity.results import Verdict
    from edgeconv.pulling import pull
    from edgeconv.scoring.run import score
    from edgeconv.spec import ModelSpec, known_models, load_spec
    from edgeconv.training import train
    from edgeconv.verifying import verify

_PUBLIC = {
    "Artifact": "edgeconv.artifact:Artifact",
    "Classifier": "edgeconv.classifier:Classifier",
    "Contract": "edgeconv.contract:Contract",
    "EdgeconvError": "edgeconv.errors:EdgeconvError",
    "ModelSpec": "edgeconv.spec:ModelSpec",
    "Verdict": "edgeconv.parity.results:Verdict",
    "bundle": "edgeconv.bundling:bundle",
    "classify": "edgeconv.classifying:classify",
    "evaluate": "edgeconv.evaluating:evaluate",
    "export": "edgeconv.exporting:export",
    "known_models": "edgeconv.spec:known_models",
    "load": "edgeconv.classifier:load_classifier",
    "load_spec": "edgeconv.spec:load_spec",
    "open_artifact": "edgeconv.artifact:open_artifact",
    "open_scorer": "edgeconv.classifying:open_scorer",
    "pull": "edgeconv.pulling:pull",
    "score": "edgeconv.scoring.run:score",
    "train": "edgeconv.training:train",
    "verify": "edgeconv.verifying:verify",
}

__all__ = [
    "Artifact",
    "Classifier",
    "Contract",
    "EdgeconvError",
    "ModelSpec",
    "Verdict",
    "bundle",
    "classify",
    "evaluate",
    "export",
    "known_models",
    "load",
    "load_spec",
    "open_artifact",
    "open_scorer",
    "pull",
    "score",
    "train",
    "verify",
]


def __getattr__(name: str) -> Any:
    # Imported when first used: `edgeconv --help` must not wait for tensorflow.
    if name not in _PUBLIC:
        raise AttributeError(f"module 'edgeconv' has no attribute {name!r}")
    module, attribute = _PUBLIC[name].split(":")
    return getattr(import_module(module), attribute)
