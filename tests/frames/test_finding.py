"""Pictures and videos in folders."""

import pytest

from edgeconv.errors import FileError
from edgeconv.frames.finding import find_media


def test_pictures_and_videos_by_name(tmp_path):
    wanted = ["a.MP4", "b.gif", "c/d.webm", "c/e.jpg", "f.mkv", "g.mov", "h.avi", "i.m4v"]
    for name in [*wanted, "list.m3u8", "notes.txt", ".hidden.mp4", ".cache/x.mp4"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = [file.relative_to(tmp_path).as_posix() for file in find_media([tmp_path])]
    assert found == sorted(wanted)


def test_a_file_is_taken_as_it_is(tmp_path):
    assert find_media([tmp_path / "no such.txt"]) == [tmp_path / "no such.txt"]


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    import os

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(FileError, match="Permission denied"):
        find_media([tmp_path])
