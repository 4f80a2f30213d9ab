"""``edgeconv train``: the command calls the library and says what came out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from edgeconv.cli import train as verb

SPEC = """
name = "tiny"
basename = "Tiny"
summary = "for tests"
notice = "ONLY A TEST"
labels = ["Dots", "Rings", "Stripes"]
architecture = { kind = "small_network" }
input = { size = [32, 32], scale = "1/255" }
checkpoint = { formats = ["safetensors"] }

[training]
body = "none"
epochs = 3
generated = { train_per_label = 3, test_per_label = 2 }
"""


def run(*arguments: str) -> Result:
    app = typer.Typer()
    verb.register(app)
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "tiny.toml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return "tiny.toml"


def test_json_is_one_document_with_the_figures(spec: str, tmp_path: Path) -> None:
    result = run(spec, "--epochs", "1", "--json")
    document = json.loads(result.stdout)
    assert document["model"] == "tiny"
    assert document["weights"] == "build/train-tiny/tiny.safetensors"
    assert (tmp_path / document["weights"]).is_file()
    accuracy = document["accuracy"]
    assert accuracy["of"] == 6
    assert 0 <= accuracy["low"] <= accuracy["value"] <= accuracy["high"] <= 1
    assert [epoch["epoch"] for epoch in document["history"]] == [1]
    assert "ONLY A TEST" in result.stderr


def test_without_json_it_says_what_came_out_and_where(
    spec: str, folder: Path, tmp_path: Path
) -> None:
    next((folder / "train" / "Dots").iterdir()).write_bytes(b"broken")
    result = run(spec, "--data", str(folder), "--out", "here", "--epochs", "1", "--seed", "4")
    assert "of 6 held-out pictures are right" in result.stdout
    assert "1 pictures that cannot be read" in result.stdout
    assert "here/tiny.safetensors" in result.stdout
    assert (tmp_path / "here" / "history.png").is_file()
