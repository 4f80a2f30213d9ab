"""Datasets as tables, shards and rows; labels mapped, and some kept back."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeconv.datasets.listing import Listed
from edgeconv.datasets.mapping import mapped
from edgeconv.datasets.sources import listed
from edgeconv.datasets.splits import Split
from edgeconv.errors import (
    DatasetError,
    EdgeconvError,
    EmbeddingError,
    TrainingError,
    UsageError,
)
from edgeconv.spec import ModelSpec
from edgeconv.training.data import open_dataset
from edgeconv.training.labelling import held_out

MakeSpec = Callable[..., ModelSpec]


def pictures_of(split: Split) -> list[tuple[int, bytes]]:
    """Label and pixels of each, whatever the order."""
    found = ((label, split.inputs(n, 0)) for n, label in enumerate(split.labels))
    return sorted((label, pixels.tobytes()) for label, pixels in found if pixels is not None)


def write_csv(folder: Path, rows: list[str], header: str = "path,label,split") -> Path:
    file = folder / "pictures.csv"
    file.write_text("\n".join([header, *rows]) + "\n")
    return file


def rows_of(folder: Path) -> list[str]:
    return [
        f"{file.relative_to(folder)},{file.parent.name},{file.parent.parent.name}"
        for file in sorted(folder.rglob("*.png"))
    ]


def write_shard(folder: Path, split: str, place: Path, label_as: str = "cls") -> Path:
    with tarfile.open(place, "w") as shard:
        for number, file in enumerate(sorted((folder / split).rglob("*.png"))):
            label = file.parent.name
            said = label if label_as == "cls" else json.dumps({"label": label, "caption": "..."})
            for suffix, content in (("png", file.read_bytes()), (label_as, said.encode())):
                member = tarfile.TarInfo(f"some/{number:04d}.{suffix}")
                member.size = len(content)
                shard.addfile(member, io.BytesIO(content))
    return place


@pytest.fixture
def by_folder(folder: Path, tiny_spec: MakeSpec) -> tuple[list, list]:
    dataset = open_dataset(tiny_spec(), folder, None)
    return pictures_of(dataset.train), pictures_of(dataset.held_out)


def test_a_csv_lists_the_same_pictures(
    folder: Path, by_folder: tuple[list, list], tiny_spec: MakeSpec
) -> None:
    dataset = open_dataset(tiny_spec(), write_csv(folder, rows_of(folder)), None)
    assert (pictures_of(dataset.train), pictures_of(dataset.held_out)) == by_folder


def test_a_parquet_lists_the_same_pictures(
    folder: Path, by_folder: tuple[list, list], tiny_spec: MakeSpec
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = zip(*(row.split(",") for row in rows_of(folder)), strict=True)
    table = pyarrow.table(dict(zip(("path", "label", "split"), map(list, columns), strict=True)))
    parquet.write_table(table, folder / "pictures.parquet")
    dataset = open_dataset(tiny_spec(), folder / "pictures.parquet", None)
    assert (pictures_of(dataset.train), pictures_of(dataset.held_out)) == by_folder


@pytest.mark.parametrize("label_as", ["cls", "json"])
def test_shards_hold_the_same_pictures_and_nothing_is_extracted(
    label_as: str,
    folder: Path,
    by_folder: tuple[list, list],
    tiny_spec: MakeSpec,
    tmp_path: Path,
) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    for split in ("train", "test"):
        write_shard(folder, split, shards / f"{split}-0000.tar", label_as)
    dataset = open_dataset(tiny_spec(), shards, None)
    assert (pictures_of(dataset.train), pictures_of(dataset.held_out)) == by_folder
    assert sorted(file.name for file in shards.iterdir()) == ["test-0000.tar", "train-0000.tar"]
    assert dataset.train.names[0].endswith("train-0000.tar:some/0000")


def test_names_in_a_shard_are_no_paths(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"not for you")
    place = tmp_path / "in" / "train.tar"
    place.parent.mkdir()
    with tarfile.open(place, "w") as shard:
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "../secret.png"
        shard.addfile(link)
        for name, content in (("../secret.png", b"mine"), ("../secret.cls", b"Dots")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))
    (one,) = listed(place, ())
    assert one.source == b"mine"
    assert (one.label, one.split) == ("Dots", "train")


def test_a_shard_that_is_cut_off_or_packed_is_refused(folder: Path, tmp_path: Path) -> None:
    whole = write_shard(folder, "train", tmp_path / "whole.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2 - 700])
    with pytest.raises(DatasetError, match="cut"):
        listed(tmp_path / "cut.tar", ())
    with tarfile.open(tmp_path / "packed.tar", "w:gz") as shard:
        shard.add(folder, "pictures")
    with pytest.raises(DatasetError, match="without compression"):
        listed(tmp_path / "packed.tar", ())


def test_a_picture_without_a_label_is_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as shard:
        shard.addfile(tarfile.TarInfo("lonely.jpg"))
    with pytest.raises(DatasetError, match="lonely in"):
        listed(tmp_path / "a.tar", ())


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("path,kind", "a.png,Dots", "no column label"),
        ("path,label", "a.png,", "row 1, has no label"),
        ("path,label,split", "a.png,Dots,dev", "unknown split"),
    ],
)
def test_a_table_that_cannot_be_understood_is_refused(
    header: str, row: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=said):
        listed(write_csv(tmp_path, [row], header), ())


def test_labels_are_mapped_five_to_three(folder: Path, tiny_spec: MakeSpec) -> None:
    (folder / "train" / "Rings").rename(folder / "train" / "Circles")
    (folder / "test" / "Rings").rename(folder / "test" / "Circles")
    (folder / "train" / "Bars").mkdir()
    moved = next((folder / "train" / "Stripes").iterdir())
    moved.rename(folder / "train" / "Bars" / moved.name)
    mapping = {"Circles": "Rings", "Bars": "Stripes"}
    dataset = open_dataset(tiny_spec(), folder, None, mapping=mapping)
    assert Counter(dataset.train.labels) == {0: 3, 1: 3, 2: 3}


@pytest.mark.parametrize("mapping", [{"Squares": "Rings"}, {"Dots": "Squares"}])
def test_a_mapping_from_or_to_nowhere_is_refused(
    mapping: dict[str, str], folder: Path, tiny_spec: MakeSpec
) -> None:
    with pytest.raises(UsageError, match="Squares"):
        open_dataset(tiny_spec(), folder, None, mapping=mapping)


def test_numbers_are_places_of_labels(tiny_spec: MakeSpec) -> None:
    numbered = [Listed(str(n), str(n), None, Path("x")) for n in range(3)]
    assert [one.label for one in mapped(numbered, tiny_spec().labels, {})] == [
        "Dots",
        "Rings",
        "Stripes",
    ]


def some(counts: dict[str, int]) -> list[Listed]:
    return [
        Listed(f"{label}{n}", label, None, Path("x"))
        for label, count in counts.items()
        for n in range(count)
    ]


def test_a_share_of_each_label_is_kept_back_by_the_seed() -> None:
    everything = some({"a": 50, "b": 20, "c": 3})
    kept = held_out(everything, 0.1, 1, Path("here"))
    assert Counter(one.label for one in kept if one.split == "test") == {"a": 5, "b": 2, "c": 1}
    assert kept == held_out(everything, 0.1, 1, Path("here"))
    assert kept != held_out(everything, 0.1, 2, Path("here"))


def test_a_label_of_one_picture_cannot_be_shared() -> None:
    with pytest.raises(TrainingError, match="one picture of b"):
        held_out(some({"a": 5, "b": 1}), 0.5, 0, Path("here"))


def test_a_split_is_not_asked_for_where_there_is_one(folder: Path, tiny_spec: MakeSpec) -> None:
    with pytest.raises(UsageError, match="test pictures of its own"):
        open_dataset(tiny_spec(), folder, None, share=0.1)


def test_folders_by_label_alone_are_split(folder: Path, tiny_spec: MakeSpec) -> None:
    dataset = open_dataset(tiny_spec(), folder / "train", None, share=0.3)
    assert Counter(dataset.train.labels) == {0: 2, 1: 2, 2: 2}
    assert Counter(dataset.held_out.labels) == {0: 1, 1: 1, 2: 1}


def head_spec() -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "name": "head",
            "basename": "Head",
            "summary": "for tests",
            "labels": ["safe", "nsfw"],
            "architecture": {"kind": "embedding_mlp", "hidden": [4]},
            "input": {"length": 6},
            "output": {"kind": "sigmoid"},
            "checkpoint": {"formats": ["safetensors"]},
        }
    )


def unit_rows(count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def test_rows_of_npy_files_stay_on_the_disk(tmp_path: Path) -> None:
    for number, label in enumerate(("nsfw", "safe")):
        (tmp_path / label).mkdir()
        np.save(tmp_path / label / "some.npy", unit_rows(10, number))
    dataset = open_dataset(head_spec(), tmp_path, None, share=0.2)
    assert Counter(dataset.train.labels) == {0: 8, 1: 8}
    row = dataset.train.inputs(0, epoch=0)
    assert row is not None
    assert (row.shape, row.dtype) == ((6,), np.float32)
    assert all(isinstance(rows.base, np.memmap) or isinstance(rows, np.memmap)
               for rows in dataset.train.files.values())  # type: ignore[attr-defined]  # fmt: skip


def test_rows_of_a_parquet_are_the_same(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = unit_rows(12).astype(np.float32)
    labels = ["safe", "nsfw"] * 6
    table = pyarrow.table({"embedding": rows.tolist(), "label": labels})
    parquet.write_table(table, tmp_path / "rows.parquet")
    dataset = open_dataset(head_spec(), tmp_path / "rows.parquet", None, share=0.5)
    place = int(dataset.train.names[0].rpartition("[")[2].rstrip("]"))
    found = dataset.train.inputs(0, epoch=0)
    assert found is not None
    assert np.allclose(found, rows[place], atol=1e-7)
    assert dataset.train.labels[0] == head_spec().labels.index(labels[place])


def test_rows_of_another_length_or_no_numbers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "safe").mkdir()
    np.save(tmp_path / "safe" / "a.npy", unit_rows(3)[:, :5])
    with pytest.raises(EmbeddingError, match="another shape"):
        open_dataset(head_spec(), tmp_path, None, share=0.5)
    np.save(tmp_path / "safe" / "a.npy", np.array([{"a": 1}], object))
    with pytest.raises(EmbeddingError, match="cannot read"):
        open_dataset(head_spec(), tmp_path, None, share=0.5)


def test_a_row_that_is_no_embedding_is_left_out(tmp_path: Path) -> None:
    for label in ("safe", "nsfw"):
        (tmp_path / label).mkdir()
        rows = unit_rows(8)
        rows[1] = np.nan
        rows[2] *= 3
        np.save(tmp_path / label / "a.npy", rows)
    dataset = open_dataset(head_spec(), tmp_path, None, share=0.5)
    for split in (dataset.train, dataset.held_out):
        for number in range(len(split.labels)):
            split.inputs(number, 0)
    assert len(dataset.train.unreadable) + len(dataset.held_out.unreadable) == 4


@pytest.mark.parametrize("name", ["nothing", "file.txt"])
def test_what_is_no_dataset_is_refused_with_the_forms_there_are(
    name: str, tmp_path: Path, tiny_spec: MakeSpec
) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(EdgeconvError) as caught:
        open_dataset(tiny_spec(), tmp_path / name, None)
    assert len(caught.value.expected) == 3
