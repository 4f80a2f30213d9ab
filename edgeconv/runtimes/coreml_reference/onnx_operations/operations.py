"""The register of translations to ONNX; the modules beside this one fill it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeconv.runtimes.coreml_reference.registry import Registry

TRANSLATIONS: Registry[Callable[..., Any]] = Registry()
translation = TRANSLATIONS.operation
