"""torch's files without torch: tensors come out, and nothing a pickle may say is run."""

from __future__ import annotations

import pickle
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch_files as files
from numpy.typing import NDArray

from edgeconv.checkpoints import read, torch_zip
from edgeconv.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

FOUR = np.arange(4, dtype=np.float32)


@pytest.fixture
def arrays() -> dict[str, NDArray[Any]]:
    generator = np.random.default_rng(1)
    return {
        "layers.0.weight": generator.normal(size=(3, 5)).astype(np.float32),
        "layers.0.bias": generator.normal(size=3).astype(np.float16),
        "scale": np.float64([0.1]),
        "scalar": np.array(2.5, np.float32),
        "none": np.empty((0, 4), np.float32),
    }


def one_tensor(path: Path, written: bytes, data: bytes = FOUR.tobytes()) -> Path:
    pickle = files.pickled(files.ordered({"weight": written}))
    return files.archive(path / "model.pth", pickle, {"data/0": data})


def four(shape: Any, strides: Any, offset: int = 0, count: int = 4) -> bytes:
    return files.tensor(files.storage("Float", "0", count), shape, strides, offset)


def test_a_state_dict_is_read_bit_for_bit(arrays: dict[str, Any], tmp_path: Path) -> None:
    tensors = torch_zip.read_tensors(files.save(tmp_path / "model.pth", arrays))
    assert list(tensors) == list(arrays)
    for name, array in arrays.items():
        assert tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(tensors[name], array)


def test_it_is_a_checkpoint_among_others(arrays: dict[str, Any], tmp_path: Path) -> None:
    checkpoint = read(files.save(tmp_path / "model.pth", arrays))
    assert checkpoint.format == "torch"
    assert {tensor.dtype for tensor in checkpoint.tensors.values()} == {np.dtype(np.float32)}


def test_the_name_of_the_file_does_not_matter(arrays: dict[str, Any], tmp_path: Path) -> None:
    assert read(files.save(tmp_path / "model.zip", arrays)).format == "torch"


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_a_state_dict_inside_a_checkpoint(key: str, arrays: dict[str, Any], tmp_path: Path) -> None:
    tensors, members = files.of_arrays(arrays)
    loss = tensors["scalar"]
    whole = files.table(
        {
            "epoch": files.number(3),
            "best": b"G" + bytes(8),
            "names": b"](" + files.text("a") + files.text("b") + b"e",
            "loss": loss,
            key: files.ordered(tensors),
            "optimizer": files.table({"state": b"}" + files.number(0) + loss + b"s"}),
        }
    )
    path = files.archive(tmp_path / "last.ckpt", files.pickled(whole), members)
    assert list(torch_zip.read_tensors(path)) == list(arrays)


def test_two_state_dicts_are_refused(arrays: dict[str, Any], tmp_path: Path) -> None:
    tensors, members = files.of_arrays(arrays)
    whole = files.table({key: files.ordered(tensors) for key in ("state_dict", "model")})
    path = files.archive(tmp_path / "last.pt", files.pickled(whole), members)
    with pytest.raises(CheckpointError, match="more than one") as caught:
        torch_zip.read_tensors(path)
    assert "state_dict, model" in str(caught.value)


@pytest.mark.parametrize(
    "value", [b"N", b"]", files.table({"epoch": files.number(3)}), files.number(1)]
)
def test_no_state_dict_at_all(value: bytes, tmp_path: Path) -> None:
    path = files.archive(tmp_path / "model.pth", files.pickled(value), {})
    with pytest.raises(CheckpointError, match="holds no state dict"):
        torch_zip.read_tensors(path)


def test_views_of_a_storage(tmp_path: Path) -> None:
    transposed = torch_zip.read_tensors(one_tensor(tmp_path, four((2, 2), (1, 2))))
    np.testing.assert_array_equal(transposed["weight"], [[0, 2], [1, 3]])
    late = torch_zip.read_tensors(one_tensor(tmp_path, four((2,), (1,), offset=2)))
    np.testing.assert_array_equal(late["weight"], [2, 3])


def test_parameters_are_tensors(tmp_path: Path) -> None:
    hooks = files.name("collections", "OrderedDict") + b")R"
    arguments = files.together(four((4,), (1,)), b"\x88", hooks)
    parameter = files.name("torch._utils", "_rebuild_parameter") + arguments + b"R"
    tensors = torch_zip.read_tensors(one_tensor(tmp_path, parameter))
    np.testing.assert_array_equal(tensors["weight"], FOUR)


def test_bfloat16_is_widened_exactly(tmp_path: Path) -> None:
    values = np.float32([1, -0.15625, 3e38, 1e-40, np.inf])
    bits = (values.view(np.uint32) >> 16).astype("<u2")
    written = files.tensor(files.storage("BFloat16", "0", 5), (5,), (1,))
    tensors = torch_zip.read_tensors(one_tensor(tmp_path, written, bits.tobytes()))
    wanted = (bits.astype(np.uint32) << 16).view(np.float32)
    assert tensors["weight"].dtype == np.float32
    np.testing.assert_array_equal(tensors["weight"], wanted)
    assert wanted[0] == 1 and wanted[1] == -0.15625


@pytest.mark.parametrize("order, code", [(b"little", "<f4"), (b"big", ">f4")])
def test_the_byte_order_is_the_files_own(order: bytes, code: str, tmp_path: Path) -> None:
    pickle = files.pickled(files.ordered({"weight": four((4,), (1,))}))
    members = {"byteorder": order, "data/0": FOUR.astype(code).tobytes()}
    path = files.archive(tmp_path / "model.pth", pickle, members)
    np.testing.assert_array_equal(read(path).tensors["weight"], FOUR)


def test_a_foreign_byte_order_is_corrupt(tmp_path: Path) -> None:
    pickle = files.pickled(files.ordered({"weight": four((4,), (1,))}))
    members = {"byteorder": b"mixed!", "data/0": FOUR.tobytes()}
    with pytest.raises(CorruptCheckpoint, match="no sound torch"):
        torch_zip.read_tensors(files.archive(tmp_path / "model.pth", pickle, members))


class Payload:
    """What a stranger would like us to run."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_payload_does_not_run(protocol: int, tmp_path: Path) -> None:
    written = tmp_path / "written"
    data = pickle.dumps({"state_dict": Payload(written)}, protocol)
    pickle.loads(data)
    assert written.exists(), "a payload that does nothing is no witness"
    written.unlink()
    path = files.archive(tmp_path / "model.pth", data, {})
    with pytest.raises(UnsafeCheckpoint, match="nothing of it was run"):
        read(path)
    assert not written.exists()


@pytest.mark.parametrize(
    "module, attribute",
    [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"),
        ("torch", "load"), ("torch._utils", "_rebuild_tensor"), ("argparse", "Namespace"),
        ("collections", "OrderedDict.__init__"), ("numpy.core.multiarray", "scalar"),
        ("torch.nn.modules.linear", "Linear"), ("torch", "QInt8Storage"),
    ],
)  # fmt: skip
def test_a_foreign_name_is_refused_and_named(module: str, attribute: str, tmp_path: Path) -> None:
    called = files.name(module, attribute) + files.together(files.text("true")) + b"R"
    with pytest.raises(UnsafeCheckpoint, match="nothing of it was run") as caught:
        read(one_tensor(tmp_path, called))
    assert f"the name {module}.{attribute}" in str(caught.value)
    assert "torch._utils._rebuild_tensor_v2" in str(caught.value)
    assert ".safetensors" in str(caught.value)


@pytest.mark.parametrize(
    "instructions, named",
    [
        (b"(" + files.text("true") + b"ios\nsystem\n", "INST"),
        (b"(" + files.name("torch", "Size") + files.text("x") + b"o", "OBJ"),
        (files.name("torch", "Size") + b")\x81", "NEWOBJ"),
        (b"\x82\x01", "EXT1"),
        (b"Pos\n", "PERSID"),
        (b"]" + files.table({"a": b"N"}) + b"b", "attributes set on list"),
        (files.name("torch", "Size") + b"N" + files.table({"a": b"N"}) + b"\x86b", "attributes"),
        (files.name("torch", "FloatStorage") + b")R", "a call of"),
        (files.text("system") + b")R", "a call of str"),
        (b"}" + files.number(1) + b"a", "items added to dict"),
        (b"]" + files.text("a") + b"Ns", "items set on list"),
    ],
)  # fmt: skip
def test_other_ways_to_make_objects_are_refused(
    instructions: bytes, named: str, tmp_path: Path
) -> None:
    with pytest.raises(UnsafeCheckpoint) as caught:
        read(one_tensor(tmp_path, instructions))
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "instructions",
    [
        b"q\xff" * 3,
        b"h\x07",
        b"j\xff\xff\xff\xff",
        b"t", b"R", b"a", b"u", b"s", b"\x87", b"b", b"Q", b"\xff", b"",
        b"X\xff\xff\xff\xffabc",
        b"}]Ns",
        b"}))s",
        b"N" * 3,
        files.name("collections", "OrderedDict") + files.numbers([1]) + b"R",
        files.name("torch", "Size") + b")R",
    ],
)  # fmt: skip
def test_malformed_pickles_are_corrupt(instructions: bytes, tmp_path: Path) -> None:
    path = files.archive(tmp_path / "model.pth", b"\x80\x02" + instructions + b".", {})
    with pytest.raises(CorruptCheckpoint, match="no sound pickle"):
        read(path)


def test_a_memory_cell_of_any_number_costs_nothing(tmp_path: Path) -> None:
    """Python's own unpickler would make room for four billion cells here."""
    far = b"r\xff\xff\xff\xff"
    path = one_tensor(tmp_path, four((4,), (1,)) + far)
    np.testing.assert_array_equal(torch_zip.read_tensors(path)["weight"], FOUR)


def test_nesting_of_any_depth_is_survived(tmp_path: Path) -> None:
    deep = b"]" * 200_000 + b"a" * 199_999
    path = files.archive(
        tmp_path / "model.pth",
        files.pickled(files.table({"deep": deep, "weight": four((4,), (1,))})),
        {"data/0": FOUR.tobytes()},
    )
    np.testing.assert_array_equal(torch_zip.read_tensors(path)["weight"], FOUR)
    key = b"}" + b")" + b"\x85" * 200_000 + b"Ns"
    with pytest.raises(CorruptCheckpoint, match="no sound pickle"):
        read(files.archive(tmp_path / "model.pth", files.pickled(key), {}))


@pytest.mark.parametrize(
    "shape, strides, offset",
    [
        ((5,), (1,), 0),
        ((4,), (1,), 1),
        ((2, 2), (3, 1), 0),
        ((2,), (1 << 40,), 0),
        ((1,), (1,), 1 << 40),
        ((1 << 20, 1 << 20), (0, 0), 0),
        ((5,), (0,), 0),
        ((-1,), (1,), 0),
        ((2,), (-1,), 1),
        ((1,), (1,), -1),
        ((2, 2), (2,), 0),
        ((1,) * 70, (1,) * 70, 0),
        ((1 << 62, 1 << 62), (0, 0), 0),
    ],
)
def test_a_tensor_that_leaves_its_storage_is_corrupt(
    shape: Any, strides: Any, offset: int, tmp_path: Path
) -> None:
    with pytest.raises(CorruptCheckpoint, match="no sound pickle"):
        read(one_tensor(tmp_path, four(shape, strides, offset)))


@pytest.mark.parametrize("count", [3, 5, 1 << 40])
def test_a_storage_that_lies_about_its_size_is_corrupt(count: int, tmp_path: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match="no sound torch") as caught:
        read(one_tensor(tmp_path, four((1,), (1,), count=count)))
    assert "16 bytes" in str(caught.value)


def test_a_storage_that_is_not_there_is_corrupt(tmp_path: Path) -> None:
    written = files.tensor(files.storage("Float", "../0", 4), (4,), (1,))
    with pytest.raises(CorruptCheckpoint, match="missing"):
        read(one_tensor(tmp_path, written))


def test_tensors_that_share_a_storage_may_not_outgrow_the_file(tmp_path: Path) -> None:
    shared = {f"copy{number}": four((4,), (1,)) for number in range(5)}
    path = files.archive(
        tmp_path / "model.pth", files.pickled(files.ordered(shared)), {"data/0": FOUR.tobytes()}
    )
    with pytest.raises(CorruptCheckpoint, match="no sound torch") as caught:
        read(path)
    assert "claim 80 bytes" in str(caught.value)


def test_a_tensor_that_is_still_to_be_negated_is_refused(tmp_path: Path) -> None:
    stored = files.storage("Float", "0", 4)
    negated = files.tensor(stored, (4,), (1,), metadata=files.table({"neg": b"\x88"}))
    with pytest.raises(CorruptCheckpoint) as caught:
        read(one_tensor(tmp_path, negated))
    assert "negated" in str(caught.value)


@pytest.mark.parametrize(
    "stored",
    [
        b"N",
        files.together(files.text("module"), b"N", b"N", b"N", b"N") + b"Q",
        files.together(files.text("storage"), files.text("f4"), files.text("0"), b"N",
                       files.number(4)) + b"Q",
        files.text("storage") + b"Q",
        files.number(7) + b"Q",
    ],
)  # fmt: skip
def test_what_is_no_storage_is_corrupt(stored: bytes, tmp_path: Path) -> None:
    with pytest.raises(CorruptCheckpoint):
        read(one_tensor(tmp_path, files.tensor(stored, (4,), (1,))))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "model/../../evil", "model\\..\\evil"])
def test_names_that_leave_the_archive_are_refused(name: str, tmp_path: Path) -> None:
    path = one_tensor(tmp_path, four((4,), (1,)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"")
    with pytest.raises(UnsafeCheckpoint, match="leads out of the archive"):
        read(path)


def test_a_link_in_the_archive_is_refused(tmp_path: Path) -> None:
    path = one_tensor(tmp_path, four((4,), (1,)))
    link = zipfile.ZipInfo("model/data/1")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UnsafeCheckpoint, match="link"):
        read(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = one_tensor(tmp_path, four((4,), (1,)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model/data/0", bytes(16))
    with pytest.raises(CorruptCheckpoint, match="twice"):
        read(path)


def test_two_folders_are_no_checkpoint(tmp_path: Path) -> None:
    path = one_tensor(tmp_path, four((4,), (1,)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/data.pkl", b"")
    with pytest.raises(CorruptCheckpoint, match="no torch checkpoint"):
        read(path)


def test_a_bomb_is_refused_before_it_grows(tmp_path: Path) -> None:
    pickle = files.pickled(files.ordered({"weight": four((4,), (1,), count=1 << 24)}))
    path = tmp_path / "model.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", pickle)
        archive.writestr("model/data/0", bytes(1 << 26))
    with pytest.raises(CorruptCheckpoint, match="absurd size"):
        read(path)


def test_torchscript_is_refused_as_a_program(tmp_path: Path) -> None:
    pickle = files.pickled(files.ordered({"weight": four((4,), (1,))}))
    members = {"data/0": FOUR.tobytes(), "code/__torch__.py": b"print(1)"}
    with pytest.raises(UnsafeCheckpoint) as caught:
        read(files.archive(tmp_path / "model.pt", pickle, members))
    assert "TorchScript" in str(caught.value)


def test_files_of_torch_before_1_6_are_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2))
    with pytest.raises(UnsafeCheckpoint, match="nothing of it was run") as caught:
        read(path)
    assert "before 1.6" in str(caught.value) and ".safetensors" in str(caught.value)


@pytest.mark.parametrize("suffix", [".pkl", ".pickle"])
def test_plain_pickles_stay_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(pickle.dumps({"weight": [1.0]}))
    with pytest.raises(UnsafeCheckpoint, match="carries code|was refused"):
        read(path)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.95, 0.999])
def test_a_truncated_file_is_corrupt(share: float, arrays: dict[str, Any], tmp_path: Path) -> None:
    path = files.save(tmp_path / "model.pth", arrays)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CorruptCheckpoint):
        read(path)


def test_a_flipped_bit_is_corrupt(arrays: dict[str, Any], tmp_path: Path) -> None:
    path = files.save(tmp_path / "model.pth", arrays)
    data = bytearray(path.read_bytes())
    data[data.index(arrays["layers.0.weight"].tobytes())] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptCheckpoint, match="no sound zip"):
        read(path)
