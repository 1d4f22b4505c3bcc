"""The report of a sealed exam lists no case; what it says must follow from its numbers."""

import json

import pytest

from models.promotion.refused import RefusedError
from reports.evidence.opened import opened_evidence
from tests.builders.promotion_data import dynasty, make_place, write_report


@pytest.fixture
def place(tmp_path):
    place = make_place(tmp_path, "a", "b")
    dynasty(place, "a")
    return place


def opened(place, change=lambda written: None, gate=None):
    """What is read of a report on sealed contracts that was changed."""
    path = write_report(place, "b", against="a", id_="20270101-000000-abcd")
    written = json.loads(path.read_text())
    written["dataset"]["sealed"] = True
    change(written)
    path.write_text(json.dumps(written))
    return opened_evidence(path, "b", gate or place.registry.parent / "gate.toml")


def test_what_follows_from_its_numbers_is_read(place):
    found = opened(place)
    assert (found.verdict.outcome, found.facts.dataset.sealed) == ("PROMOTE", True)


def checks(written):
    return written["verdicts"][0]["checks"]


def without_first(written):
    del checks(written)[0]


def lowered(written):
    checks(written)[0]["estimate"]["low"] = 0.1


def fell_behind(written):
    checks(written)[1]["estimate"]["low"] = -0.5


def failed(written):
    checks(written)[0]["outcome"] = "FAIL"


def unsealed(written):
    written["dataset"]["sealed"] = False


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_first, "has no check of token_f1 against the floor"),
        (lowered, "against the floor does not reach 0.3"),
        (fell_behind, "against the champion a does not reach -0.3"),
        (failed, "its checks come to REJECT"),
        (unsealed, "is not of sealed contracts"),
    ],
)
def test_what_does_not_follow_is_refused(place, change, says):
    with pytest.raises(RefusedError, match=says):
        opened(place, change)


def test_another_gate_is_refused(place, tmp_path):
    gate = tmp_path / "strict.toml"
    text = (place.registry.parent / "gate.toml").read_text()
    gate.write_text(text.replace("floor = 0.3", "floor = 0.4"))
    with pytest.raises(RefusedError, match="went by another gate"):
        opened(place, gate=gate)
