"""Metadata changes what a file says of itself, and nothing else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flatbuffers.number_types import Float32Flags, Uint8Flags, UOffsetTFlags
from flatbuffers.table import Table
from numpy.typing import NDArray

from edgeconv.contract import Contract
from edgeconv.errors import ArtifactError, ConversionError, FileError
from edgeconv.formats.tflite_flatbuffer import BUFFER_ALIGNMENT, pack, rename_tensors, unpack
from edgeconv.formats.tflite_metadata import (
    LARGEST_MEMBER,
    METADATA_NAME,
    attach,
    read_contract,
    read_labels,
)

Files = dict[str, bytes]
Pictures = NDArray[np.uint8]


def run(interpreter: Any, pictures: Pictures) -> tuple[NDArray[Any], str, str]:
    """Raw scores, and the names of input and output."""
    interpreter.allocate_tensors()
    image, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for picture in pictures:
        interpreter.set_tensor(image["index"], picture[None].astype(image["dtype"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(scores["index"]).copy())
    return np.concatenate(rows), image["name"], scores["name"]


def litert(model: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=model, num_threads=1)


def test_scores_stay_bit_equal(
    tflite_files: Files, kind: str, tflite_contract: Contract, pictures: Pictures
) -> None:
    before, *_ = run(litert(tflite_files[kind]), pictures)
    after, image, scores = run(
        litert(attach(tflite_files[kind], contract=tflite_contract)), pictures
    )

    np.testing.assert_array_equal(before, after)
    assert before.std(axis=0).min() > 0.1 * before.max(), "a constant output would prove nothing"
    assert (image, scores) == ("image", "scores")


def test_tensorflow_runs_it_too(
    tflite_files: Files, kind: str, tflite_contract: Contract, pictures: Pictures
) -> None:
    import tensorflow as tf

    model = attach(tflite_files[kind], contract=tflite_contract)
    scores, *names = run(tf.lite.Interpreter(model_content=model), pictures[:4])

    assert names == ["image", "scores"]
    assert scores.std() > 0


def test_weights_lie_where_kernels_read_them_in_place(
    tflite_files: Files, kind: str, tflite_contract: Contract
) -> None:
    model = attach(tflite_files[kind], contract=tflite_contract)
    start = np.frombuffer(model, np.uint8).ctypes.data
    before, after = unpack(tflite_files[kind]).buffers, unpack(model).buffers

    assert len(after) == len(before) + 1
    for old, new in zip(before, after, strict=False):
        assert (old.data is None) == (new.data is None)
        if old.data is not None:
            np.testing.assert_array_equal(old.data, new.data)
            assert (new.data.ctypes.data - start) % BUFFER_ALIGNMENT == 0


def test_same_inputs_give_the_same_bytes(
    tflite_files: Files, kind: str, tflite_contract: Contract
) -> None:
    once = attach(tflite_files[kind], contract=tflite_contract)

    assert attach(tflite_files[kind], contract=tflite_contract) == once
    assert attach(once, contract=tflite_contract) == once, "what is there already is replaced"


def test_the_file_is_both_model_and_zip(tflite_files: Files, tflite_contract: Contract) -> None:
    model = attach(tflite_files["int8"], contract=tflite_contract)

    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        assert archive.namelist() == ["labels.txt", "edgeconv.json"]
        assert archive.testzip() is None
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("labels.txt").decode() == "Zeichnung ä\ntwo words\nSexy\n"
    assert model[4:8] == b"TFL3"


def test_contract_and_labels_come_back(
    tflite_files: Files, kind: str, tflite_contract: Contract, tmp_path: Path
) -> None:
    path = tmp_path / "Demo.tflite"
    path.write_bytes(attach(tflite_files[kind], contract=tflite_contract))

    assert read_contract(path) == tflite_contract
    assert read_labels(path) == tflite_contract.labels


def test_metadata_says_what_the_schema_wants(
    tflite_files: Files, tflite_contract: Contract
) -> None:
    model = unpack(attach(tflite_files["fp32"], contract=tflite_contract))
    (entry,) = (entry for entry in model.metadata if entry.name == METADATA_NAME)
    content = bytes(model.buffers[entry.buffer].data)
    metadata = Metadata.root(content)

    assert content[4:8] == b"M001"
    assert metadata.text(0) == "demo"
    assert metadata.text(1) == "No moderation model\nThree classes"
    assert metadata.text(2) == "checkpoint abababababab"
    assert (metadata.text(4), metadata.text(5)) == ("A. Author", "MIT")
    assert metadata.text(7) == "1.0.0"
    (graph,) = metadata.tables(3)
    (image,), (scores,) = graph.tables(2), graph.tables(3)

    assert image.text(0) == "image"
    assert image.table(3).byte(0) == 2, "ImageProperties"
    assert image.table(3).table(1).byte(0) == 1, "RGB"
    (normalisation,) = image.tables(4)
    assert normalisation.byte(0) == 1, "NormalizationOptions"
    assert normalisation.table(1).floats(0) == [0.0]
    assert normalisation.table(1).floats(1) == [1.0]
    assert (image.table(5).floats(0), image.table(5).floats(1)) == ([255.0], [0.0])

    assert scores.text(0) == "scores"
    assert scores.table(3).byte(0) == 1, "FeatureProperties"
    assert (scores.table(5).floats(0), scores.table(5).floats(1)) == ([1.0], [0.0])
    (labels,) = scores.tables(6)
    assert (labels.text(0), labels.byte(2)) == ("labels.txt", 2)
    (whole_contract,) = metadata.tables(6)
    assert whole_contract.text(0) == "edgeconv.json"


def test_author_and_licence_are_never_invented(
    tflite_files: Files, tflite_contract: Contract
) -> None:
    source = tflite_contract.source.model_copy(update={"author": None, "licence": None})
    contract = tflite_contract.model_copy(update={"source": source})
    model = unpack(attach(tflite_files["fp32"], contract=contract))
    metadata = Metadata.root(bytes(model.buffers[-1].data))

    assert (metadata.text(4), metadata.text(5)) == (None, None)


def test_signatures_use_the_names_too(tflite_files: Files) -> None:
    from ai_edge_litert.schema_py_generated import SignatureDefT, TensorMapT

    model = unpack(tflite_files["fp32"])
    graph = model.subgraphs[0]
    model.signatureDefs = [
        SignatureDefT(
            inputs=[TensorMapT("input_1", graph.inputs[0])],
            outputs=[TensorMapT("StatefulPartitionedCall:0", graph.outputs[0])],
            signatureKey="serving_default",
        )
    ]
    rename_tensors(model, input_name="image", output_name="scores")

    assert litert(pack(model)).get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["scores"]}
    }


def test_a_model_with_two_outputs_is_refused(
    tflite_files: Files, tflite_contract: Contract
) -> None:
    model = unpack(tflite_files["fp32"])
    model.subgraphs[0].outputs = np.repeat(model.subgraphs[0].outputs, 2)

    with pytest.raises(ArtifactError, match="no image classifier"):
        attach(pack(model), contract=tflite_contract)


@pytest.mark.parametrize("label", ["two\nlines", "ends\n", "\u2028", ""])
def test_a_label_that_would_shift_the_others_is_refused(
    tflite_files: Files, tflite_contract: Contract, label: str
) -> None:
    contract = tflite_contract.model_copy(update={"labels": ("a", label, "c")})

    with pytest.raises(ConversionError, match="one label a line"):
        attach(tflite_files["fp32"], contract=contract)


def test_a_file_without_contract_is_refused(tflite_files: Files, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"carries no edgeconv\.json"):
        read_contract(written(tmp_path, tflite_files["fp32"]))


def test_what_is_no_tflite_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not a TFLite file"):
        read_contract(written(tmp_path, zipped(b"", {"edgeconv.json": "{}"})))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"Absent\.tflite"):
        read_contract(tmp_path / "Absent.tflite")


@pytest.mark.parametrize("kept", [0.1, 0.9, 0.99])
def test_a_truncated_file_is_refused(
    tflite_files: Files, tflite_contract: Contract, tmp_path: Path, kept: float
) -> None:
    model = attach(tflite_files["int8"], contract=tflite_contract)

    with pytest.raises(ArtifactError, match="carries no"):
        read_contract(written(tmp_path, model[: int(len(model) * kept)]))


def test_a_contract_changed_by_hand_is_refused(
    tflite_files: Files, tflite_contract: Contract, tmp_path: Path
) -> None:
    model = attach(tflite_files["int8"], contract=tflite_contract)
    changed = model.replace(b'"Three classes"', b'"Throe classes"')

    with pytest.raises(ArtifactError, match="Bad CRC"):
        read_contract(written(tmp_path, changed))


def test_swapped_labels_are_refused(
    tflite_files: Files, tflite_contract: Contract, tmp_path: Path
) -> None:
    files = {"labels.txt": "b\na\n", "edgeconv.json": tflite_contract.to_json()}

    with pytest.raises(ArtifactError, match="disagrees with itself"):
        read_contract(written(tmp_path, zipped(tflite_files["fp32"], files)))


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"../edgeconv.json": "{}"}, "must not"),
        ({"folder\\labels.txt": "a"}, "must not"),
        ({"/etc/passwd": "a"}, "must not"),
        ({"bomb": " " * (LARGEST_MEMBER + 1)}, "absurd size"),
        ({"edgeconv.json": "{"}, "cannot be read"),
        ({"edgeconv.json": "{}"}, "cannot be read"),
    ],
)
def test_absurd_associated_files_are_refused(
    tflite_files: Files, tmp_path: Path, files: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ArtifactError, match=complaint):
        read_contract(written(tmp_path, zipped(tflite_files["fp32"], files)))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "Model.tflite"
    path.write_bytes(content)
    return path


def zipped(model: bytes, files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    stream.write(model)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


class Metadata(Table):
    """A flatbuffer table read by slot number, with nothing but the format's own rules."""

    @classmethod
    def root(cls, content: bytes) -> Metadata:
        return cls(content, int.from_bytes(content[:4], "little"))

    def byte(self, slot: int) -> int:
        return int(self.Get(Uint8Flags, self.Pos + self.Offset(4 + 2 * slot)))

    def text(self, slot: int) -> str | None:
        offset = self.Offset(4 + 2 * slot)
        return self.String(self.Pos + offset).decode() if offset else None

    def table(self, slot: int) -> Metadata:
        return Metadata(self.Bytes, self.Indirect(self.Pos + self.Offset(4 + 2 * slot)))

    def tables(self, slot: int) -> list[Metadata]:
        return [
            Metadata(self.Bytes, self.Indirect(place))
            for place in self._places(slot, UOffsetTFlags.bytewidth)
        ]

    def floats(self, slot: int) -> list[float]:
        return [
            float(self.Get(Float32Flags, place))
            for place in self._places(slot, Float32Flags.bytewidth)
        ]

    def _places(self, slot: int, width: int) -> list[int]:
        offset = self.Offset(4 + 2 * slot)
        return [self.Vector(offset) + width * n for n in range(self.VectorLen(offset))]
