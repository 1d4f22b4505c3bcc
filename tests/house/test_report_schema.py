"""The published schema of report.json, and what the classes and the reader say."""

import copy
import json

import pytest
from jsonschema import Draft202012Validator

from common.errors import UserError
from models.chat import Answer
from reports.archive import read_report, write_report
from reports.schema import FILE, PAGE, page, report_schema, written
from tests.builders.report_data import written as concluded
from tests.seams import ROOT

AGAIN = "type `python -m reports.schema`"


def schema():
    return json.loads(FILE.read_text(encoding="utf-8"))


def faults(value):
    return [fault.message for fault in Draft202012Validator(schema()).iter_errors(value)]


def test_it_is_what_the_classes_say():
    assert FILE.read_text(encoding="utf-8") == written(), AGAIN
    assert PAGE.read_text(encoding="utf-8") == page(), AGAIN


def test_it_is_a_schema_and_says_what_every_member_means():
    Draft202012Validator.check_schema(schema())
    silent = [name for name, about in report_schema()["properties"].items() if len(about) < 2]
    assert silent == ["schema"]


@pytest.fixture
def new(sample, tmp_path):
    report = concluded(sample.cases[:20], {"one": lambda case: Answer("Zebras.", 9, 2, 0.5)})
    write_report(report, tmp_path / "report.json")
    return json.loads((tmp_path / "report.json").read_text())


def test_a_report_of_today_and_one_of_an_earlier_release_are_valid(new):
    old = json.loads((ROOT / "tests" / "data" / "equal_exam.json").read_text())
    assert "look" not in old, "nor is it of today"
    assert faults(new) == faults(old) == []


def test_what_a_registry_entry_or_a_gate_file_adds_is_valid(new):
    new["models"][0]["kind"] = "local"
    new["gate"]["of_ours"] = {"any": ["thing"]}
    assert faults(new) == []


def test_required_is_what_the_reader_cannot_do_without(new, tmp_path):
    path = tmp_path / "less.json"
    for name in {*schema()["properties"]} & {*new}:
        less = {key: value for key, value in new.items() if key != name}
        path.write_text(json.dumps(less))
        if name in schema()["required"]:
            assert faults(less), name
            with pytest.raises(UserError):
                read_report(path)
        else:
            assert faults(less) == [], name
            read_report(path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), 2),
        (("results", 0, "scores", "token_f1"), "high"),
        (("results", 0, "repeats"), 0),
        (("verdicts", 0, "outcome"), "MAYBE"),
        (("dataset", "examined_cases"), -1),
        (("models",), {}),
    ],
)
def test_what_the_reader_refuses_is_not_valid(new, tmp_path, place, value):
    changed = copy.deepcopy(new)
    part = changed
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    assert faults(changed)
    with pytest.raises(UserError):
        read_report(tmp_path / "changed.json")
