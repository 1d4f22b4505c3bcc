"""A few labels and a judge: right whatever the judge is worth, and narrower when it is worth it."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate
from scipy import stats

from reports.statistics.intervals import cluster_mean
from reports.statistics.ppi import prediction_powered_mean

TRUTH = 0.6


def sample(n=60, others=600, noise=0.1, seed=0):
    """Independent cases: labels first, then those without; each case is a contract."""
    rng = np.random.default_rng(seed)
    human = rng.uniform(0, 1, n + others)
    judge = np.clip(0.1 + 0.8 * human + rng.normal(0, noise, n + others), 0, 1)
    labels = [float(score) if place < n else None for place, score in enumerate(human)]
    return judge.tolist(), labels, [f"c{place:04d}" for place in range(n + others)]


def clustered(rng, contracts=60, each=6, labelled=20, per=4, noise=0.5):
    """Scores of mean 0.6, a third of whose variance lies between contracts, as the judge's error.

    `labelled` contracts hold `per` labels each.
    """
    between = np.sqrt([0.3, 0.7])
    human = TRUTH + 0.2 * (
        between[0] * rng.normal(size=(contracts, 1))
        + between[1] * rng.normal(size=(contracts, each))
    )
    error = rng.normal(size=(contracts, 1)) + rng.normal(size=(contracts, each))
    judge = human + 0.15 * noise * error - 0.1
    seen = np.zeros((contracts, each), dtype=bool)
    seen[:labelled, :per] = True
    labels = [
        score if known else None
        for score, known in zip(human.ravel().tolist(), seen.ravel(), strict=True)
    ]
    names = [f"k{number}" for number in range(contracts) for _ in range(each)]
    return judge.ravel().tolist(), labels, names


def columns(judge, human):
    """Labels, the judge's scores beside them, and its scores of the other cases."""
    labels = np.array([score for score in human if score is not None])
    beside = np.array([one for one, score in zip(judge, human, strict=True) if score is not None])
    others = np.array([one for one, score in zip(judge, human, strict=True) if score is None])
    return labels, beside, others


@pytest.mark.parametrize("tuning", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_estimate_is_the_librarys_where_each_case_is_a_contract(tuning, seed):
    judge, human, contracts = sample(seed=seed)
    found = prediction_powered_mean(judge, human, contracts, tuning=tuning)
    point = ppi_mean_pointestimate(*columns(judge, human), lam=tuning)
    assert found.tuning == tuning
    assert found.estimate.mean == pytest.approx(float(np.squeeze(point)))
    low, high = (
        float(end[0]) for end in ppi_mean_ci(*columns(judge, human), alpha=0.1, lam=tuning)
    )
    # The library takes normal quantiles and n where we take t and n - 1.
    wider = stats.t.isf(0.05, 59) / stats.norm.isf(0.05) * math.sqrt(60 / 59)
    for reach in (found.estimate.high - point, point - found.estimate.low):
        # ours also know what sixty labels did not show, and do not forget what is skewed
        assert reach > 0.99 * (high - low) / 2 * wider


@pytest.mark.parametrize("noise", [0.05, 0.3, 2.0])
def test_fitted_lambda_is_near_the_librarys(noise):
    judge, human, contracts = sample(n=400, others=4000, noise=noise)
    labels, beside, others = columns(judge, human)
    covariance = np.cov(labels, beside, ddof=0)[0, 1]
    theirs = covariance / ((1 + 400 / 4000) * np.concatenate([beside, others]).var(ddof=1))
    found = prediction_powered_mean(judge, human, contracts)
    # The library pools the variance of the judge's scores over both sets.
    assert found.tuning == pytest.approx(min(theirs, 1), abs=0.06)
    point = float(np.squeeze(ppi_mean_pointestimate(labels, beside, others)))
    assert found.estimate.mean == pytest.approx(point, abs=0.003)


def test_lambda_is_near_the_one_of_the_narrowest_interval():
    judge, human, contracts = clustered(np.random.default_rng(5))
    best = prediction_powered_mean(judge, human, contracts)
    assert 0 < best.tuning < 1

    def width(tuning):
        estimate = prediction_powered_mean(judge, human, contracts, tuning=tuning).estimate
        return estimate.high - estimate.low

    widths = {step / 20: width(step / 20) for step in range(21)}
    assert min(widths, key=widths.get) == pytest.approx(best.tuning, abs=0.11)
    assert best.estimate.high - best.estimate.low < 1.1 * min(widths.values())


def test_no_weight_leaves_the_labels_alone():
    judge, human, contracts = clustered(np.random.default_rng(1))
    found = prediction_powered_mean(judge, human, contracts, tuning=0.0)
    labelled = [place for place, score in enumerate(human) if score is not None]
    alone = cluster_mean([human[place] for place in labelled], [contracts[p] for p in labelled])
    assert found.labels == alone and found.gain == pytest.approx(1)
    assert found.estimate.mean == alone.mean
    assert found.estimate.low == pytest.approx(alone.low)
    assert (found.estimate.n, found.estimate.clusters) == (360, 60)


def test_copies_of_a_case_prove_nothing():
    """Each case four times in its contract, and the interval is about as wide as before.

    Of what was not seen a likeness within contracts is assumed that copies exceed.
    """
    judge, human, contracts = clustered(np.random.default_rng(2), per=6)
    once = prediction_powered_mean(judge, human, contracts)
    often = prediction_powered_mean(judge * 4, human * 4, contracts * 4)
    assert often.estimate.mean == pytest.approx(once.estimate.mean)
    reach, again = (each.estimate.mean - each.estimate.low for each in (once, often))
    assert again > 0.8 * reach


@pytest.mark.parametrize(
    "world",
    [
        {"labelled": 20, "per": 4},
        {"labelled": 60, "per": 1},
        {"labelled": 8, "per": 3, "contracts": 40, "noise": 4},
    ],
    ids=["some contracts", "one label in each", "few labels and a poor judge"],
)
def test_nine_in_ten_intervals_hold_the_truth(world):
    rng, repeats, held, narrower = np.random.default_rng(7), 1000, 0, 0.0
    for _ in range(repeats):
        found = prediction_powered_mean(*clustered(rng, **world))
        held += found.estimate.low <= TRUTH <= found.estimate.high
        wide = found.labels.high - found.labels.low
        narrower += (found.estimate.high - found.estimate.low) / wide / repeats
    assert held / repeats > 0.9 - 3 * math.sqrt(0.9 * 0.1 / repeats)
    # A good judge narrows the interval by a tenth or more; a poor one hardly widens it.
    assert narrower < (1.02 if world.get("noise") else 0.9)


def test_the_judge_alone_would_be_wrong():
    """The judge is a tenth too strict: its mean misses, the estimate does not."""
    judge, human, contracts = clustered(np.random.default_rng(3), contracts=400, labelled=150)
    found = prediction_powered_mean(judge, human, contracts)
    assert np.mean(judge) < found.estimate.low < TRUTH < found.estimate.high
    assert found.gain > 1.5


def test_a_judge_of_one_opinion_is_left_out():
    _, human, contracts = clustered(np.random.default_rng(0))
    found = prediction_powered_mean([0.5] * len(human), human, contracts)
    assert found.tuning == 0 and found.estimate.mean == found.labels.mean
    assert found.estimate.low == pytest.approx(found.labels.low)


def test_a_judge_that_is_always_contrary_is_left_out():
    judge, human, contracts = sample()
    found = prediction_powered_mean([1 - score for score in judge], human, contracts)
    assert found.tuning == 0 and found.estimate.mean == found.labels.mean


def test_all_labelled_needs_no_judge():
    judge, human, contracts = sample(n=40, others=0)
    found = prediction_powered_mean(judge, human, contracts, tuning=1.0)
    assert found.tuning == 0 and found.estimate == found.labels


def test_contracts_that_happen_to_agree_are_not_certain():
    """All contracts average to a half; the cases do not."""
    human = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, None]
    found = prediction_powered_mean([0.1, 0.8, 0.2, 0.9, 0.0, 0.7, 0.4], human, list("aabbccd"))
    assert found.estimate.high - found.estimate.low > 0.5


def test_labels_of_one_contract_have_no_interval():
    found = prediction_powered_mean([0.1, 0.5, 0.9], [0.2, 0.6, None], ["a", "a", "b"])
    assert found.estimate.low is None and found.gain is None


def test_labels_that_are_all_alike_gain_nothing():
    found = prediction_powered_mean([0.1, 0.5, 0.9, 0.4], [1.0, 1.0, 1.0, None], list("abcd"))
    assert found.estimate.mean == 1.0 > found.estimate.low and found.gain == 1


@pytest.mark.parametrize(
    ("judge", "human", "contracts"),
    [
        ([0.5], [None], ["a"]),
        ([math.nan, 0.5], [0.5, None], ["a", "b"]),
        ([0.5, 0.5], [math.nan, None], ["a", "b"]),
        ([0.5], [0.5, None], ["a", "b"]),
        ([0.5, 0.5], [0.5, None], ["a"]),
        ([], [], []),
    ],
)
def test_what_cannot_be_estimated_is_refused(judge, human, contracts):
    with pytest.raises(ValueError):
        prediction_powered_mean(judge, human, contracts)


def test_what_few_contracts_say_of_a_judge_is_shrunk():
    """Of noise alone lambda is 0 most of the time, however it happens to fit."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(60):
        _, human, contracts = clustered(rng, labelled=6, per=2)
        noise = rng.uniform(size=len(human)).tolist()
        found.append(prediction_powered_mean(noise, human, contracts).tuning)
    assert sum(tuning == 0 for tuning in found) > 45


def test_labels_on_which_the_judge_never_erred_do_not_make_it_infallible():
    """None wrong of thirty: up to a tenth may be, and more within contracts."""
    rng = np.random.default_rng(0)
    truth = (rng.uniform(size=2000) < 0.7).astype(float).tolist()
    human = [score if place < 30 else None for place, score in enumerate(truth)]
    found = prediction_powered_mean(truth, human, [f"k{place}" for place in range(2000)])
    assert found.tuning > 0.9
    assert found.estimate.mean - found.estimate.low > 0.09
    assert found.estimate.high - found.estimate.mean > 0.09


def test_labels_that_a_few_contracts_hold_have_few_degrees_of_freedom():
    """The same number of labels, evenly over contracts or half of them in one."""
    rng, widths = np.random.default_rng(4), {}
    for name, uneven in (("even", False), ("half in one", True)):
        judge, human, contracts = clustered(rng, contracts=20, each=20, labelled=20, per=4)
        if uneven:
            human = [score if place < 20 or place % 10 == 0 else None
                     for place, score in enumerate(judge)]  # fmt: skip
        found = prediction_powered_mean(judge, human, contracts, tuning=0.5)
        widths[name] = found.estimate.high - found.estimate.low
    assert widths["half in one"] > 1.2 * widths["even"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1, width=16),
            st.none() | st.floats(0, 1, width=16),
            st.sampled_from("abcd"),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_never_nan(rows):
    judge, human, contracts = (list(column) for column in zip(*rows, strict=True))
    assume(any(score is not None for score in human))
    found = prediction_powered_mean(judge, human, contracts)
    assert 0 <= found.tuning <= 1
    assert found.gain is None or (math.isfinite(found.gain) and found.gain > 0)
    estimate = found.estimate
    assert math.isfinite(estimate.mean)
    assert estimate.low is None or -9e9 < estimate.low <= estimate.mean <= estimate.high < 9e9
