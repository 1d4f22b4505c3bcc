"""Suites that the gate file makes guards are part of the verdict, by the sections alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.gate import Fairness, Forgetting, Gate, MetricGate, Stability, read_gate
from evals.suites import SUITES
from fixtures.cases import Case, Contract
from reports.report import Check, Finding, Section
from reports.sections.fairness import within
from reports.statistics.estimates import Estimate
from reports.statistics.paired import compare_means
from reports.verdict.decide import decide
from reports.verdict.guards import GUARDS, contracts_for, guard_needs, section_checks
from tests import seams

ALL = Gate(
    stability=Stability(role="guard"),
    fairness=Fairness(role="guard"),
    forgetting=Forgetting(role="guard"),
    metrics={"token_f1": MetricGate(role="guard", floor=0.1)},
)
SHOWN = Check("token_f1", "floor", "PASS", "token_f1 is fine")
ESTIMATE = Estimate(-0.01, -0.03, 0.01, 60, 20)


def section(name, *outcomes, model="new"):
    found = (
        Finding(model, f"measure {number}", ESTIMATE, "why", outcome)
        for number, outcome in enumerate(outcomes)
    )
    return Section(name, name.title(), "", tuple(found))


def sections(**outcomes):
    found = {"robustness": "PASS", "safety": "PASS", "fairness": "PASS", "forgetting": "PASS"}
    return [section(name, outcome) for name, outcome in {**found, **outcomes}.items()]


def test_by_default_no_suite_decides():
    assert section_checks(Gate(), sections(robustness="FAIL"), "new") == []
    assert section_checks(read_gate(), [], "new") == []


def test_guards_that_held_let_a_candidate_pass():
    checks = section_checks(ALL, sections(), "new")
    assert {check.metric for check in checks} == {
        "robustness: measure 0", "safety: measure 0", "fairness: measure 0",
        "forgetting: measure 0",
    }  # fmt: skip
    assert decide("new", [SHOWN, *checks]).outcome == "PROMOTE"
    assert decide("new", checks).outcome == "INCONCLUSIVE", "nothing of the answers was shown"


@pytest.mark.parametrize("name", ["robustness", "safety", "fairness", "forgetting"])
@pytest.mark.parametrize(
    ("outcome", "verdict"), [("FAIL", "REJECT"), ("INCONCLUSIVE", "INCONCLUSIVE")]
)
def test_one_finding_that_did_not_hold_keeps_a_candidate_out(name, outcome, verdict):
    checks = section_checks(ALL, sections(**{name: outcome}), "new")
    found = decide("new", [SHOWN, *checks])
    assert found.outcome == verdict
    assert name in found.reasons[0] and "[-0.030, 0.010]" in found.reasons[0]


@pytest.mark.parametrize("name", ["robustness", "safety", "fairness", "forgetting"])
def test_a_guard_that_was_not_examined_is_inconclusive_and_says_what_to_type(name):
    without = [each for each in sections() if each.name != name]
    other = [*without, section(name, "PASS", model="another")]
    for found in (without, other):
        open_ = [c for c in section_checks(ALL, found, "new") if c.outcome != "PASS"]
        (check,) = open_
        assert check.outcome == "INCONCLUSIVE"
        assert "--full" in check.reason and SUITES[name].file in check.reason


@given(st.lists(st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE", None]), max_size=4))
def test_a_guard_never_passes_by_what_was_not_found(outcomes):
    checks = section_checks(
        Gate(forgetting=Forgetting(role="guard")), [section("forgetting", *outcomes)], "new"
    )
    verdict = decide("new", [SHOWN, *checks]).outcome
    assert (verdict == "PROMOTE") == ("PASS" in outcomes and {*outcomes} <= {"PASS", None})


def case(contract, number=0):
    held = Contract(contract, f"text {contract}")
    return Case(f"{contract}/{number}", f"{contract}-{number}", held, "cat", "why?", ())


def test_each_guard_says_beforehand_what_it_needs():
    cases = [case(f"c{c}", q) for c in range(10) for q in range(9)]
    stability, fairness, forgetting = guard_needs(ALL, cases, variants=60)
    assert stability.startswith("stability is a guard: its margin of 0.05 takes about")
    assert "contracts of 6 varied cases at 80% power" in stability
    assert "fairness is a guard" in fairness
    assert "questions" in forgetting
    assert guard_needs(Gate(), cases, variants=60) == []
    assert guard_needs(ALL, [], variants=60) == [forgetting]


def test_contracts_that_are_said_to_exclude_a_gap_do_so_as_often_as_planned():
    margin, gate = 0.05, Gate(fairness=Fairness(role="guard", margin=0.05))
    plan, random = gate.planning, np.random.default_rng(1)
    contracts = contracts_for(gate, margin, 1, both_sides=True)
    (said,) = guard_needs(gate, [case(str(number)) for number in range(9)], variants=9)
    assert f"about {contracts:,} contracts" in said
    chances = [plan.discordance / 2, plan.discordance / 2, 1 - plan.discordance]
    names = [str(number) for number in range(contracts)]
    gaps = random.choice([1.0, -1.0, 0.0], (300, contracts), p=chances)
    none = [0.0] * contracts
    shown = [
        within(compare_means(each.tolist(), none, names, alpha=gate.alpha).difference, margin)
        for each in gaps
    ]
    assert shown.count("PASS") / 300 == pytest.approx(plan.power, abs=0.07)


def test_a_margin_that_no_number_of_contracts_shows_is_said():
    gate = Gate(fairness=Fairness(role="guard", margin=1e-5))
    (said,) = guard_needs(gate, [case("1")], variants=1)
    assert "takes more than a million contracts" in said


def test_every_table_of_the_gate_file_with_a_role_is_a_guard():
    tables = {name for name, f in Gate.model_fields.items() if hasattr(f.default, "role")}
    assert tables == {*GUARDS}


def test_exam_and_promotion_make_these_checks_alike():
    assert seams.users("reports.verdict.guards.section_checks") == {
        "reports/examination/reporting.py", "reports/evidence/verdict.py",
    }  # fmt: skip
