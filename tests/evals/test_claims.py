"""Of two exams of one model on one store the second waits; a claim dies with its process."""

import asyncio
import subprocess
import sys
import threading

import pytest

from evals.calls.claims import claimed
from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.plan import Plan
from tests.conftest import ROOT
from tests.evals.test_exam import FirstSentence, Whole, cases_of, examine


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "s.sqlite")
    return request.getfixturevalue("postgresql_url")


class Slow(FirstSentence):
    async def answer(self, case, passages):
        await asyncio.sleep(0.5)  # the others start meanwhile
        return await super().answer(case, passages)


def run_beside(url, *models, on_wait):
    """Every model's exam in a thread of its own, all at once."""
    told = []

    def exam(model):
        store = Store(url)
        tell = told.append if on_wait else None
        asyncio.run(Exam(Plan((model,), cases_of()), Whole(), store, on_wait=tell).execute())
        store.close()

    threads = [threading.Thread(target=exam, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return told


def test_exams_of_one_model_at_once_ask_each_case_once(url):
    models = [Slow() for _ in range(4)]
    told = run_beside(url, *models, on_wait=True)
    assert sum(len(model.asked) for model in models) == 12
    assert 1 <= len(told) <= 3
    assert "another exam is asking first for this store" in told[0]


def test_whoever_does_not_wait_asks_at_once(url):
    models = [Slow() for _ in range(2)]
    assert run_beside(url, *models, on_wait=False) == []
    assert sum(len(model.asked) for model in models) >= 12


def test_exams_of_different_models_do_not_wait(url):
    models = [Slow("one", "i1"), Slow("two", "i2")]
    assert run_beside(url, *models, on_wait=True) == []


def test_what_is_kept_already_is_waited_for_by_nobody(url):
    store = Store(url)
    examine(store, FirstSentence())
    told = []

    async def beside():
        async with claimed(store, [FirstSentence()], lambda model: False, None):
            model = FirstSentence()
            exam = Exam(Plan((model,), cases_of()), Whole(), store, on_wait=told.append)
            await asyncio.wait_for(exam.execute(), 20)
            return model.asked

    assert asyncio.run(beside()) == []
    assert told == []
    store.close()


def test_a_claim_is_released_by_the_death_of_its_process(url):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from evals.calls.store import Store\n"
        "release = Store(sys.argv[2]).try_lock('model-x'); print(release is not None, flush=True)\n"
        "sys.stdin.read()"
    )
    store = Store(url)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(ROOT), url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout.readline().strip() == "True"
        assert store.try_lock("model-x") is None
        holder.kill()
        holder.wait()
        deadline = 100
        while (release := store.try_lock("model-x")) is None and deadline:
            deadline -= 1
            threading.Event().wait(0.05)  # PostgreSQL notices a little later
    assert release
    release()
    again = store.try_lock("model-x")
    assert again
    again()
    store.close()
