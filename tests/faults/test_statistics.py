"""Degenerate statistics: no verdict rests on an interval that the data cannot carry."""

import math
import random

import pytest

from bench.simulation import World, cell_counts, dirichlet_counts
from evals.gate import Gate, MetricGate
from evals.results import Result, Score
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from reports.report import Opponent
from reports.verdict.conclude import judge_candidates
from reports.verdict.prospects import demands, format_prospects, prospect, too_small

CHAMPION = Opponent("champion", "champion", "c" * 64)
CONTRACTS = [Contract(f"c{number:03d}", f"text {number}") for number in range(120)]


def rows(model, scores, lost=()):
    """One result a score; `scores` are lists, one a contract."""
    made = []
    for contract, values in zip(CONTRACTS, scores, strict=False):
        for place, value in enumerate(values):
            case = Case(f"{contract.id}/{place}", f"{contract.id}-{place}", contract, "cat", "why?",
                        (Span("text", 0),))  # fmt: skip
            gone = (contract.id, place) in lost
            answer = Answer("", error="timeout") if gone else Answer("text")
            score = Score(None, "no answer") if gone else Score(float(value))
            made.append(Result(model, case, answer, {"exact_match": score}, asked=False))
    return made


def outcome(candidate, champion=None, lost=(), **entry):
    gate = Gate(metrics={"exact_match": MetricGate(role="guard", **entry)}, minimum_cases=1)
    both = rows("new", candidate, lost) + (rows("champion", champion) if champion else [])
    opponents = (CHAMPION,) if champion else ()
    return judge_candidates(both, gate, ("new",), opponents, {})[1][0]


def rare(contracts, cases, draws, seed):
    """Exams in which 2 % of the pairs differ, every one a loss: the truth lies at the margin."""
    counts = dirichlet_counts((0.02, 0.98), 0.05, World(contracts, cases).counts, draws, seed)
    for losses in counts[..., 0].astype(int):
        yield [[0.0] * n + [1.0] * (cases - n) for n in losses], [[1.0] * cases] * contracts


@pytest.mark.fault("STAT-1")
@pytest.mark.parametrize(("contracts", "cases"), [(4, 5), (20, 1), (4, 24), (10, 5), (10, 10)])
def test_no_difference_seen_is_not_no_difference(contracts, cases):
    found = [
        outcome(one, other, margin=0.02).outcome
        for one, other in rare(contracts, cases, 60, seed=1)
    ]
    assert found.count("PROMOTE") <= 60 * 0.05 + 2 * math.sqrt(60 * 0.05 * 0.95)


@pytest.mark.fault("STAT-1")
def test_few_differences_are_few_to_go_by():
    """One gain of 200, and nothing else: nearly equal is no better than equal."""
    one = [[1.0] * 10 for _ in range(20)]
    other = [[1.0] * 10 for _ in range(20)]
    other[0][0] = 0.0
    assert outcome(one, other, margin=0.01).outcome == "INCONCLUSIVE"
    many = [[1.0] * 25 for _ in range(100)]
    assert outcome(many, many, margin=0.05).outcome == "PROMOTE"


@pytest.mark.fault("STAT-1", "USE-5")
def test_three_cases_that_all_differ_are_three_cases():
    found = outcome([[0.0]] * 3, [[1.0]] * 3, margin=0.02)
    assert found.outcome == "INCONCLUSIVE"


@pytest.mark.fault("STAT-2")
def test_answers_that_are_lost_where_it_loses_help_nobody():
    draw = random.Random(3)
    champion = [[float(draw.random() < 0.7) for _ in range(41)] for _ in range(102)]
    worse = [[value * (draw.random() >= 0.02 / 0.7) for value in contract] for contract in champion]
    lost = {
        (CONTRACTS[c].id, q)
        for c, (mine, theirs) in enumerate(zip(worse, champion, strict=True))
        for q, (one, other) in enumerate(zip(mine, theirs, strict=True))
        if one < other
    }
    assert len(lost) > 0.015 * 102 * 41
    kept = set(sorted(lost)[: int(0.02 * 102 * 41)])
    assert outcome(worse, champion, lost=kept, margin=0.02).outcome == "INCONCLUSIVE"


@pytest.mark.fault("STAT-3")
def test_a_high_floor_is_no_easier_than_a_low_one():
    counts = dirichlet_counts((0.95, 0.05), 0.05, World(20, 20).counts, 250, 9)
    passed = [
        outcome([[1.0] * n + [0.0] * (20 - n) for n in right], floor=0.95).outcome == "PROMOTE"
        for right in counts[..., 0].astype(int)
    ]
    assert sum(passed) <= 250 * 0.05 + 2 * math.sqrt(250 * 0.05 * 0.95)


@pytest.mark.fault("STAT-4")
@pytest.mark.parametrize("sizes", ["Zipf", "one holds half"])
def test_contracts_of_unequal_size_keep_the_level_and_a_heavy_one_is_said(sizes):
    world = World(40, 20, sizes, difference=-0.03)
    counts, _ = cell_counts(world, 120, seed=2)
    passed = 0
    for exam in counts.astype(int):
        one = [[1.0] * (a + b) + [0.0] * (c + d) for a, b, c, d in exam]
        other = [[1.0] * a + [0.0] * b + [1.0] * c + [0.0] * d for a, b, c, d in exam]
        found = outcome(one, other, margin=0.03)
        passed += found.outcome == "PROMOTE"
        assert ("one contract holds" in found.checks[0].reason) == (max(map(len, one)) > 160)
    assert passed <= 120 * 0.05 + 2 * math.sqrt(120 * 0.05 * 0.95)


@pytest.mark.fault("GATE-7")
def test_an_exam_that_is_too_small_for_a_margin_does_not_pass_it_on_equal_answers():
    same = [[1.0] * 10 + [0.0] * 10] * 4
    found = outcome(same, same, margin=0.02)
    assert (found.outcome, found.checks[0].estimate.mean) == ("INCONCLUSIVE", 0.0)


@pytest.mark.fault("STAT-2")
def test_what_failed_for_both_is_missing_for_both_and_the_rest_is_taken_at_its_worst():
    champion = [[1.0] * 15 + [0.0] * 5 for _ in range(100)]
    mine, both = {(CONTRACTS[n].id, 0) for n in range(8)}, {(CONTRACTS[n].id, 1) for n in range(6)}
    gate = Gate(metrics={"exact_match": MetricGate(role="guard", margin=0.05)}, attrition=0.0075)
    results = rows("new", champion, mine | both) + rows("champion", champion, both)
    (check,) = judge_candidates(results, gate, ("new",), (CHAMPION,), {})[1][0].checks
    assert (check.outcome, check.estimate.n, check.worst.n, check.best.n) == (
        "PASS", 2000 - 14, 2000 - 6, 2000 - 6,
    )  # fmt: skip
    assert check.worst.mean == pytest.approx(-8 / 1994)
    assert check.best.mean == check.estimate.mean == 0
    assert check.p_value < 0.05
    assert check.reason.endswith("with the 8 missing values -0.004 at worst, +0.000 at best")
    more = both | {(CONTRACTS[n].id, 1) for n in range(8)}
    results = rows("new", champion, mine | more) + rows("champion", champion, more)
    (check,) = judge_candidates(results, gate, ("new",), (CHAMPION,), {})[1][0].checks
    assert check.outcome == "INCONCLUSIVE", "what failed for both counts to the attrition"


@pytest.mark.fault("STAT-5")
def test_a_better_mean_by_luck_does_not_move_the_anchor():
    champion = [[1.0] * 10 + [0.0] * 10 for _ in range(68)]
    new = [list(contract) for contract in champion]
    for number in range(68):  # every contract gains one or loses one, a few more the former
        new[number][0 if number % 17 < 8 else 15] = 0.0 if number % 17 < 8 else 1.0
    found = outcome(new, champion, margin=0.05)
    assert found.outcome == "PROMOTE"
    assert found.checks[0].estimate.mean >= 0 > found.checks[0].estimate.low
    assert not found.improves_anchor


@pytest.mark.fault("STAT-6")
def test_superiority_that_no_answers_could_show_is_said_beforehand():
    gate = Gate(metrics={"exact_match": MetricGate(role="primary", goal="superior")})
    cases = [row.case for row in rows("new", [[1.0] * 20] * 2)]
    found = [prospect(each, gate) for each in demands(gate, cases)]
    assert "to be better takes 3 contracts" in "".join(format_prospects(found, gate))
    assert str(too_small(found)).endswith("too small to show what is better in exact_match")
    everything, nothing = [[1.0] * 20] * 4, [[0.0] * 20] * 4
    for contracts, shown in ((2, "INCONCLUSIVE"), (4, "PROMOTE")):
        judged = outcome(everything[:contracts], nothing[:contracts], goal="superior")
        assert judged.outcome == shown
