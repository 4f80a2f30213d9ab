"""``edgeconv show``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeconv.cli.console import listed, print_json, stdout, warn_of
from edgeconv.cli.options import Labels


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: `edgeconv show build/demo/Demo.int8.tflite`")(show)


def show(
    model: Annotated[
        str, typer.Argument(help="A known model, a spec (.toml), an artifact, or a checkpoint.")
    ],
    labels: Labels = "",
    toml: Annotated[
        bool, typer.Option("--toml", help="The spec as a TOML page, to keep and to edit.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show a model's spec, or what is inside an exported file: contract, operations, traps."""
    from edgeconv.errors import UsageError
    from edgeconv.own_models import spec_as_toml
    from edgeconv.showing import describe, find_spec

    spec = find_spec(model, listed(labels))
    if toml and spec is None:
        raise UsageError(f"{model} has no spec", got="an exported file, which has a contract")
    if toml and spec is not None:
        sys.stdout.write(spec_as_toml(spec))
        return
    document = spec.model_dump(mode="json", exclude_none=True) if spec else describe(Path(model))
    if as_json:
        print_json(document)
        return
    warn_of(document.get("notice"))
    findings = document.pop("lint", [])
    _print_tree(document)
    _print_lint(findings)


def _print_lint(findings: list[dict[str, Any]]) -> None:
    from rich.markup import escape

    for finding in findings:
        stdout().print(f"\n[bold yellow]{escape(finding['what'])}[/]", soft_wrap=True)
        for key in ("why", "do"):
            stdout().print(f"  {key:<4} {escape(finding[key])}", soft_wrap=True)


def _print_tree(document: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.tree import Tree

    def grow(branch: Tree, key: str, value: Any) -> None:
        if isinstance(value, dict):
            twig = branch.add(f"[bold]{escape(key)}[/]")
            for name, inner in value.items():
                grow(twig, name, inner)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            twig = branch.add(f"[bold]{escape(key)}[/]")
            for item in value:
                grow(twig, str(item.get("name", "")), item)
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            branch.add(f"{escape(key)}  [cyan]{escape(shown)}[/]")

    root = Tree("", hide_root=True)
    for key, value in document.items():
        grow(root, key, value)
    stdout().print(root)
