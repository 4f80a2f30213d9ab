"""Core ML's protobuf messages, without coremltools itself.

``import coremltools`` loads TensorFlow and scikit-learn and takes seconds; its generated message
modules need nothing but protobuf. They are the same classes whichever way they were imported
first, because protobuf keeps one pool of descriptors.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from edgeconv.errors import MissingDependency

_PACKAGE = "edgeconv._coremltools_messages"


def message_module(name: str) -> Any:
    """One of coremltools' generated modules: ``"Model_pb2"``, ``"MIL_pb2"``, ...

    Raises:
        MissingDependency: coremltools is not installed.
    """
    if _PACKAGE not in sys.modules:
        found = importlib.util.find_spec("coremltools")
        if found is None or not found.submodule_search_locations:
            raise MissingDependency("coremltools", "reading a Core ML file")
        package = ModuleType(_PACKAGE)
        package.__path__ = [str(Path(found.submodule_search_locations[0]) / "proto")]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")
