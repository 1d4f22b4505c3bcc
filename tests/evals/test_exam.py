"""The engine: asked once, kept, resumed, within budget."""

import asyncio
import dataclasses

import pytest

from common.errors import UserError
from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.plan import Plan
from evals.results import Call, Score, tokens_per_second
from evals.variants.variant import Variant
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer, Message


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

    def shown(self, case, passages):
        return tuple(passages)

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


class Rater:
    """A chat model that counts what it is asked, and rates with the same word."""

    context, longest_answer = 4096, 8

    def __init__(self, name="rater", says="0.5", error=None):
        self.name, self.identity, self.says, self.error = name, f"{name}-1", says, error
        self.asked = []

    async def preflight(self):
        pass

    async def chat(self, messages):
        self.asked.append(messages[0].content)
        await asyncio.sleep(0)
        return Answer("" if self.error else self.says, 3, 1, error=self.error)

    async def close(self):
        pass


@dataclasses.dataclass
class Grader:
    """A judge that repeats what its chat model says."""

    chat: Rater
    metric: str = "correctness"
    asks_model: bool = False

    @property
    def name(self):
        return self.chat.name

    @property
    def identity(self):
        return f"grader of {self.chat.identity}"

    async def judge(self, submission, calls):
        asked = f"{submission.case.question} {submission.answer.text}"
        reply = await calls.chat(self.chat, [Message("user", asked)])
        return Score(None, reply.error) if reply.error else Score(float(reply.text))

    async def close(self):
        await self.chat.close()


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
    exam = Exam(Plan(models, cases or cases_of(), **options), retriever or Whole(), store)
    asyncio.run(exam.execute())
    return exam.run


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


def test_the_speed_of_a_model_is_that_of_its_own_calls(store):
    models = FirstSentence("one", "i1"), FirstSentence("two", "i2"), FirstSentence(tokens=0)
    run = examine(store, *models)
    # Twelve calls of half a second each, all at once, bring ten tokens each.
    slowest = 120 / (0.5 + run.spending.seconds)
    assert set(run.speeds) == {"one", "two"}
    assert all(slowest <= speed <= 240 for speed in run.speeds.values())
    assert examine(store, *models).speeds == {}


def test_time_in_which_calls_overlap_counts_once():
    one, inside, later = Call(0.0, 4.0, 10), Call(1.0, 2.0, 10), Call(6.0, 7.0, 10)
    assert tokens_per_second([later, inside, one]) == 30 / 5
    assert tokens_per_second([]) is None
    assert tokens_per_second([Call(0.0, 1.0, 0)]) is None
    assert tokens_per_second([Call(1.0, 1.0, 5)]) is None


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


def test_judgements_are_kept_and_the_same_is_asked_once(store):
    rater = Rater()
    first = examine(store, FirstSentence(), judges=(Grader(rater),))
    assert len(rater.asked) == len(set(rater.asked)) == 12
    assert first.spending.calls == 24
    assert {result.scores["correctness"].value for result in first.results} == {0.5}
    again, other = Rater(), Rater()
    examine(store, FirstSentence(), judges=(Grader(again),))
    examine(store, FirstSentence(identity="other", tokens=11), judges=(Grader(other),))
    assert (again.asked, other.asked) == ([], []), "the same words need no second judgement"


def test_two_models_of_one_answer_share_a_judgement(store):
    rater = Rater()
    examine(store, FirstSentence(), FirstSentence("twin", "twin-1"), judges=(Grader(rater),))
    assert len(rater.asked) == 12


def test_several_judges_give_their_mean_and_how_far_they_differ(store):
    judges = (Grader(Rater("low", "0.2")), Grader(Rater("high", "0.8")))
    run = examine(store, FirstSentence(), judges=judges)
    for result in run.results:
        assert result.scores["correctness"].value == pytest.approx(0.5)
        assert result.scores["disagreement"].value == pytest.approx(0.6)
        assert "low: 0.20" in result.scores["correctness"].reason


def test_a_judge_is_asked_only_of_the_cases_that_its_metric_is_of(store):
    rater = Rater()
    run = examine(store, FirstSentence(), judges=(Grader(rater, metric="sufficiency"),))
    assert len(rater.asked) == 2, "of passages, whatever was answered: one of each question"
    assert all(("sufficiency" in r.scores) == r.case.answerable for r in run.results)


def test_what_reads_passages_alone_is_judged_where_no_answer_is_wanted(store):
    plan = {"judges": (Grader(Rater(), metric="sufficiency"),), "needs_answers": False}
    run = examine(store, FirstSentence(), **plan)
    scores = [r.scores["sufficiency"] for r in run.results if r.case.answerable]
    assert scores and all(score.value is not None for score in scores)
    assert all(result.answer.error for result in run.results)


def test_a_judge_that_is_down_leaves_cases_unscored_and_is_asked_again(store):
    judges = (Grader(Rater("up", "1.0")), Grader(Rater("down", error="HTTP 500")))
    run = examine(store, FirstSentence(), judges=judges)
    for result in run.results:
        assert result.scores["correctness"].value is None
        assert "HTTP 500" in result.scores["correctness"].reason
    mended = Rater("down", "0.0")
    run = examine(store, FirstSentence(), judges=(judges[0], Grader(mended)))
    assert {result.scores["correctness"].value for result in run.results} == {0.5}
    assert len(mended.asked) == 12
    assert len(judges[0].chat.asked) == 12, "what was judged is not judged again"


def test_judges_keep_to_the_budget(store):
    rater = Rater()
    run = examine(store, FirstSentence(), judges=(Grader(rater),), max_calls=15)
    assert run.spending.calls == 15
    reasons = {result.scores["correctness"].reason for result in run.results}
    assert any("--max-calls 15" in reason for reason in reasons)


def test_variants_are_asked_beside_the_cases(store):
    def vary(case, passages):
        contract = Contract(case.contract.id, case.contract.text.upper())
        changed = dataclasses.replace(case, id=f"{case.id}~case", contract=contract)
        text = changed.contract.text
        return [Variant("case", case, changed, (Passage(case.contract.id, 0, len(text), text),))]

    run = examine(store, FirstSentence(), vary=vary)
    assert len(run.results) == len(run.varied) == 12
    for variant, result in run.varied:
        assert result.case.id == f"{variant.origin.id}~case"
        assert result.answer.text.isupper()
    model = FirstSentence()
    again = examine(store, model, vary=vary)
    assert (model.asked, len(again.varied)) == ([], 12)


def test_pairs_of_answers_are_compared_once_both_are_there(store):
    class Longer:
        async def prefer(self, case, first, second, calls):
            return Score(float(len(first.text) > len(second.text)))

        async def close(self):
            self.closed = True

    class Silent(FirstSentence):
        async def answer(self, case, passages):
            return Answer("No.", 1, 1)

    judge = Longer()
    run = examine(store, FirstSentence(), Silent("silent", "silent-1"), preference=judge,
                  pairings=(("first", "silent"),))  # fmt: skip
    assert len(run.preferences) == 12
    assert {score.value for score in run.preferences.values()} == {1.0}
    assert judge.closed


def test_other_tasks_are_taken_in_the_same_run(store):
    class Probes:
        async def take(self, bench):
            self.reply = await bench.calls.chat(rater, [Message("user", "2 + 3?")])

        async def close(self):
            self.closed = True

    rater, probes = Rater(says="5"), Probes()
    run = examine(store, FirstSentence(), tasks=(probes,))
    assert (probes.reply.text, probes.closed) == ("5", True)
    assert run.spending.calls == 13


def test_retrieval_only_asks_no_model(store):
    model = FirstSentence()
    run = examine(store, model, needs_answers=False)
    assert (model.asked, model.preflights, run.spending.calls) == ([], 0, 0)
    assert all(result.answer.passages for result in run.results)


class Misfit(FirstSentence):
    """A model that cannot answer anything."""

    async def preflight(self):
        await super().preflight()
        raise UserError("its adapter does not fit")


def test_a_model_that_cannot_answer_is_found_before_another_is_asked(store):
    one, two = FirstSentence("one", "i1"), Misfit("two", "i2")
    with pytest.raises(UserError, match="does not fit"):
        examine(store, one, two)
    assert (one.asked, two.preflights) == ([], 1)


def test_a_model_whose_answers_are_all_kept_need_not_be_able_to_answer(store):
    examine(store, FirstSentence("two", "i2"))
    one, two = FirstSentence("one", "i1"), Misfit("two", "i2")
    run = examine(store, one, two)
    assert (len(one.asked), two.preflights) == (12, 0)
    assert all(result.answer.error is None for result in run.results)


def test_progress_counts_every_result(store):
    class Watched(FirstSentence):
        async def answer(self, case, passages):
            answer = await super().answer(case, passages)
            seen.append((exam.run.done, exam.run.asked))
            return answer

    seen = []
    exam = Exam(Plan((Watched(),), cases_of()), Whole(), store)
    asyncio.run(exam.execute())
    assert (exam.run.done, exam.run.asked) == (12, 12)
    assert seen == sorted(seen) and len(seen) == 12
    assert all(done == asked < 12 for done, asked in seen)


def test_progress_counts_the_contracts_that_are_embedded(store):
    class Embedding(Whole):
        def retrieve(self, cases, on_progress=None):
            on_progress(2, 3)
            return super().retrieve(cases)

    run = examine(store, FirstSentence(), retriever=Embedding())
    assert run.embedded == (2, 3)
    assert examine(store, FirstSentence()).embedded is None, "nothing was embedded again"


def test_a_run_can_be_looked_at_before_it_is_executed_and_declares_all_that_it_holds(store):
    exam = Exam(Plan((FirstSentence(),), cases_of()), Whole(), store)
    run = exam.run
    assert (run.spending.calls, run.done, run.results, run.faults) == (0, 0, (), {})
    before = set(vars(exam)), set(vars(run))
    asyncio.run(exam.execute())
    assert (set(vars(exam)), set(vars(run))) == before


def test_interrupted_run_reports_what_is_there(store):
    class Interrupted(FirstSentence):
        async def answer(self, case, passages):
            if len(self.asked) == 6:
                raise KeyboardInterrupt
            return await super().answer(case, passages)

    exam = Exam(Plan((Interrupted(),), cases_of()), Whole(), store)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(exam.execute())
    errors = {result.answer.error for result in exam.run.results}
    assert "not asked: the exam was interrupted" in errors


def test_stages_are_asked_in_turn_until_settled(store):
    cases = cases_of(contracts=4, questions=3)
    stages = tuple(tuple(c for c in cases if c.contract.id == f"contract{n}") for n in range(4))
    model = FirstSentence()
    seen = []

    def settled(run, number):
        seen.append((number, run.done))
        return number == 1

    exam = Exam(Plan((model,), cases, stages=stages), Whole(), store, settled=settled)
    asyncio.run(exam.execute())
    run = exam.run
    assert seen == [(0, 3), (1, 6)]
    assert run.stopped
    assert {result.case.contract.id for result in run.results} == {"contract0", "contract1"}
    assert len(model.asked) == run.spending.calls == 6
