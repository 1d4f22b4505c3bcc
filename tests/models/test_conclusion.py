"""A report that says PROMOTE against its own numbers is not believed."""

import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.gate import read_gate
from models.promotion.conclusion import contradiction
from models.promotion.evidence import find_evidence
from reports.report import Check, Opponent
from reports.statistics.estimates import Estimate
from reports.verdict.decide import decide
from tests.builders.promotion_data import dynasty, identity_of, make_place, seal, write_report
from tests.seams import users

GATE = """
[metrics.token_f1]
role = "primary"
floor = 0.2
margin = 0.05
[metrics.laziness]
role = "guard"
floor = 0.8
margin = 0.1
[metrics.abstention]
role = "guard"
goal = "superior"
[metrics.jaccard]
role = "report"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = make_place(tmp_path_factory.mktemp("place"), "a", "b", "c")
    dynasty(place, "a", "c")
    (place.registry.parent / "gate.toml").write_text(GATE)
    return place


def estimate(mean, half=0.01):
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": 100, "clusters": 12}


def check(metric, against, mean, outcome="PASS"):
    return {"metric": metric, "against": against, "outcome": outcome, "reason": "",
            "estimate": estimate(mean)}  # fmt: skip


def sound():
    """All that the gate asks for of b, against the champion c and the anchor a."""
    return [
        check("token_f1", "floor", 0.5),
        check("laziness", "floor", 0.4),
        check("token_f1", "champion c", 0.01),
        check("token_f1", "anchor a", 0.01),
        check("laziness", "champion c", 0.0),
        check("laziness", "anchor a", -0.02),
        check("abstention", "champion c", 0.1),
        {"metric": "leakage", "against": "its training data", "outcome": "PASS", "reason": "",
         "estimate": None},
    ]  # fmt: skip


def examined(place, checks, **changes):
    path = write_report(place, "b", against="c", anchor="a", id_="20260105-000000-aaaa",
                        checks=checks, improves_anchor=True, **changes)  # fmt: skip
    written = json.loads(path.read_text())
    written["metrics"] = {
        "laziness": {"direction": "lower"},
        "token_f1": {"direction": "higher"},
        "hit@5": {"of_retrieval": True},
    }
    written["summary"][0]["estimates"] = {"token_f1": estimate(0.5), "laziness": estimate(0.4)}
    path.write_text(json.dumps(written))
    seal(path)
    return find_evidence("b", identity_of(place, "b"), place.runs)


def test_a_sound_report_is_believed(place):
    assert contradiction(examined(place, sound())) is None


@given(data=st.data())
@settings(max_examples=200)
def test_no_check_can_be_lost_failed_or_bettered(place, data):
    checks = sound()
    number = data.draw(st.integers(0, 6))
    loss = data.draw(st.sampled_from(["dropped", "FAIL", "INCONCLUSIVE", "no bounds", "numbers"]))
    if loss == "dropped":
        del checks[number]
    elif loss == "no bounds":
        checks[number]["estimate"].update(low=None, high=None)
    elif loss == "numbers":
        lower = checks[number]["metric"] == "laziness"
        worse = data.draw(st.floats(0.35, 0.9)) + (0.45 if lower else 0)
        checks[number]["estimate"] = estimate(worse if lower else 0.5 - worse - 0.25)
    else:
        checks[number]["outcome"] = loss
    assert contradiction(examined(place, checks))


NOT_APPLYING = {"outcome": "N/A", "estimate": None}


def test_what_does_not_apply_promotes_if_it_is_of_retrieval_and_something_else_speaks(place):
    retrieval = check("hit@5", "floor", 0.0) | NOT_APPLYING
    answers = check("token_f1", "floor", 0.5) | NOT_APPLYING
    assert contradiction(examined(place, [*sound(), retrieval])) is None
    assert "N/A" in contradiction(examined(place, [answers, *sound()[1:]]))
    assert "no check of answers" in contradiction(examined(place, [retrieval]))


def test_numbers_that_do_not_improve_move_no_anchor(place):
    checks = sound()
    checks[3] = check("token_f1", "anchor a", -0.01)
    assert "do not improve" in contradiction(examined(place, checks))


@pytest.mark.parametrize("against", ["floor", "champion c"])
def test_estimates_that_are_none_are_no_crash(place, against):
    checks = sound()
    odd = next(each for each in checks if each["against"] == against)
    odd["estimate"] = {"mean": "high"}
    assert contradiction(examined(place, checks))


@given(
    outcomes=st.lists(st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE"]), max_size=5),
    floors=st.lists(st.booleans(), min_size=5, max_size=5),
)
@settings(max_examples=200)
def test_the_exams_own_verdict_is_never_contradicted(place, outcomes, floors):
    """What `decide` makes of checks that a gate asks for is what is computed again here."""
    champion = Opponent("champion", "c", identity_of(place, "c"))
    found = Estimate(0.5, 0.49, 0.51, 100, 12)
    checks = [
        Check("token_f1", "floor" if floor else "champion c", outcome, "", found)
        for outcome, floor in zip(outcomes, floors, strict=False)
    ]
    verdict = decide("b", checks, champion)
    rows = [{"metric": c.metric, "against": c.against, "outcome": c.outcome, "reason": "",
             "estimate": estimate(0.5)} for c in checks]  # fmt: skip
    wrong = contradiction(examined(place, rows))
    if verdict.outcome != "PROMOTE":
        assert wrong
    elif wrong:
        assert "did not check" in wrong  # this gate asks for more than was drawn


def test_this_gate_is_one_of_the_exam(place, tmp_path):
    gate = read_gate(shutil.copy(place.registry.parent / "gate.toml", tmp_path / "gate.toml"))
    assert set(gate.gating) == {"token_f1", "laziness", "abstention"}


def test_a_report_is_read_for_a_promotion_in_one_place():
    assert users("models.promotion.evidence.find_evidence") == {"models/promotion/actions.py"}
    assert users("models.promotion.conclusion.contradiction") == {"models/promotion/admission.py"}
    assert users("models.promotion.record.append") == {"models/promotion/actions.py"}
