"""The engine: asked once, kept, resumed, within budget."""

import asyncio
import dataclasses

import pytest

from evals.exam import Plan, Run
from evals.scores import Score
from evals.store import Store
from fixtures.cases import Case, Contract, Span
from fixtures.errors import UserError
from fixtures.passages import Passage
from models.chat import Answer


class FirstSentence:
    """A model that counts what it is asked."""

    uses_passages = True
    free = False

    def __init__(self, name="first", identity="first-1", fail=None, tokens=10):
        self.name, self.identity, self.fail, self.tokens = name, identity, fail or {}, tokens
        self.asked, self.preflights, self.closed = [], 0, 0

    async def preflight(self):
        self.preflights += 1

    def most_tokens(self, case, passages):
        return 2 * self.tokens

    async def answer(self, case, passages):
        self.asked.append(case.id)
        await asyncio.sleep(0)
        if case.id in self.fail:
            outcome = self.fail[case.id]
            if isinstance(outcome, Exception):
                raise outcome
            return Answer("", error=outcome)
        text = passages[0].text.partition(".")[0] if passages else "Not found."
        return Answer(text, self.tokens, self.tokens, 0.5, passages=tuple(passages))

    async def close(self):
        self.closed += 1


class Whole:
    """A retriever that shows the whole contract, and counts."""

    def __init__(self, identity="whole-1"):
        self.identity, self.retrieved = identity, []

    def retrieve(self, cases, on_progress=None):
        self.retrieved += [case.id for case in cases]
        return [(Passage(c.contract.id, 0, len(c.contract.text), c.contract.text),) for c in cases]


class Grader:
    """A judge that likes long answers."""

    metric, identity = "grade", "grader-1"

    def __init__(self):
        self.judged = []

    async def judge(self, case, answer):
        self.judged.append(case.id)
        return Score(len(answer.text) / 100), Answer("ok", 3, 1)

    async def close(self):
        pass


def cases_of(contracts=3, questions=4, text="Clause {c} says {c} days. More."):
    made = []
    for c in range(contracts):
        contract = Contract(f"contract{c}", text.format(c=c))
        for q in range(questions):
            spans = (Span(contract.text[:8], 0),) if q % 2 else ()
            asked = f"cat{q}", f"question {q}?"
            made.append(Case(f"c{c}q{q}", f"c{c}-q{q}", contract, *asked, spans))
    return tuple(made)


def examine(store, *models, retriever=None, cases=None, **options):
    run = Run(Plan(models, cases or cases_of(), **options), retriever or Whole(), store)
    asyncio.run(run.execute())
    return run


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "store.sqlite"))
    yield store
    store.close()


def test_every_model_takes_every_case_once(store):
    one, two = FirstSentence("one", "i1"), FirstSentence("two", "i2")
    run = examine(store, one, two)
    assert sorted(one.asked) == sorted(two.asked) == sorted(case.id for case in cases_of())
    assert [(r.model, r.case.id) for r in run.results] == [
        (name, case.id) for name in ("one", "two") for case in cases_of()
    ]
    assert run.spending.calls == 24
    assert (one.preflights, one.closed) == (1, 1)


def test_second_run_asks_and_retrieves_nothing(store):
    first = examine(store, FirstSentence())
    model, retriever = FirstSentence(), Whole()
    again = examine(store, model, retriever=retriever)
    assert (model.asked, model.preflights, retriever.retrieved) == ([], 0, [])
    assert again.spending.calls == 0
    assert [r.answer for r in again.results] == [r.answer for r in first.results]
    assert [r.scores for r in again.results] == [r.scores for r in first.results]
    assert all(r.asked for r in first.results)
    assert not any(r.asked for r in again.results)


def test_another_identity_is_asked_again(store):
    examine(store, FirstSentence())
    retrained = FirstSentence(identity="first-2")
    examine(store, retrained)
    assert len(retrained.asked) == 12


def test_changed_contract_asks_only_its_cases(store):
    examine(store, FirstSentence())
    changed = tuple(
        dataclasses.replace(case, contract=Contract("contract1", "Amended clause. More."))
        if case.contract.id == "contract1"
        else case
        for case in cases_of()
    )
    model, retriever = FirstSentence(), Whole()
    examine(store, model, retriever=retriever, cases=changed)
    assert set(model.asked) == set(retriever.retrieved) == {"c1q0", "c1q1", "c1q2", "c1q3"}


def test_changed_gold_answer_scores_anew_without_asking(store):
    before = examine(store, FirstSentence()).results
    changed = tuple(
        dataclasses.replace(case, spans=(Span("More.", case.contract.text.index("More.")),))
        for case in cases_of()
    )
    model = FirstSentence()
    after = examine(store, model, cases=changed).results
    assert model.asked == []
    assert before[1].scores["token_f1"] != after[1].scores["token_f1"]


def test_closed_book_model_is_asked_each_question_once(store):
    model = FirstSentence()
    model.uses_passages = False
    run = examine(store, model)
    assert len(model.asked) == 4
    assert all(result.answer.text == "Not found." for result in run.results)


def test_an_answer_that_failed_is_unscored_and_asked_again_next_time(store):
    run = examine(store, FirstSentence(fail={"c0q1": "time-out"}))
    failed = next(result for result in run.results if result.case.id == "c0q1")
    assert failed.scores["token_f1"] == Score(None, "no answer: time-out")
    assert failed.scores["hit@5"].value is not None or failed.scores["hit@5"].reason
    model = FirstSentence()
    examine(store, model)
    assert model.asked == ["c0q1"]


def test_a_model_that_cannot_answer_at_all_ends_the_run_and_keeps_the_rest(store):
    gone = FirstSentence(fail={"c2q3": UserError("no such model")})
    with pytest.raises(UserError, match="no such model"):
        examine(store, gone)
    model = FirstSentence()
    examine(store, model)
    assert 0 < len(model.asked) < 12


def test_max_calls_stops_cleanly_and_the_next_run_goes_on(store):
    run = examine(store, FirstSentence(), max_calls=5)
    answered = [result for result in run.results if result.answer.error is None]
    declined = [result.answer.error for result in run.results if result.answer.error]
    assert (len(answered), run.spending.calls) == (5, 5)
    assert declined == ["not asked: --max-calls 5 reached"] * 7
    model = FirstSentence()
    examine(store, model)
    assert len(model.asked) == 7


def test_max_tokens_is_never_exceeded(store):
    run = examine(store, FirstSentence(tokens=40), max_tokens=400)
    spent = run.spending.tokens_in + run.spending.tokens_out
    assert 0 < spent <= 400
    assert any("--max-tokens 400" in (r.answer.error or "") for r in run.results)


def test_judgements_are_kept_and_asked_again_when_the_answer_changes(store):
    judge = Grader()
    first = examine(store, FirstSentence(), judges=(judge,))
    assert len(judge.judged) == 12
    assert first.spending.calls == 24
    assert all(result.scores["grade"].value is not None for result in first.results)
    again, changed = Grader(), Grader()
    examine(store, FirstSentence(), judges=(again,))
    assert again.judged == []
    examine(store, FirstSentence(identity="other", tokens=11), judges=(changed,))
    assert changed.judged == [], "the same words need no second judgement"


def test_retrieval_only_asks_no_model(store):
    model = FirstSentence()
    run = examine(store, model, needs_answers=False)
    assert (model.asked, model.preflights, run.spending.calls) == ([], 0, 0)
    assert all(result.answer.passages for result in run.results)


def test_progress_counts_every_result(store):
    run = Run(Plan((FirstSentence(),), cases_of()), Whole(), store)
    seen = []
    run.on_change = lambda run: seen.append((run.done, run.asked))
    asyncio.run(run.execute())
    assert seen[-1] == (12, 12)
    assert [done for done, _ in seen] == list(range(1, 13))


def test_interrupted_run_reports_what_is_there(store):
    class Interrupted(FirstSentence):
        async def answer(self, case, passages):
            if len(self.asked) == 6:
                raise KeyboardInterrupt
            return await super().answer(case, passages)

    run = Run(Plan((Interrupted(),), cases_of()), Whole(), store)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(run.execute())
    errors = {result.answer.error for result in run.results}
    assert "not asked: the exam was interrupted" in errors


def test_stages_are_asked_in_turn_until_settled(store):
    cases = cases_of(contracts=4, questions=3)
    stages = tuple(tuple(c for c in cases if c.contract.id == f"contract{n}") for n in range(4))
    model = FirstSentence()
    run = Run(Plan((model,), cases, stages=stages), Whole(), store)
    seen = []
    run.settled = lambda run, number: seen.append((number, run.done)) or number == 1
    asyncio.run(run.execute())
    assert seen == [(0, 3), (1, 6)]
    assert {result.case.contract.id for result in run.results} == {"contract0", "contract1"}
    assert len(model.asked) == run.spending.calls == 6
