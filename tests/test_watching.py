"""New files in folders, each once it is whole."""

import os

from edgeconv.watching import settled_files


class Scene:
    """A folder in which something happens at each look."""

    def __init__(self, folder, *happenings):
        self.folder = folder
        self.happenings = iter(happenings)

    def sleep(self, seconds):
        happens = next(self.happenings, None)
        if happens is None:
            raise KeyboardInterrupt
        happens()

    def found(self):
        names = []
        try:
            for file in settled_files([self.folder], 0, self.sleep):
                names.append(file.name)
        except KeyboardInterrupt:
            return names


def nothing():
    pass


def test_what_is_there_first_and_then_what_comes(tmp_path):
    (tmp_path / "old.png").write_bytes(b"1")
    new = tmp_path / "new.mp4"
    scene = Scene(tmp_path, nothing, lambda: new.write_bytes(b"2"), nothing, nothing, nothing)
    assert scene.found() == ["old.png", "new.mp4"]


def test_a_half_written_file_is_waited_for(tmp_path):
    growing = tmp_path / "growing.mp4"
    seen = []

    def more():
        with growing.open("ab") as stream:
            stream.write(b"12345")
        seen.append("more")

    scene = Scene(tmp_path, more, more, more, nothing, nothing)
    for file in settled_files([tmp_path], 0, scene.sleep):
        assert seen == ["more"] * 3
        assert file.stat().st_size == 15
        break
    else:
        raise AssertionError("never found")


def test_the_same_size_at_another_time_is_not_settled(tmp_path):
    file = tmp_path / "x.png"
    file.write_bytes(b"1")
    times = iter(range(1, 100))

    def touched():
        os.utime(file, ns=(0, next(times)))

    assert Scene(tmp_path, touched, touched, touched).found() == []
    assert Scene(tmp_path, touched, nothing).found() == ["x.png"]


def test_an_empty_file_has_only_been_begun(tmp_path):
    (tmp_path / "x.png").touch()
    assert Scene(tmp_path, nothing, nothing).found() == []


def test_a_file_that_is_replaced_comes_again(tmp_path):
    file = tmp_path / "x.png"
    file.write_bytes(b"1")
    replace = lambda: file.write_bytes(b"other")  # noqa: E731
    assert Scene(tmp_path, nothing, nothing, replace, nothing, nothing).found() == ["x.png"] * 2


def test_a_file_that_goes_and_returns(tmp_path):
    file = tmp_path / "x.png"
    file.write_bytes(b"1")
    again = lambda: file.write_bytes(b"2")  # noqa: E731
    scene = Scene(tmp_path, nothing, file.unlink, nothing, again, nothing, nothing)
    assert scene.found() == ["x.png"] * 2
