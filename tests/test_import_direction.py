"""Data flows one way, and imports with it (see CONTRIBUTING.md)."""

import ast
from pathlib import Path

import pytest

import edgeconv

ROOT = Path(edgeconv.__file__).parent

MAY_NOT_IMPORT = {
    "errors.py": ("edgeconv",),
    "spec.py": ("edgeconv.checkpoints", "edgeconv.targets", "edgeconv.runtimes", "edgeconv.cli"),
    "files.py": ("edgeconv.spec", "edgeconv.targets", "edgeconv.runtimes", "edgeconv.cli"),
    "formats": ("edgeconv.targets", "edgeconv.runtimes", "edgeconv.parity", "edgeconv.cli"),
    "targets": ("edgeconv.runtimes", "edgeconv.parity", "edgeconv.cli"),
    "runtimes": ("edgeconv.targets", "edgeconv.parity", "edgeconv.cli"),
    "checkpoints": ("edgeconv.targets", "edgeconv.runtimes", "edgeconv.parity", "edgeconv.cli"),
    "parity": ("edgeconv.exporting", "edgeconv.cli"),
    "bundles": ("edgeconv.exporting", "edgeconv.bundling", "edgeconv.cli"),
    "policy.py": ("edgeconv.targets", "edgeconv.runtimes", "edgeconv.parity", "edgeconv.cli"),
    "frames": ("edgeconv.targets", "edgeconv.runtimes", "edgeconv.parity", "edgeconv.cli"),
    "networks": ("edgeconv.targets", "edgeconv.runtimes", "edgeconv.parity", "edgeconv.cli"),
    "datasets": (
        "edgeconv.training", "edgeconv.evaluating", "edgeconv.targets", "edgeconv.runtimes",
        "edgeconv.parity", "edgeconv.cli",
    ),
    "evaluating": ("edgeconv.training", "edgeconv.exporting", "edgeconv.bundling", "edgeconv.cli"),
    "scoring": (
        "edgeconv.exporting", "edgeconv.training", "edgeconv.bundles", "edgeconv.checkpoints",
        "edgeconv.cli",
    ),
    "serving": (
        "edgeconv.exporting", "edgeconv.training", "edgeconv.bundles", "edgeconv.checkpoints",
        "edgeconv.parity", "edgeconv.targets", "edgeconv.cli",
    ),
    "training": ("edgeconv.targets", "edgeconv.runtimes", "edgeconv.cli"),
}  # fmt: skip


def imported_by(source: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("room", MAY_NOT_IMPORT)
def test_no_room_reaches_back(room):
    place = ROOT / room
    sources = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert sources
    for source in sources:
        reached = {
            name
            for name in imported_by(source)
            for forbidden in MAY_NOT_IMPORT[room]
            if name == forbidden or name.startswith(f"{forbidden}.")
        }
        assert not reached, f"{source} imports {reached}"


def test_nothing_but_the_command_line_knows_the_command_line():
    for source in ROOT.rglob("*.py"):
        if "cli" not in source.relative_to(ROOT).parts:
            assert not any(name.startswith("edgeconv.cli") for name in imported_by(source)), source
