"""Intervals, tests and power are right on clustered answers, and as in scipy and statsmodels."""

import ast
import math
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from bench.rivals import inspect_ai, over_questions, wild_bootstrap
from bench.simulation import World, cell_counts, exams, passes
from bench.statistics import MARGIN, main
from evals.gate import Gate, MetricGate
from reports.report import Opponent
from reports.statistics.bootstrap import bca
from reports.statistics.bounds import lower_bound, mean_bounds, p_value
from reports.statistics.clusters import (
    Sums,
    cluster_error,
    degrees_of_freedom,
    intra_cluster_correlation,
    summed,
)
from reports.statistics.estimates import Estimate, benjamini_hochberg, holm
from reports.statistics.intervals import cluster_mean
from reports.statistics.paired import (
    cluster_mcnemar,
    compare_means,
    mcnemar_exact,
    two_sided,
)
from reports.statistics.power import (
    fewest_contracts,
    minimum_detectable_effect,
    planned_error,
    power_of,
    required_contracts,
)
from reports.verdict.bars import Bars
from reports.verdict.decide import gate_checks
from reports.verdict.pairs import by_model
from tests import seams
from tests.builders.simulated import differences, one_exam, results
from tests.house.test_rooms import imported

REPEATS = 10_000
WORLDS = pytest.mark.parametrize("correlation", [0.02, 0.05])

CASES = st.lists(
    st.tuples(st.sampled_from([-1.0, -0.25, 0.0, 0.5, 1.0]), st.sampled_from("abcdefg")),
    min_size=2,
    max_size=40,
)


def noise(repeats, rate=0.05):
    """Three standard errors of a simulated rate."""
    return 3 * math.sqrt(rate * (1 - rate) / repeats)


def split(pairs):
    return [value for value, _ in pairs], [name for _, name in pairs]


# The generator


@WORLDS
@pytest.mark.parametrize("difference", [0.0, -MARGIN])
def test_simulated_exams_have_the_correlation_and_mean_they_claim(correlation, difference):
    world = World(correlation=correlation, difference=difference)
    drawn = exams(world, REPEATS, seed=1).whole
    variance = world.discordance - difference**2
    assert drawn.values.sum() / (REPEATS * 102 * 41) == pytest.approx(difference, abs=4e-4)
    assert drawn.squares.sum() / (REPEATS * 102 * 41) == pytest.approx(0.1, abs=4e-4)
    of_sums = np.square(drawn.values - 41 * difference).mean()
    assert of_sums / (41 * variance) == pytest.approx(1 + 40 * correlation, rel=0.01)
    found = [
        intra_cluster_correlation(*differences(one)) for one in cell_counts(world, 150, seed=1)[0]
    ]
    assert np.mean(found) == pytest.approx(correlation, abs=4 * np.std(found) / 150**0.5 + 0.001)


# Error rates, coverage and power; docs/statistics.md has the whole grid


@WORLDS
def test_at_the_margin_the_gate_passes_5_in_100_and_a_question_level_test_11_to_17(correlation):
    drawn = exams(World(correlation=correlation, difference=-MARGIN), 2 * REPEATS, seed=2)
    gate = passes(drawn, MARGIN, 0.0).mean()
    naive = (over_questions(drawn.whole)[0] >= -MARGIN).mean()
    assert 0.03 < gate <= 0.05 + noise(2 * REPEATS)
    expected = stats.norm.sf(stats.norm.isf(0.05) / math.sqrt(1 + 40 * correlation))
    assert 0.10 < expected < 0.18
    assert naive == pytest.approx(expected, abs=0.02)


@WORLDS
@pytest.mark.parametrize("difference", [0.0, -MARGIN, 0.05])
def test_intervals_cover(correlation, difference):
    drawn = exams(World(correlation=correlation, difference=difference), REPEATS, seed=3).whole
    low, high = mean_bounds(drawn, "difference", 0.025)
    held = ((low <= difference) & (difference <= high)).mean()
    assert held == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    "world",
    [
        World(4, 24, discordance=0.02),
        World(12, 41, correlation=0.2),
        World(34, 41, discordance=0.02, correlation=0.2),
        World(102, 41, "Zipf"),
        World(20, 41, "one holds half"),
    ],
    ids=str,
)
def test_few_contracts_rare_losses_and_uneven_sizes_keep_the_level(world):
    margin = min(MARGIN, world.discordance)
    drawn = exams(replace(world, difference=-margin), REPEATS, seed=6)
    assert passes(drawn, margin, 0.0).mean() <= 0.06 + noise(REPEATS)
    assert (inspect_ai(drawn.whole)[0] >= -margin).mean() > 0.07


def test_where_contracts_are_many_and_even_it_finds_what_the_wild_bootstrap_finds():
    drawn = exams(World(34), 1000, seed=7)
    gate = passes(drawn, MARGIN, 0.0).mean()
    strong = wild_bootstrap(drawn.whole, MARGIN, seed=7).mean()
    assert strong - 0.04 < gate <= strong + 0.01


@WORLDS
@pytest.mark.parametrize("part", [0.5, 1.0, 1.25])
def test_power_is_as_predicted(correlation, part):
    error = planned_error(102, 41, 0.1, correlation)
    effect = part * minimum_detectable_effect(error, 102)
    if part == 1:
        assert power_of(effect, error, 102) == pytest.approx(0.8)
    drawn = exams(World(correlation=correlation, difference=effect - MARGIN), REPEATS, seed=4)
    observed = passes(drawn, MARGIN, 0.0).mean()
    assert observed == pytest.approx(power_of(effect, error, 102), abs=0.03)


def test_required_contracts_have_the_power_and_one_fewer_has_not():
    error = planned_error(102, 41, 0.1, 0.05)
    assert error == pytest.approx(math.sqrt(0.1 * 3 / (102 * 41)))
    needed = required_contracts(MARGIN, error, 102)
    assert required_contracts(-MARGIN, error, 102) == needed
    assert power_of(MARGIN, planned_error(needed, 41), needed) >= 0.8
    assert power_of(MARGIN, planned_error(needed - 1, 41), needed - 1) < 0.8
    observed = passes(exams(World(contracts=needed), REPEATS, seed=5), MARGIN, 0.0).mean()
    assert observed == pytest.approx(0.8, abs=0.04)


@pytest.mark.parametrize(
    "world",
    [
        World(102, 12, difference=-0.005),
        World(8, 20, "Zipf", discordance=0.3, difference=0.2),
        World(30, 12, difference=-0.2, discordance=0.3),
        World(60, 20, missing=0.004),
        World(60, 20, difference=0.02, missing=0.02, chosen=True),
        World(6, 5, discordance=0.0),
    ],
    ids=str,
)
def test_simulations_judge_as_the_gate_does(world):
    """Results of both models through the gate, against the sums of many exams at once."""
    gate = Gate(
        metrics={"exact_match": MetricGate(role="guard", margin=0.05)},
        minimum_cases=1,
        attrition=0.01,
    )
    drawn, cells = exams(world, 8, seed=8), cell_counts(world, 8, seed=8)
    passed = passes(drawn, 0.05, gate.attrition)
    bounds = [mean_bounds(each, "difference", 0.05) for each in (drawn.whole, drawn.worst)]
    for number, (counts, lost) in enumerate(zip(*cells, strict=True)):
        answered = by_model(results(counts, lost))
        (check,) = gate_checks(gate, "new", answered, [Opponent("champion", "old", "")], Bars())
        shown = [check.estimate, check.worst or check.estimate]
        for estimate, (low, high) in zip(shown, bounds, strict=True):
            assert (estimate.low, estimate.high) == pytest.approx((low[number], high[number]))
        assert (check.outcome == "PASS") == passed[number]
        if check.outcome == "PASS":
            assert check.p_value <= 0.05
        elif check.outcome == "FAIL":
            assert check.p_value > 0.5


# Agreement with statsmodels and scipy


def test_of_even_contracts_the_error_is_that_of_statsmodels_regression_on_a_constant():
    values, clusters = one_exam()
    sums = summed(values, clusters)
    mean, error = cluster_error(sums.values, sums.sizes)
    # statsmodels multiplies by G / (G - 1) * (n - 1) / (n - k); with a constant alone k is 1.
    fitted = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": np.unique(clusters, return_inverse=True)[1]}
    )
    assert mean == pytest.approx(fitted.params[0], abs=1e-9)
    assert error == pytest.approx(fitted.bse[0], abs=1e-9)


@pytest.mark.parametrize("correlation", [0.0, 0.05, 0.6])
def test_error_and_freedom_are_those_of_the_matrices_of_bell_and_mccaffrey(correlation):
    draw = np.random.default_rng(5)
    sizes = draw.integers(1, 9, 6)
    members, count = np.repeat(np.arange(6), sizes), sizes.sum()
    values = draw.normal(size=count)
    hat = np.full((count, count), 1 / count)
    apart = np.eye(count) - hat
    rows = []
    for group in range(6):
        own = members == group
        spread, axes = np.linalg.eigh(np.eye(own.sum()) - hat[np.ix_(own, own)])
        adjusted = axes @ np.diag(spread**-0.5) @ axes.T
        rows.append(apart[own].T @ adjusted @ np.ones(own.sum()) / count)
    transform = np.array(rows)
    found = summed(values.tolist(), [str(each) for each in members])
    assert cluster_error(found.values, found.sizes)[1] ** 2 == pytest.approx(
        np.square(transform @ values).sum()
    )
    model = np.where(members[:, None] == members, correlation, 0.0)
    np.fill_diagonal(model, 1.0)
    squared = transform @ model @ transform.T
    expected = np.trace(squared) ** 2 / np.trace(squared @ squared)
    assert degrees_of_freedom(found.sizes, correlation) == pytest.approx(expected)


def test_without_skewness_or_rarity_it_is_the_t_test_of_the_contracts_means():
    values = [sign * step / 10 for step in range(1, 9) for sign in (1, -1)]
    clusters = [str(place) for place in range(16)]
    expected = stats.ttest_1samp(values, -0.1, alternative="greater")
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    found = cluster_mean(values, clusters, kind="amount")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    sums = summed(values, clusters)
    assert p_value(sums, "amount", -0.1) == pytest.approx(expected.pvalue, abs=1e-5)


@given(CASES, st.sampled_from([0.0, 0.1, 0.4]))
@settings(max_examples=40, deadline=None)
def test_a_p_value_is_below_alpha_just_where_the_bound_keeps_to_the_line(pairs, margin):
    values, clusters = split(pairs)
    found = compare_means(values, [0.0] * len(values), clusters, margin)
    if found.p_value is None:
        assert len(set(clusters)) == 1
    elif abs(found.p_value - 0.05) > 1e-6:
        assert (found.p_value < 0.05) == (found.outcome == "PASS")


def test_superiority_can_be_shown_with_as_many_contracts_as_is_said():
    for cases in (1, 5, 24):
        fewest = fewest_contracts(cases)
        for contracts, shown in ((fewest, True), (fewest - 1, False)):
            names = [str(place % contracts) for place in range(contracts * cases)]
            found = compare_means([1.0] * len(names), [0.0] * len(names), names)
            assert (found.p_value <= 0.05) == shown
            assert (found.difference.against(0.0, "lower") == "FAIL") == shown


def test_correlation_is_that_of_pairs_of_residuals():
    values, clusters = one_exam(cases=8)
    mean = np.mean(values)
    products = [
        (one - mean) * (other - mean)
        for place, (one, name) in enumerate(zip(values, clusters, strict=True))
        for also, (other, same) in enumerate(zip(values, clusters, strict=True))
        if name == same and place != also
    ]
    expected = np.mean(products) / np.var(values)
    assert intra_cluster_correlation(values, clusters) == pytest.approx(expected)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (5, 5), (1, 9), (30, 12)])
def test_mcnemar_agrees_with_the_binomial_test(gained, lost):
    expected = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar_exact(gained, lost) == pytest.approx(expected, abs=1e-9)


def test_holm_and_benjamini_hochberg_by_hand_and_as_scipy():
    p_values = (0.01, 0.04, 0.03, 0.005)
    assert holm(p_values) == pytest.approx((0.03, 0.06, 0.06, 0.02), abs=1e-9)
    assert benjamini_hochberg(p_values) == pytest.approx(
        stats.false_discovery_control(p_values), abs=1e-9
    )
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-9)
    assert holm(()) == benjamini_hochberg(()) == ()


def test_power_is_that_of_the_noncentral_t():
    limit = stats.t.isf(0.05, 101)
    expected = stats.nct.sf(limit, 101, 2.0)
    assert power_of(0.02, 0.01, 102) == pytest.approx(expected, abs=1e-9)
    assert power_of(0.0, 0.01, 102) == pytest.approx(0.05)


# Tests of paired answers


def test_durkalski_on_independent_pairs_is_mcnemar():
    candidate = [True] * 14 + [False] * 4 + [True] * 20
    baseline = [False] * 14 + [True] * 4 + [True] * 20
    found = cluster_mcnemar(candidate, baseline, [str(n) for n in range(38)])
    expected = mcnemar([[20, 14], [4, 0]], exact=False, correction=False).pvalue
    assert found == pytest.approx(expected, abs=1e-9)


def test_durkalski_by_hand():
    # w = 2/4, -1/2, 1/4: (1/4) ** 2 / (1/4 + 1/4 + 1/16) = 1/9, and z = 1/3.
    candidate = [1, 1, 0, 0, 0, 1, 1, 0, 0, 0]
    baseline = [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    found = cluster_mcnemar(candidate, baseline, list("aaaabbcccc"))
    assert found == pytest.approx(2 * stats.norm.sf(1 / 3), abs=1e-9)


@WORLDS
def test_durkalski_keeps_its_level_where_mcnemar_does_not(correlation):
    clustered = plain = 0
    for counts in cell_counts(World(correlation=correlation), 400, seed=9)[0]:
        _, gained, lost, _ = counts.sum(axis=0)
        plain += mcnemar_exact(int(gained), int(lost)) < 0.05
        values, clusters = differences(counts)
        clustered += cluster_mcnemar(values, [0.0] * len(values), clusters) < 0.05
    assert clustered / 400 <= 0.05 + noise(400)
    assert plain / 400 > 0.10


def test_bootstrap_is_that_of_scipy_at_a_level_widened_as_t_is():
    sums = np.array([[0.0, 9.0], [1.0, 8.0], [1.0, 7.0], [2.0, 6.0], [7.0, 5.0], [9.0, 4.0]])

    def ratio(drawn, axis=-1):
        total = sums[drawn.astype(int)].sum(axis=-2)
        return total[..., 0] / total[..., 1]

    found = bca(ratio, 6, ratio(np.arange(6.0)), 0.05, 4000, 3)
    level = stats.norm.sf((6 / 5) ** 0.5 * stats.t.isf(0.05, 5))
    expected = stats.bootstrap(
        (sums[:, 0], sums[:, 1]),
        lambda top, bottom, axis: top.sum(axis) / bottom.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=4000,
        confidence_level=1 - 2 * level,
        method="BCa",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert found == pytest.approx(tuple(expected), abs=1e-9)


# What follows from an interval


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (-0.019, 0.01, "PASS"),
        (-0.02, 0.01, "PASS"),  # the line itself keeps to it
        (-0.021, 0.01, "INCONCLUSIVE"),
        (-0.03, -0.02, "INCONCLUSIVE"),
        (-0.03, -0.021, "FAIL"),
        (None, None, "INCONCLUSIVE"),
        (math.nan, math.nan, "INCONCLUSIVE"),
    ],
)
def test_an_interval_stands_to_a_line_as_its_opposite_to_the_opposite_line(low, high, outcome):
    estimate = Estimate(-0.02, low, high, 100, 10)
    assert estimate.against(-0.02) == outcome
    assert (-estimate).against(0.02, "lower") == outcome


def test_what_reaches_nothing_is_not_better_than_nothing():
    assert Estimate(0.1, 0.0, 0.2, 100, 10).against(0.0, "lower") == "INCONCLUSIVE"
    assert Estimate(0.1, 0.001, 0.2, 100, 10).against(0.0, "lower") == "FAIL"
    assert Estimate(-0.1, -0.2, 0.0, 100, 10).against(0.0, "lower") == "PASS"


def test_the_outcome_of_a_comparison_is_that_of_its_interval_against_the_margin():
    values, clusters = one_exam(difference=0.05, seed=2)
    zeros = [0.0] * len(values)
    better, worse = compare_means(values, zeros, clusters), compare_means(zeros, values, clusters)
    assert (better.outcome, worse.outcome) == ("PASS", "FAIL")
    assert better.p_value < 0.05 < worse.p_value == 1
    assert two_sided(better.p_value, worse.p_value) == 2 * better.p_value
    assert two_sided(None, None) is None


def test_one_place_says_where_an_interval_stands_to_a_line():
    compared = [
        (path.name, ast.unparse(node))
        for path in (seams.ROOT / "reports").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Compare)
        and any(isinstance(each, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for each in node.ops)
        and any(getattr(each, "attr", "") in ("low", "high") for each in ast.walk(node))
    ]
    assert compared == []


def test_statistics_know_no_contract_gate_or_metric():
    for path in (seams.ROOT / "reports" / "statistics").glob("*.py"):
        names = imported(ast.parse(path.read_text("utf-8")))
        ours = {name for name in names if name.split(".")[0] in seams.ROOMS}
        assert all(name.startswith("reports.statistics.") for name in ours), path


# Invariances


@given(CASES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_order_and_names_do_not_matter(pairs, random):
    values, clusters = split(pairs)
    mixed = [(value, f"contract {ord(name) * 7919 % 13}") for value, name in pairs]
    random.shuffle(mixed)
    one = cluster_mean(values, clusters, kind="difference")
    other = cluster_mean(*split(mixed), kind="difference")
    assert (one.n, one.clusters) == (other.n, other.clusters)
    if one.low is not None:
        found = (other.mean, other.low, other.high)
        assert found == pytest.approx((one.mean, one.low, one.high), abs=1e-9)
    first = intra_cluster_correlation(values, clusters)
    second = intra_cluster_correlation(*split(mixed))
    assert first == (None if second is None else pytest.approx(second, abs=1e-9))


@given(CASES)
@settings(max_examples=100, deadline=None)
def test_signs_are_symmetric(pairs):
    values, clusters = split(pairs)
    turned = [-value for value in values]
    one, other = (cluster_mean(each, clusters, kind="difference") for each in (values, turned))
    assert one.mean == pytest.approx(-other.mean, abs=1e-12)
    if one.low is not None:
        assert one.low == pytest.approx(-other.high, abs=1e-9)
        assert -1 <= one.low < one.mean + 1e-9
        assert one.mean - 1e-9 < one.high <= 1
    zeros = [0.0] * len(values)
    assert cluster_mcnemar(values, zeros, clusters) == cluster_mcnemar(zeros, values, clusters)
    better, worse = compare_means(values, zeros, clusters), compare_means(zeros, values, clusters)
    if better.p_value is not None:
        assert better.p_value + worse.p_value >= 1


@given(CASES)
@settings(max_examples=100, deadline=None)
def test_of_shares_right_and_wrong_are_symmetric(pairs):
    values, clusters = [max(value, 0.0) for value, _ in pairs], [name for _, name in pairs]
    one, other = cluster_mean(values, clusters), cluster_mean([1 - v for v in values], clusters)
    if one.low is not None:
        assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)
        assert 0 <= one.low <= one.mean + 1e-9
        assert one.mean - 1e-9 <= one.high <= 1
        assert one.low < one.high


def test_many_exams_at_once_are_the_exams_one_by_one():
    drawn = exams(World(20, 9, "Zipf", discordance=0.3, missing=0.1), 50, seed=3).whole
    at_once = mean_bounds(drawn, "difference", 0.05)
    for number in range(50):
        alone = Sums(*(getattr(drawn, name)[number] for name in Sums.__slots__))
        assert mean_bounds(alone, "difference", 0.05) == pytest.approx(
            tuple(bound[number] for bound in at_once)
        )


@given(CASES, st.floats(0.001, 0.4), st.floats(0.001, 0.4))
@settings(max_examples=60, deadline=None)
def test_a_smaller_risk_never_gives_a_higher_bound(pairs, one, other):
    sums = summed(*split(pairs))
    if len(sums.sizes) > 1:
        strict, lenient = (
            lower_bound(sums, "difference", alpha) for alpha in (min(one, other), max(one, other))
        )
        assert strict <= lenient + 1e-9


@given(CASES, st.floats(0, 0.5), st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_a_wider_margin_never_turns_a_pass_into_less(pairs, margin, more):
    values, clusters = split(pairs)
    order = ["FAIL", "INCONCLUSIVE", "PASS"]
    estimate = cluster_mean(values, clusters, kind="difference")
    strict, lenient = estimate.against(-margin), estimate.against(-margin - more)
    assert order.index(strict) <= order.index(lenient)


# Degenerate input


@pytest.mark.parametrize("function", [cluster_mean, intra_cluster_correlation])
def test_nothing_nan_and_unequal_lengths_are_refused(function):
    for values, clusters, said in [
        ([], [], "no values"),
        ([0.5, math.nan], ["a", "b"], "not finite"),
        ([0.5, math.inf], ["a", "b"], "not finite"),
        ([0.5, 1.0], ["a"], "2 values, but 1 contracts"),
    ]:
        with pytest.raises(ValueError, match=said):
            function(values, clusters)


def test_one_contract_has_no_bounds_and_no_verdict():
    found = compare_means([1.0, 0.0, 1.0], [0.0, 0.0, 0.0], ["a"] * 3, MARGIN)
    assert (found.difference.low, found.difference.high) == (None, None)
    assert (found.outcome, found.p_value, found.error) == ("INCONCLUSIVE", None, None)
    assert intra_cluster_correlation([1.0, 0.0], ["a", "a"]) is None
    assert minimum_detectable_effect(0.01, 1) is None


def test_equal_answers_of_a_few_cases_prove_nothing_and_of_many_pass():
    clusters = [str(n % 5) for n in range(50)]
    scores = [0.1 * (n % 7) for n in range(50)]
    found = compare_means(scores, scores, clusters, MARGIN)
    # Fifty cases of five contracts of which none differs: up to a fifth of all might.
    assert found.difference.low == -found.difference.high == pytest.approx(-0.2, abs=0.05)
    assert (found.outcome, found.error) == ("INCONCLUSIVE", 0.0)
    assert found.p_value > 0.05
    many = compare_means([1.0] * 2000, [1.0] * 2000, [str(n % 50) for n in range(2000)], MARGIN)
    assert many.outcome == "PASS"
    better = compare_means(scores, scores, clusters)
    assert (better.outcome, better.p_value) == ("INCONCLUSIVE", 1.0)
    assert cluster_mcnemar(scores, scores, clusters) is None
    assert intra_cluster_correlation([0.1] * 50, clusters) is None
    alike = summed([0.1] * 50, clusters)
    assert cluster_error(alike.values, alike.sizes) == (pytest.approx(0.1), 0.0)


def test_contracts_whose_means_coincide_do_not_make_cases_certain():
    values, clusters = [1.0, -1.0, 0.0, 1.0, -1.0, 0.0], list("aaabbb")
    found = compare_means(values, [0.0] * 6, clusters, MARGIN)
    assert found.error == 0
    assert found.difference.high - found.difference.low > 1
    assert found.outcome == "INCONCLUSIVE"


def test_amounts_that_are_all_the_same_have_no_interval():
    found = compare_means([5.0] * 6, [3.0] * 6, list("aabbcc"), MARGIN)
    assert (found.difference.mean, found.difference.low, found.p_value) == (2.0, None, None)


def test_impossible_requests_are_refused():
    for call in [
        lambda: compare_means([1.0], [0.0], ["a"], -0.1),
        lambda: compare_means([1.0], [0.0], ["a"], math.nan),
        lambda: compare_means([1.0], [1.0, 0.0], ["a"]),
        lambda: holm([0.1, math.nan]),
        lambda: benjamini_hochberg([1.1]),
        lambda: planned_error(0, 41),
        lambda: power_of(0.1, 0.0, 10),
        lambda: power_of(0.1, 0.1, 1),
        lambda: minimum_detectable_effect(0.1, 10, power=0.01),
    ]:
        with pytest.raises(ValueError, match=r"\w"):
            call()
    assert required_contracts(1e-9, 0.01, 102) is None


def test_tables_are_written_between_their_marks(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(
        "Before.\n<!-- simulations: begin -->\nstale\n<!-- simulations: end -->\nAfter.\n"
    )
    options = ["--repeats", "20", "--of-tables", "20", "--page", str(page)]
    assert main(options) == 0
    text = page.read_text()
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")
    assert "stale" not in text
    assert text.count("\n| 102 x 41, 10%, icc 0.05 |") == 1 + 1 + 3 + 4
    assert "70 cells, 20 exams each" in text
    page.write_text("Nothing.")
    assert main(options) == 4
    assert "ERROR: " in capsys.readouterr().err
