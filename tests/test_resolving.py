"""Which model and which weights are meant, found out without tensorflow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from edgeconv import resolving
from edgeconv.errors import CheckpointError, UnknownName, UsageError
from edgeconv.files import sha256_of
from edgeconv.resolving import resolve


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECONV_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def head(tmp_path: Path) -> Path:
    """A checkpoint that any three-class spec might take."""
    path = tmp_path / "head.safetensors"
    save_file({"scores/bias": np.zeros(3, np.float32)}, path)
    return path


@pytest.fixture
def known(specs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes certain specs the known ones, by name; each may be given a checkpoint's SHA-256."""

    def become_known(**digests: str | None) -> None:
        tomls = {}
        for name, digest in digests.items():
            text = (specs / f"{name}.toml").read_text().replace('"small"', f'"{name}"')
            tomls[name] = tmp_path / f"{name}.toml"
            tomls[name].write_text(text + (f'sha256 = "{digest}"\n' if digest else ""))
        monkeypatch.setattr(resolving, "known_models", lambda: tomls)
        monkeypatch.setattr(resolving, "load_spec", lambda name: LOAD(tomls.get(name, name)))

    return become_known


LOAD = resolving.load_spec


def test_a_name_with_weights(head: Path) -> None:
    found = resolve("nsfw-mobilenet-v2", head)
    assert (found.spec.name, found.weights) == ("nsfw-mobilenet-v2", head)


def test_part_of_a_checkpoint_stands_for_the_whole(tmp_path: Path) -> None:
    found = resolve("nsfwjs-mobilenet-v2", tmp_path / "model.json")
    assert found.weights == tmp_path


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="nsfw-mobilnet") as caught:
        resolve("nsfw-mobilnet-v2")
    assert "did you mean 'nsfw-mobilenet-v2'?" in str(caught.value)


def test_without_weights_it_says_how_to_get_some() -> None:
    with pytest.raises(CheckpointError, match="no weights for nsfw-mobilenet-v2") as caught:
        resolve("nsfw-mobilenet-v2")
    assert "--weights PATH" in str(caught.value)


def test_embedded_weights_lie_beside_the_users_own_toml(specs: Path, tmp_path: Path) -> None:
    toml = tmp_path / "mine.toml"
    toml.write_text((specs / "small.toml").read_text() + 'embedded = "mine.safetensors"\n')
    with pytest.raises(CheckpointError, match="no weights"):
        resolve(toml)
    (tmp_path / "mine.safetensors").touch()
    assert resolve(toml).weights == tmp_path / "mine.safetensors"
    assert resolve(str(toml)).spec.name == "small"


def test_pulled_weights_are_found(specs: Path, tmp_path: Path) -> None:
    toml = tmp_path / "mine.toml"
    published = f"""
[[checkpoint.published]]
url = "https://example.org/w.h5"
file = "w.h5"
sha256 = "{"0" * 64}"
"""
    toml.write_text((specs / "small.toml").read_text() + published)
    with pytest.raises(CheckpointError, match="no weights") as caught:
        resolve(toml)
    assert "edgeconv pull small" in str(caught.value)
    (tmp_path / "cache/small").mkdir(parents=True)
    (tmp_path / "cache/small/w.h5").touch()
    assert resolve(toml).weights == tmp_path / "cache/small/w.h5"


def test_a_checkpoint_is_recognised_by_its_sha256(head: Path, known: Any) -> None:
    known(small=None, any=sha256_of(head))
    assert resolve(head).spec.name == "any"


def test_a_checkpoint_is_recognised_by_fitting_one_spec_alone(head: Path, known: Any) -> None:
    known(small=None, five=None, any=None)
    found = resolve(str(head))
    assert (found.spec.name, found.weights) == ("small", head)


def test_a_checkpoint_that_fits_several_specs_is_not_guessed(head: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot tell which model") as caught:
        resolve(head)
    assert "it fits demo, nsfw-mobilenet-v2" in str(caught.value)
    assert "edgeconv export MODEL --weights" in str(caught.value)


def test_any_layers_at_all_are_never_guessed(head: Path, known: Any) -> None:
    known(any=None)
    with pytest.raises(CheckpointError, match="cannot tell"):
        resolve(head)


def test_a_checkpoint_and_other_weights_are_one_too_many(head: Path, known: Any) -> None:
    known(small=None)
    assert resolve(head, head).weights == head
    with pytest.raises(UsageError, match="names another"):
        resolve(head, head.parent / "other.h5")


def test_it_needs_no_tensorflow(head: Path) -> None:
    code = (
        "import sys; from edgeconv.resolving import resolve; "
        f"resolve('nsfw-mobilenet-v2', {str(head)!r}); "
        "assert not {'tensorflow', 'tf_keras', 'h5py'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent)
