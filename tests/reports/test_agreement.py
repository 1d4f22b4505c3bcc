"""A judge's agreement is as sklearn and scipy see it, its intervals hold, and nothing is NaN."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from reports.statistics.agreement import (
    ONE_CONTRACT,
    agreement,
    kappa_of_two,
    krippendorff_alpha,
    position_bias,
    shift,
    weighted_kappa,
    weighted_spearman,
)

STEPS = [0.0, 0.25, 0.5, 0.75, 1.0]
SCORES = st.floats(0, 1, width=16)

LABELLED = st.lists(
    st.tuples(SCORES, st.sampled_from(STEPS), st.sampled_from("abcde")), min_size=1, max_size=30
)


def world(contracts=50, each=8, noise=0.25, seed=0):
    """Human labels, a judge that is off by normal noise, and contracts with a taste of their own.

    Contracts shift both alike, so that cases of one contract are worth less than their number.
    """
    rng = np.random.default_rng(seed)
    human = rng.choice(STEPS, (contracts, each))
    drift = rng.normal(0, noise / 2, (contracts, 1))
    judge = np.clip(human + drift + rng.normal(0, noise, human.shape), 0, 1)
    names = [f"k{number}" for number in range(contracts) for _ in range(each)]
    return judge.ravel().tolist(), human.ravel().tolist(), names


def steps(scores):
    return np.floor(np.asarray(scores) * 4 + 0.5).astype(int)


def test_point_estimates_are_those_of_the_libraries():
    judge, human, contracts = world()
    found = agreement(judge, human, contracts)
    kappa = cohen_kappa_score(steps(judge), steps(human), weights="quadratic")
    assert found.kappa.estimate.mean == pytest.approx(kappa)
    assert found.spearman.estimate.mean == pytest.approx(stats.spearmanr(judge, human)[0])
    error = np.abs(np.subtract(judge, human)).mean()
    assert found.mean_absolute_error.estimate.mean == pytest.approx(error)
    for measured in (found.kappa, found.spearman, found.mean_absolute_error):
        estimate = measured.estimate
        assert estimate.low < estimate.mean < estimate.high
        assert (estimate.n, estimate.clusters, measured.reason) == (400, 50, "")


def test_scores_halfway_between_two_steps_go_up():
    # Half to even would put 0.125 down and 0.375 up.
    human, contracts = [0.25, 0.5, 0.75, 1.0], list("abcd")
    assert agreement([0.125, 0.375, 0.625, 0.875], human, contracts).kappa.estimate.mean == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SCORES, SCORES, st.integers(0, 3)), min_size=2, max_size=25))
def test_weights_are_repetitions(rows):
    left, right, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    times = weights.astype(int)
    one, other = np.repeat(left, times), np.repeat(right, times)
    if not len(one):
        return
    if np.ptp(one) and np.ptp(other):
        expected = stats.spearmanr(one, other)[0]
        assert float(weighted_spearman(weights, left, right)) == pytest.approx(expected)
    a, b = steps(one), steps(other)
    if len({*a, *b}) > 1:
        expected = cohen_kappa_score(a, b, weights="quadratic", labels=range(5))
        found = weighted_kappa(weights, steps(left), steps(right))
        assert float(found) == pytest.approx(expected, abs=1e-9)


def test_intervals_hold_what_is_true():
    """Nine in ten intervals hold the value of a very large set; some do not, or they are idle."""
    judge, human, _ = world(contracts=20_000, seed=99)
    truth = {
        "kappa": cohen_kappa_score(steps(judge), steps(human), weights="quadratic"),
        "spearman": stats.spearmanr(judge, human)[0],
        "mean_absolute_error": np.abs(np.subtract(judge, human)).mean(),
    }
    repeats, held = 100, dict.fromkeys(truth, 0)
    for seed in range(repeats):
        found = agreement(*world(contracts=25, each=6, seed=seed), seed=seed)
        for name, value in truth.items():
            estimate = getattr(found, name).estimate
            held[name] += estimate.low <= value <= estimate.high
    for name, times in held.items():
        # Graded scores of 25 contracts spread less than the bound of what was not seen supposes.
        either = "less" if name == "mean_absolute_error" else "two-sided"
        assert stats.binomtest(times, repeats, 0.9, either).pvalue > 0.002, (name, times)


def test_contracts_and_not_cases_are_drawn():
    judge, human, contracts = world(contracts=15, each=20)
    lonely = [f"k{place}" for place in range(len(judge))]
    clustered = agreement(judge, human, contracts).mean_absolute_error.estimate
    alone = agreement(judge, human, lonely).mean_absolute_error.estimate
    assert clustered.clusters == 15 and alone.clusters == 300
    assert clustered.high - clustered.low > alone.high - alone.low
    copies = agreement(judge * 4, human * 4, contracts * 4).kappa.estimate
    once = agreement(judge, human, contracts).kappa.estimate
    assert copies.high - copies.low == pytest.approx(once.high - once.low)


def test_the_seed_decides_and_the_order_of_cases_does_not():
    judge, human, contracts = world(contracts=20)
    assert agreement(judge, human, contracts) == agreement(judge, human, contracts)
    assert (
        agreement(judge, human, contracts).kappa != agreement(judge, human, contracts, seed=1).kappa
    )
    turned = agreement(judge[::-1], human[::-1], contracts[::-1])
    assert turned.kappa.estimate.low == pytest.approx(
        agreement(judge, human, contracts).kappa.estimate.low
    )


def test_a_judge_of_one_opinion_has_no_kappa():
    human, contracts = [0.0, 0.5, 1.0, 1.0], list("aabb")
    found = agreement([0.9, 0.9, 0.9, 0.9], human, contracts)
    assert found.kappa.estimate is None and found.spearman.estimate is None
    assert "every judge score is the same" in found.kappa.reason
    assert found.mean_absolute_error.estimate.mean == pytest.approx((0.9 + 0.4 + 0.1 + 0.1) / 4)
    reverse = agreement(human, [0.9, 0.9, 0.9, 0.9], contracts)
    assert "every human score is the same" in reverse.spearman.reason
    # Different scores that fall into one step are one opinion, but still have ranks.
    near = agreement([0.95, 0.96, 0.97, 0.99], human, contracts)
    assert near.kappa.estimate is None
    assert near.spearman.estimate.mean == pytest.approx(0.9486833)


def test_one_contract_has_no_interval():
    found = agreement([0.0, 0.5, 1.0], [0.0, 0.75, 1.0], ["k", "k", "k"])
    for measured in (found.kappa, found.spearman, found.mean_absolute_error):
        assert measured.estimate.low is None and measured.reason == ONE_CONTRACT


def test_nothing_labelled_is_a_reason():
    found = agreement([], [], [])
    for measured in (found.kappa, found.spearman, found.mean_absolute_error):
        assert measured.estimate is None and measured.reason


@pytest.mark.parametrize("judge", [[1.7, 0.5], [math.nan, 0.5], [-0.1, 0.5], [0.5], [0.5] * 3])
def test_what_is_no_score_is_refused(judge):
    with pytest.raises(ValueError, match="score"):
        agreement(judge, [0.5, 1.0], ["a", "b"])


@settings(max_examples=40, deadline=None)
@given(LABELLED)
def test_never_nan(rows):
    judge, human, contracts = (list(column) for column in zip(*rows, strict=True))
    found = agreement(judge, human, contracts)
    for measured in (found.kappa, found.spearman, found.mean_absolute_error):
        estimate = measured.estimate
        assert estimate is not None or measured.reason
        if estimate is None:
            continue
        assert math.isfinite(estimate.mean)
        assert (estimate.low is None) == (estimate.high is None)
        assert estimate.low is not None or measured.reason
        for end in (estimate.low, estimate.high):
            assert end is None or math.isfinite(end)


def test_four_hundred_pairs_are_fast():
    labelled = world()
    agreement(*labelled)
    started = time.perf_counter()
    agreement(*labelled)
    assert time.perf_counter() - started < 2


# What sways a judge


def test_shift_of_the_same_is_nothing():
    judge, _, contracts = world(contracts=10)
    found = shift(judge, judge, contracts)
    assert found.mean.estimate.mean == found.absolute.estimate.mean == 0
    assert found.unchanged.estimate.mean == 1
    # Every score repeated proves no more than ten contracts can.
    assert 0.5 < found.unchanged.estimate.low < 0.95
    assert found.absolute.estimate.high > 0.05


def test_padding_that_pays_is_seen():
    rng = np.random.default_rng(0)
    plain = rng.uniform(0, 0.8, 120)
    contracts = [f"k{place // 6}" for place in range(120)]
    padded = plain + 0.1 + rng.normal(0, 0.02, 120)
    found = shift(plain.tolist(), padded.tolist(), contracts)
    assert 0 < found.mean.estimate.low < 0.1 < found.mean.estimate.high < 0.15
    assert found.unchanged.estimate.mean == 0


def test_changes_that_cancel_show_in_their_size():
    first, second = [0.5, 0.5, 0.5, 0.5], [1.0, 0.0, 1.0, 0.0]
    found = shift(first, second, list("abcd"))
    assert (found.mean.estimate.mean, found.absolute.estimate.mean) == (0, 0.5)
    assert shift([], [], []).mean.estimate is None
    with pytest.raises(ValueError):
        shift([0.5], [0.5, 0.5], ["a", "b"])


def test_a_judge_that_takes_the_first_place():
    contracts = [f"k{place}" for place in range(30)]
    found = position_bias([("A", "B")] * 30, contracts)
    assert found.flips.estimate.mean == found.first.estimate.mean == 1
    assert found.first.estimate.low > 0.5


def test_a_judge_that_takes_the_better_answer():
    preferences = [("A", "A"), ("B", "B"), ("tie", "tie")] * 10
    found = position_bias(preferences, [f"k{place}" for place in range(30)])
    assert found.flips.estimate.mean == 0
    # A verdict for A and one for B in both orders: half of the wins go to the first place.
    assert found.first.estimate.mean == 0.5 and found.first.estimate.n == 40


def test_a_tie_in_one_order_is_a_flip():
    found = position_bias([("A", "tie"), ("A", "A")], ["a", "b"])
    assert found.flips.estimate.mean == 0.5
    # Two wins of A in the first place, one in the second.
    assert found.first.estimate.mean == pytest.approx(2 / 3)


def test_only_ties_have_no_first_place():
    found = position_bias([("tie", "tie")] * 3, list("abc"))
    assert found.flips.estimate.mean == 0
    assert found.first.estimate is None and found.first.reason
    assert position_bias([], []).flips.estimate is None


@pytest.mark.parametrize("count", [3, 5, 6])
def test_kappa_of_two_is_that_of_the_steps_they_chose_among(count):
    """On the rubric's six steps too, of which five would be made by rounding."""
    rng = np.random.default_rng(count)
    one, other = rng.integers(0, count, (2, 60))
    other = np.where(rng.random(60) < 0.6, one, other)
    found = kappa_of_two(*(each / (count - 1) for each in (one, other)), [*"abcdef"] * 10)
    expected = cohen_kappa_score(one, other, weights="quadratic")
    assert found.estimate.mean == pytest.approx(expected)
    assert found.estimate.low < expected < found.estimate.high


def test_kappa_of_two_is_not_defined_where_one_said_the_same_of_everything():
    assert "the same" in kappa_of_two([0.2, 0.2], [0.2, 0.4], ["a", "b"]).reason
    assert "both" in kappa_of_two([], [], []).reason
    with pytest.raises(ValueError, match="2 and 1"):
        kappa_of_two([0.2, 0.2], [0.2], ["a", "b"])


def coincidence_alpha(rows):
    """Alpha by the matrix of coincidences, as Krippendorff (2011), section D, works it out."""
    units = [[each for each in row if each is not None] for row in rows]
    units = [unit for unit in units if len(unit) > 1]
    values = sorted({each for unit in units for each in unit})
    place = {value: number for number, value in enumerate(values)}
    together = np.zeros((len(values), len(values)))
    for unit in units:
        for mine, one in enumerate(unit):
            for theirs, other in enumerate(unit):
                if mine != theirs:
                    together[place[one], place[other]] += 1 / (len(unit) - 1)
    margins, apart = together.sum(0), np.subtract.outer(values, values) ** 2
    chance = np.outer(margins, margins) / (margins.sum() - 1)
    return 1 - (together * apart).sum() / (chance * apart).sum()


@pytest.mark.parametrize("seed", range(5))
def test_alpha_is_that_of_the_matrix_of_coincidences(seed):
    rng = np.random.default_rng(seed)
    rows = [[None if rng.random() < 0.3 else float(rng.integers(0, 6) / 5) for _ in range(3)]
            for _ in range(40)]  # fmt: skip
    found = krippendorff_alpha(rows, [*"abcdefgh"] * 5)
    assert found.estimate.mean == pytest.approx(coincidence_alpha(rows))


def test_alpha_is_krippendorffs_own():
    """Reliability data and result of his Computing Krippendorff's alpha-reliability (2011)."""
    nobody = None
    rows = list(zip(
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nobody, nobody, nobody],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nobody, 3],
        [nobody, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nobody],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nobody],
        strict=True,
    ))  # fmt: skip
    found = krippendorff_alpha(rows, [f"contract {place // 3}" for place in range(12)])
    assert found.estimate.mean == pytest.approx(0.849, abs=5e-4)
    assert found.estimate.low < 0.849 < found.estimate.high
    assert found.estimate.n == 11  # the last unit has one value


@given(st.lists(st.tuples(st.lists(st.one_of(st.none(), st.sampled_from(STEPS)), min_size=1,
                                   max_size=4), st.sampled_from("abc")), max_size=12))  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_alpha_is_one_less_the_disagreement_that_was_seen_over_that_of_chance(rows):
    found = krippendorff_alpha([row for row, _ in rows], [name for _, name in rows])
    units = [[each for each in row if each is not None] for row, _ in rows]
    units = [unit for unit in units if len(unit) > 1]
    values = [each for unit in units for each in unit]
    if len(set(values)) < 2:
        assert found.estimate is None and found.reason
        return
    seen = sum((one - other) ** 2 / (len(unit) - 1)
               for unit in units for one in unit for other in unit) / len(values)  # fmt: skip
    chance = sum((one - other) ** 2 for one in values for other in values)
    chance /= len(values) * (len(values) - 1)
    assert found.estimate.mean == pytest.approx(1 - seen / chance)
