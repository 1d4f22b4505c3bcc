"""A program's calls are the exam's: kept, counted and limited one by one, and its answer too."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from evals.calls.calls import Budget, Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.plan import Plan
from models.chat import Answer
from tests.builders.programs import CAREFUL, Scripted, contract_case, cut, fields, program, written


@pytest.fixture
def store(tmp_path):
    opened = Store(str(tmp_path / "s.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def file(tmp_path):
    return written(tmp_path)


@asynccontextmanager
async def calling(store, **limits):
    async with Journal(store) as journal:
        yield Calls(journal, Lookups(store, "answers"), Budget(**limits))


def answer(store, model, case=None, **limits):
    """One answer, and what it cost."""
    case = case or contract_case()

    async def scenario():
        async with calling(store, **limits) as calls:
            found = await calls.answer(model, case, cut(case))
            await model.close()
            return found, calls

    return asyncio.run(scenario())


class Whole:
    """Every case's whole contract as one passage."""

    identity = "whole-1"

    def retrieve(self, cases, on_progress=None):
        return [cut(case, 10**6) for case in cases]


def examined(store, *models, cases, **options):
    exam = Exam(Plan(models, tuple(cases), **options), Whole(), store)
    asyncio.run(exam.execute())
    return exam.run


def test_two_calls_are_counted_as_two_and_their_tokens_once(store, file):
    chat = Scripted()
    found, calls = answer(store, program(file, chat))
    assert found.text == "Nevada"
    assert calls.budget.calls == len(chat.heard) == 2
    assert calls.budget.tokens == found.tokens_in + found.tokens_out > 0
    assert calls.tokens_in == found.tokens_in


def test_replies_are_kept_and_so_is_the_answer(store, file):
    answer(store, program(file))
    again = Scripted()
    found, calls = answer(store, program(file, again))
    assert (found.text, again.heard, calls.budget.calls) == ("Nevada", [], 0)
    cases = [contract_case(name="L"), contract_case(name="M", text="Nothing of law.")]
    run = examined(store, program(file, again), cases=cases)
    assert [result.answer.error for result in run.results] == [None, None]
    before = len(again.heard)
    assert run.spending.calls == before > 0
    assert examined(store, program(file, again), cases=cases).spending.calls == 0
    assert len(again.heard) == before


def test_max_calls_ends_a_program_between_its_calls_and_the_next_run_goes_on(store, file):
    chat = Scripted()
    found, calls = answer(store, program(file, chat), max_calls=1)
    assert found.error == "not asked: --max-calls 1 reached"
    assert (len(chat.heard), calls.budget.calls, found.passages != ()) == (1, 1, True)
    found, calls = answer(store, program(file, chat))
    assert (found.text, calls.budget.calls) == ("Nevada", 1), "the first call was kept"


def test_a_program_killed_between_its_calls_asks_nothing_again(store, file):
    def reply(_):
        if len(chat.heard) == 2:
            raise KeyboardInterrupt
        return fields(answer="Nevada")

    chat = Scripted(reply=reply)
    with pytest.raises(KeyboardInterrupt):
        answer(store, program(file, chat))
    second = Scripted()
    found, calls = answer(store, program(file, second))
    assert (found.text, calls.budget.calls, len(second.heard)) == ("Nevada", 1, 1)


def test_a_call_that_failed_is_asked_again_once_and_what_came_before_is_not(store, file):
    failing = iter([None, Answer("", error="HTTP 500"), None])
    chat = Scripted(reply=lambda _: next(failing) or fields(answer="Nevada"))
    run = examined(store, program(file, chat), cases=[contract_case()])
    (result,) = run.results
    assert result.answer.text == "Nevada"
    assert len(chat.heard) == 3, "the first call once, the second twice"


def test_a_program_that_raises_is_asked_nothing_again_and_stays_an_error(store, tmp_path):
    wrong = CAREFUL.replace("        return self.check(", "        return self.cheque(")
    file = written(tmp_path, wrong)
    chat = Scripted()
    run = examined(store, program(file, chat), cases=[contract_case()])
    (result,) = run.results
    assert result.answer.error.startswith("the program raised careful.py:14: AttributeError")
    assert len(chat.heard) == 1


def test_two_programs_and_a_model_on_one_generator_share_what_they_ask_alike(store, file):
    chat = Scripted()
    pair = program(file, chat, name="one"), program(file, chat, name="two")
    run = examined(store, *pair, cases=[contract_case()])
    assert [result.answer.text for result in run.results] == ["Nevada", "Nevada"]
    assert len(chat.heard) == run.spending.calls == 2


def test_a_generator_that_cannot_answer_ends_the_run_before_another_is_paid(store, file):
    from common.errors import UserError

    class Down(Scripted):
        async def preflight(self):
            raise UserError("model scripted: no server")

    up = Scripted(name="up", identity="up-1")
    models = program(file, up, name="first"), program(file, Down(name="down"), name="second")
    with pytest.raises(UserError, match="no server"):
        examined(store, *models, cases=[contract_case()])
    assert up.heard == []


def test_many_cases_at_once_are_many_calls_at_once(store, file):
    class Slow(Scripted):
        peak, busy = [0], [0]

        async def chat(self, messages):
            self.busy[0] += 1
            self.peak[0] = max(self.peak[0], self.busy[0])
            await asyncio.sleep(0.05)
            self.busy[0] -= 1
            return await super().chat(messages)

    cases = [contract_case(text=f"{n}. The laws of Ohio govern. ", name=str(n)) for n in range(40)]
    run = examined(store, program(file, Slow()), cases=cases)
    assert all(result.answer.error is None for result in run.results)
    assert Slow.peak[0] > 20
