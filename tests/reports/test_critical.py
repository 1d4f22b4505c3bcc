"""Critical categories: what became better elsewhere does not buy what was lost there."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.critical import passes, worlds
from common.errors import UserError
from evals.gate import Critical, CriticalRule, Gate, MetricGate, read_gate
from evals.results import Result, Score
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from reports.report import Opponent
from reports.statistics.shrinkage import LIMIT, shifts
from reports.verdict.bars import Bars
from reports.verdict.critical import critical_demands, unknown
from reports.verdict.decide import decide, gate_checks
from reports.verdict.prospects import format_prospects, prospect

CHAMPION = Opponent("champion", "old", "")
NAMES = ["Cap On Liability", *(f"Category {number}" for number in range(20))]
GATE = Gate(
    minimum_cases=10,
    metrics={
        "token_f1": MetricGate(role="guard", floor=0.2, margin=0.05),
        "abstention": MetricGate(role="guard", floor=0.2, margin=0.05),
    },
    critical=Critical(
        categories=("cap on liability",),
        metrics={
            "token_f1": CriticalRule(floor=0.1, margin=0.2),
            "abstention": CriticalRule(floor=0.1, margin=0.2),
        },
    ),
)


def asked(contracts=60, names=NAMES):
    """One case a contract and category; every third contract does not answer."""
    return [
        Case(f"{c}/{name}", f"{c}-{name}", Contract(f"c{c}", f"text {c}"), name, "why?",
             (Span("text", 0),) if c % 3 else ())
        for c in range(contracts)
        for name in names
    ]  # fmt: skip


def place(case):
    """Of a case among those of its category: the contracts in another order in each."""
    return 7 * int(case.id.split("/")[0]) + 3 * NAMES.index(case.category)


def results(model, cases, value, lost=lambda case: False):
    """`value` of case and of its place; a lost case has an error and no score."""
    found = []
    for case in cases:
        metric = "token_f1" if case.answerable else "abstention"
        score = {metric: Score(float(value(case, place(case))))}
        answer = Answer("", error="down") if lost(case) else Answer("x")
        found.append(Result(model, case, answer, {} if lost(case) else score, True))
    return found


def critical(case):
    return case.category == NAMES[0]


def usual(case, number):
    return number % 10 < 7


def judged(new, old=None, gate=GATE):
    of_model = {"new": new, **({"old": old} if old else {})}
    opponents = [CHAMPION] if old else []
    checks = gate_checks(gate, "new", of_model, opponents, Bars())
    return decide("new", checks, CHAMPION if old else None)


def checks_of(verdict, outcome, against=None):
    return {
        check.metric
        for check in verdict.checks
        if check.outcome == outcome and against in (None, check.against)
    }


def test_a_model_that_got_better_elsewhere_and_lost_the_critical_clauses_is_refused():
    cases = asked()
    old = results("old", cases, usual)
    new = results("new", cases, lambda case, n: False if critical(case) else n % 10 < 8)
    found = judged(new, old)
    assert found.outcome == "REJECT"
    assert checks_of(found, "FAIL", "champion old") == {
        "token_f1 in cap on liability", "abstention in cap on liability",
    }  # fmt: skip
    without = judged(new, old, GATE.model_copy(update={"critical": Critical()}))
    assert without.outcome == "PROMOTE"


def test_equal_answers_pass_and_move_no_anchor():
    cases = asked()
    found = judged(results("new", cases, usual), results("old", cases, usual))
    assert found.outcome == "PROMOTE", found.reasons
    assert not found.improves_anchor


def test_an_improvement_need_not_be_shown_in_every_critical_category():
    cases = asked(contracts=90)
    new = results("new", cases, lambda case, n: usual(case, n) if critical(case) else True)
    found = judged(new, results("old", cases, usual))
    assert found.outcome == "PROMOTE" and found.improves_anchor


def test_whoever_declines_always_does_not_buy_answers_with_abstentions():
    cases = asked()
    new = results("new", cases, lambda case, n: not case.answerable if critical(case) else True)
    found = judged(new, results("old", cases, usual))
    assert checks_of(found, "FAIL") == {"token_f1 in cap on liability"}


def test_few_cases_ask_for_no_floor_and_leave_a_comparison_open():
    cases = asked(contracts=12)  # 8 answerable, 4 not
    alone = judged(results("new", cases, lambda case, n: True))
    assert checks_of(alone, "N/A") == {
        "token_f1 in cap on liability", "abstention in cap on liability",
    }  # fmt: skip
    assert alone.outcome == "PROMOTE"
    beside = judged(results("new", cases, usual), results("old", cases, usual))
    assert beside.outcome == "INCONCLUSIVE"
    open_ = [c for c in beside.checks if c.against == "champion old" and " in " in c.metric]
    assert {check.outcome for check in open_} == {"INCONCLUSIVE"}
    assert "8 such cases, and 10 are the least" in open_[0].reason


def test_a_category_without_a_case_does_not_apply_and_is_said():
    cases = asked(names=NAMES[1:])
    found = judged(results("new", cases, usual), results("old", cases, usual))
    assert found.outcome == "PROMOTE"
    assert len([check for check in found.checks if check.outcome == "N/A"]) == 4
    assert unknown(GATE, cases) == (
        "no case of the data set is of these critical categories: cap on liability"
    )
    assert unknown(GATE, asked(contracts=1)) is None
    assert list(critical_demands(GATE, cases)) == []


@pytest.mark.parametrize("side", ["new", "old", "both"])
def test_losing_answers_lifts_no_critical_floor_and_no_margin(side):
    cases = asked()
    gate = GATE.model_copy(update={"attrition": 1.0})

    def gone(case):
        return critical(case) and not usual(case, place(case))

    new = results("new", cases, usual, gone if side != "old" else lambda case: False)
    old = results("old", cases, usual, gone if side != "new" else lambda case: False)
    found = judged(new, old, gate)
    assert found.outcome == "INCONCLUSIVE" or side == "new"  # worst: as wrong as they were
    everything = results("new", cases, usual, critical)
    assert judged(everything, None, gate).outcome == "INCONCLUSIVE"


def test_what_a_critical_category_takes_is_said_beforehand():
    cases = asked(contracts=12)
    found = [prospect(each, GATE) for each in critical_demands(GATE, cases)]
    said = "\n".join(format_prospects(found, GATE))
    assert "  8      8          too few cases: 10 take 15 contracts" in said
    assert "  4      4          too few cases: 10 take 30 contracts" in said
    assert all(each.too_small for each in found)


def test_an_open_check_says_how_many_contracts_with_such_a_case_it_takes():
    cases = asked()
    new = results("new", cases, lambda case, n: n % 10 < (4 if critical(case) else 7))
    found = judged(new, results("old", cases, usual))
    (check,) = [c for c in found.checks if c.metric.startswith("token_f1 in") and c.worst is None
                and c.against == "champion old"]  # fmt: skip
    assert check.outcome == "INCONCLUSIVE"
    assert "with such a case would settle it" in check.reason


def test_the_shipped_gate_names_categories_of_cuad():
    critical = read_gate().critical
    assert len(critical.categories) == 4
    assert set(critical.metrics) == {"token_f1", "abstention"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[critical.metrics.token_f2]\nfloor = 0.1", "no metric 'token_f2'"),
        ("[critical.metrics.token_f1]\nfloor = 1.5", "token_f1 is 0 to 1"),
        ("[critical.metrics.token_f1]\nmargin = 1.0", "token_f1 is 0 to 1"),
        ("[critical.metrics.latency]\nfloor = 0.5", "says nothing of an answer"),
        ('[critical.metrics."hit@5"]\nfloor = 0.5', "says nothing of an answer"),
        ("[critical.metrics.token_f1]", "it needs a floor or a margin"),
        ('[critical]\ncategory = ["Parties"]', "categor"),
    ],
)
def test_a_critical_table_that_asks_for_nothing_possible_is_refused(tmp_path, table, said):
    path = tmp_path / "gate.toml"
    path.write_text(table + "\n")
    with pytest.raises(UserError) as refused:
        read_gate(path)
    assert said in str(refused.value) and "\n" not in str(refused.value)


values = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=30)


@given(st.lists(values, min_size=1, max_size=12))
def test_a_category_is_drawn_inward_and_by_the_limit_at_most(lists):
    groups = {f"{number}": each for number, each in enumerate(lists)}
    found = shifts(groups)
    means = {name: sum(each) / len(each) for name, each in groups.items()}
    squares = sum((v - means[name]) ** 2 for name, each in groups.items() for v in each)
    left = sum(map(len, lists)) - len(lists)
    for name, shift in found.items():
        error = math.sqrt(squares / left / len(groups[name])) if left else 0.0
        assert abs(shift) <= LIMIT * error + 1e-12
        low, high = min(means.values()), max(means.values())
        assert low - 1e-9 <= means[name] + shift <= high + 1e-9


def test_the_risk_of_one_category_that_lies_apart_is_bounded():
    """At most 1 - Phi(1.645 - 0.15) = 0.068, and here three simulation errors more."""
    gate = read_gate()
    alone = worlds(0.2)[2]
    assert alone.words == "this one alone is worse by just the margin"
    own, drawn = passes(alone, 40, 200, 5, gate)
    assert own <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
    assert drawn <= 0.068 + 3 * math.sqrt(0.068 * 0.932 / 200)
