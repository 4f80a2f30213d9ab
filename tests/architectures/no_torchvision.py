"""timm without torchvision, which it imports for pictures: no network of its needs any.

    sys.meta_path.append(NoTorchvision())

torchvision has no build for a torch without CUDA on every index.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class Anything(type):
    """A class that has every attribute, each a class like itself."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, (), {})


class Module(ModuleType):
    """A package that has every name."""

    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(Anything("anything", (), {}), name)


class NoTorchvision:
    """Finds ``torchvision`` and all that is imported from it."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        is_its = name.partition(".")[0] == "torchvision"
        return ModuleSpec(name, self, is_package=True) if is_its else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass
