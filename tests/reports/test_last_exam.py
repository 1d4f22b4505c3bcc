"""Which run decides: the newest that was a whole exam."""

import shutil

import pytest

from models.promote import main
from models.promotion.refused import RefusedError
from reports.evidence.last_exam import find_evidence
from tests.builders.promotion_data import dynasty, edit, identity_of, make_place, write_report

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


def copied(whole, copy):
    shutil.copytree(whole, copy)


def linked(whole, copy):
    copy.symlink_to(whole)


def linked_file(whole, copy):
    copy.mkdir()
    for file in whole.iterdir():
        (copy / file.name).symlink_to(file)


def linked_from_elsewhere(whole, copy):
    kept = whole.parent.parent / "kept"
    shutil.copytree(whole, kept)
    linked_file(kept, copy)


@pytest.mark.parametrize("make", [copied, linked, linked_file, linked_from_elsewhere])
@pytest.mark.parametrize("named", [False, True], ids=["the last", "--report"])
@pytest.mark.parametrize("judged_later", [False, True])
def test_a_run_under_a_newer_name_is_not_newer(place, make, named, judged_later):
    """Nobody brings back a PROMOTE, from before a REJECT, by a copy of its folder."""
    if judged_later:
        later(place, False, "REJECT")
    copy = place.runs / "20260107-000000-aaaa"
    make(place.runs / WHOLE, copy)
    with pytest.raises(RefusedError, match=f"says that it is run {WHOLE}.*{copy.name}: it was"):
        find_evidence(
            "b", identity_of(place, "b"), place.runs, copy / "report.json" if named else None
        )


def test_the_link_to_the_latest_run_is_that_run(place):
    latest = place.runs.parent / "latest"
    latest.symlink_to(place.runs / WHOLE)
    found = find_evidence("b", identity_of(place, "b"), place.runs, latest / "report.json")
    assert (found.source.id, found.sealed) == (WHOLE, True)


@pytest.mark.parametrize("other", ["REJECT", "INCONCLUSIVE", "PROMOTE"])
def test_one_model_under_two_names_has_one_verdict(place, other):
    """Whoever draws its answers twice in one exam may not take the luckier."""
    (place.registry / "twin.toml").write_bytes((place.registry / "b.toml").read_bytes())
    identity = identity_of(place, "b")
    assert identity == identity_of(place, "twin")
    path = write_report(place, "b", against="a", beside=("twin",), id_=LATER)
    edit(path, lambda written: written["verdicts"][0].update(outcome="PROMOTE"))
    edit(path, lambda written: written["verdicts"][1].update(outcome=other))
    if other == "PROMOTE":
        assert find_evidence("b", identity, place.runs).path == path
    else:
        with pytest.raises(RefusedError, match=f"says {other} of the same model under .* twin"):
            find_evidence("b", identity, place.runs)


def test_parts_alone_are_no_exam(place):
    later(place, True, "PROMOTE")
    (place.runs / WHOLE / "report.json").unlink()
    with pytest.raises(RefusedError, match="b was not examined"):
        find_evidence("b", identity_of(place, "b"), place.runs)
