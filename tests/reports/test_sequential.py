"""Early stopping keeps the risk, saves calls, and decides as its parts say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.simulation import World, cell_counts, stopped
from bench.statistics import MARGIN
from evals.gate import Gate, MetricGate
from evals.results import Result, Score
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from reports.report import Opponent
from reports.statistics.estimates import Estimate
from reports.statistics.sequential import boundaries, plan_looks, settled, spent
from reports.verdict.conclude import judge_candidates
from tests import seams
from tests.builders.simulated import differences

QUARTERS = (0.25, 0.5, 0.75, 1.0)
CONTRACTS = [f"contract {number}" for number in range(102)]
REPEATS = 10_000


def noise(repeats, rate=0.05):
    return 3 * math.sqrt(rate * (1 - rate) / repeats)


def exams(plan, repeats, seed, **world):
    """Differences and contracts by look, in the order in which the simulation asks contracts."""
    ends = np.cumsum([len(part) for part in plan.contracts])
    order = np.random.default_rng(0).permutation(ends[-1])
    for counts in cell_counts(World(**world), repeats, seed)[0]:
        yield [differences(counts[order][:end]) for end in ends]


# Boundaries


@pytest.mark.parametrize(
    ("fractions", "alpha", "published"),
    [
        # gsDesign, ldbounds: O'Brien-Fleming-type spending, from coarser grids than ours
        (QUARTERS, 0.025, (4.3326, 2.9631, 2.3590, 2.0141)),
        ((0.2, 0.4, 0.6, 0.8, 1.0), 0.025, (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
        ((0.5, 1.0), 0.025, (2.9626, 1.9686)),
        ((1.0,), 0.05, (1.6449,)),
    ],
)
def test_boundaries_are_the_published_ones(fractions, alpha, published):
    assert boundaries(fractions, alpha) == pytest.approx(published, abs=2e-4)


def test_risk_over_all_looks_is_what_is_spent():
    bounds = boundaries(QUARTERS, 0.05)
    correlation = [[min(i, j) / max(i, j) for j in QUARTERS] for i in QUARTERS]
    for last in (1, 2, 3, 4):
        looks = stats.multivariate_normal(
            np.zeros(last), np.sqrt(correlation)[:last, :last], maxpts=400_000, abseps=1e-7
        )
        crossed = 1 - looks.cdf(bounds[:last], rng=np.random.default_rng(0))
        assert crossed == pytest.approx(spent(QUARTERS[last - 1], 0.05), abs=2e-6)
    assert spent(1.0, 0.05) == pytest.approx(0.05)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8, unique=True), st.floats(0.01, 0.2))
@settings(max_examples=20, deadline=None)
def test_any_rising_fractions_have_bounds_above_the_fixed_one(parts, alpha):
    fractions = [part / max(parts) for part in sorted(parts)]
    bounds = boundaries(fractions, alpha)
    assert all(math.isfinite(bound) for bound in bounds)
    assert bounds[-1] >= stats.norm.isf(alpha) - 1e-9
    assert bounds[0] == pytest.approx(stats.norm.isf(spent(fractions[0], alpha)), abs=1e-6)


@pytest.mark.parametrize(
    ("fractions", "alpha"),
    [((), 0.05), ((0.5, 0.5), 0.05), ((0.0, 1.0), 0.05), ((0.5, 1.1), 0.05), ((1.0,), 0.5)],
)
def test_impossible_boundaries_are_refused(fractions, alpha):
    with pytest.raises(ValueError, match=r"between|rise"):
        boundaries(fractions, alpha)


# The plan


def test_a_plan_takes_every_contract_once_in_a_frozen_order():
    plan = plan_looks(CONTRACTS)
    assert [len(part) for part in plan.contracts] == [26, 25, 26, 25]
    assert plan.fractions == (26 / 102, 51 / 102, 77 / 102, 1.0)
    names = [name for part in plan.contracts for name in part]
    assert sorted(names) == sorted(CONTRACTS)
    assert names != sorted(CONTRACTS)
    assert plan == plan_looks(list(reversed(CONTRACTS)) * 2)
    assert names[:3] == ["contract 96", "contract 98", "contract 10"]
    assert plan.contracts != plan_looks(CONTRACTS, seed=1).contracts
    fewer = [name for part in plan_looks(CONTRACTS[1:]).contracts for name in part]
    assert fewer == [name for name in names if name != CONTRACTS[0]]


def test_plans_of_few_contracts_have_fewer_looks():
    assert plan_looks(["a"]).fractions == (1.0,)
    assert plan_looks(["a"]).levels == pytest.approx((0.05,))
    assert plan_looks("abc").fractions == pytest.approx((1 / 3, 2 / 3, 1.0))
    for contracts, shares in [([], (1.0,)), ("abc", (0.5,)), ("abc", (0.5, 0.4, 1.0)), ("a", ())]:
        with pytest.raises(ValueError, match="looks need contracts"):
            plan_looks(contracts, shares=shares)


# Where an exam may stop


def test_an_exam_ends_where_every_verdict_is_certain():
    shown = [Estimate(0.0, -0.01, 0.01, 400, 40)]
    assert settled(["PROMOTE"], shown)
    assert settled(["REJECT", "PROMOTE"], shown)
    assert not settled(["PROMOTE", "INCONCLUSIVE"], shown)


def test_few_contracts_end_nothing():
    wide, narrow = (Estimate(0.9, 0.8, 1.0, 400, contracts) for contracts in (9, 10))
    assert not settled(["REJECT"], [narrow, wide])
    assert settled(["REJECT"], [narrow])


def test_the_exam_and_its_simulation_stop_by_one_rule():
    assert seams.users("reports.statistics.sequential.settled") == {
        "reports/examination/looks.py",
        "bench/simulation.py",
    }


# Risk and savings


@pytest.mark.parametrize("correlation", [0.02, 0.05])
def test_stopping_early_keeps_the_risk_both_ways(correlation):
    at_margin = World(correlation=correlation, difference=-MARGIN)
    found = stopped(at_margin, MARGIN, REPEATS, seed=2)
    assert 0.03 < found.passed <= 0.05 + noise(REPEATS)
    assert 0.03 < found.failed <= 0.05 + noise(REPEATS)


def test_stopping_early_saves_calls_and_little_power():
    equal, better, worse = (
        stopped(World(correlation=0.02, difference=difference), MARGIN, REPEATS, seed=3)
        for difference in (0.0, 0.01, -0.07)
    )
    assert equal.saved > 0.2
    assert better.saved > 0.4
    assert worse.saved > 0.4
    assert equal.passed > 0.88
    assert better.passed > 0.99
    assert worse.failed > 0.99
    assert equal.failed + better.failed + worse.passed < 0.001


def verdict(differences, contracts, level):
    """What an exam concludes of a candidate whose scores differ so from the champion's."""
    cases = [
        Case(f"{n}", f"{n}", Contract(name, name), "category", "why?", (Span("text", 0),))
        for n, name in enumerate(contracts)
    ]
    results = [
        Result(model, case, Answer("text"), {"token_f1": Score(float(value))}, asked=True)
        for case, d in zip(cases, differences, strict=True)
        for model, value in (("new", d >= 0), ("old", d <= 0))
    ]
    gate = Gate(alpha=level, metrics={"token_f1": MetricGate(role="guard", margin=MARGIN)})
    champion = Opponent("champion", "old", "")
    return judge_candidates(results, gate, ["new"], [champion], {})[1][0]


def test_simulations_stop_as_exams_do():
    plan = plan_looks([str(number) for number in range(102)])
    passed = failed = saved = 0.0
    for parts in exams(plan, 12, 4, difference=0.01):
        for (values, clusters), level in zip(parts, plan.levels, strict=True):
            found = verdict(values, clusters, level)
            if settled([found.outcome], [check.estimate for check in found.checks]):
                saved += 1 - len(values) / len(parts[-1][0])
                break
        passed += found.outcome == "PROMOTE"
        failed += found.outcome == "REJECT"
    simulated = stopped(World(difference=0.01), MARGIN, 12, seed=4)
    assert (passed / 12, failed / 12) == (simulated.passed, simulated.failed)
    assert saved / 12 == pytest.approx(simulated.saved)
    assert simulated.saved > 0.1
