import errno
import multiprocessing
import os
import signal
import time

import pytest

from edgeconv import files
from edgeconv.errors import FileError


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "..", ".", "", "a\\b"])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(FileError, match="not a plain file name"):
        files.inside(tmp_path, name)


def test_a_plain_name_stays_inside(tmp_path):
    assert files.inside(tmp_path, "model.json") == tmp_path / "model.json"


def test_folder_hash_sees_names_and_contents(tmp_path):
    (tmp_path / "a").write_text("1")
    first = files.sha256_of(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = files.sha256_of(tmp_path)
    (tmp_path / "b").write_text("2")
    assert len({first, renamed, files.sha256_of(tmp_path)}) == 3


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    place = tmp_path / "manifest.json"
    files.write_atomically(place, "old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(FileError, match="cannot write"):
        files.write_atomically(place, "new")
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_unwritable_folder_is_a_typed_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError), files.staging(tmp_path / "file" / "out"):
        pass


def test_folders_are_replaced_in_one_step(tmp_path):
    old, new = tmp_path / "NSFW.mlpackage", tmp_path / "staged"
    old.mkdir()
    (old / "old").write_text("")
    new.mkdir()
    (new / "new").write_text("")
    files.move_into_place(new, old)
    assert list(old.iterdir()) == [old / "new"]


def test_folders_are_replaced_without_an_atomic_swap(tmp_path, monkeypatch):
    monkeypatch.setattr(files.ctypes, "CDLL", lambda *_, **__: object())
    test_folders_are_replaced_in_one_step(tmp_path)


def test_staging_is_gone_after_an_error_and_after_a_kill(tmp_path):
    with pytest.raises(RuntimeError), files.staging(tmp_path) as stage:
        (stage / "half").write_text("")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    (tmp_path / f"{files.STAGING_PREFIX}killed").mkdir()
    with files.staging(tmp_path):
        assert not (tmp_path / f"{files.STAGING_PREFIX}killed").exists()


def _hold(folder, seconds):
    with files.locked(folder):
        (folder / "held").write_text("")
        time.sleep(seconds)


def test_a_second_process_waits_and_a_killed_one_does_not_block(tmp_path):
    context = multiprocessing.get_context("spawn")
    holder = context.Process(target=_hold, args=(tmp_path, 60))
    holder.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.05)
    waiter = context.Process(target=_hold, args=(tmp_path, 0))
    waiter.start()
    waiter.join(2)
    assert waiter.is_alive(), "the second did not wait"
    os.kill(holder.pid, signal.SIGKILL)
    waiter.join(20)
    assert waiter.exitcode == 0
