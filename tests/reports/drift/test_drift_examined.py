"""`python -m reports.drift --served report.json`: later exams of the same model as service."""

import json
from dataclasses import replace

import pytest

from reports.archive import read_report, write_report
from tests.builders.service import exam


@pytest.fixture
def place(place):
    """Of an exam that noted which model it was."""
    exam(place / "reports" / "runs", identity="5e0c")
    return place


def later(place, month, answer=None, identity="5e0c"):
    """An exam on other contracts, of a month; every answer is `answer`, where that is given."""
    path = exam(place / f"later{month}", identity=identity)
    report = read_report(path)
    header = replace(report.header, id=f"later-{month}", started=f"2026-0{month}-01T00:00:00Z")
    cases = tuple(replace(each, contract=f"{month} {each.contract}") for each in report.cases)
    results = tuple(replace(each, answer=answer or each.answer) for each in report.results)
    write_report(replace(report, header=header, cases=cases, results=results), path)
    return str(path)


def test_later_exams_are_days_of_service(place, look):
    same = [later(place, month) for month in (2, 3, 4)]
    code, out, err = look("--served", *same)
    assert (code, err) == (0, "")
    assert "3 looks at 120 new contracts, 2026-02-01 to 2026-04-01" in out
    code, out, _ = look("--served", *(later(place, month, "Not found.") for month in (2, 3, 4)))
    assert code == 1
    assert "DRIFT since 2026-02-01: abstention: mean 1.00" in out


def test_one_later_exam_is_compared_with_the_exam_alone(place, look):
    code, out, _ = look("--served", later(place, 2))
    assert (code, "beside the exam alone: no signal" in out) == (0, True)
    path = later(place, 2, "Not found.")
    code, out, _ = look("--served", path)
    assert code == 1
    assert "40 contracts, 2026-02-01 to 2026-02-01, beside the exam alone: abstention with" in out
    told = json.loads(look("--served", path, "--json")[1])
    (direct,) = told["direct"]
    assert direct["p_values"]["abstention"] <= direct["bar"] < direct["p_values"]["question_mmd"]
    assert all(each["evidence"] < told["threshold"] for each in told["signals"])


def test_the_exam_itself_and_one_of_another_model_tell_nothing(place, look):
    own = "reports/runs/20260101-000000-abcd/report.json"
    code, out, _ = look("--served", own, later(place, 2, identity="aaaa"))
    assert code == 3
    assert "120 are about contracts that were there before" in out
    assert "left out: 120 of the model before it was changed (another identity)" in out


def test_a_report_that_is_none_is_one_line(place, look):
    (place / "report.json").write_text("{}")
    for path in ("report.json", "nowhere/report.json"):
        code, out, err = look("--served", path)
        assert (code, out) == (4, "")
        assert err.startswith("ERROR: ")
        assert err.count("\n") == 1
