"""What is paid never exceeds the limit, is exact, and is known again after a kill."""

import asyncio
import random
import sqlite3
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from evals.calls.budget import DECLINED, Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.payments import Payments, Purse, paid_before
from evals.calls.rows import answer_from, answer_row
from evals.calls.store import Store
from evals.calls.unwritable import UnwritableError
from evals.exam.exam import Exam
from evals.gate import Gate
from evals.plan import Plan
from evals.results import Score, Spending
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer, Message
from models.factory import Chats, open_models
from models.metering import Usage, affordable, billed
from models.price import FREE, Price, dollars
from models.prices import Prices
from models.prompted import PromptedModel, Template
from models.registry import read_entry
from models.remote.limiter import AdaptiveLimiter
from reports.sections.costs import costs_section
from tests.builders.fake_server import Fault, fake_server

PRICE = Price(input=0.25, output=1.25)


class Served:
    """A chat model on a server that bills; `replies` are what it says, one after the other."""

    context, longest_answer = 4096, 10

    def __init__(self, *replies, name="served"):
        self.name, self.identity, self.replies, self.asked = name, f"{name}-1", list(replies), 0
        self.limiter = AdaptiveLimiter(8)

    async def preflight(self):
        pass

    async def chat(self, messages):
        ticket = await self.limiter.acquire()
        self.asked += 1
        await asyncio.sleep(0)
        try:
            reply = self.replies.pop(0) if self.replies else Answer("yes", 8, 4)
            return reply if isinstance(reply, Answer) else await reply()
        finally:
            self.limiter.release(ticket, succeeded=True)


async def asking(store, chat, questions, *, budget, exam="exam", prices=lambda name: PRICE):
    """Ask all questions at once; the replies."""
    async with Journal(store) as journal:
        payments = Payments(exam, journal)
        calls = Calls(
            journal, Lookups(store, "answers"), budget, prices=prices, payments=payments
        )  # fmt: skip
        return await asyncio.gather(*(calls.chat(chat, [Message("user", q)]) for q in questions))


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "store.sqlite"))
    yield store
    store.close()


CALL = st.tuples(
    st.integers(0, 30),  # tokens at most
    st.integers(0, 30),  # thousandths of a dollar at most
    st.floats(0, 1),  # the share of both that it comes to
    st.sampled_from(("answered", "failed", "cancelled", "retried", "beside")),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(CALL, max_size=25),
    st.none() | st.integers(0, 12),
    st.none() | st.integers(0, 120),
    st.none() | st.integers(0, 120),
    st.integers(0, 40),
    st.integers(0, 2**32),
)
def test_concurrent_reservations_never_exceed_a_limit_and_never_block(
    calls, most_calls, most_tokens, most_cost, before, seed
):
    """Whatever the order in which calls come, end, fail and are given up."""
    chance = random.Random(seed)
    most = None if most_cost is None else Decimal(most_cost).scaleb(-3)
    budget = Budget(most_calls, most_tokens, most, before=Decimal(before).scaleb(-3))
    sent: list[str] = []

    async def one(tokens, cost, share, end):
        cost = Decimal(cost).scaleb(-3)
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
        if end == "beside":
            with budget.beside(cost) as reservation:
                await asyncio.sleep(0)
                if reservation.declined is None:
                    reservation.paid = Decimal(int(cost * 10**6 * Decimal(share))).scaleb(-6)
            return
        async with budget.reserved(tokens, cost) as reservation:
            if reservation.declined:
                assert reservation.declined.startswith(DECLINED)
                return
            sent.append(end)
            reservation.sent = True
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            if end == "cancelled":
                reservation.paid = reservation.cost
                raise asyncio.CancelledError
            tried = 1 + (end == "retried" and budget.extend(reservation, cost))
            reservation.spent = int(tokens * share)
            reservation.paid = Decimal(int(tried * cost * 10**6 * Decimal(share))).scaleb(-6)
            if end == "failed":
                raise ValueError

    async def all_of_them():
        work = [asyncio.create_task(one(*call)) for call in calls]
        given_up = [task for task in work if chance.random() < 0.15]
        for task in given_up:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait_for(asyncio.gather(*work, return_exceptions=True), 5)

    asyncio.run(all_of_them())
    assert most_calls is None or budget.calls <= most_calls
    assert most_tokens is None or budget.tokens <= most_tokens
    assert most is None or budget.cost == 0 or budget.before + budget.cost <= most
    assert (budget._under_way, budget._holding, budget._tokens_reserved) == (0, 0, 0)
    assert budget._cost_reserved == 0 and not budget._waiting
    assert len(sent) <= len(calls)


def test_a_call_waits_for_money_that_another_may_leave_over(store):
    budget = Budget(max_cost=PRICE.most(20, 10) * 4)
    questions = [f"question {n:07}" for n in range(12)]
    replies = asyncio.run(asking(store, Served(), questions, budget=budget))
    assert sum(reply.error is None for reply in replies) > 4, "what was left over was used"
    assert budget.cost <= budget.max_cost
    declined = {reply.error for reply in replies if reply.error}
    assert declined == {"not asked: --max-cost 0.00006000 reached"}


def test_what_is_paid_is_exact_and_kept_with_the_answer(store):
    """Twenty thousand calls at a price that no float holds."""
    price = Price(input=0.1, output=0.3)
    answers = [Answer("x", 3, 1, cost=price.of(3, 1)) for _ in range(20_000)]
    assert sum(each.cost for each in answers) == Decimal("0.012")
    store.add([answer_row("k", "m", answers[0])])
    assert answer_from(store.rows("answers", ["k"])["k"]).cost == Decimal("0.0000006")


def test_cached_tokens_are_read_at_their_own_price():
    price = Price(input=1, output=10, cached_input=0.1)
    assert price.of(1_000_000, 0, 900_000) == Decimal("0.19")
    assert Price(input=1, output=10).of(1_000_000, 0, 900_000) == 1
    assert price.of(10, 0, 99) == price.of(10, 0, 10), "more than there were are none"
    assert price.most(100, 40) >= price.of(60, 40) and price.most(100) == price.of(0, 100)


def test_a_changed_price_asks_nothing_again_and_leaves_what_was_paid(store):
    asyncio.run(asking(store, Served(), ["q"], budget=Budget()))
    dearer = Served()
    (reply,) = asyncio.run(
        asking(store, dearer, ["q"], budget=Budget(), prices=lambda name: Price(input=9, output=9))
    )
    assert (dearer.asked, reply.cost) == (0, PRICE.of(8, 4))


def test_an_answer_of_unknown_price_has_no_cost_and_is_no_gift(store):
    (reply,) = asyncio.run(asking(store, Served(), ["q"], budget=Budget(), prices=lambda n: None))
    assert reply.cost is None
    (reply,) = asyncio.run(asking(store, Served(), ["r"], budget=Budget(), prices=lambda n: FREE))
    assert reply.cost == 0


def test_a_model_without_a_price_is_not_asked_under_a_limit(store):
    chat = Served()
    with pytest.raises(UserError, match="model served has no price"):
        asyncio.run(
            asking(store, chat, ["q"], budget=Budget(max_cost=Decimal(1)), prices=lambda name: None)
        )
    assert chat.asked == 0


def test_spending_is_known_again_and_counts_towards_the_limit(store):
    asyncio.run(asking(store, Served(), ["a", "b"], budget=Budget()))
    paid = paid_before(store, "exam")
    assert paid == 2 * PRICE.of(8, 4)
    assert paid_before(store, "another exam") == 0
    budget = Budget(max_cost=paid, before=paid)
    (reply,) = asyncio.run(asking(store, Served(), ["c"], budget=budget))
    assert reply.error == "not asked: --max-cost 0.00001400 reached (0.000014 was paid before)"


def test_of_a_killed_process_the_calls_under_way_count_as_the_most(tmp_path, store):
    """What was sent is on disk before it is sent; a copy of the store is what a kill leaves."""
    seen = []

    async def killed():
        with sqlite3.connect(tmp_path / "store.sqlite") as disk:
            seen.append(disk.execute("select state, cost from payments").fetchall())
        seen.append(paid_before(store, "exam"))
        return Answer("late", 8, 4)

    budget = Budget(max_cost=Decimal(1))
    asyncio.run(asking(store, Served(killed), ["question"], budget=budget))
    ((state, cost),) = seen[0]
    assert state == "most" and Decimal(cost) == seen[1] > PRICE.of(8, 4)
    assert paid_before(store, "exam") == PRICE.of(8, 4) == budget.cost


def test_a_call_that_is_given_up_counts_as_the_most(store):
    begun = asyncio.Event()

    async def never():
        begun.set()
        await asyncio.Event().wait()

    async def give_up():
        budget = Budget(max_cost=Decimal(1))
        task = asyncio.create_task(asking(store, Served(never), ["question"], budget=budget))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])
        return budget

    budget = asyncio.run(give_up())
    assert paid_before(store, "exam") == budget.cost >= PRICE.most(4 + 10, 10)


def test_tries_that_were_billed_in_vain_are_paid_for(store):
    async def cut_twice():
        for _ in range(2):
            billed(Usage(8, 10))
            if not affordable():
                return Answer("", error="HTTP 503 (no money for another try)")
        return Answer("at last", 8, 4)

    whole = 2 * PRICE.of(8, 10) + PRICE.of(8, 4)
    budget = Budget(max_cost=Decimal(1))
    (reply,) = asyncio.run(asking(store, Served(cut_twice), ["question"], budget=budget))
    assert reply.cost == budget.cost == whole == paid_before(store, "exam")
    least = PRICE.most(4 + 10, 10) + PRICE.most(64, 1)
    tight = Budget(max_cost=least)
    (reply,) = asyncio.run(asking(store, Served(cut_twice), ["question2"], budget=tight, exam="b"))
    assert reply.error == "HTTP 503 (no money for another try)"
    assert tight.cost <= least


def test_an_odd_row_of_payments_is_refused_in_one_line(tmp_path, store):
    asyncio.run(asking(store, Served(), ["a"], budget=Budget()))
    with sqlite3.connect(tmp_path / "store.sqlite") as disk:
        disk.execute("update payments set cost = 'much'")
    with pytest.raises(UserError, match=r"payments .* has cost = 'much'"):
        paid_before(store, "exam")


def test_a_store_of_before_there_were_prices_opens_and_keeps_its_answers(tmp_path):
    path = tmp_path / "old.sqlite"
    store = Store(str(path))
    store.add([answer_row("k", "m", Answer("yes", 8, 4))])
    store.close()
    with sqlite3.connect(path) as disk:
        disk.execute("alter table answers drop column cost")
        disk.execute("drop table payments")
    store = Store(str(path))
    assert answer_from(store.rows("answers", ["k"])["k"]) == Answer("yes", 8, 4)
    assert paid_before(store, "exam") == 0
    store.close()


CONTRACT = Contract("lease", "The term is two years. Either party may end it. " * 20)
CASES = tuple(
    Case(f"q{n}", f"q{n}", CONTRACT, "Term", f"What is question {n}?", (Span("two years", 12),))
    for n in range(6)
)


class Retrieved:
    """A retriever of one passage."""

    identity = "one"

    def retrieve(self, cases, on_progress=None):
        return [(Passage("lease", 0, 200, CONTRACT.text[:200]),) for _ in cases]


class Judge:
    """A judge that asks a chat model twice of each answer."""

    metric, asks_model = "correctness", False

    def __init__(self, chat):
        self.chat, self.name, self.identity = chat, chat.name, f"judge of {chat.identity}"

    async def judge(self, submission, calls):
        for word in ("first", "second"):
            await calls.chat(self.chat, [Message("user", f"{word} {submission.case.question}")])
        return Score(1.0)

    async def close(self):
        pass


class Counting(Served):
    """A chat model whose tokens are its words."""

    def count(self, text):
        return len(text.split())

    async def close(self):
        pass


def prices(name):
    return {"served": PRICE, "umpire": Price(input=3, output=15)}[name]


def examined(store, *, judges=(), cases=CASES, **limits):
    said = []
    model = PromptedModel(Counting(), Template())
    plan = Plan((model,), cases, judges=judges, prices=prices, rules=("cost",), **limits)
    exam = Exam(plan, Retrieved(), store, on_foreseen=said.append)
    asyncio.run(exam.execute())
    return exam.run, said


def test_an_exam_says_before_its_first_call_what_it_may_cost(store):
    """By counted prompts; what is kept is left out, and tells how long replies are."""
    run, said = examined(store, cases=CASES[:2])
    assert said[0].startswith("served: 2 answers to ask for, 0 in the store; ")
    paid = run.spending.cost
    assert paid == 2 * PRICE.of(8, 4) and run.foreseen == tuple(said)
    _, said = examined(store)
    messages, _ = PromptedModel(Counting(), Template()).prompt(
        CASES[2], Retrieved().retrieve([1])[0]
    )
    tokens = 4 * sum(len(each.content.split()) + 8 for each in messages)
    assert said[0] == (
        f"served: 4 answers to ask for, 2 in the store; {tokens} prompt tokens, at most "
        f"{dollars(PRICE.of(tokens, 4 * 10))}, about {dollars(PRICE.of(tokens, 4 * 4))} with "
        "replies of 4 tokens, as 2 in the store"
    )
    _, said = examined(store, max_cost=Decimal(0))
    assert said[0].startswith("served: 0 answers to ask for, 6 in the store")
    assert (
        said[-1] == "this exam may cost $0; $0.000028 was paid for it before; "
        "--max-cost 0 leaves $0"
    )


def test_judges_cost_apart_from_what_they_judge(store):
    judge = Judge(Counting(name="umpire"))
    run, said = examined(store, judges=(judge,))
    each = Price(input=3, output=15).of(8, 4)
    assert run.spending.judging == 12 * each
    assert run.spending.cost == 12 * each + 6 * PRICE.of(8, 4)
    assert {result.scores["correctness"].cost for result in run.results} == {2 * each}
    assert {result.answer.cost for result in run.results} == {PRICE.of(8, 4)}
    assert any(line.startswith("umpire: 6 judgements to ask for") for line in said)
    again, said = examined(store, judges=(judge,))
    assert again.spending.cost == again.spending.judging == 0
    assert {result.scores["correctness"].cost for result in again.results} == {2 * each}
    assert any(line.startswith("umpire: 0 judgements to ask for, 6 in the") for line in said)


def test_an_answer_that_was_kept_without_its_cost_has_it_at_the_price_of_now(store, tmp_path):
    examined(store)
    with sqlite3.connect(tmp_path / "store.sqlite") as disk:
        disk.execute("update answers set cost = null")
    run, _ = examined(store)
    assert run.valued == 6 and run.spending.cost == 0
    assert {result.answer.cost for result in run.results} == {PRICE.of(8, 4)}
    assert {r.scores["cost"].value for r in run.results} == {float(PRICE.of(8, 4) * 1000)}


def test_the_section_adds_up_exactly_and_says_what_is_unknown(store):
    run, _ = examined(store, judges=(Judge(Counting(name="umpire")),))
    section = costs_section({"served": run.results}, Gate(), run.spending, ())
    said = {each.measure: each.reason for each in section.findings}
    total = 6 * PRICE.of(8, 4)
    assert said["answers"].startswith(f"{dollars(total)} for 6 answers, {dollars(total / 6)} each")
    assert said["judgements"].startswith(dollars(run.spending.judging))
    unknown = [replace(each, answer=replace(each.answer, cost=None)) for each in run.results[:2]]
    rows = (*unknown, *run.results[2:])
    section = costs_section({"served": rows}, Gate(), run.spending, ())
    assert "of 2 more nobody knows what they cost" in section.findings[0].reason
    assert "or more" in section.findings[-1].reason
    free = [replace(each, scores={}) for each in unknown]
    assert not costs_section({"served": free}, Gate(), Spending(0, 0, 0, 0.0, 0), ()).findings


def test_judgements_of_which_nobody_knows_the_cost_are_no_gift(store):
    run, _ = examined(store, judges=(Judge(Counting(name="umpire")),))
    unknown = {"correctness": Score(1.0, cost=None)}
    rows = [replace(each, scores={**each.scores, **unknown}) for each in run.results]
    found = costs_section({"served": rows}, Gate(), run.spending, ()).findings
    said = {each.measure: each.reason for each in found}
    assert said["judgements"].endswith("of 6 more nobody knows what they cost")
    assert " or more: its answers" in said["verdict"]


def test_a_program_s_and_a_judge_s_calls_are_no_bound_and_it_is_said(store):
    _, said = examined(store, judges=(Judge(Counting(name="umpire")),))
    assert "by one call each" not in said[0] and "by one call each" in said[1]
    assert "which may take more" in said[-1]


@pytest.mark.parametrize("usage", ["", '"usage": null, ', '"usage": {"prompt_tokens": 9}, '])
def test_a_reply_that_does_not_say_what_it_used_counts_as_the_most(store, tmp_path, usage):
    """Else a server that counts nothing would answer without end, for $0."""
    body = f'{{{usage}"choices": [{{"message": {{"content": "Nevada"}}}}]}}'
    limit = Decimal("0.002")

    async def ask(url):
        chat = Chats(served(tmp_path / "registry", url)).open("served")
        budget = Budget(max_cost=limit)
        replies = await asking(store, chat, [f"q{n}" for n in range(40)], budget=budget)
        await chat.close()
        return budget, replies

    with fake_server(faults=lambda number: Fault(body=body)) as server:
        budget, replies = asyncio.run(ask(server.url))
    kept = [reply for reply in replies if reply.error is None]
    assert 0 < len(kept) < 40 and {reply.cost for reply in kept} == {None}
    assert 0 < budget.cost <= limit and paid_before(store, "exam") == budget.cost


def test_nothing_is_sent_of_which_the_store_cannot_note_what_it_may_cost(store, monkeypatch):
    """Else a loop over a full disk would pay for some calls each time, and never know."""
    chat, kept = Served(), store.add

    def full(rows):
        if any(row.table == "payments" for row in rows):
            raise UnwritableError("store is full", "space")
        kept(rows)

    monkeypatch.setattr(store, "add", full)
    with pytest.raises(UserError, match="store is full"):
        asyncio.run(asking(store, chat, ["q1", "q2", "q3"], budget=Budget(max_cost=Decimal(1))))
    assert chat.asked == 0


def test_embedding_that_is_given_up_counts_as_the_most(store):
    async def given_up():
        async with Journal(store) as journal:
            purse = Purse(PRICE, Budget(max_cost=Decimal(1)), Payments("exam", journal))

            begun = asyncio.Event()

            async def embedding():
                async with purse.paying(1000):
                    begun.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(embedding())
            await begun.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return purse

    purse = asyncio.run(given_up())
    assert purse.paid == purse.budget.cost == PRICE.most(1000) == paid_before(store, "exam")


def test_a_long_greeting_is_reserved_before_it_is_sent(store, tmp_path):
    """A model that refuses one token is greeted by as many as an answer may have."""
    asked = '{"error": {"message": "max_tokens is too small", "type": "invalid_request_error"}}'

    async def ask(url, limit):
        chat = Chats(served(tmp_path / "registry", url)).open("served")
        budget = Budget(max_cost=limit)
        try:
            return await asking(store, chat, ["q"], budget=budget, exam=f"{limit}")
        finally:
            await chat.close()

    faults = {0: Fault(status=400, body=asked)}
    with fake_server(reply=lambda messages: "a b", faults=faults.get) as server:
        with pytest.raises(UserError, match="no money for another try"):
            asyncio.run(ask(server.url, PRICE.most(400, 96)))
        assert server.calls == 1
    with fake_server(reply=lambda messages: "a b", faults=faults.get) as server:
        (reply,) = asyncio.run(ask(server.url, Decimal(1)))
    assert reply.error is None and server.calls == 3


def served(folder, url, more=""):
    folder.mkdir(exist_ok=True)
    (folder / "served.toml").write_text(
        f'kind = "endpoint"\nbase_url = "{url}"\nmodel = "m"\n{more}'
    )
    return folder


def test_a_server_that_bills_an_error_is_paid_for_it(store, tmp_path):
    """A 503 and a body with 200 that says it failed, each with the tokens that it used."""
    usage = '"usage": {"prompt_tokens": 100, "completion_tokens": 7}'
    faults = {
        1: Fault(status=503, body=f'{{"error": {{"message": "cut"}}, {usage}}}'),
        2: Fault(body=f'{{"error": {{"message": "overloaded"}}, {usage}}}'),
    }

    async def ask(url):
        chat = Chats(served(tmp_path / "registry", url)).open("served")
        budget = Budget(max_cost=Decimal(1))
        replies = await asking(store, chat, ["one two three"], budget=budget)
        await chat.close()
        return budget, *replies

    with fake_server(reply=lambda messages: "a b", faults=faults.get) as server:
        budget, reply = asyncio.run(ask(server.url))
    assert reply.error is None and server.calls == 4
    assert reply.cost == 2 * PRICE.of(100, 7) + PRICE.of(3, 2)
    assert budget.cost == reply.cost + PRICE.of(1, 2), "and the greeting"
    assert paid_before(store, "exam") == budget.cost


def test_a_price_moves_no_identity(tmp_path):
    url = "http://127.0.0.1:9/v1"
    (free,) = open_models(["served"], served(tmp_path / "a", url))
    price = "[price]\ninput = 3\noutput = 15\ncached_input = 0.3\n"
    (dear,) = open_models(["served"], served(tmp_path / "b", url, price))
    assert free.identity == dear.identity
    assert Prices(tmp_path / "b").of("served") == Price(input=3, output=15, cached_input=0.3)
    assert Prices(tmp_path / "a").of("served") is None


@pytest.mark.parametrize(
    "price",
    ["input = 1", "input = -1\noutput = 1", "input = true\noutput = 1", 'input = "1"\noutput = 1',
     "input = nan\noutput = 1", "input = inf\noutput = 1", "input = 1e9\noutput = 1",
     "input = 0.0000001\noutput = 1", "input = 1\noutput = 1\ninptu = 1"],
)  # fmt: skip
def test_an_odd_price_is_one_line(tmp_path, price):
    folder = served(tmp_path / "registry", "http://127.0.0.1:9/v1", f"[price]\n{price}\n")
    with pytest.raises(UserError, match="price") as error:
        read_entry("served", folder)
    assert "\n" not in str(error.value)


def test_two_processes_do_not_pay_for_one_exam_at_once(store):
    class Slow(Counting):
        async def chat(self, messages):
            with pytest.raises(UserError, match="another process is paying for this exam"):
                await Exam(self.plan, Retrieved(), store, on_wait=None).execute()
            return await super().chat(messages)

    chat = Slow()
    chat.plan = Plan(
        (PromptedModel(chat, Template()),), CASES[:1], prices=prices, max_cost=Decimal(1)
    )
    exam = Exam(chat.plan, Retrieved(), store)
    asyncio.run(exam.execute())
    assert exam.run.spending.cost == PRICE.of(8, 4)


def test_payments_are_kept_by_postgresql_too(postgresql_url):
    store = Store(postgresql_url)
    asyncio.run(asking(store, Served(), ["a", "b"], budget=Budget(max_cost=Decimal(1))))
    assert paid_before(store, "exam") == 2 * PRICE.of(8, 4)
    assert store.usual("served").tokens_out == 4
    store.close()
