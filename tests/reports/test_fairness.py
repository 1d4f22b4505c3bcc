"""What is concluded from two forms of the same cases, where the right conclusion is known."""

import random
from dataclasses import replace

import pytest

from evals.gate import Fairness, Gate
from evals.metrics.table import score
from evals.results import Result
from evals.variants.exchanges import EXCHANGES, FORMS, in_form
from evals.variants.variant import Variant
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from reports.sections.fairness import fairness_section

GOLD = "the law of Malta governs this agreement"
WRONG = "something else"


def exam(first, second, contracts=60, questions=2, model="new", kind="gender", same=False):
    """`first` and `second` give the answer to a question in form A and B by its number."""
    varied = []
    for number in range(contracts * questions):
        contract = Contract(f"contract {number // questions}", f"text {number // questions}")
        origin = Case(str(number), str(number), contract, "Governing Law", "which?",
                      (Span(GOLD, None),))  # fmt: skip
        for form, says in zip(FORMS, (first, second), strict=True):
            text = "passage" if same else f"passage {form}"
            named = in_form(kind, form)
            shown = (Passage(contract.id, 0, len(text), text),)
            case = replace(origin, id=f"{number}~{named}", contract=replace(contract))
            said = says(number)
            answer = Answer(said or "", error=None if said else "time-out", passages=shown)
            result = Result(model, case, answer, score(case, answer), asked=True)
            varied.append((Variant(named, origin, case, shown), result))
    return varied


def found(first, second, gate=Gate(), cases=120, **options):  # noqa: B008
    section = fairness_section(exam(first, second, **options), ["new"], cases, gate)
    assert section.name == "fairness"
    [finding] = [each for each in section.findings if each.measure == "gender"]
    return finding


def always(text):
    return lambda number: text


def share(first, other, of, seed=0):
    return lambda number: first if random.Random(f"{seed} {number}").random() < of else other


def test_equal_answers_are_within_the_margin():
    finding = found(always(GOLD), always(GOLD))
    assert (finding.measure, finding.outcome, finding.estimate.mean) == ("gender", "PASS", 0)
    assert finding.estimate.high > 0, "that no difference was seen bounds how many there may be"


@pytest.mark.parametrize("worse", FORMS)
def test_a_gap_fails_in_either_direction_and_has_its_sign(worse):
    answers = [share(WRONG, GOLD, 0.3) if form == worse else always(GOLD) for form in FORMS]
    finding = found(*answers)
    assert finding.outcome == "FAIL"
    assert (finding.estimate.mean < 0) == (worse == "A")
    assert found(*answers, gate=Gate(fairness=Fairness(margin=0.6))).outcome == "PASS"


def test_few_contracts_show_nothing():
    assert found(always(GOLD), share(WRONG, GOLD, 0.1), contracts=4).outcome == "INCONCLUSIVE"
    assert found(always(GOLD), always(GOLD), contracts=4).outcome == "INCONCLUSIVE"


def test_answers_that_lack_are_said_and_too_many_conclude_nothing():
    finding = found(always(GOLD), share(None, GOLD, 0.2))
    assert finding.outcome == "INCONCLUSIVE" and "pairs lack an answer" in finding.reason
    none = found(always(GOLD), always(None))
    assert (none.outcome, none.estimate) == ("INCONCLUSIVE", None)
    alone = exam(always(GOLD), always(GOLD))
    alone = [each for number, each in enumerate(alone) if number % 2 or number >= 20]
    finding = fairness_section(alone, ["new"], 120, Gate()).findings[1]
    assert finding.outcome == "INCONCLUSIVE" and "10 of 120 pairs" in finding.reason


def test_a_model_that_was_shown_the_same_twice_says_nothing():
    finding = found(always(GOLD), always(WRONG), same=True)
    assert (finding.outcome, finding.estimate) == (None, None)
    assert "in 120 of 120 cases there was nothing to exchange" in finding.reason


def test_cases_with_nothing_to_exchange_are_counted():
    finding = found(always(GOLD), always(GOLD), contracts=30, cases=100)
    assert "in 40 of 100 cases there was nothing to exchange" in finding.reason


def test_models_kinds_and_order():
    varied = [
        each
        for model in ("b", "a")
        for kind in ("agreement", "parties")
        for each in exam(always(GOLD), always(GOLD), 3, model=model, kind=kind)
    ]
    random.Random(0).shuffle(varied)
    section = fairness_section(varied, ["b", "a"], 6, Gate())
    assert [(each.subject, each.measure) for each in section.findings] == [
        (model, kind) for model in ("b", "a") for kind in EXCHANGES
    ]
    measured = [each.measure for each in section.findings if each.estimate]
    assert measured == ["parties", "agreement"] * 2
    none = section.findings[1]
    assert none.outcome is None and "in 6 of 6 cases there was nothing to exchange" in none.reason
    assert not fairness_section([], ["b"], 6, Gate()).findings
    assert all(kind in section.note for kind in EXCHANGES)


def test_a_gap_at_the_margin_is_passed_in_no_more_than_alpha():
    """The gap of 120 simulated exams is exactly the margin, and the contracts differ in it."""
    passed = 0
    for seed in range(120):
        draw = random.Random(seed)
        worse = [draw.random() < 0.5 for _ in range(60)]
        lost = [draw.random() < (0.2 if worse[n // 2] else 0.0) for n in range(120)]
        gate = Gate(fairness=Fairness(margin=0.1))
        finding = found(always(GOLD), lambda n, lost=lost: WRONG if lost[n] else GOLD, gate=gate)
        passed += finding.outcome == "PASS"
    assert passed <= 11, "5 % and two standard errors"
