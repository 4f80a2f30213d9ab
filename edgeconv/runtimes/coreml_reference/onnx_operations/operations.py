"""The register of translations to ONNX; the modules beside this one fill it."""

from __future__ import annotations

from edgeconv.runtimes.coreml_reference.onnx_graph import OnnxTensor
from edgeconv.runtimes.coreml_reference.registry import Registry

TRANSLATIONS: Registry[OnnxTensor] = Registry(leading=1)  # the graph comes first
translation = TRANSLATIONS.operation
