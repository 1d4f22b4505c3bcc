"""What was sent and replied is recorded in parts that join to exactly that, asked now or before."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from evals.calls.store import Store
from evals.conversations import SHORTEST, Exchange, Weaver
from evals.exam.exam import Exam
from evals.judges.llm.judge import LlmJudge
from evals.plan import Plan
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer, Message
from models.prompted import SYSTEM, PromptedModel, Template
from reports.archive import as_written, read_report, write_report
from reports.page.case.conversations import said
from reports.verdict.conclude import conclude
from tests.builders.programs import Scripted, contract_case, program, written
from tests.builders.report_data import GATE, SPENDING, header
from tests.evals.test_exam import Grader, Rater

CLAUSE = "The term of this Agreement is two (2) years from the Effective Date, clause {c}. "
REASON = "The answer names the right term, and the contract says so in clause {n}."


class Chat:
    """Continues chats as it is told, and keeps every one that it was sent."""

    context, longest_answer, free = 8192, 64, False

    def __init__(self, name, say):
        self.name, self.identity, self.say = name, f"{name}-1", say
        self.sent = []

    async def preflight(self):
        pass

    def count(self, text):
        return len(text) // 4

    async def chat(self, messages):
        self.sent.append(tuple(messages))
        await asyncio.sleep(0)
        return Answer(self.say(messages, len(self.sent)), 7, 3)

    async def close(self):
        pass


class Halves:
    """Shows the two halves of each contract."""

    identity = "halves-1"

    def retrieve(self, cases, on_progress=None):
        return [
            tuple(
                Passage(case.contract.id, start, start + half, case.contract.text[start:][:half])
                for start in (0, half)
            )
            for case in cases
            for half in [len(case.contract.text) // 2]
        ]


def cases_of(contracts=3):
    made = []
    for c in range(contracts):
        text = CLAUSE.format(c=c) * 4
        for q, spans in enumerate([(Span(text[:60], 0),), ()]):
            asked = f"cat{q}", f"How long is the term of the Agreement, asked {q} times?"
            made.append(Case(f"c{c}q{q}", f"c{c}-q{q}", Contract(f"c{c}", text), *asked, spans))
    return tuple(made)


def model():
    return PromptedModel(Chat("new", lambda turns, n: turns[-1].content[12:72]), Template(SYSTEM))


def judge(metric="correctness", name="umpire"):
    def say(turns, n):
        reply = {"reasons": REASON.format(n=n), "score": 0.5}
        return json.dumps(reply)

    return LlmJudge(metric, Chat(name, say))


@pytest.fixture
def store(tmp_path):
    opened = Store(str(tmp_path / "s.sqlite"))
    yield opened
    opened.close()


def examined(store, model, *judges, cases=None, retriever=None, **options):
    plan = Plan((model,), cases or cases_of(), judges=judges, **options)
    exam = Exam(plan, retriever or Halves(), store)
    asyncio.run(exam.execute())
    found = conclude(header(model.name), exam.run.results, SPENDING, GATE)
    return as_written(found)


def sent_by(report, metric=""):
    """Every chat of a report: the turns that were sent, and the reply."""
    return [
        (tuple(Message(each.role, each.content) for each in turns[:-1]), turns[-1].content)
        for row in report.results
        for each in row.conversations
        if each.metric == metric
        for turns in [said(report, row, each)]
    ]


def test_every_prompt_is_recorded_as_it_was_sent(store):
    asked, umpire = model(), judge()
    report = examined(store, asked, umpire)
    assert sorted(map(str, (turns for turns, _ in sent_by(report)))) == sorted(
        map(str, asked.chat.sent)
    )
    assert [reply for _, reply in sent_by(report)] == [row.answer for row in report.results]
    judged = sent_by(report, "correctness")
    assert {str(turns) for turns, _ in judged} == {str(turns) for turns in umpire.chat.sent}
    assert all(json.loads(reply)["score"] == 0.5 for _, reply in judged)
    (first, *_) = report.results
    own, of_judge = first.conversations
    assert (own.model, own.tokens_in, own.tokens_out) == ("new", 7, 3)
    assert (of_judge.model, of_judge.metric) == ("umpire", "correctness")


def test_what_was_asked_before_is_recorded_again_and_nobody_is_asked(store):
    first = examined(store, model(), judge())
    asked, umpire = model(), judge()
    second = examined(store, asked, umpire)
    assert asked.chat.sent == umpire.chat.sent == []
    for metric in ("", "correctness"):
        assert sent_by(second, metric) == sent_by(first, metric) != []


def test_a_judgement_whose_reply_is_not_kept_has_no_chat(store, tmp_path):
    examined(store, model(), judge())
    import sqlite3

    with sqlite3.connect(tmp_path / "s.sqlite") as rows:
        rows.execute("delete from answers where model = 'umpire'")
    again = examined(store, model(), judge())
    assert {row.scores["correctness"] for row in again.results} == {0.5}
    assert sent_by(again, "correctness") == []
    assert len(sent_by(again)) == len(again.results)


def test_each_judge_of_a_panel_is_recorded_and_what_cannot_say_it_again_only_once(store):
    judges = [judge(name="one"), Grader(Rater("rater"))]
    first = examined(store, model(), *judges)
    of = [each.model for row in first.results for each in row.conversations if each.metric]
    assert sorted(of) == ["one"] * 6 + ["rater"] * 6
    again = examined(store, model(), judge(name="one"), Grader(Rater("rater")))
    of = [each.model for row in again.results for each in row.conversations if each.metric]
    assert of == ["one"] * 6


def test_every_call_of_a_program_is_recorded(store, tmp_path):
    asked = program(written(tmp_path), Scripted())
    report = examined(store, asked, cases=(contract_case(),))
    heard = [turns for _, turns in asked.generator.heard]
    assert [turns for turns, _ in sent_by(report)] == heard
    assert len(heard) == 2


def test_cases_cost_numbers_and_no_text(store, tmp_path):
    report = examined(store, model(), judge(), cases=cases_of(40))
    literal = sum(map(len, report.texts))
    few = examined(store, model(), judge(), cases=cases_of(4))
    assert literal < 2 * sum(map(len, few.texts)), "what all prompts share is kept once"
    write_report(report, tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == report
    written_ = json.loads((tmp_path / "report.json").read_text())
    assert json.dumps(written_).count(CLAUSE.format(c=7)) <= 2 * 4


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (("results", 0, "conversations", 0, "turns"), [999]),
        (("results", 0, "conversations", 0, "turns"), [-1]),
        (("turns", 0, "parts"), [999]),
        (("turns", 0, "parts"), ["passage 9"]),
        (("turns", 0, "parts"), ["gold 9"]),
        (("turns", 0, "parts"), ["contract"]),
        (("turns", 0, "role"), "judge"),
    ],
)
def test_a_file_that_names_what_it_does_not_have_is_no_report(store, tmp_path, where, what):
    path = tmp_path / "report.json"
    write_report(examined(store, model()), path)
    value = json.loads(path.read_text())
    *steps, last = where
    place = value
    for step in steps:
        place = place[step]
    place[last] = what
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match="is no report"):
        read_report(path)


def test_a_sealed_report_has_none(store):
    from reports.examination.opening import blanked

    report = blanked(examined(store, model(), judge()), ())
    assert (report.results, report.turns, report.texts) == ((), (), ())


texts = st.text(alphabet="ab \n<\N{SCALES}\0", max_size=3 * SHORTEST)


@given(
    st.lists(texts, max_size=3),
    texts,
    texts,
    st.lists(st.integers(0, 6), max_size=8),
)
def test_parts_join_to_what_was_said(passages, question, gold, order):
    shown = tuple(Passage("c", 0, len(text), text) for text in passages)
    answer = Answer("ab" * SHORTEST, passages=shown)
    case = Case("c", "c", Contract("c", "".join(passages)), "cat", question, (Span(gold, None),))
    known = [*passages, question, gold, answer.text, "literal"]
    text = "|".join(known[n % len(known)] for n in order)
    exchange = Exchange("m", (Message("user", text),), Answer("r", error="down"))
    (turn,) = Weaver().conversation(exchange, case, answer).turns
    held = {"question": question, "answer": answer.text, "gold": gold}
    joined = "".join(
        part
        if isinstance(part, str)
        else passages[part.number]
        if part.of == "passage"
        else held[part.of]
        for part in turn.parts
    )
    assert joined == text
