"""Every kind of input, sound and broken: one row each, in order, and nothing written by a name."""

import io
import os
import tarfile

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from scoring_inputs import picture, unit_rows, write_tar

from edgeconv.errors import UsageError
from edgeconv.scoring import shards
from edgeconv.scoring.inputs import Reading, survey
from edgeconv.scoring.tables import Columns
from edgeconv.spec import Preprocessing


def keys(rows):
    return [row["key"] for row in rows]


def errors(rows):
    return [row["error"] and row["error"].split("  ")[0] for row in rows]


def files_below(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for name, brightness in (("a.png", 0), ("b.jpg", 255), ("deep/c.png", 200)):
        form = "JPEG" if name.endswith("jpg") else "PNG"
        (folder / name).write_bytes(picture(brightness, form=form))
    (folder / ".hidden.png").write_bytes(picture(9))
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_folder(scored, photos):
    rows = scored(photos)
    assert keys(rows) == [str(photos / name) for name in ("a.png", "b.jpg", "deep/c.png")]
    assert [row["label"] for row in rows] == ["dark", "bright", "bright"]
    assert [row["unsafe"] for row in rows] == [False, True, True]
    assert rows[2]["score_bright"] == pytest.approx(200 / 255)
    assert errors(rows) == [None] * 3


def test_a_list_in_its_order_twice_if_twice(scored, photos, tmp_path):
    listed = [photos / "b.jpg", photos / "a.png", photos / "gone.png", photos / "b.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(map(str, listed)) + "\n\n")
    rows = scored(tmp_path / "list.txt")
    assert keys(rows) == [str(path) for path in listed]
    assert [row["label"] for row in rows] == ["bright", "dark", None, "bright"]
    assert "cannot read" in rows[2]["error"]
    assert rows[2]["unsafe"] is rows[2]["score_bright"] is None


def test_a_name_that_is_no_text(scored, photos):
    with open(os.fsencode(photos) + b"/caf\xe9::x.png", "wb") as file:  # noqa: PTH123
        file.write(picture(255))
    assert keys(scored(photos))[2] == f"{photos}/caf\\xe9::x.png"


def test_shards(scored, tmp_path):
    members = [(f"{n:03}.{kind}", picture(n)) for n in range(150) for kind in ("png", "json")]
    shard = write_tar(tmp_path / "s-000.tar", members)
    rows = scored(shard)
    assert keys(rows) == [f"{shard}[{n:03}.png]" for n in range(150)]
    assert [row["score_bright"] for row in rows] == pytest.approx([n / 255 for n in range(150)])


def test_names_in_shards_are_names(scored, tmp_path):
    outside = tmp_path / "secret.png"
    outside.write_bytes(picture(255))
    link = tarfile.TarInfo("link.png")
    link.type, link.linkname = tarfile.SYMTYPE, str(outside)
    long = "x" * 300 + ".png"
    members = [
        ("../../../../tmp/evil.png", picture(1)),
        (str(tmp_path / "absolute.png"), picture(2)),
        (link, b""),
        ("same.png", picture(3)),
        ("same.png", picture(4)),
        (long, picture(5)),
        ("._mac.png", b"resource fork"),
    ]
    shard = write_tar(tmp_path / "evil.tar", members)
    before = files_below(tmp_path)
    rows = scored(shard)
    assert keys(rows)[0] == f"{shard}[../../../../tmp/evil.png]"
    assert keys(rows)[3:] == [f"{shard}[same.png]"] * 2 + [f"{shard}[{long}]"]
    assert [round(row["score_bright"] * 255) if row["label"] else None for row in rows] == [
        *(1, 2, None, 3, 4, 5)
    ]
    assert "is no file" in rows[2]["error"]
    assert files_below(tmp_path) - before == files_below(tmp_path / "parts")


@pytest.mark.parametrize("cut", [700, 1800, 512 * 3 + 10, -600])
def test_a_shard_that_is_cut_off_says_so(scored, tmp_path, cut):
    shard = write_tar(tmp_path / "s.tar", [(f"{n}.png", picture(n, (8, 8))) for n in range(3)])
    whole = shard.read_bytes()
    last = whole.rstrip(b"\0")
    shard.write_bytes(last if cut < 0 else whole[:cut])
    rows = scored(shard)
    assert "is damaged" in rows[-1]["error"]
    assert all(row["error"] is None for row in rows[:-1][: cut // 1024 if cut > 0 else 2])


def test_a_shard_that_is_none(scored, tmp_path):
    (tmp_path / "s.tar").write_bytes(b"no tar at all" * 100)
    (row,) = scored(tmp_path / "s.tar")
    assert "is damaged" in row["error"]


def test_a_member_that_is_too_large_is_not_read(tmp_path):
    shard = write_tar(tmp_path / "s.tar", [("a.png", picture(1)), ("b.png", picture(2))])
    reading = Reading(Preprocessing(size=(8, 8)), Columns())
    (piece,) = survey(str(shard), reading)
    (_, first), (_, second) = shards.read(piece, largest=10)
    assert "too large" in str(first)
    assert "too large" in str(second)


def parquet_of(path, **columns):
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=3)
    return path


def test_parquet_of_pictures(scored, tmp_path):
    content = [picture(n) for n in range(7)]
    content[4] = None
    table = parquet_of(tmp_path / "p.parquet", image=content, n=list(range(7)))
    rows = scored(table)
    assert keys(rows) == [f"{table}[{n}]" for n in range(7)]
    assert [row["label"] for row in rows] == ["dark"] * 4 + [None] + ["dark"] * 2
    assert "is empty" in rows[4]["error"]


def test_parquet_as_hugging_face_has_it_with_keys(scored, tmp_path):
    image = [{"bytes": picture(n), "path": None} for n in range(4)]
    table = parquet_of(tmp_path / "p.parquet", image=image, id=["a", "b", "b", None])
    assert keys(scored(table, key="id")) == ["a", "b", "b", f"{table}[3]"]


def test_parquet_of_embeddings(scored, tmp_path):
    given = unit_rows(8)
    lists = [*given.tolist()[:7], given[7].tolist()[:9]]
    lists[2] = None
    table = parquet_of(
        tmp_path / "e.parquet", vector=pyarrow.array(lists, pyarrow.list_(pyarrow.float32()))
    )
    rows = scored(table, rows=True)
    assert [row["error"] is None for row in rows] == [True] * 2 + [False] + [True] * 4 + [False]
    assert rows[5]["score_bright"] == pytest.approx(given[5].mean() + 0.5)
    assert "has 9 numbers" in rows[7]["error"]


def test_parquet_of_fixed_size_lists(scored, tmp_path):
    given = unit_rows(5)
    flat = pyarrow.array(given.astype(np.float16).reshape(-1))
    fixed = pyarrow.FixedSizeListArray.from_arrays(flat, 16)
    rows = scored(parquet_of(tmp_path / "e.parquet", vector=fixed), rows=True)
    assert [row["score_bright"] for row in rows] == pytest.approx(
        given.mean(axis=1) + 0.5, abs=1e-3
    )


def test_which_column_is_meant_is_asked(scored, tmp_path):
    table = parquet_of(tmp_path / "p.parquet", a=[picture(0)], b=[picture(255)])
    with pytest.raises(UsageError, match="--column"):
        scored(table)
    with pytest.raises(UsageError, match="--column"):
        scored(table, column="c")
    with pytest.raises(UsageError, match="no column 'c'"):
        scored(table, column="a", key="c")
    (row,) = scored(table, column="b")
    assert row["label"] == "bright"


def test_parquet_that_is_none(scored, tmp_path):
    (tmp_path / "p.parquet").write_bytes(b"PAR1 and no more")
    (row,) = scored(tmp_path / "p.parquet")
    assert "cannot read" in row["error"]


def test_npy(scored, tmp_path):
    given = unit_rows(9)
    bad = given.copy()
    bad[1] *= 2
    bad[3, 2], bad[4, 0] = np.nan, np.inf
    folder = tmp_path / "rows"
    folder.mkdir()
    np.save(folder / "a.npy", bad)
    np.save(folder / "b.npy", given[0].astype(np.float16))
    np.save(folder / "c.npy", given[:2].astype(np.float64))
    rows = scored(folder, rows=True, chunk=5)
    assert keys(rows) == [
        *(f"{folder}/a.npy[{n}]" for n in range(9)),
        f"{folder}/b.npy[0]",
        *(f"{folder}/c.npy[{n}]" for n in range(2)),
    ]
    wrong = {n: row["error"] for n, row in enumerate(rows) if row["error"]}
    assert set(wrong) == {1, 3, 4}
    assert "not of norm one" in wrong[1]
    assert "NaN" in wrong[3]
    assert rows[5]["score_bright"] == pytest.approx(given[5].mean() + 0.5)
    assert rows[9]["score_bright"] == pytest.approx(rows[10]["score_bright"], abs=1e-3)


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


class Payload:
    """What it would do if anybody unpickled it."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        npy(unit_rows(3))[:-4],
        npy(unit_rows(3, 15)),
        npy(np.asfortranarray(unit_rows(3))),
        npy(np.ones((3, 16), np.int8)),
        npy(np.float32(1)),
        npy(np.array([Payload()], object), allow_pickle=True),
        npy(unit_rows(1)).replace(b"(1, 16)", b"(9**9, 16)"),
    ],
)
def test_npy_that_is_none(scored, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.npy").write_bytes(content)
    (row,) = scored(tmp_path / "x.npy", rows=True)
    assert "cannot read" in row["error"]
    assert not (tmp_path / "unpickled").exists()


def test_nothing_to_score(scored, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="nothing to score"):
        scored(tmp_path / "empty")
    with pytest.raises(UsageError, match="there is no"):
        scored(tmp_path / "gone")
    no_rows = parquet_of(tmp_path / "no-rows.parquet", image=pyarrow.array([], pyarrow.binary()))
    with pytest.raises(UsageError, match="nothing to score"):
        scored(no_rows)


def test_any_url(scored, photos, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe({f"/photos/{n}.png": picture(n) for n in range(3)})
    memory.pipe("/photos/.git/x.png", picture(9))
    memory.pipe("/rows/a.npy", npy(unit_rows(3)))
    try:
        assert keys(scored("memory://photos")) == [f"memory:///photos/{n}.png" for n in range(3)]
    finally:
        memory.rm("/photos", recursive=True)
