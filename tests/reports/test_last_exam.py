"""Which run decides: the newest that was a whole exam."""

import pytest

from models.promote import main
from models.promotion.record import RefusedError
from reports.evidence.last_exam import find_evidence
from tests.builders.promotion_data import dynasty, identity_of, make_place, write_report

WHOLE, LATER = "20260105-000000-aaaa", "20260106-000000-aaaa"


@pytest.fixture
def place(tmp_path):
    """A champion a, and b that would follow by an exam of yesterday."""
    place = make_place(tmp_path, "a", "b")
    dynasty(place, "a")
    write_report(place, "b", against="a", id_=WHOLE)
    return place


def later(place, part, outcome):
    return write_report(place, "b", against="a", id_=LATER, outcome=outcome, part=part)


@pytest.mark.parametrize("outcome", ["INCONCLUSIVE", "REJECT"])
def test_a_part_of_an_exam_takes_back_nothing(place, outcome):
    later(place, True, outcome)
    where = [f"--folder={place.folder}", f"--registry={place.registry}", f"--runs={place.runs}"]
    assert main(["b", *where]) == 0


@pytest.mark.parametrize("outcome", ["INCONCLUSIVE", "REJECT"])
@pytest.mark.parametrize("report", [None, WHOLE])
def test_a_later_exam_decides_unless_it_was_a_part(place, outcome, report):
    path = later(place, False, outcome)
    named = place.runs / report / "report.json" if report else None
    try:
        found = find_evidence("b", identity_of(place, "b"), place.runs, named)
    except RefusedError as error:
        assert LATER in str(error)
    else:
        assert (found.path, found.verdict.outcome) == (path, outcome)


def test_parts_alone_are_no_exam(place):
    later(place, True, "PROMOTE")
    (place.runs / WHOLE / "report.json").unlink()
    with pytest.raises(RefusedError, match="b was not examined"):
        find_evidence("b", identity_of(place, "b"), place.runs)
