"""The simulated teams, and a run of their benchmark small enough for a test."""

import numpy as np
import pytest

from bench import alignment
from bench.__main__ import RESULTS
from bench.alignment import INCOMPLETE, PAGE, TEAMS, labelled, measure
from bench.results import read_sections
from evals.judges.pairs import read_pairs

PAIRS = [pair for pair in read_pairs() if pair.expected]


@pytest.mark.parametrize("team", TEAMS)
def test_a_team_scores_from_0_to_1_and_otherwise_than_the_labels_as_it_is_called(team):
    given = labelled(PAIRS, team, np.random.default_rng(1))
    rubric = np.asarray([pair.score for pair in PAIRS])
    incomplete = np.asarray([pair.kind in INCOMPLETE for pair in PAIRS])
    assert given.min() >= 0 and given.max() <= 1
    change = given - rubric
    sign = {"like the rubric": 0, "more lenient": 1}.get(team, -1)
    assert np.sign(round(float(change.mean()) / 0.1)) == sign
    assert (change[incomplete].mean() < -0.2) == (team == "asks for completeness")
    assert abs(change[rubric == 1].mean()) < 0.06


def test_a_small_run_fills_the_table(tmp_path, monkeypatch):
    monkeypatch.setattr(alignment, "SIZES", (30,))
    monkeypatch.setattr(alignment, "TIMES", 2)
    page = tmp_path / "judges.md"
    page.write_text("Before.\n<!-- align: begin --><!-- align: end -->\nAfter.\n")
    monkeypatch.setattr(alignment, "PAGE", page)
    table = measure(tmp_path).table
    rows = table.splitlines()
    assert table in page.read_text() and page.read_text().endswith("\nAfter.\n")
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[2:]] == list(TEAMS)
    assert len({row.count("|") for row in rows}) == 1


def test_the_page_of_judges_has_the_table_that_was_measured():
    measured = read_sections(RESULTS.read_text(encoding="utf-8"))["align"]
    table = [line for line in measured.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(TEAMS) * len(alignment.SIZES)
    assert "\n".join(table) in PAGE.read_text(encoding="utf-8")
