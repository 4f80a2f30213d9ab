"""Processes of one machine: the same bytes as one alone, whoever is killed."""

import os
import pickle
import subprocess
import sys

import pytest
from scoring_inputs import LABELS, Brightness, Deadly, picture, read_parts

from edgeconv.errors import FileError, ScoringError
from edgeconv.policy import Policy
from edgeconv.scoring import local
from edgeconv.scoring.batches import ahead
from edgeconv.scoring.chunks import pack
from edgeconv.scoring.inputs import Reading, survey
from edgeconv.scoring.job import Job
from edgeconv.scoring.location import Location
from edgeconv.scoring.tables import Columns
from edgeconv.spec import Preprocessing


@pytest.fixture
def work(tmp_path):
    """A job by a scorer, and ten chunks."""
    (tmp_path / "photos").mkdir()
    for number in range(20):
        (tmp_path / f"photos/{number:02}.png").write_bytes(picture(number))
    reading = Reading(Preprocessing(size=(8, 8)), Columns())
    chunks = list(pack(survey(str(tmp_path / "photos"), reading), 2))

    def make(scorer, parts="parts"):
        place = Location(str(tmp_path / parts))
        return Job(scorer, Policy(LABELS, ("bright",)), reading, None, place)

    return make, chunks


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.slow
def test_a_killed_worker_loses_and_repeats_nothing(work, tmp_path):
    make, chunks = work
    alone = list(local.run(make(Brightness(), "alone"), chunks, 1))
    marker = tmp_path / "killed"
    together = list(local.run(make(Deadly(7, str(marker))), chunks, 2))
    assert marker.exists()
    assert sum(one.rows for one in alone) == sum(one.rows for one in together) == 20
    make(Brightness()).parts.sweep()
    assert contents(tmp_path / "parts") == contents(tmp_path / "alone")


def test_inputs_that_kill_every_worker_are_named(work, tmp_path):
    make, chunks = work
    with pytest.raises(ScoringError, match=r"chunk 3: .*06\.png to .*07\.png"):
        list(local.run(make(Deadly(7)), chunks[2:5], 2))
    names = set(contents(tmp_path / "parts"))
    assert chunks[3].part not in names
    rest = [chunk for chunk in chunks if chunk.part not in names and chunk.number != 3]
    list(local.run(make(Deadly(7)), rest, 1))
    assert len(read_parts(tmp_path / "parts")) == 18


def test_what_a_worker_raises_arrives(work, tmp_path):
    make, chunks = work
    (tmp_path / "parts").write_text("a file where a folder has to be")
    with pytest.raises(FileError, match="cannot write"):
        list(local.run(make(Brightness()), chunks, 2))


def test_a_worker_starts_without_what_takes_long_to_load(work, tmp_path):
    make, chunks = work
    (tmp_path / "job.pickle").write_bytes(pickle.dumps((make(Brightness()), chunks[0])))
    program = (
        "import pickle, sys\n"
        f"job, chunk = pickle.load(open({str(tmp_path / 'job.pickle')!r}, 'rb'))\n"
        "assert job.run(chunk).rows == 2\n"
        "print({'pandas', 'fsspec', 'tensorflow', 'onnx', 'typer'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


def test_items_are_made_ahead_and_no_further():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    taken = ahead(items(), depth=2)
    assert next(taken) == 0
    taken.close()
    assert len(made) <= 6
    assert list(ahead(iter(range(50)))) == list(range(50))


def test_an_error_while_making_ahead_is_raised():
    def items():
        yield 1
        raise FileError("gone")

    taken = ahead(items())
    assert next(taken) == 1
    with pytest.raises(FileError, match="gone"):
        next(taken)
