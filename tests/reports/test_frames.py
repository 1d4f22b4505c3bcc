"""`reports.read`: the frames that a notebook gets."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest

import reports
from common.errors import UserError
from models.chat import Answer
from reports.archive import write_report
from reports.frames.columns import COLUMNS
from tests.builders.report_data import written
from tests.seams import ROOT


@pytest.fixture(scope="module")
def runs(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    say = {
        "one": lambda case: Answer(case.spans[0].text if case.spans else "Not found.", 9, 2, 0.5),
        "two": lambda case: Answer("", 0, 0, 0.0, error="timed out"),
    }
    report = written(sample.cases[:30], say)
    write_report(report, folder / report.header.id / "report.json")
    sealed = replace(report, cases=(), results=(), passages=(), contracts=(), categories=())
    write_report(sealed, folder / "20250101-000000-0000" / "report.json")
    return folder


def frames(found):
    return {name: getattr(found, name) for name in COLUMNS}


@pytest.mark.parametrize("run", ["one", "one~1"])
def test_every_frame_has_the_documented_columns_with_and_without_rows(runs, run):
    for name, frame in frames(reports.read(run, runs)).items():
        kinds = {column: str(kind) for column, kind in frame.dtypes.items()}
        assert kinds == {column: about.kind for column, about in COLUMNS[name].items()}


def test_frames_hold_what_the_report_holds(runs):
    found = reports.read("one", runs)
    report = found.report
    assert len(found.cases) == len(report.cases) == 30
    assert len(found.answers) == len(report.results) == 60
    assert len(found.scores) == sum(len(each.scores) for each in report.results)
    assert len(found.checks) == sum(len(each.checks) for each in report.verdicts) > 0
    assert list(found.cases.expected) == [tuple(s.text for s in c.expected) for c in report.cases]
    assert set(found.answers.query("model == 'two'").error) == {"timed out"}
    assert found.answers.query("model == 'one'").error.isna().all()


def test_means_of_scores_are_those_of_the_report(runs):
    found = reports.read("one", runs)
    means = found.scores.groupby(["model", "metric"], observed=True).value.mean()
    counts = found.scores.groupby(["model", "metric"], observed=True).value.count()
    listed = found.estimates.query("of == 'all'")
    assert len(listed) > 5
    for row in listed.itertuples():
        if not math.isnan(row.mean):
            assert means[row.model, row.metric] == pytest.approx(row.mean)
            assert counts[row.model, row.metric] == row.n


def test_unscored_is_missing_and_no_zero(runs):
    scores = reports.read("one", runs).scores
    unscored = scores[scores.value.isna()]
    assert len(unscored) > 0
    assert unscored.passed.isna().all() and unscored.reason.notna().all()


def test_a_mark_is_passed_as_the_report_says(runs):
    found = reports.read("one", runs)
    for row in found.scores.dropna(subset="passed").itertuples():
        assert row.passed == found.report.passes(row.metric, row.value)


def test_a_run_that_is_not_there_is_the_line_of_every_command(runs):
    with pytest.raises(UserError, match="no run three"):
        reports.read("three", runs)


def test_whoever_imports_the_room_pays_for_no_notebook():
    script = "import sys, reports; print({'pandas', 'pydantic'} & {*sys.modules})"
    line = [sys.executable, "-c", script]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"
