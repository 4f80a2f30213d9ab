"""``edgeconv classify`` as a program: its formats, moving pictures, copies, watching."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from moving_pictures import SAFE, UNSAFE, animation, clip, drawing, written
from PIL import Image

COMMAND = [sys.executable, "-c", "from edgeconv.cli import main; main()", "classify"]


def run(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, check=False, **options
    )


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A picture, an unsafe animation, and a file that is neither."""
    folder = tmp_path_factory.mktemp("mixed")
    Image.fromarray(drawing(SAFE)).save(folder / "a.png")
    written(folder / "b.gif", animation([(SAFE, 2), (UNSAFE, 4)], frame_seconds=0.25))
    written(folder / "c.jpg", b"no picture")
    return folder


def names(entries):
    return [entry["file"].rpartition("/")[2] for entry in entries]


def test_json_is_one_list(demo_artifact, mixed):
    done = run(demo_artifact, mixed, "--json")
    assert done.returncode == 0, done.stderr
    entries = json.loads(done.stdout)
    assert names(entries) == ["a.png", "b.gif", "c.jpg"]
    still, moving, broken = entries
    assert set(still) == {"file", "label", "unsafe", "scores"}
    assert set(moving) == {*still, "frames", "seconds", "spans", "timeline"}
    assert moving["spans"] == [[3.5, 6.0]]
    assert set(broken) == {"file", "error"}
    assert run(demo_artifact, mixed, "--format", "json").stdout == done.stdout


def test_json_lines(demo_artifact, mixed):
    lines = run(demo_artifact, mixed, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == json.loads(
        run(demo_artifact, mixed, "--json").stdout
    )


def test_csv(demo_artifact, mixed):
    done = run(demo_artifact, mixed, "--format", "csv")
    still, moving, broken = csv.DictReader(io.StringIO(done.stdout.decode()))
    assert (still["label"], still["unsafe"], still["spans"]) == (SAFE, "false", "")
    assert (moving["unsafe"], moving["spans"], moving["seconds"]) == ("true", "3.5-6.0", "6.0")
    assert float(moving["score Rings"]) > 0.8
    assert broken["label"] == ""
    assert "cannot decode" in broken["error"]
    assert len(done.stdout.splitlines()) == 4


def test_text(demo_artifact, mixed):
    done = run(demo_artifact, mixed)
    still, moving = done.stdout.decode().splitlines()
    assert still.startswith(f"{SAFE}  ")
    assert "unsafe at 3.5-6 of 6 s" in moving
    assert b"cannot decode" in done.stderr


def test_a_name_that_is_no_text(demo_artifact, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    stream = io.BytesIO()
    Image.fromarray(drawing(SAFE)).save(stream, "PNG")
    with open(name, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(stream.getvalue())
    for form in ("json", "jsonl", "csv", "text"):
        strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
        done = run(demo_artifact, tmp_path, "--format", form, env=strict)
        assert done.returncode == 0, done.stderr
        assert b"caf" in done.stdout


def test_a_video(demo_artifact, tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'edgeconv[video]'")
    video = written(tmp_path / "turn.mp4", clip([(SAFE, 3), (UNSAFE, 3)]))
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{video}\n#EXT-X-ENDLIST\n")
    for frames in ("2", "scene"):
        done = run(demo_artifact, video, playlist, "--frames", frames, "--json")
        entry, refused = json.loads(done.stdout)
        assert entry["spans"] == [[4.5, 6.0]]
        assert set(refused) == {"file", "error"}
    assert b"classifying " + bytes(video) in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "xml"], b"no format is called 'xml'"),
        (["--frames", "many"], b"a number from 0.01 to 1000, or scene"),
        (["--frames", "0"], b"a number from 0.01 to 1000, or scene"),
        (["--frames", "nan"], b"a number from 0.01 to 1000, or scene"),
        (["--point", "balanced"], b"no operating point 'balanced'"),
        (["--watch", "--json"], b"--format jsonl"),
    ],
)
def test_what_cannot_be_asked_for(demo_artifact, mixed, options, said):
    done = run(demo_artifact, mixed, *options)
    assert done.returncode == 2
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_copies(demo_artifact, mixed, tmp_path):
    done = run(
        demo_artifact, mixed, "--blurred", tmp_path / "blurred", "--annotated", tmp_path / "drawn"
    )
    assert done.returncode == 0, done.stderr
    for folder in ("blurred", "drawn"):
        assert sorted(file.name for file in (tmp_path / folder).iterdir()) == ["a.png", "b.gif.jpg"]
    assert run(demo_artifact, mixed, "--blurred", mixed / "in").returncode == 2


def lines_of(process, count):
    return [json.loads(process.stdout.readline()) for _ in range(count)]


# pytest-xdist's workers ignore Ctrl-C, and so does every program that they start.
HEEDING_INTERRUPTS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from edgeconv.cli import main
main()
"""


def test_watching_a_folder(demo_artifact, tmp_path):
    Image.fromarray(drawing(SAFE)).save(tmp_path / "there.png")
    arguments = [str(demo_artifact), str(tmp_path), "--watch", "--format", "jsonl"]
    command = [sys.executable, "-c", HEEDING_INTERRUPTS, "classify", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        (first,) = lines_of(process, 1)
        stream = io.BytesIO()
        Image.fromarray(drawing(UNSAFE)).save(stream, "PNG")
        content = stream.getvalue()
        with (tmp_path / "new.png").open("wb") as file:
            for start in range(0, len(content), len(content) // 3):
                file.write(content[start : start + len(content) // 3])
                file.flush()
                time.sleep(0.4)
        (second,) = lines_of(process, 1)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert names([first, second]) == ["there.png", "new.png"]
    assert [first["unsafe"], second["unsafe"]] == [False, True]
    assert (rest, process.returncode) == (b"", 0)
    assert b"Traceback" not in errors
    assert b"Ctrl-C ends" in errors


def test_only_folders_are_watched(demo_artifact, mixed):
    done = run(demo_artifact, mixed / "a.png", "--watch")
    assert done.returncode == 2
    assert b"folders only" in done.stderr
