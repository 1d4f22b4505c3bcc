"""What fails is asked once more before the exam ends: once, within the budget, and it is said."""

import asyncio
import dataclasses

import pytest

from common.errors import UserError
from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.plan import Plan
from models.chat import Answer
from tests.evals.test_exam import FirstSentence, Grader, Rater, Whole, cases_of


class Failing(FirstSentence):
    """Fails each case as often as it is told, then answers."""

    def __init__(self, *, times, error="no reply in time", lasting=False, **named):
        super().__init__(**named)
        self.times, self.error, self.lasting = times, error, lasting

    async def answer(self, case, passages):
        answer = await super().answer(case, passages)
        if self.asked.count(case.id) > self.times:
            return answer
        if isinstance(self.error, BaseException):
            raise self.error
        return Answer("", error=self.error, lasting=self.lasting)


def run_of(tmp_path, model, name="store", **plan):
    store = Store(str(tmp_path / f"{name}.sqlite"))
    cases = plan.pop("cases", cases_of())
    exam = Exam(Plan((model,), cases, **plan), Whole(), store)
    try:
        asyncio.run(exam.execute())
    finally:
        store.close()
    return exam.run


def spent(run):
    return run.spending.asked_again, run.spending.came_back


def test_each_that_failed_once_is_answered_by_the_end(tmp_path):
    model = Failing(times=1)
    run = run_of(tmp_path, model)
    assert [each.answer.error for each in run.results] == [None] * 12
    assert len(model.asked) == run.spending.calls == 24
    assert spent(run) == (12, 12)
    assert run.errors == {} and run.faults == {}
    again = run_of(tmp_path, model)
    assert again.spending.calls == 0  # what came back was kept


@pytest.mark.parametrize("error", ["no reply in time", ValueError("odd")])
def test_what_fails_twice_has_failed(tmp_path, error):
    model = Failing(times=2, error=error)
    run = run_of(tmp_path, model)
    assert all(each.answer.error for each in run.results)
    assert len(model.asked) == 24
    assert spent(run) == (12, 0)
    assert len(run.faults) == (0 if isinstance(error, str) else 12)


def test_an_exception_that_passed_is_no_fault_of_the_exam(tmp_path):
    run = run_of(tmp_path, Failing(times=1, error=ValueError("odd")))
    assert run.faults == {} and spent(run) == (12, 12)


def test_what_would_fail_again_is_not_asked_again(tmp_path):
    model = Failing(times=1, error="prompt of 9000 tokens, 8192 fit", lasting=True)
    run = run_of(tmp_path, model)
    assert len(model.asked) == 12 and spent(run) == (0, 0)


def test_recorded_answers_are_not_asked_again(tmp_path):
    model = Failing(times=1)
    model.free = True
    run = run_of(tmp_path, model)
    assert len(model.asked) == 12 and spent(run) == (0, 0)


def test_the_budget_holds_and_the_first_error_stays(tmp_path):
    model = Failing(times=1)
    run = run_of(tmp_path, model, max_calls=15)
    assert len(model.asked) == run.spending.calls == 15
    assert spent(run) == (3, 3)
    errors = [each.answer.error for each in run.results]
    assert errors.count(None) == 3 and errors.count("no reply in time") == 9


def test_cases_that_ask_the_same_share_the_second_call(tmp_path):
    one = cases_of(1, 1)[0]
    twins = (one, dataclasses.replace(one, id="twin", slug="twin"))
    model = Failing(times=0)
    model.fail = {"c0q0": "no reply in time"}
    run = run_of(tmp_path, model, cases=twins)
    assert spent(run) == (1, 0) and len(run.results) == 2


def test_a_server_that_is_gone_by_then_takes_nothing_away(tmp_path):
    class Gone(Failing):
        async def answer(self, case, passages):
            if self.asked.count(case.id) == 1:
                raise UserError("the server is gone")
            return await super().answer(case, passages)

    model = Gone(times=1)
    model.times = 0
    model.fail = {"c0q0": "no reply in time"}
    run = run_of(tmp_path, model)
    errors = [each.answer.error for each in run.results]
    assert errors.count(None) == 11 and errors.count("no reply in time") == 1


def test_after_every_stage_and_never_twice(tmp_path):
    cases = cases_of()
    model = Failing(times=2)
    run = run_of(tmp_path, model, stages=(cases[:6], cases[6:]), cases=cases)
    assert len(model.asked) == 24 and spent(run) == (12, 0)


class Fails(Rater):
    """A chat model that fails each chat once."""

    async def chat(self, messages):
        reply = await super().chat(messages)
        seen = self.asked.count(messages[0].content)
        return reply if seen > 1 else Answer("", error="no reply in time")


def test_judgements_too(tmp_path):
    chat = Fails()
    run = run_of(tmp_path, FirstSentence(), judges=(Grader(chat),))
    of = [each for each in run.results if "correctness" in each.scores]
    assert of and all(each.scores["correctness"].value == 0.5 for each in of)
    assert spent(run) == (len(set(chat.asked)), len(set(chat.asked)))
    assert len(chat.asked) == 2 * len(set(chat.asked))


def test_answers_that_came_back_are_judged(tmp_path):
    run = run_of(tmp_path, Failing(times=1), judges=(Grader(Fails()),))
    judged = [each.scores["correctness"] for each in run.results if "correctness" in each.scores]
    # Their first judgement is made in the second asking, and fails there: once more is enough.
    assert len(judged) == 12 and all(each.value is None for each in judged)


def test_an_interruption_of_the_second_asking_leaves_what_is_there(tmp_path):
    begun = asyncio.Event()

    class Slow(Failing):
        async def answer(self, case, passages):
            if self.asked.count(case.id):
                begun.set()
                await asyncio.sleep(60)
            return await super().answer(case, passages)

    model = Slow(times=0)
    model.fail = {"c0q0": "no reply in time"}
    store = Store(str(tmp_path / "store.sqlite"))
    exam = Exam(Plan((model,), cases_of()), Whole(), store)

    async def interrupted():
        task = asyncio.create_task(exam.execute())
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(interrupted())
    store.close()
    errors = [each.answer.error for each in exam.run.results]
    assert errors.count(None) == 11 and errors.count("no reply in time") == 1
    assert spent(exam.run) == (0, 0)
