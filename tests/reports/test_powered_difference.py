"""Candidate minus champion by people, from few labels: right whatever the judge favours."""

import math

import numpy as np
import pytest

from bench.judged_world import JudgedWorld, judged_exam
from reports.statistics.intervals import cluster_mean
from reports.statistics.powered_difference import prediction_powered_difference


def columns(drawn, *, labelled=None, same=None):
    """What the function takes of a simulated exam."""
    known = drawn.labelled if labelled is None else labelled
    judge = (drawn.judge.astype(float) - drawn.of_champion).tolist()
    people = drawn.candidate.astype(float) - drawn.champion
    human = [score if seen else None for score, seen in zip(people.tolist(), known, strict=True)]
    alike = [False] * len(judge) if same is None else same.tolist()
    return judge, human, alike, drawn.contracts


def test_nothing_is_said_of_what_nobody_labelled():
    drawn = judged_exam(JudgedWorld(), (0,))
    with pytest.raises(ValueError, match="differ"):
        prediction_powered_difference(*columns(drawn, same=np.ones(len(drawn.members), bool)))
    with pytest.raises(ValueError, match="cases"):
        prediction_powered_difference([0.1, 0.2], [0.1, None], [False], ["a", "b"])


def test_labels_of_all_cases_and_of_those_that_differ_say_the_same():
    """People label nothing where both models gave the same answer: it is worth the same."""
    world = JudgedWorld(contracts=100, labels=1000)
    drawn = judged_exam(world, (1,))
    same = drawn.candidate == drawn.champion
    everywhere = prediction_powered_difference(*columns(drawn, same=same))
    where_they_differ = prediction_powered_difference(
        *columns(drawn, labelled=drawn.labelled & ~same, same=same)
    )
    assert everywhere.estimate == where_they_differ.estimate
    assert everywhere.estimate.mean == pytest.approx(world.difference, abs=0.03)


def test_labels_of_differing_answers_alone_do_not_pass_for_all():
    """Without knowing that the others are alike the difference would be five times as large."""
    drawn = judged_exam(JudgedWorld(contracts=100, labels=2000, difference=-0.1), (2,))
    same = drawn.candidate == drawn.champion
    found = prediction_powered_difference(
        *columns(drawn, labelled=drawn.labelled & ~same, same=same)
    )
    people = (drawn.candidate.astype(float) - drawn.champion)[~same]
    assert people.mean() < -0.4
    assert found.estimate.low > -0.2
    assert found.estimate.low < -0.1 < found.estimate.high


def test_the_other_way_round_is_the_opposite():
    drawn = judged_exam(JudgedWorld(difference=-0.1), (3,))
    same = (drawn.candidate == drawn.champion) & (np.arange(len(drawn.members)) % 2 == 0)
    judge, human, alike, contracts = columns(drawn, same=same)
    one = prediction_powered_difference(judge, human, alike, contracts).estimate
    turned = prediction_powered_difference(
        [-score for score in judge], [None if s is None else -s for s in human], alike, contracts
    ).estimate
    for end, other in (("mean", "mean"), ("low", "high"), ("high", "low")):
        assert getattr(turned, end) == pytest.approx(-getattr(one, other))


def test_a_judge_that_favours_the_candidate_is_corrected():
    """It passes a fifth of the candidate's wrong answers more: its difference misses, ours not."""
    world = JudgedWorld(contracts=60, labels=300, bias=0.2, difference=-0.05)
    held = misled = 0
    for seed in range(60):
        drawn = judged_exam(world, (seed,))
        found = prediction_powered_difference(*columns(drawn))
        plain = cluster_mean(columns(drawn)[0], drawn.contracts, kind="difference")
        held += found.estimate.low <= world.difference <= found.estimate.high
        misled += plain.low > world.difference
    assert held / 60 > 0.9 - 3 * math.sqrt(0.09 / 60)
    assert misled / 60 > 0.4


@pytest.mark.parametrize(
    "world",
    [JudgedWorld(labels=30), JudgedWorld(labels=100, labelled=15, uneven=True, sensitivity=0.95)],
    ids=["thirty labels", "a few contracts hold them"],
)
def test_nine_in_ten_intervals_hold_the_truth(world):
    held = 0
    for seed in range(150):
        found = prediction_powered_difference(*columns(judged_exam(world, (seed,))))
        held += found.estimate.low <= world.difference <= found.estimate.high
    assert held / 150 > 0.9 - 3 * math.sqrt(0.09 / 150)
