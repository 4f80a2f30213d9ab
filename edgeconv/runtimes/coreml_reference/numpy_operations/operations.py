"""The register of numpy implementations; the modules beside this one fill it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgeconv.runtimes.coreml_reference.registry import Registry

OPERATIONS: Registry[Callable[..., Any]] = Registry()
operation = OPERATIONS.operation
