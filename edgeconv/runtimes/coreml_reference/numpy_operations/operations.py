"""The register of numpy implementations; the modules beside this one fill it."""

from __future__ import annotations

from edgeconv.runtimes.coreml_reference.element_types import Array
from edgeconv.runtimes.coreml_reference.registry import Registry

OPERATIONS: Registry[Array] = Registry()
operation = OPERATIONS.operation
