"""Where answers are lost, in an exam: shares that sum to 1, by the gate's own mark."""

import asyncio
import math

import pytest

from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.gate import Gate
from evals.plan import Plan
from evals.stages import ANSWERABLE
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Chunker
from models.chat import Answer
from reports.sections.loss import KINDS, OTHER_PASSAGES, loss_lines, loss_section, right_by
from tests.evals.test_exam import FirstSentence
from tests.evals.test_repeats import Drawing

GATE = Gate.model_validate({"metrics": {"token_f1": {"role": "primary", "floor": 0.2}}})


def cases_of(contracts=6):
    """Of each contract: the term, which is retrieved first or last, and a cap, which it lacks."""
    found = []
    for number in range(contracts):
        text = "".join(f"{n}. Clause {n} of contract {number} says {n}{n}{n}.\n" for n in range(9))
        contract = Contract(f"c{number}", text)
        start = text.index("says 333")
        term = (Span("says 333", start),)
        found += [
            Case(f"c{number}q{q}", f"c{number}q{q}", contract, "Term", f"Q{q}?", term if q else ())
            for q in range(3)
        ]
    return tuple(found)


class Clauses:
    """A retriever that finds four clauses: with the term first, last, or not at all."""

    identity = "clauses"

    def __init__(self, place):
        self.place = place

    def retrieve(self, cases, on_progress=None):
        return [self._ranked(case) for case in cases]

    def _ranked(self, case):
        clauses = Chunker(50, 0).split(case.contract)
        term = next(each for each in clauses if "says 333" in each.text)
        others = [each for each in clauses if each is not term][:3]
        at = self.place if isinstance(self.place, int) else self.place.get(case.id, 9)
        return tuple([*others[:at], term, *others[at:]] if at <= 3 else others)


class Two(FirstSentence):
    """Is shown two passages, and says what it is told to."""

    def __init__(self, says, name="two"):
        super().__init__(name, f"{name} {sorted(says.items())}")
        self.says = says

    def shown(self, case, passages):
        return tuple(passages[:2])

    async def answer(self, case, passages):
        text = self.says.get(case.id, "Not found.")
        return Answer(text, passages=self.shown(case, passages))


def run_of(tmp_path, *models, place=0, cases=None, **plan):
    exam = Exam(
        Plan(models, cases or cases_of(), **plan), Clauses(place), Store(f"{tmp_path}/store.sqlite")
    )
    asyncio.run(exam.execute())
    return exam.run


def shares(section, model):
    return {
        each.measure: each.estimate.mean
        for each in section.findings
        if each.subject == model and each.estimate
    }


def test_the_shares_of_every_kind_sum_to_one_and_stand_side_by_side(tmp_path):
    cases = cases_of()
    place = {f"c{n}q1": n for n in range(6)}  # first to last, and twice not at all
    says = {case.id: "says 333" for case in cases if case.id.endswith("q1")}
    says |= {"c0q0": "Clause 0", "c1q1": "Clause 0 of contract 1 says 000", "c0q1": "perpetual"}
    models = Two(says), Two({}, "lazy")
    section = loss_section(run_of(tmp_path, *models, place=place, cases=cases), GATE)
    found = shares(section, "two")
    # Right, although not shown, is right: the mark decides, not what a model was shown.
    assert found == pytest.approx(
        {
            "answerable: right": 4 / 12,
            "answerable: not retrieved": 6 / 12,
            "answerable: not shown": 0,
            "answerable: wrongly refused": 0,
            "answerable: not read": 1 / 12,
            "answerable: wrongly answered": 1 / 12,
            "unanswerable: rightly refused": 5 / 6,
            "unanswerable: wrongly answered": 1 / 6,
        }
    )
    lazy = shares(section, "lazy")
    assert lazy["answerable: not shown"] == pytest.approx(2 / 12)
    assert lazy["answerable: wrongly refused"] == pytest.approx(2 / 12)
    for kind, stages in KINDS.items():
        for model in ("two", "lazy"):
            mine = shares(section, model)
            assert math.fsum(mine[f"{kind}: {stage}"] for stage in stages) == pytest.approx(1)
    subjects = [each.subject for each in section.findings]
    assert subjects == ["two", "lazy"] * (len(subjects) // 2)
    assert all(each.estimate.low is not None for each in section.findings)
    assert next(loss_lines(section)) == (
        "two, of 12 answerable: 33% right, 50% not retrieved, 8% not read, 8% wrongly answered"
    )


def test_what_failed_is_at_no_stage_and_counted(tmp_path):
    model = FirstSentence(fail={"c0q1": "no reply", "c1q0": "no reply"})
    section = loss_section(run_of(tmp_path, model), GATE)
    right, refused = (
        section.of("first", each) for each in ("answerable: right", "unanswerable: rightly refused")
    )
    assert (right.estimate.n, refused.estimate.n) == (11, 5)
    assert right.reason.endswith("; 1 more have no answer or no score")


def test_a_gold_answer_that_is_nowhere_in_the_contract_is_at_no_stage(tmp_path):
    first, *others = (case for case in cases_of() if case.answerable)
    lost = Case(first.id, first.slug, first.contract, "Term", "Q1?", (Span("perpetual", None),))
    found = loss_section(run_of(tmp_path, Two({}), cases=(lost, *others)), GATE)
    right = found.of("two", "answerable: right")
    assert right.estimate.n == len(others)
    assert right.reason.endswith("; 1 more have no gold answer that is located")


def test_of_repeats_each_answer_is_a_part_of_its_case(tmp_path):
    section = loss_section(run_of(tmp_path, Drawing(), repeats=4), GATE)
    found = shares(section, "drawing")
    assert math.fsum(found[f"answerable: {stage}"] for stage in ANSWERABLE) == pytest.approx(1)
    assert section.of("drawing", "answerable: right").estimate.n == 12
    assert any(share * 12 % 1 for share in found.values())


class Elsewhere(Two):
    """Retrieves for itself."""

    def shown(self, case, passages):
        return Chunker(200, 0).split(case.contract)[:1]


def test_a_model_with_passages_of_its_own_is_said_to_be_none_of_these(tmp_path):
    closed = Two({}, "closed")
    closed.uses_passages, closed.shown = False, lambda case, passages: ()
    section = loss_section(run_of(tmp_path, Elsewhere({}, "own"), closed), GATE)
    for model in ("own", "closed"):
        found = section.of(model, "answerable: right")
        assert (found.estimate, found.reason) == (None, OTHER_PASSAGES)
        assert section.of(model, "answerable: not read") is None
        assert section.of(model, "unanswerable: rightly refused").estimate.mean == 1


def test_without_answers_there_is_no_section(tmp_path):
    run = run_of(tmp_path, Two({}), needs_answers=False)
    assert not loss_section(run, GATE).findings


@pytest.mark.parametrize(
    ("metrics", "marks", "rule"),
    [
        ({}, {}, ("token_f1", 0.5)),
        ({"correctness": {"role": "guard", "floor": 0.5}}, {}, ("correctness", 0.5)),
        (
            {
                "token_f1": {"role": "guard", "floor": 0.2},
                "correctness": {"role": "primary", "floor": 0.5},
            },
            {"correctness": 0.8},
            ("correctness", 0.8),
        ),
    ],
)
def test_right_is_what_the_gate_says(metrics, marks, rule):
    gate = Gate.model_validate({"metrics": metrics, "pass_marks": marks})
    found = right_by(gate)
    assert (found.metric, found.mark) == rule
