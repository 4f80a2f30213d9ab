"""``.keras`` archives: read in memory, nothing unpacked, no name or size believed."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgeconv.checkpoints import read
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint


@pytest.fixture
def archive(tiny: Any, tmp_path: Path) -> Path:
    tiny.save(tmp_path / "tiny.keras")
    return tmp_path / "tiny.keras"


def with_member(path: Path, name: str, content: bytes = b"", **info: Any) -> Path:
    with zipfile.ZipFile(path, "a") as archive:
        member = zipfile.ZipInfo("placeholder")
        member.filename = name
        for key, value in info.items():
            setattr(member, key, value)
        archive.writestr(member, content)
    return path


def rewritten(path: Path, **changed: bytes) -> Path:
    """The archive with members replaced, packed tightly."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members.update({name.replace("__", "."): content for name, content in changed.items()})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_model_has_its_configuration_and_state(archive: Path) -> None:
    checkpoint = read(archive)
    assert checkpoint.format == "keras"
    assert checkpoint.topology is not None
    assert "layers/functional/layers/conv2d/vars/0" in checkpoint.tensors


def test_hdf5_under_the_name_of_keras_is_hdf5(tiny: Any, tmp_path: Path) -> None:
    tiny.save(tmp_path / "model.h5")
    path = (tmp_path / "model.h5").rename(tmp_path / "model.keras")
    assert read(path).format == "keras_h5"


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil"])
def test_names_that_lead_out_are_refused(name: str, archive: Path) -> None:
    with pytest.raises(UnsafeCheckpoint, match="leads out"):
        read(with_member(archive, name))


def test_links_are_refused(archive: Path) -> None:
    with pytest.raises(UnsafeCheckpoint, match="leads out"):
        read(with_member(archive, "link", b"/etc/passwd", external_attr=0o120777 << 16))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(archive: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match="twice"):
        read(with_member(archive, "config.json", b"{}"))


def test_an_absurd_ratio_is_refused(archive: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match="absurd size"):
        read(rewritten(archive, model__weights__h5=b"\0" * (32 << 20)))


def test_an_absurd_declared_size_is_refused(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        size = opened.getinfo("model.weights.h5").file_size.to_bytes(4, "little")
    directory = data.rindex(b"PK\x01\x02")
    at = data.index(size, directory + 24)
    data[at : at + 4] = (0xFFFFFFF0).to_bytes(4, "little")
    archive.write_bytes(data)
    with pytest.raises(CorruptCheckpoint):
        read(archive)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_archive_is_corrupt(share: float, archive: Path) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CorruptCheckpoint, match="no sound zip"):
        read(archive)


def test_a_flipped_byte_is_corrupt(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(CorruptCheckpoint):
        read(archive)


def test_truncated_weights_inside_are_corrupt(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        weights = opened.read("model.weights.h5")
    with pytest.raises(CorruptCheckpoint, match="no sound HDF5"):
        read(rewritten(archive, model__weights__h5=weights[:5000]))


def test_a_key_that_stands_twice_is_refused(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        config = json.loads(opened.read("config.json"))
    text = json.dumps(config).replace('"name":', '"name": "x", "name":', 1)
    with pytest.raises(CorruptCheckpoint, match="JSON"):
        read(rewritten(archive, config__json=text.encode()))


def test_a_module_gadget_is_refused(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        config = json.loads(opened.read("config.json"))
    config["config"]["layers"][-1] |= {"module": "os", "class_name": "system"}
    with pytest.raises(UnsafeCheckpoint, match="refused"):
        read(rewritten(archive, config__json=json.dumps(config).encode()))


def test_another_archive_is_no_keras_model(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CorruptCheckpoint, match="no Keras model"):
        read(path)


def test_a_format_that_is_not_welcome_is_named(archive: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        read(archive, ["tfjs"])
    assert "keras" in str(caught.value) and "one of tfjs" in str(caught.value)
