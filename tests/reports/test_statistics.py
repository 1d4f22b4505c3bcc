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
from statsmodels.stats.proportion import proportion_confint

from bench.simulation import (
    World,
    cluster_bounds,
    coverage,
    expanded,
    paired_sums,
    passes,
    small_exams,
)
from bench.statistics import MARGIN, main
from reports.statistics.bootstrap import (
    cluster_bootstrap,
    gated_mean,
    is_small,
    outer,
)
from reports.statistics.estimates import (
    Estimate,
    benjamini_hochberg,
    cluster_error,
    cluster_mean,
    cluster_sums,
    holm,
    intra_cluster_correlation,
    wilson,
)
from reports.statistics.paired import (
    cluster_mcnemar,
    compare_means,
    mcnemar_exact,
    sign_flip,
    two_sided,
)
from reports.statistics.power import (
    minimum_detectable_effect,
    planned_error,
    power_of,
    required_contracts,
)
from tests import seams
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


def exam(correlation=0.05, seed=0, **world):
    """One exam's differences and contracts."""
    drawn = World(correlation=correlation, **world)
    sums, squares = paired_sums(drawn, 1, seed)
    return expanded(sums[0], squares[0], drawn.sizes)


def split(pairs):
    return [value for value, _ in pairs], [name for _, name in pairs]


# The generator


@WORLDS
@pytest.mark.parametrize("difference", [0.0, -MARGIN])
def test_simulated_exams_have_the_correlation_and_mean_they_claim(correlation, difference):
    world = World(correlation=correlation, difference=difference)
    sums, squares = paired_sums(world, REPEATS, seed=1)
    variance = world.discordance - difference**2
    assert sums.sum() / (REPEATS * 102 * 41) == pytest.approx(difference, abs=4e-4)
    assert squares.sum() / (REPEATS * 102 * 41) == pytest.approx(0.1, abs=4e-4)
    of_sums = np.square(sums - 41 * difference).mean()
    assert of_sums / (41 * variance) == pytest.approx(1 + 40 * correlation, rel=0.01)
    found = [
        intra_cluster_correlation(*expanded(*one, world.sizes))
        for one in zip(sums[:150], squares[:150], strict=True)
    ]
    assert np.mean(found) == pytest.approx(correlation, abs=4 * np.std(found) / 150**0.5)


# Error rates, coverage and power


@WORLDS
def test_at_the_margin_the_gate_passes_5_in_100_and_a_question_level_test_11_to_17(correlation):
    at_margin = World(correlation=correlation, difference=-MARGIN)
    gate, naive = passes(at_margin, MARGIN, 2 * REPEATS, seed=2)
    assert 0.03 < gate <= 0.05 + noise(2 * REPEATS)
    expected = stats.norm.sf(stats.norm.isf(0.05) / math.sqrt(1 + 40 * correlation))
    assert 0.10 < expected < 0.18
    assert naive == pytest.approx(expected, abs=0.015)


@WORLDS
@pytest.mark.parametrize("difference", [0.0, -MARGIN, 0.05])
def test_intervals_cover(correlation, difference):
    world = World(correlation=correlation, difference=difference)
    assert coverage(world, REPEATS, seed=3) == pytest.approx(0.95, abs=0.015)


@WORLDS
@pytest.mark.parametrize("part", [0.5, 1.0, 1.25])
def test_power_is_as_predicted(correlation, part):
    error = planned_error(102, 41, 0.1, correlation)
    effect = part * minimum_detectable_effect(error, 102)
    if part == 1:
        assert power_of(effect, error, 102) == pytest.approx(0.8)
    world = World(correlation=correlation, difference=effect - MARGIN)
    observed, _ = passes(world, MARGIN, REPEATS, seed=4)
    assert observed == pytest.approx(power_of(effect, error, 102), abs=0.03)


def test_required_contracts_have_the_power_and_one_fewer_has_not():
    error = planned_error(102, 41, 0.1, 0.05)
    assert error == pytest.approx(math.sqrt(0.1 * 3 / (102 * 41)))
    needed = required_contracts(MARGIN, error, 102)
    assert required_contracts(-MARGIN, error, 102) == needed
    assert power_of(MARGIN, planned_error(needed, 41), needed) >= 0.8
    assert power_of(MARGIN, planned_error(needed - 1, 41), needed - 1) < 0.8
    observed, _ = passes(World(contracts=needed), MARGIN, REPEATS, seed=5)
    assert observed == pytest.approx(0.8, abs=0.03)


def test_small_exams_keep_their_promises():
    at_margin = World(contracts=12, cases=41, difference=-MARGIN)
    passed, held = small_exams(at_margin, MARGIN, 300, seed=6)
    assert passed <= 0.05 + noise(300)
    assert held >= 0.95 - noise(300)


def test_simulations_judge_as_the_gate_does():
    world = World(difference=-0.005)
    sums, squares = paired_sums(world, 60, seed=8)
    low, high = cluster_bounds(sums, squares, world.sizes, 0.05)
    outcomes = set()
    for number, one in enumerate(zip(sums, squares, strict=True)):
        differences, clusters = expanded(*one, world.sizes)
        found = compare_means(differences, [0.0] * len(differences), clusters, MARGIN)
        assert found.difference.low == pytest.approx(low[number], abs=1e-12)
        assert found.difference.high == pytest.approx(high[number], abs=1e-12)
        assert (found.outcome == "PASS") == (low[number] >= -MARGIN)
        assert found.outcome != "PASS" or found.p_value < 0.05
        outcomes.add(found.outcome)
    assert outcomes == {"PASS", "INCONCLUSIVE"}


# Agreement with statsmodels and scipy


@pytest.mark.parametrize("uneven", [False, True])
def test_agrees_with_statsmodels_cluster_robust_regression_on_a_constant(uneven):
    values, clusters = exam(uneven=uneven)
    found = cluster_mean(values, clusters, 0.025)
    # statsmodels multiplies by G / (G - 1) * (n - 1) / (n - k); with a constant alone k is 1.
    fitted = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster",
        cov_kwds={"groups": np.unique(clusters, return_inverse=True)[1]},
        use_t=True,
    )
    assert found.mean == pytest.approx(fitted.params[0], abs=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(fitted.conf_int()[0]), abs=1e-9)
    one_sided = compare_means(values, [0.0] * len(values), clusters)
    assert one_sided.error == pytest.approx(fitted.bse[0], abs=1e-9)
    either_way = two_sided(one_sided.p_value, 1 - one_sided.p_value)
    assert either_way == pytest.approx(fitted.pvalues[0], abs=1e-9)


def test_with_contracts_of_one_size_it_is_the_t_test_of_their_means():
    values, clusters = exam()
    means = cluster_sums(values, clusters)[0] / 41
    expected = stats.ttest_1samp(means, -MARGIN, alternative="greater")
    found = compare_means(values, [0.0] * len(values), clusters, MARGIN)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)


def test_correlation_is_that_of_the_analysis_of_variance():
    values, clusters = exam(correlation=0.05, cases=8)
    parts = [np.array(values)[np.array(clusters) == name] for name in sorted(set(clusters))]
    ratio = stats.f_oneway(*parts).statistic
    assert intra_cluster_correlation(values, clusters) == pytest.approx((ratio - 1) / (ratio + 7))


@pytest.mark.parametrize(("successes", "trials"), [(0, 12), (3, 12), (12, 12), (1, 1)])
def test_wilson_agrees_with_scipy(successes, trials):
    expected = stats.binomtest(successes, trials).proportion_ci(0.9, method="wilson")
    found = wilson(successes, trials, 0.05)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found == pytest.approx(
        proportion_confint(successes, trials, 0.1, method="wilson"), abs=1e-9
    )


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
    world = World(correlation=correlation)
    sums, squares = paired_sums(world, 400, seed=9)
    clustered = plain = 0
    for one, other in zip(sums, squares, strict=True):
        gained = (one + other).sum() / 2
        plain += mcnemar_exact(int(gained), int(other.sum() - gained)) < 0.05
        values, clusters = expanded(one, other, world.sizes)
        nothing = [0.0] * len(values)
        clustered += cluster_mcnemar(values, nothing, clusters) < 0.05
    assert clustered / 400 <= 0.05 + noise(400)
    assert plain / 400 > 0.10


def test_sign_flips_of_few_contracts_are_counted_exactly():
    assert sign_flip([1.0, 2.0, 3.0], list("abc")) == 1 / 8
    assert sign_flip([1.0, 2.0, -3.0], list("abc")) == 5 / 8
    assert sign_flip([1.0, 2.0, 3.0], list("abc"), "two-sided") == 2 / 8
    assert sign_flip([1.0] * 16, [str(n) for n in range(16)]) == 2**-16
    assert sign_flip([0.0, 0.0], list("ab")) == 1.0
    assert sign_flip([1.0, 1.0], list("aa")) == 1 / 2


def test_random_sign_flips_count_the_observed_one_and_repeat():
    clusters = [str(n) for n in range(17)]
    assert sign_flip([1.0] * 17, clusters, flips=99) == 1 / 100
    values, clusters = exam(seed=3)
    found = sign_flip(values, clusters)
    assert found == sign_flip(values, clusters)
    t_test = compare_means(values, [0.0] * len(values), clusters).p_value
    assert found == pytest.approx(t_test, abs=0.03)


def test_bootstrap_draws_whole_contracts_and_both_models_together():
    sums = np.array([[3.0, 4.0, 3.0, 4.0], [1.0, 9.0, 1.0, 9.0], [5.0, 6.0, 5.0, 6.0]])

    def difference(total):
        return total[..., 0] / total[..., 1] - total[..., 2] / total[..., 3]

    found = cluster_bootstrap(sums, difference, 19)
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)
    unpaired = sums[:, [0, 1]] - [[1.0, 0.0]]
    apart = cluster_bootstrap(np.hstack([sums[:, :2], unpaired]), difference, 19)
    assert apart.low < apart.mean < apart.high
    assert apart == cluster_bootstrap(np.hstack([sums[:, :2], unpaired]), difference, 19)


def test_bootstrap_of_a_mean_agrees_with_t_on_many_contracts():
    values, clusters = exam()
    sums = np.stack(cluster_sums(values, clusters), axis=-1)
    drawn = cluster_bootstrap(sums, lambda s: s[..., 0] / s[..., 1], len(values), draws=8000)
    straight = cluster_mean(values, clusters)
    width = straight.high - straight.low
    assert drawn.low == pytest.approx(straight.low, abs=0.05 * width)
    assert drawn.high == pytest.approx(straight.high, abs=0.05 * width)


def test_bootstrap_is_that_of_scipy_at_a_level_widened_as_t_is():
    sums = np.array([[0.0, 9.0], [1.0, 8.0], [1.0, 7.0], [2.0, 6.0], [7.0, 5.0], [9.0, 4.0]])
    found = cluster_bootstrap(sums, lambda total: total[..., 0] / total[..., 1], 39, 0.05, seed=3)
    level = stats.norm.sf((6 / 5) ** 0.5 * stats.t.isf(0.05, 5))
    ordered = sums[np.argsort(-sums[:, 1])[::-1]]
    expected = stats.bootstrap(
        (ordered[:, 0], ordered[:, 1]),
        lambda top, bottom, axis: top.sum(axis) / bottom.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=4000,
        confidence_level=1 - 2 * level,
        method="BCa",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-9)


# Which bounds are shown, and what follows


def test_large_exams_show_t_and_small_ones_the_outer_bounds():
    assert is_small(19, 10_000)
    assert is_small(102, 299)
    assert not is_small(20, 300)
    values, clusters = exam()
    assert gated_mean(values, clusters) == cluster_mean(values, clusters)
    skewed = [0.0] * 18 + [1.0, 1.0]
    names = [str(n // 2) for n in range(20)]
    straight, shown = cluster_mean(skewed, names, share=True), gated_mean(skewed, names, share=True)
    assert (shown.mean, shown.low) == (straight.mean, straight.low)
    assert shown.high > straight.high
    alike = gated_mean([1.0] * 20, names, share=True)
    assert (alike.low, alike.high) == wilson(10, 10)


def test_outer_bounds():
    one, other = Estimate(0.0, -1.0, 1.0, 9, 3), Estimate(0.0, -2.0, 0.5, 9, 3)
    assert outer(one, other) == Estimate(0.0, -2.0, 1.0, 9, 3)
    assert outer(one, replace(other, low=None)).low is None


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
    values, clusters = exam(difference=0.05, seed=2)
    zeros = [0.0] * len(values)
    better, worse = compare_means(values, zeros, clusters), compare_means(zeros, values, clusters)
    assert (better.outcome, worse.outcome) == ("PASS", "FAIL")
    assert better.p_value < 0.05 < 0.95 < worse.p_value
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
    for function in (cluster_mean, gated_mean):
        one, other = function(values, clusters), function(*split(mixed))
        assert (one.n, one.clusters) == (other.n, other.clusters)
        if one.low is not None:
            found = (other.mean, other.low, other.high)
            assert found == pytest.approx((one.mean, one.low, one.high), abs=1e-9)
    for function in (intra_cluster_correlation, sign_flip):
        one, other = function(values, clusters), function(*split(mixed))
        assert one == (None if other is None else pytest.approx(other, abs=1e-9))


@given(CASES)
@settings(max_examples=100, deadline=None)
def test_signs_are_symmetric(pairs):
    values, clusters = split(pairs)
    turned = [-value for value in values]
    one, other = cluster_mean(values, clusters), cluster_mean(turned, clusters)
    assert one.mean == pytest.approx(-other.mean, abs=1e-12)
    if one.low is not None:
        assert one.low == pytest.approx(-other.high, abs=1e-12)
        assert one.low <= one.mean <= one.high
    assert sign_flip(values, clusters) == sign_flip(turned, clusters, "less")
    zeros = [0.0] * len(values)
    assert cluster_mcnemar(values, zeros, clusters) == cluster_mcnemar(zeros, values, clusters)
    better, worse = compare_means(values, zeros, clusters), compare_means(zeros, values, clusters)
    if is_small(better.difference.clusters, len(values)) and better.p_value is not None:
        assert better.p_value + worse.p_value >= 1 - 1e-9 or better.error == 0


@given(CASES, st.floats(0, 0.5), st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_a_wider_margin_never_turns_a_pass_into_less(pairs, margin, more):
    values, clusters = split(pairs)
    order = ["FAIL", "INCONCLUSIVE", "PASS"]
    estimate = cluster_mean(values, clusters)
    strict, lenient = estimate.against(-margin), estimate.against(-margin - more)
    assert order.index(strict) <= order.index(lenient)


# Degenerate input


@pytest.mark.parametrize(
    "function", [cluster_mean, gated_mean, sign_flip, intra_cluster_correlation]
)
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
    # Fifty cases of which none differs: up to a ninth of all might.
    assert found.difference.low == -found.difference.high == pytest.approx(-0.13, abs=0.03)
    assert (found.outcome, found.error) == ("INCONCLUSIVE", 0.0)
    assert found.p_value == 2**-5  # all flips of five contracts
    many = compare_means([1.0] * 2000, [1.0] * 2000, [str(n % 50) for n in range(2000)], MARGIN)
    assert many.outcome == "PASS"
    better = compare_means(scores, scores, clusters)
    assert (better.outcome, better.p_value) == ("INCONCLUSIVE", 1.0)
    assert cluster_mcnemar(scores, scores, clusters) is None
    assert intra_cluster_correlation([0.1] * 50, clusters) is None
    mean, error = cluster_error(*cluster_sums([0.1] * 50, clusters))
    assert (mean, error) == (pytest.approx(0.1), 0.0)


def test_contracts_whose_means_coincide_do_not_make_cases_certain():
    values, clusters = [1.0, -1.0, 0.0, 1.0, -1.0, 0.0], list("aaabbb")
    assert cluster_error(*cluster_sums(values, clusters))[1] == 0
    error = stats.sem(values)
    found = compare_means(values, [0.0] * 6, clusters, MARGIN)
    assert found.error == pytest.approx(error)
    reach = stats.t.isf(0.05, 1) * error
    assert (found.difference.low, found.difference.high) == pytest.approx((-reach, reach))
    assert found.outcome == "INCONCLUSIVE"


def test_impossible_requests_are_refused():
    for call in [
        lambda: compare_means([1.0], [0.0], ["a"], -0.1),
        lambda: compare_means([1.0], [0.0], ["a"], math.nan),
        lambda: cluster_bootstrap(np.zeros((0, 2)), np.sum, 0),
        lambda: cluster_bootstrap(np.full((3, 2), np.nan), np.sum, 3),
        lambda: cluster_bootstrap(np.zeros((3, 2)), lambda total: total[..., 0] / total[..., 1], 3),
        lambda: compare_means([1.0], [1.0, 0.0], ["a"]),
        lambda: wilson(1, 0),
        lambda: wilson(3, 2),
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
    options = ["--repeats", "50", "--small", "2", "--page", str(page)]
    assert main(options) == 0
    text = page.read_text()
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")
    assert "stale" not in text
    assert text.count("| 102 x 41, 0.05 |") == 1 + 3 + 4 + 1 + 1
    page.write_text("Nothing.")
    assert main(options) == 4
    assert "ERROR: " in capsys.readouterr().err
