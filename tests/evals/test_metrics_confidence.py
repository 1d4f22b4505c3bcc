"""Calibration of confidence, against scikit-learn and brute force."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from evals.metrics.confidence import calibration

CONFIDENCE = st.sampled_from([0.1, 0.25, 0.5, 0.8, 1.0]) | st.floats(0.01, 1)
GRADED = st.lists(st.tuples(CONFIDENCE, st.floats(0, 1)), min_size=1, max_size=40)
BINARY = st.lists(st.tuples(CONFIDENCE, st.integers(0, 1)), min_size=1, max_size=40)


def measured(pairs, **options):
    logs = [math.log(confident) for confident, _ in pairs]
    return calibration(logs, [right for _, right in pairs], **options)


def values(found):
    return [found.ece.value, found.brier.value, found.auroc.value, found.aurc.value]


@given(BINARY)
def test_brier_and_auroc_are_scikit_learns(pairs):
    found = measured(pairs)
    # The logarithm and back moves a confidence in its last digits, which could make or break a tie.
    confident = [math.exp(math.log(each)) for each, _ in pairs]
    right = [each for _, each in pairs]
    assert found.brier.value == pytest.approx(brier_score_loss(right, confident, labels=[0, 1]))
    if 0 < sum(right) < len(right):
        assert found.auroc.value == pytest.approx(roc_auc_score(right, confident))
    else:
        assert found.auroc.value is None
        assert found.auroc.reason == f"every answer is {'right' if right[0] else 'wrong'}"


@given(GRADED)
def test_graded_auroc_is_the_chance_over_weighted_pairs(pairs):
    found = measured(pairs)
    confident = [math.exp(math.log(each)) for each, _ in pairs]
    won = total = 0.0
    for one, (_, right) in zip(confident, pairs, strict=True):
        for two, (_, other) in zip(confident, pairs, strict=True):
            weight = right * (1 - other)
            total += weight
            won += weight * ((one > two) + (one == two) / 2)
    if found.auroc.value is not None and total > 1e-9:
        assert found.auroc.value == pytest.approx(won / total, abs=1e-6)


def test_aurc_is_the_mean_over_every_order_of_ties():
    pairs = [(0.9, 1), (0.5, 0), (0.5, 1), (0.5, 1), (0.2, 0)]
    areas = []
    for middle in permutations(pairs[1:4]):
        wrong = [1 - right for _, right in [pairs[0], *middle, pairs[4]]]
        areas.append(np.mean(np.cumsum(wrong) / np.arange(1, 6)))
    assert measured(pairs).aurc.value == pytest.approx(np.mean(areas))


def test_ece_by_hand():
    pairs = [(0.9, 1), (0.8, 0), (0.3, 1), (0.2, 0)]
    # Two bins of two: |0.85 - 0.5| and |0.25 - 0.5|.
    assert measured(pairs, bins=2).ece.value == pytest.approx((0.35 + 0.25) / 2)
    assert measured(pairs, bins=1).ece.value == pytest.approx(abs(0.55 - 0.5))
    assert measured(pairs, bins=100).ece.value == pytest.approx((0.1 + 0.8 + 0.7 + 0.2) / 4)


def test_the_ideal_and_its_opposite():
    ideal = measured([(1.0, 1)] * 5 + [(1e-12, 0)] * 5)
    assert values(ideal)[:3] == pytest.approx([0, 0, 1], abs=1e-9)
    assert ideal.aurc.value == pytest.approx(np.mean([max(0, k - 5) / k for k in range(1, 11)]))
    assert measured([(0.9, 0), (0.1, 1)]).auroc.value == 0.0


@given(GRADED, st.randoms(use_true_random=False))
def test_no_order_matters_and_all_are_shares(pairs, rng):
    found = measured(pairs)
    shuffled = measured(rng.sample(pairs, len(pairs)))
    for one, two in zip(values(found), values(shuffled), strict=True):
        assert (one is None) == (two is None)
        if one is not None:
            assert one == pytest.approx(two, abs=1e-9)
            assert -1e-12 <= one <= 1 + 1e-12


def test_what_lacks_a_score_is_left_out_and_counted():
    logs = [math.log(0.9), None, math.nan, math.log(0.2), math.log(0.5)]
    found = calibration(logs, [1.0, 1.0, 1.0, 0.0, None])
    assert (found.cases, found.left_out) == (2, 3)
    assert values(found) == values(calibration([logs[0], logs[3]], [1.0, 0.0]))


def test_without_confidence_there_is_a_reason():
    for logs, right, reason in (
        ([], [], "no confidence given"),
        ([None, math.nan], [1.0, 0.0], "no confidence given"),
        ([-0.1], [None], "no answer has both scores"),
    ):
        found = calibration(logs, right)
        assert found.cases == 0
        assert values(found) == [None] * 4
        assert found.ece.reason == reason


def test_a_log_probability_above_zero_is_certainty():
    assert values(calibration([1e-7], [1.0]))[:2] == [0.0, 0.0]


def test_unlike_lengths_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        calibration([-0.1, -0.2], [1.0])
