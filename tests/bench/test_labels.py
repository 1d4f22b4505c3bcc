"""The simulation of few labels: of the very functions, and its page says what it found."""

from dataclasses import replace

import numpy as np
import pytest

from bench import labels
from bench.judged_world import JudgedWorld, judged_exam
from reports.statistics.estimates import Estimate

WORLD = JudgedWorld(200, 20, 1000, 0.9, 0.8, bias=0.1, difference=-0.05)


def test_a_world_is_what_it_says():
    drawn = [judged_exam(WORLD, (seed,)) for seed in range(10)]
    right = np.concatenate([each.candidate for each in drawn])
    champion = np.concatenate([each.champion for each in drawn])
    judge = np.concatenate([each.judge for each in drawn])
    of_champion = np.concatenate([each.of_champion for each in drawn])
    assert right.mean() == pytest.approx(WORLD.candidate, abs=0.01)
    assert right.mean() - champion.mean() == pytest.approx(-0.05, abs=0.01)
    assert (right != champion).mean() == pytest.approx(WORLD.discordance, abs=0.01)
    assert judge[right].mean() == pytest.approx(0.9, abs=0.01)
    assert judge[~right].mean() == pytest.approx(0.2 + 0.1, abs=0.015)
    assert of_champion[~champion].mean() == pytest.approx(0.2, abs=0.015)
    assert {each.labelled.sum() for each in drawn} == {1000}


def test_uneven_labels_lie_in_a_few_contracts():
    world = replace(WORLD, labels=100, labelled=15, uneven=True)
    drawn = judged_exam(world, (0,))
    held = np.bincount(drawn.members[drawn.labelled], minlength=200)
    assert (held > 0).sum() <= 15
    assert held.max() > 2 * held.sum() / 15
    assert world.sizes.max() > 5 * np.median(world.sizes)


def test_a_tally_counts_what_holds_and_what_is_not_there():
    tally = labels.Tally(0.5)
    for found in (Estimate(0.5, 0.4, 0.6, 9, 3), Estimate(0.8, 0.7, 0.9, 9, 3), None):
        tally.add(found)
    assert tally.share == 0.5
    assert str(tally) == "50.0%, 0.200, none in 33%"


def test_the_page_is_written_and_a_broken_promise_is_missed(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("before <!-- labels: begin -->old<!-- labels: end --> after")
    monkeypatch.setattr(labels, "WORLDS", (JudgedWorld(20, 10, 40),))
    found = labels.measure(page, exams=12)
    assert len(found.rows) == 3
    text = page.read_text()
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert text.count("| 40 labels, 20 x 10, judge 0.85 / 0.85 |") == 2
    monkeypatch.setattr(labels, "LEAST", 1.1)
    assert len(labels.measure(page, exams=12).missed) == 3
