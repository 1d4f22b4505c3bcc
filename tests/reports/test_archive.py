"""report.json: written whole, read back as it was, and readable without its cases."""

import json
import tracemalloc
from dataclasses import fields, replace

import pytest

from common.errors import UserError
from evals.calls.store import Store
from models.chat import Answer
from reports.archive import find_report, read_overview, read_report, write_report
from reports.markdown.markdown import markdown
from reports.page.html import render
from reports.report import Overview, Report
from tests.builders.report_data import written
from tests.seams import ROOT, users

EARLIER = ROOT / "tests" / "data" / "equal_exam.json"
"""By an earlier release, which wrote its members in another order."""


@pytest.fixture
def report(sample):
    made = written(sample.cases[:20], {"one": lambda case: Answer("Zebras.", 9, 2, 0.5)})
    return replace(made, notes=('two\nlines\u2028, and a quote ",\n', "a note"))


def overview_of(report):
    return Overview(**{each.name: getattr(report, each.name) for each in fields(Overview)})


def test_a_report_is_read_as_it_was_written(report, tmp_path):
    path = tmp_path / "report.json"
    assert write_report(report, path) == report
    assert read_report(path) == report
    assert read_overview(path) == overview_of(report)


def test_each_text_is_searched_for_secrets_once(report, tmp_path, monkeypatch):
    """Most texts of a report are keys and names, the same in each of 20,000 results."""
    searched = []
    monkeypatch.setattr("reports.archive.outward", lambda text: searched.append(text) or text)
    write_report(report, tmp_path / "report.json")
    assert "answer" in searched and len(searched) == len(set(searched))


def test_a_report_begins_with_its_overview():
    first = [(each.name, each.type) for each in fields(Overview)]
    assert [(each.name, each.type) for each in fields(Report)][: len(first)] == first


def test_an_overview_costs_no_more_in_a_report_of_100_megabytes(report, tmp_path):
    path = tmp_path / "report.json"
    write_report(report, path)
    first, rest = path.read_text().split("\n", 1)
    with path.open("w") as file:
        file.write(f'{first}\n"padding":"')
        for _ in range(100):
            file.write("x" * 1_000_000)
        file.write(f'",{rest}')
    read_overview(path)
    tracemalloc.start()
    try:
        assert read_overview(path) == overview_of(report)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
    path.write_text(f"{first}\nnothing of the rest is looked at")
    assert read_overview(path) == overview_of(report)


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("order", [list, reversed])
def test_members_may_stand_in_any_order(report, tmp_path, indent, order):
    path = tmp_path / "report.json"
    write_report(report, path)
    value = json.loads(path.read_text())
    path.write_text(json.dumps({key: value[key] for key in order(list(value))}, indent=indent))
    assert read_report(path) == report
    assert read_overview(path) == overview_of(report)


def test_a_report_of_an_earlier_release_is_read():
    report, overview = read_report(EARLIER), read_overview(EARLIER)
    assert overview == overview_of(report)
    assert [each.role for each in report.header.models] == ["candidate", "baseline"]
    assert {each.model for each in report.results} == {"careful", "hasty"}
    assert "careful is inconclusive on" in render(report).html
    assert "careful is inconclusive on" in markdown(report).replace("&#95;", "_")


def test_what_is_no_number_is_not_written(report, tmp_path):
    path = tmp_path / "report.json"
    write_report(report, path)
    before = path.read_bytes()
    odd = replace(report, spending=replace(report.spending, seconds=float("nan")))
    with pytest.raises(ValueError, match="JSON"):
        write_report(odd, path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_numbers_without_end_are_no_numbers(report, tmp_path):
    path = tmp_path / "report.json"
    write_report(report, path)
    path.write_text(path.read_text().replace('"seconds":', '"seconds":1e999,"was":', 1))
    for read in (read_report, read_overview):
        with pytest.raises(UserError, match="1e999 is no number"):
            read(path)


def test_a_run_by_its_model_is_not_an_earlier_one_because_the_last_is_torn(report, tmp_path):
    for name in ("20250101-000000-0001", "20250101-000000-0002"):
        write_report(report, tmp_path / name / "report.json")
    model = report.header.models[0].name
    torn = tmp_path / "20250101-000000-0002" / "report.json"
    assert find_report(model, tmp_path) == torn
    torn.write_text(torn.read_text()[:40])
    with pytest.raises(UserError, match=r"-0002.*is not JSON"):
        find_report(model, tmp_path)


def removed(value, *place):
    for key in place[:-1]:
        value = value[key]
    del value[place[-1]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda value: removed(value, "dataset", "name"), "dataset.name: field required"),
        (lambda value: removed(value, "results"), "results: field required"),
        (lambda value: value["results"][3].update(case=20), "no case 20"),
        (lambda value: value["results"][3].update(case=-1), "no case -1"),
        (lambda value: value["results"][3].update(passages=[7]), "or no passage of it"),
        (lambda value: value["results"][3]["scores"].update(token_f1=1e999), "Infinity"),
        (lambda value: value["verdicts"][0].update(outcome="FINE"), "verdicts.0.outcome: "),
        (lambda value: value.update(models="x"), "models: "),
        (lambda value: value.update(gate=[]), "gate: "),
        (lambda value: value.update(schema=2), "schema 2, this reads 1; run the exam again"),
    ],
)
def test_what_was_edited_by_hand_is_refused_in_one_line(report, tmp_path, change, said):
    path = tmp_path / "report.json"
    write_report(report, path)
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match=said) as refused:
        read_report(path)
    assert "\n" not in str(refused.value)


def test_one_module_knows_how_a_report_is_laid_out():
    assert users("reports.archive.members") == set()
    of_no_report = {"comment/place", "comment/posting", "feedback/kept", "review/gold"}
    readers = {"reports/archive.py", *(f"reports/{name}.py" for name in of_no_report)}
    assert {each for each in users("json.loads") if each.startswith("reports/")} == readers


def test_a_store_that_has_a_table_of_runs_is_opened(tmp_path):
    import sqlite3

    path = tmp_path / "s.sqlite"
    Store(str(path)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE runs (key VARCHAR(64) PRIMARY KEY, started TEXT)")
        connection.execute("INSERT INTO runs VALUES ('20260101-010000-aaaa', '2026')")
    connection.close()
    store = Store(str(path))
    assert store.rows("scores", ["k"]) == {}
    store.close()
