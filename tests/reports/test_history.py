"""The history: runs, changes between them, the page, and flaky cases."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from reports.archive import kept_reports
from reports.feedback.satisfaction import Satisfaction
from reports.history import runs as events
from reports.history.__main__ import main
from reports.history.flaky import Flakiness, find_flaky
from reports.history.page import render
from reports.history.runs import Mark, in_order, marks, of_model, ran
from reports.history.trend import MOST, trend, trend_chart
from reports.statistics.estimates import Estimate
from tests.builders.run_data import contents, put, written

CASES = contents(contracts=4)
FRESH = CASES | {"c0__q0": "new"}
HOSTILE = "<script>alert(1)</script>[bold]{{ 7*7 }}"


def at(day):
    return f"202601{day:02}-010000-aaaa"


def taken(level, cases=CASES):
    return {
        case: {"token_f1": level + 0.01 * number, "hit@5": 1.0, "abstention": None}
        for number, case in enumerate(cases)
    }


@pytest.fixture
def place(tmp_path):
    """The reports of three runs, of which the last is on other data."""
    values = [
        written(at(1), {"smol": taken(0.2), "king": taken(0.4)}, roles={"king": "champion"},
                verdicts={"smol": "REJECT"}, cases=CASES),
        written(at(2), {"dpo": taken(0.6)}, CASES, verdicts={"dpo": "PROMOTE"}),
        written(at(3), {"dpo": taken(0.5, FRESH)}, FRESH, verdicts={"dpo": "INCONCLUSIVE"}),
    ]  # fmt: skip
    for value in values:
        put(tmp_path / "runs", value)
    return tmp_path


def runs_of(place):
    return ran(kept_reports(place / "runs"))


def flaky_of(runs):
    return find_flaky(list(kept_reports(runs)))


@pytest.fixture
def promoted(monkeypatch):
    """One promotion between the second and third run; the record itself has its own tests."""
    record = SimpleNamespace(when="2026-01-02T09:00:00Z", kind="promotion", model="dpo")
    monkeypatch.setattr(events, "read_records", lambda folder: (record,))


def words(place, *more):
    return ["--runs", str(place / "runs"), "--models", str(place), *more]


def printed(place, capsys, *more):
    assert main(words(place, *more)) == 0
    return capsys.readouterr().out


def refused(place, capsys, *more):
    assert main(words(place, *more)) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_runs_come_in_order_of_time(place):
    runs = runs_of(place)
    assert [run.id for run in runs] == [at(1), at(2), at(3)]
    first = runs[0].shown
    assert [(each.model, each.role, each.outcome) for each in first] == [
        ("smol", "candidate", "REJECT"),
        ("king", "champion", ""),
    ]
    summary = json.loads((place / "runs" / at(1) / "report.json").read_text())["summary"][0]
    expected = summary["estimates"]["token_f1"]
    found = first[0].estimates["token_f1"]
    assert {key: getattr(found, key) for key in expected} == expected


def test_changes_stand_where_they_happened(place, promoted):
    runs = runs_of(place)
    events = in_order(runs, marks(runs, place))
    kinds = [event.kind if isinstance(event, Mark) else event.id for event in events]
    assert kinds == [at(1), at(2), "champion", "data", at(3)]
    assert re.fullmatch(r"data: sample changed from \w{8} to \w{8}", events[3].words)
    assert events[2].words == "promotion: dpo is champion"


def test_two_data_sets_in_turn_are_no_change(place):
    runs = runs_of(place)
    first, second, third = (replaced(run, name) for run, name in zip(runs, "aba", strict=True))
    assert marks((first, second), place) == ()
    assert len(marks((first, second, third), place)) == 1


def replaced(run, dataset):
    return replace(run, dataset=dataset)


def test_the_table(place, promoted, capsys):
    text = printed(place, capsys)
    rows = [line.split() for line in text.splitlines()]
    smol = next(row for row in rows if "smol" in row)
    assert smol[:2] == ["2026-01-01", "01:00"]
    assert "0.255" in smol
    assert rows[rows.index(smol) + 1][2] == "REJECT"
    king = next(row for row in rows if "king" in row)
    assert rows[rows.index(king) + 1][2] == "champion"
    assert "promotion: dpo is champion" in text
    assert "abstention" not in text  # never scored
    assert "flaky: 0 of 11 cases" in text  # dpo took all but the changed one twice


def test_one_model_and_one_metric(place, promoted, capsys):
    text = printed(place, capsys, "--model", "dpo", "--metric", "token_f1")
    assert "smol" not in text
    assert "hit@5" not in text
    assert "  dpo~1 " in text
    assert "  dpo " in text
    assert "did you mean dpo?" in refused(place, capsys, "--model", "dop")
    assert "did you mean token_f1?" in refused(place, capsys, "--metric", "tokenf1")
    assert len(of_model(runs_of(place), "dpo")) == 2


def test_no_runs_yet(tmp_path, capsys):
    said = refused(tmp_path, capsys)
    assert f"no runs yet in {tmp_path / 'runs'}; type `pytest evals`" in said


def test_a_tampered_promotion_record_is_one_line(place, capsys):
    (place / "promotions.jsonl").write_text("{}\n")
    assert "promotions.jsonl" in refused(place, capsys)


def test_a_page_that_cannot_be_written(place, capsys):
    assert main(words(place, "--html", str(place / "runs"))) == 4
    error = capsys.readouterr().err
    assert error.startswith(f"ERROR: {place / 'runs'} cannot be written")
    assert error.count("\n") == 1


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def drawings(page):
    """The page's SVG elements, parsed as XML: what is not well-formed fails."""
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def test_the_page(place, promoted, capsys):
    target = place / "out" / "history.html"
    assert str(target) in printed(place, capsys, "--html", str(target)).replace("\n", "")
    page = target.read_text()
    tags = Tags(page).found
    assert not [tag for tag, _ in tags if tag in ("script", "link", "img", "iframe")]
    assert not [a for _, a in tags if "src" in a or not a.get("href", "#").startswith("#")]
    charts = drawings(page)
    assert [chart.get("aria-label") for chart in charts] == [
        "token_f1 over 3 runs", "hit@5 over 3 runs"
    ]  # fmt: skip
    assert page.count("promotion: dpo is champion") == 3  # in the words of each chart, and a table
    run = runs_of(place)[1].shown[0].estimates["token_f1"]
    assert f"2026-01-02 {run:.3f}" in page and f"<td>{run}</td>" in page


def test_a_page_without_a_path_lies_beside_the_runs(place, promoted, capsys, monkeypatch):
    monkeypatch.chdir(place)
    assert "reports/history.html" in printed(place, capsys, "--html")
    assert (place / "reports" / "history.html").is_file()


def test_a_trend_holds_every_run_and_what_changed_between(place, promoted):
    runs = runs_of(place)
    found = trend(in_order(runs, marks(runs, place)), "token_f1")
    assert list(found.lines) == ["dpo on sample", "smol on sample", "king on sample"]
    places = {name: [point.at for point in points] for name, points in found.lines.items()}
    assert places == {"dpo on sample": [1, 2], "smol on sample": [0], "king on sample": [0]}
    assert [(at, mark.kind) for at, mark in found.marks] == [(2, "champion"), (2, "data")]


def test_of_many_runs_the_last_are_drawn(place):
    (first, *_) = runs_of(place)
    many = [replace(first, when=f"{2000 + n}-01-01T00:00:00Z") for n in range(MOST + 7)]
    changed = Mark("2003-06-01T00:00:00Z", "champion", "long ago")
    found = trend(in_order(many, [changed]), "token_f1")
    assert found.times[0] == many[7].when and len(found.times) == MOST and found.marks == ()
    assert "7 earlier runs are not drawn." in trend_chart(many, "token_f1").note
    assert trend_chart(many, "token_f1") == trend_chart(many, "token_f1")


def test_satisfaction_is_drawn_where_there_is_some():
    likes = [
        Satisfaction(f"2026-0{n}-01", "m", Estimate(0.5 + n / 10, None, None, 9, 1)) for n in (1, 2)
    ]
    page = render([], [], Flakiness((), 0, 0), likes)
    assert "m: 2026-01-01 0.600, 2026-02-01 0.700" in page
    assert "No metric was measured." in page and "In service" not in render(
        [], [], Flakiness((), 0, 0)
    )


def test_hostile_names_stay_text(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    put(tmp_path / "runs", written(at(1), {HOSTILE: taken(0.2)}, CASES))
    target = tmp_path / "h.html"
    text = printed(tmp_path, capsys, "--html", str(target))
    assert "[bold]" in text
    page = target.read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;[bold]{{ 7*7 }}" in page


def repeats(folder, *levels, **changes):
    for day, level in enumerate(levels, start=1):
        rows = {case: {"token_f1": 0.9, "abstention": None} for case in CASES}
        rows["c1__q1"]["token_f1"] = level
        rows["c2__q1"]["token_f1"] = 0.1
        put(folder, written(at(day), {"m": rows}, CASES, **changes.get(f"day{day}", {})))


def test_a_case_missed_in_one_run_and_not_in_another_is_flaky(tmp_path):
    repeats(tmp_path, 0.4, 0.6, 0.49)
    found = flaky_of(tmp_path)
    (case,) = found.cases
    assert (case.model, case.slug, case.missed, case.runs) == ("m", "c1--q1", 2, 3)
    assert (found.repeated, found.unreadable) == (len(CASES), 0)


@pytest.mark.parametrize(
    "unlike",
    [
        {"identities": {"m": "retrained"}},
        {"fingerprint": {"retriever": "another"}},
        {"gate": {"alpha": 0.05, "metrics": {}, "pass_marks": {"token_f1": 0.3}}},
    ],
)
def test_other_models_retrievers_and_marks_are_no_repeat(tmp_path, unlike):
    repeats(tmp_path, 0.4, 0.6, day2=unlike)
    assert (flaky_of(tmp_path).cases, flaky_of(tmp_path).repeated) == ((), 0)


def test_a_changed_case_and_a_failed_answer_are_no_repeat(tmp_path):
    repeats(tmp_path, 0.4, 0.6)
    path = tmp_path / at(2) / "report.json"
    value = json.loads(path.read_text())
    value["cases"][list(CASES).index("c1__q1")]["identity"] = "changed"
    put(tmp_path, value)
    assert flaky_of(tmp_path).cases == ()
    repeats(tmp_path, 0.4, 0.6)
    value = json.loads(path.read_text())
    for row in value["results"]:
        row["error"] = "timeout"
    put(tmp_path, value)
    assert flaky_of(tmp_path).repeated == 0


def test_unreadable_reports_are_counted(tmp_path, capsys):
    repeats(tmp_path / "runs", 0.4, 0.6)
    for name, text in (("20260108", ""), ("20260109", '{"schema":0}')):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "report.json").write_text(text)
    assert flaky_of(tmp_path / "runs").unreadable == 2
    text = printed(tmp_path, capsys)
    assert "flaky: 1 of 12 cases" in text
    assert "m: c1--q1 missed in 1 of 2 runs" in text
    assert "2 reports could not be read" in text
