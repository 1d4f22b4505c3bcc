"""A rate that an imperfect judge counted: corrected, bounded over both samples, or not defined."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.judged_world import JudgedWorld, judged_exam
from reports.statistics.corrected import Calibration, corrected_rate
from reports.statistics.intervals import cluster_mean


def names(count, each=10):
    return [f"contract {place // each}" for place in range(count)]


def judged(right, *, passed, out_of=10):
    """Labelled answers: of those that are right, or wrong, so many of ten are passed."""
    return [(place % out_of < passed, right) for place in range(200)]


def calibration(sensitive, lenient):
    """By tenths: how many of the right and of the wrong ones the judge passes."""
    judge, people = zip(
        *judged(True, passed=sensitive), *judged(False, passed=lenient), strict=True
    )
    return Calibration(judge, people, [*names(200), *names(200)])


def exam(tenths, count=400):
    return [place % 10 < tenths for place in range(count)], names(count)


def test_the_correction_is_rogan_and_gladens():
    found = corrected_rate(*exam(7), calibration(9, 2))
    assert found.estimate.mean == pytest.approx((0.7 + 0.8 - 1) / (0.9 + 0.8 - 1))
    assert found.sensitivity.mean == 0.9
    assert found.specificity.mean == 0.8
    assert found.judged.mean == 0.7


def test_the_interval_is_over_both_samples():
    """A judge that is known well leaves the exam's own spread; one known little adds its own."""
    known = calibration(9, 2)
    few = Calibration(known.judge[150:250], known.people[150:250], known.contracts[150:250])
    plain = cluster_mean([float(one) for one in exam(7)[0]], names(400))
    well, little = (corrected_rate(*exam(7), known).estimate for known in (known, few))
    assert plain.high - plain.low < (well.high - well.low) * 0.7
    assert well.high - well.low < (little.high - little.low) * 0.8


def test_a_judge_that_never_erred_on_the_labels_is_not_taken_for_perfect():
    found = corrected_rate(*exam(7), calibration(10, 0))
    plain = cluster_mean([float(one) for one in exam(7)[0]], names(400))
    assert found.estimate.mean == pytest.approx(0.7)
    assert found.estimate.low < plain.low < plain.high < found.estimate.high


def test_how_many_of_the_labelled_answers_are_right_does_not_matter():
    """The judges' exam has other shares of right and wrong answers than the models have."""
    whole = calibration(9, 2)
    keep = [place for place in range(400) if whole.people[place] or place % 200 < 60]
    fewer = Calibration(*([side[place] for place in keep] for side in (
        whole.judge, whole.people, whole.contracts)))  # fmt: skip
    first, second = (corrected_rate(*exam(7), known).estimate for known in (whole, fewer))
    assert first.mean == pytest.approx(second.mean)


@pytest.mark.parametrize(("tenths", "end"), [(0, "low"), (10, "high")])
def test_ends_and_mean_are_cut_to_what_a_share_can_be(tenths, end):
    found = corrected_rate(*exam(tenths), calibration(10, 0)).estimate
    assert getattr(found, end) == found.mean == (0.0 if end == "low" else 1.0)


@pytest.mark.parametrize(("sensitive", "lenient"), [(5, 5), (3, 7), (0, 0), (10, 10)])
def test_a_judge_that_cannot_tell_right_from_wrong_corrects_nothing(sensitive, lenient):
    found = corrected_rate(*exam(5), calibration(sensitive, lenient))
    assert found.estimate is None
    assert "not clearly above 1" in found.reason


@pytest.mark.parametrize(("tenths", "says"), [(10, "passes more"), (0, "passes less")])
def test_a_judge_that_errs_otherwise_than_in_its_exam_is_found_out(tenths, says):
    found = corrected_rate(*exam(tenths, count=2000), calibration(7, 3))
    assert found.estimate is None
    assert says in found.reason


@pytest.mark.parametrize("kind", [True, False])
def test_labels_of_right_answers_or_of_wrong_ones_alone_say_too_little(kind):
    known = Calibration([True] * 20, [kind] * 20, names(20))
    found = corrected_rate(*exam(5), known)
    assert found.estimate is None
    assert f"{'wrong' if kind else 'right'} answers of two contracts" in found.reason


def test_one_contract_of_the_exam_has_no_rate():
    judge, _ = exam(7, count=40)
    found = corrected_rate(judge, ["one"] * 40, calibration(9, 2))
    assert found.estimate is None
    assert found.judged.mean == 0.7
    assert "one contract" in found.reason


@pytest.mark.parametrize("contracts", [["a"], []])
def test_what_does_not_fit_together_is_refused(contracts):
    with pytest.raises(ValueError):
        corrected_rate([True, False], contracts, calibration(9, 2))
    with pytest.raises(ValueError):
        corrected_rate([], [], calibration(9, 2))
    with pytest.raises(ValueError):
        corrected_rate(*exam(5), Calibration([True], [True, False], ["a", "b"]))


ROWS = st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("abcde")), max_size=40)


@settings(max_examples=150, deadline=None)
@given(ROWS, ROWS)
def test_any_samples_give_a_share_or_a_reason(rows, known):
    assume(rows)
    found = corrected_rate(
        [one for one, _, _ in rows],
        [name for _, _, name in rows],
        Calibration(*([row[side] for row in known] for side in range(3))),
    )
    assert (found.estimate is None) == bool(found.reason)
    if found.estimate:
        assert 0 <= found.estimate.low <= found.estimate.mean <= found.estimate.high <= 1


@pytest.mark.parametrize("world", [JudgedWorld(), JudgedWorld(sensitivity=0.95, specificity=0.7)])
def test_the_interval_holds_the_truth_where_the_judges_count_does_not(world):
    held = plain = defined = 0
    for seed in range(150):
        drawn, known = judged_exam(world, (seed,)), judged_exam(world, (seed, 7))
        at = np.flatnonzero(known.labelled)
        found = corrected_rate(
            drawn.judge.tolist(),
            drawn.contracts,
            Calibration(
                known.judge[at].tolist(),
                known.candidate[at].tolist(),
                [known.contracts[place] for place in at],
            ),
        )
        plain += found.judged.low <= world.candidate <= found.judged.high
        if found.estimate:
            defined += 1
            held += found.estimate.low <= world.candidate <= found.estimate.high
    assert defined > 75
    assert held / defined > 0.9 - 3 * math.sqrt(0.09 / defined)
    assert plain / 150 < 0.8
