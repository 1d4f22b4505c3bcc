"""When an exam is looked at, and what its reader is told where it was stopped early."""

import asyncio

import pytest

from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.plan import Plan
from reports.examination.looks import is_settled, plan_stages, stopped_note, taken
from reports.report import Check, Verdict
from reports.statistics.estimates import Estimate
from tests.evals.test_exam import FirstSentence, Whole, cases_of

CASES = cases_of(contracts=8, questions=2)


def verdict(outcome, clusters=40):
    check = Check("token_f1", "floor", "PASS", "", Estimate(0.5, 0.4, 0.6, 80, clusters))
    return Verdict("m", outcome, (), (check,))


def test_an_exam_is_looked_at_once_unless_it_is_sequential():
    looks = plan_stages(CASES, 0.05, sequential=False)
    assert (looks.stages, looks.levels) == ((), (0.05,))


def test_a_sequential_exam_is_divided_by_contract_and_spends_less_at_first():
    looks = plan_stages(CASES, 0.05, sequential=True)
    assert sorted(case.id for stage in looks.stages for case in stage) == sorted(
        case.id for case in CASES
    )
    of_stage = [{case.contract.id for case in stage} for stage in looks.stages]
    assert [len(contracts) for contracts in of_stage] == [2, 2, 2, 2]
    assert list(looks.levels) == sorted(looks.levels)
    assert looks.levels[-1] < 0.05


@pytest.mark.parametrize(
    ("verdicts", "settled"),
    [
        ([verdict("REJECT")], True),
        ([verdict("PROMOTE"), verdict("PASS")], True),
        ([verdict("PROMOTE"), verdict("INCONCLUSIVE")], False),
        ([verdict("PROMOTE", clusters=9)], False),
    ],
)
def test_certain_verdicts_on_contracts_enough_settle_an_exam(verdicts, settled):
    assert is_settled(verdicts) is settled


def test_a_reader_is_told_after_which_look_an_exam_was_stopped(tmp_path):
    store = Store(str(tmp_path / "store.sqlite"))
    looks = plan_stages(CASES, 0.05, sequential=True)
    models = (FirstSentence(), FirstSentence("second", "second-1"))

    def ran(settled_at):
        plan = Plan(models, CASES, stages=looks.stages)
        exam = Exam(plan, Whole(), store, settled=lambda run, look: look == settled_at)
        asyncio.run(exam.execute())
        return exam.run

    stopped, whole = ran(1), ran(3)
    store.close()
    assert (stopped.stopped, taken(stopped)) == (True, 2)
    assert stopped_note(stopped, looks).startswith(
        "stopped after look 2 of 4: the verdict was certain, and 16 of 32 answers"
    )
    assert (whole.stopped, taken(whole)) == (False, 4)
