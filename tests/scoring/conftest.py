"""A run without its plan: any input through a scorer that takes no time."""

import pytest
from scoring_inputs import LABELS, Brightness, read_parts

from edgeconv.policy import Policy
from edgeconv.scoring.chunks import pack
from edgeconv.scoring.inputs import Reading, survey
from edgeconv.scoring.job import Job
from edgeconv.scoring.location import Location
from edgeconv.scoring.tables import Columns
from edgeconv.spec import Embedding, Preprocessing


@pytest.fixture
def scored(tmp_path):
    """Rows of all chunks of an input, as a list of dictionaries."""

    def score(given, *, rows=False, chunk=4, least_side=None, column=None, key=None):
        how = Embedding(length=16) if rows else Preprocessing(size=(8, 8))
        reading = Reading(how, Columns(column, key))
        policy = Policy(LABELS, ("bright",))
        job = Job(Brightness(), policy, reading, least_side, Location(str(tmp_path / "parts")))
        chunks = list(pack(survey(str(given), reading), chunk))
        counts = [job.run(one) for one in chunks]
        found = read_parts(tmp_path / "parts")
        assert sum(one.rows for one in counts) == len(found) == sum(one.count for one in chunks)
        assert sum(one.errors for one in counts) == sum(row["error"] is not None for row in found)
        return found

    return score
