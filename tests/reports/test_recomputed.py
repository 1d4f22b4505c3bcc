"""A promotion computes the verdict again: no number of a report can be changed to move it.

Each edit is sealed anew, as whoever edits a report would.
"""

import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from models.promotion.record.file import read_records
from models.promotion.refused import RefusedError
from reports.evidence.verdict import judged_again
from tests.builders.promotion_data import (
    READING,
    dynasty,
    edit,
    identity_of,
    make_place,
    promoted,
    seal,
    write_report,
)
from tests.seams import users

ID = "20260105-000000-aaaa"


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    """A place with a champion a and the report that promotes b over it, `original.json`."""
    place = make_place(tmp_path_factory.mktemp("place") / "x", "a", "b", "c")
    dynasty(place, "a")
    write_report(place, "b", against="a", id_=ID).rename(place.runs / "original.json")
    return place


def original(exam):
    return json.loads((exam.runs / "original.json").read_text())


def written(exam, change=lambda value: None):
    """The report with a change, sealed anew."""
    path = exam.runs / ID / "report.json"
    shutil.copy(exam.runs / "original.json", path)
    edit(path, change)
    seal(path)
    return path


def judged(exam, change=lambda value: None):
    """The evidence that a promotion would stand on."""
    path = written(exam, change)
    return judged_again(READING.find("b", identity_of(exam, "b"), exam.runs, path), exam.registry)


def refusal(exam, change):
    with pytest.raises(RefusedError) as caught:
        judged(exam, change)
    line = str(caught.value)
    assert "\n" not in line and "pytest evals --model b --baseline champion" in line
    return line


def test_a_report_as_the_exam_wrote_it_comes_to_the_same(exam):
    found, value = judged(exam), original(exam)
    assert found.verdict.outcome == "PROMOTE"
    assert list(found.verdict.checks) == value["verdicts"][0]["checks"]
    assert found.estimates == value["summary"][0]["estimates"]


def row(value, model="b", right=True):
    """The first answer of a model that is right, or wrong."""
    return next(
        each for each in value["results"]
        if each["model"] == model and (each["scores"]["token_f1"] == 1.0) == right
    )  # fmt: skip


def double_case(value):
    value["cases"].append(value["cases"][0])
    value["results"].append(value["results"][0] | {"case": len(value["cases"]) - 1})


def lose_case(value):
    wrong = row(value, right=False)["case"]
    del value["cases"][wrong]
    rows = [each for each in value["results"] if each["case"] != wrong]
    value["results"] = [each | {"case": each["case"] - (each["case"] > wrong)} for each in rows]


def swap_models(value):
    for each in value["results"]:
        each["model"] = {"a": "b", "b": "a"}[each["model"]]


EDITS = {
    "an answer": (lambda v: row(v).update(answer="the parties"), "token_f1 of the answer of b"),
    "a wrong answer": (
        lambda v: row(v, right=False).update(answer=v["cases"][0]["expected"][0]["text"]),
        "token_f1 of the answer of b",
    ),
    "the champion's answer": (
        lambda v: row(v, "a").update(answer="the parties"), "token_f1 of the answer of a",
    ),
    "a score": (lambda v: row(v, right=False)["scores"].update(token_f1=1.0), "says 1"),
    "a score that is gone": (lambda v: row(v, right=False)["scores"].clear(), "token_f1 of"),
    "a score that is none": (
        lambda v: row(v, right=False)["scores"].update(token_f1=None), "says unscored",
    ),
    "a gold": (
        lambda v: v["cases"][0]["expected"].append({"text": "the parties", "start": 0}),
        "is not what it is in the data set",
    ),
    "a question": (lambda v: v["cases"][0].update(question="?"), "is not what it is in the data"),
    "a case less": (lose_case, "59 cases where the exam asks 60"),
    "a case twice": (double_case, "61 cases where the exam asks 60"),
    "an answer less": (lambda v: v["results"].pop(), "one answer of each of b, a to every case"),
    "an answer twice": (
        lambda v: v["results"].append(v["results"][0]), "one answer of each of b, a",
    ),
    "results of another": (swap_models, "one answer of each"),
    "a check": (
        lambda v: v["verdicts"][0]["checks"][0].update(outcome="FAIL"), "it is PASS of token",
    ),
    "a check less": (lambda v: v["verdicts"][0]["checks"].pop(), "it says nothing"),
    "a check more": (
        lambda v: v["verdicts"][0]["checks"].append(v["verdicts"][0]["checks"][0]), "it is nothing",
    ),
    "the anchor": (lambda v: v["verdicts"][0].update(improves_anchor=True), "improves_anchor"),
    "the champion": (lambda v: v["verdicts"][0].update(champion=None), "champion"),
    "a summary": (
        lambda v: v["summary"][0]["estimates"]["token_f1"].update(mean=0.9), "its summary says",
    ),
    "an exception": (
        lambda v: v.update(exceptions=[{"model": "b", "cases": 9, "example": "x"}]),
        "INCONCLUSIVE (exceptions in 9 of 60",
    ),
    "a contract left out": (
        lambda v: v["dataset"].update(left_out=["Agreement 3"]), "it left out other contracts",
    ),
    "cases picked": (
        lambda v: v["dataset"].update(contracts=["Agreement"]), "the cases were picked",
    ),
    "a limit": (lambda v: v["dataset"].update(limit=20), "60 cases where the exam asks 20"),
    "a look": (lambda v: v.update(look=1), "60 cases where the exam asks 15"),
    "a look that is none": (lambda v: v.update(look=9), "look 9 of 4"),
    "the data set": (lambda v: v["dataset"].update(identity="d" * 64), "is not the data set"),
    "a data set that is gone": (
        lambda v: v["dataset"].update(source="nowhere.json"), "--dataset PATH",
    ),
    "the risk": (lambda v: v["gate"].update(alpha=0.5), "another alpha than the exam"),
    "the risk of the file": (
        lambda v: v["gate"].update(nominal_alpha=0.5), "another nominal_alpha than",
    ),
    "a margin": (
        lambda v: v["gate"]["metrics"]["token_f1"].update(margin=0.9), "another metrics than",
    ),
    "a verdict on another": (
        lambda v: v["verdicts"].append(v["verdicts"][0] | {"model": "c"}),
        "judges c, which it did not examine",
    ),
    "no source": (lambda v: v["dataset"].update(source=""), "by an earlier release"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "said"), EDITS.values(), ids=EDITS.keys())
def test_an_edit_is_refused_and_named(exam, change, said):
    if said == "--dataset PATH":
        with pytest.raises(RefusedError, match=said):
            judged(exam, change)
    else:
        assert said in refusal(exam, change)


@pytest.mark.parametrize("number", [0, -1, -5, 10**10, 10**400, "", 0.5])
@pytest.mark.parametrize("place", ["tries", "limit", "look", "examined_cases"])
def test_a_count_that_nobody_can_count_to_is_one_line(exam, place, number):
    """Each of them divides, bounds or indexes something."""

    def change(value):
        {
            "tries": value["verdicts"][0]["champion"],
            "limit": value["dataset"],
            "look": value,
            "examined_cases": value["dataset"],
        }[place][place] = number

    with pytest.raises(UserError) as caught:
        judged(exam, change)
    assert "\n" not in str(caught.value)


def test_passages_that_no_contract_holds_are_refused(exam):
    def quote(value):
        value["passages"] = [{"contract": "Agreement 0", "start": 0, "end": 9, "text": "Fee 9 of"}]
        value["results"][0]["passages"] = [0]

    assert "does not stand in its contract at 0 to 9" in refusal(exam, quote)


def numbers(value, place=()):
    """The places of all numbers of a JSON value."""
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield place
    rows = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else rows:
        yield from numbers(each, (*place, key))


ODD = [-1, 0, 0.5, 1, 7, 10**9, 1e308, 10**30, -(10**400), None, "", True]
OTHER_MEANS = ("categories", "contracts", "performance", "spending", "differences")
"""Members that show more means than those that decide, and times."""


@given(data=st.data())
@settings(max_examples=60)
def test_no_number_can_be_changed_to_another_verdict(exam, data):
    """Whatever number is changed: the promotion is refused, or stands on what it stood on."""
    places = [p for p in numbers(original(exam)) if p[0] not in OTHER_MEANS]
    chosen = data.draw(st.sampled_from(places))
    number = data.draw(st.sampled_from(ODD) | st.floats(0, 1))

    def change(value):
        for key in chosen[:-1]:
            value = value[key]
        value[chosen[-1]] = number

    before = judged(exam)
    try:
        found = judged(exam, change)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert (found.verdict, found.estimates) == (before.verdict, before.estimates)


DEEP = {
    "unknown": lambda value, deep: value.update(unknown=deep),
    "provenance": lambda value, deep: value["provenance"].update(more=deep),
    "gate": lambda value, deep: value["gate"].update(more=deep),
    "model": lambda value, deep: value["models"][0].update(more=deep),
    "result": lambda value, deep: value["results"][0].update(more=deep),
    "check": lambda value, deep: value["verdicts"][0]["checks"][0].update(more=deep),
    "estimate": lambda value, deep: value["summary"][0]["estimates"].update(more=deep),
    "sections": lambda value, deep: value.update(sections=deep),
}


@pytest.mark.parametrize("depth", [50, 400, 800, 900, 990, 100_000])
@pytest.mark.parametrize("place", DEEP)
def test_what_is_nested_deeply_is_passed_over_or_one_line(exam, place, depth):
    """Where a report may say more than is read; JSON has no depth, and every reader has one."""
    path = written(exam, lambda value: DEEP[place](value, "HERE"))
    path.write_text(path.read_text().replace('"HERE"', "[" * depth + "]" * depth))
    try:
        found = judged_again(READING.find("b", identity_of(exam, "b"), exam.runs), exam.registry)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert found.verdict.outcome == "PROMOTE"


def test_what_is_recorded_is_what_was_computed(exam, tmp_path):
    place = make_place(tmp_path / "x", "a")
    path = write_report(place, "a")
    edit(path, lambda value: value["verdicts"][0]["checks"][0].update(reason="because I say so"))
    seal(path)
    promoted("a", place)
    (record,) = read_records(place.folder)
    assert record.statistics["checks"][0]["reason"].startswith("token_f1 0.867 [")


def test_a_data_set_whose_contracts_changed_is_refused(exam, tmp_path):
    moved = tmp_path / "data.json"
    shutil.copy(exam.registry.parent / "data.json", moved)
    found = READING.find("b", identity_of(exam, "b"), exam.runs, written(exam))
    assert judged_again(found, exam.registry, str(moved)).verdict.outcome == "PROMOTE"
    moved.write_text(moved.read_text().replace("is 2 dollars", "is 9 dollars"))
    with pytest.raises(RefusedError, match="is not the data set"):
        judged_again(found, exam.registry, str(moved))


def test_a_verdict_is_computed_again_in_one_place():
    assert users("reports.evidence.verdict.judged_again") == {"models/promote.py"}
    doors = {"models/promote.py", "models/approve.py"}  # what is approved is what is promoted
    assert users("reports.evidence.last_exam.find_evidence") == doors
    assert users("models.promotion.record.file.append") == {"models/promotion/actions.py"}
