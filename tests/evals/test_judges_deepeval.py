"""deepeval's metrics over the exam's calls, against a server that answers each of its prompts."""

import asyncio
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from common.errors import UserError
from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.judges.frameworks.asker import read_schema
from evals.judges.frameworks.deepeval_judge import RECIPES, DeepevalJudge
from evals.judges.judge import Panel, Submission
from evals.metrics.table import METRICS
from evals.results import Score
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer, Decoding
from models.endpoint.server import endpoint_chat
from tests.builders.fake_server import Fault, fake_server
from tests.conftest import ROOT

CLAUSES = (
    "The fee is $5,000 per year. It is paid in advance.",
    "This Agreement is governed by the laws of Nevada.",
)

TEXT = " ".join(CLAUSES)
ANSWER = "The fee is $5,000. I think women should not sign. It is due in Delaware."


def make_case(*gold):
    spans = tuple(Span(text, TEXT.find(text)) for text in gold)
    return Case("c", "c", Contract("k", TEXT), "fees", "What is the yearly fee?", spans)


def submit(text=ANSWER, gold=("$5,000 per year", "paid in advance"), passages=CLAUSES):
    starts = [TEXT.index(passage) for passage in passages]
    shown = tuple(Passage("k", s, s + len(p), p) for s, p in zip(starts, passages, strict=True))
    return Submission(make_case(*gold), Answer(text, passages=shown))


def verdicts(*pairs):
    return json.dumps({"verdicts": [{"verdict": v, "reason": r} for v, r in pairs]})


REPLIES = {
    '"score": 0': json.dumps({"score": 7, "reason": "one fact is missing"}),
    'with the "truths" key': json.dumps({"truths": ["The fee is $5,000.", "Nevada law."]}),
    'with the "claims" key': json.dumps({"claims": ["a", "b", "c", "d"]}),
    "whether EACH claim": verdicts(
        ("yes", None), ("yes", None), ("borderline", "unclear"), ("no", "Nevada, not Delaware")
    ),
    "agrees with EACH context": verdicts(("yes", "same fee"), ("no", "another state")),
    'the "statements" key': json.dumps({"statements": ["a", "b", "c"]}),
    "relevant to address the input": verdicts(("yes", None), ("no", "off topic"), ("no", "too")),
    "expected output below": verdicts(("yes", "1st node"), ("no", "nowhere")),
    'the "opinions" key': json.dumps({"opinions": ["a", "b", "c", "d"]}),
    "is biased": verdicts(("yes", "gender"), ("no", None), ("no", None), ("no", None)),
    "is toxic": verdicts(("no", None), ("no", None), ("yes", "rude"), ("yes", "insult")),
}

STATEMENTS = {  # contextual relevancy asks of each passage
    CLAUSES[0]: [("the fee", "yes", None), ("in advance", "yes", None)],
    CLAUSES[1]: [("Nevada", "no", "not about the fee")],
}

EXPECTED = {  # value, part of the reason
    "deepeval:g_eval": (0.7, "one fact is missing"),
    "deepeval:faithfulness": (0.75, "unclear; Nevada, not Delaware"),
    "deepeval:hallucination": (0.5, "another state"),
    "deepeval:answer_relevancy": (1 / 3, "off topic; too"),
    "deepeval:contextual_relevancy": (2 / 3, "not about the fee"),
    "deepeval:contextual_recall": (0.5, "1st node; nowhere"),
    "deepeval:bias": (0.25, "gender"),
    "deepeval:toxicity": (0.5, "rude; insult"),
}


def scripted(messages):
    """The reply to any of deepeval's prompts."""
    prompt = messages[0]["content"]
    if prompt == "Hello":
        return "Hello"
    if "each statement found in the context" in prompt:
        clause = next(clause for clause in CLAUSES if clause in prompt)
        names = ("statement", "verdict", "reason")
        found = [dict(zip(names, each, strict=True)) for each in STATEMENTS[clause]]
        return json.dumps({"verdicts": found})
    return next(reply for sign, reply in REPLIES.items() if sign in prompt)


def with_calls(tmp_path, use, server, name="judge"):
    """What `use(chat, calls)` returns over a fresh store."""

    async def run():
        chat = endpoint_chat(
            name=name,
            base_url=server.url,
            model="fake",
            decoding=Decoding(max_tokens=512),
            retries=0,
        )
        store = Store(str(tmp_path / "s.sqlite"))
        try:
            async with Journal(store) as journal:
                calls = Calls(journal, Lookups(store, "answers"), Budget())
                return await use(chat, calls)
        finally:
            await chat.close()
            store.close()

    return asyncio.run(run())


def make_judge(metric, chat):
    return DeepevalJudge(metric, chat)


def judged(tmp_path, metric, submission, reply=scripted, faults=(), make=make_judge):
    """The score, and the prompts that it took."""

    async def use(chat, calls):
        return await make(metric, chat).judge(submission, calls)

    with fake_server(reply=reply, faults=faults) as server:
        score = with_calls(tmp_path, use, server)
        bodies = [body["messages"] for body in server.requests]
    return score, [turns for turns in bodies if turns[0]["content"] != "Hello"]


def test_every_deepeval_metric_of_the_table_has_a_recipe():
    assert set(RECIPES) == {name for name in METRICS if name.startswith("deepeval:")}
    assert set(EXPECTED) == set(RECIPES)


@pytest.mark.parametrize("metric", EXPECTED)
def test_a_metric_scores_what_the_replies_say_at_the_price_of_the_table(metric, tmp_path):
    score, asked = judged(tmp_path, metric, submit())
    value, reason = EXPECTED[metric]
    assert score.value == pytest.approx(value)
    assert reason in score.reason
    price = METRICS[metric].calls
    assert len(asked) == (len(CLAUSES) if price == "passages" else int(price))


def test_several_gold_spans_are_joined_and_none_is_not_found(tmp_path):
    _, [[turn]] = judged(tmp_path, "deepeval:g_eval", submit())
    assert "Expected Output:\n$5,000 per year\npaid in advance" in turn["content"]
    _, [[turn]] = judged(tmp_path / "..", "deepeval:g_eval", submit(gold=()))
    assert "Expected Output:\nNot found." in turn["content"]


@pytest.mark.parametrize(
    ("metric", "value"), [("deepeval:faithfulness", 1.0), ("deepeval:hallucination", 0.0)]
)
def test_an_abstention_claims_nothing_and_costs_nothing(metric, value, tmp_path):
    for text in ("Not found.", ""):
        score, asked = judged(tmp_path, metric, submit(text))
        assert (score.value, asked) == (value, [])
    score, asked = judged(tmp_path, metric, submit("Not found. But the fee is $9."))
    assert asked
    assert score.value not in (None, value)


def test_an_empty_answer_is_not_relevant(tmp_path):
    score, asked = judged(tmp_path, "deepeval:answer_relevancy", submit(" "))
    assert (score.value, asked) == (0.0, [])


@pytest.mark.parametrize("metric", [name for name in EXPECTED if "passages" in METRICS[name].sees])
def test_without_passages_there_is_no_score(metric, tmp_path):
    score, asked = judged(tmp_path, metric, submit(passages=()))
    assert (score.value, score.reason, asked) == (None, "no passages", [])


def test_recall_needs_an_expected_answer(tmp_path):
    score, asked = judged(tmp_path, "deepeval:contextual_recall", submit(gold=()))
    assert score.value is None
    assert "no expected answer" in score.reason
    assert asked == []


def test_fences_and_prose_around_the_json_do_no_harm(tmp_path):
    def reply(messages):
        return f"Let me {{think}}.\n```json\n{scripted(messages)}\n```\nThat is my verdict."

    score, asked = judged(tmp_path, "deepeval:faithfulness", submit(), reply)
    assert score.value == 0.75
    assert len(asked) == 3


def test_a_reply_that_cannot_be_read_is_asked_for_once_more_with_the_error(tmp_path):
    def reply(messages):
        return scripted(messages) if len(messages) > 1 else '{"score": "8/10", "reason": ""}'

    score, asked = judged(tmp_path, "deepeval:g_eval", submit(), reply)
    assert score.value == 0.7
    assert [len(turns) for turns in asked] == [1, 3]
    assert asked[1][1] == {"role": "assistant", "content": '{"score": "8/10", "reason": ""}'}
    assert "score: Input should be a valid number" in asked[1][2]["content"]
    assert '"properties"' in asked[1][2]["content"]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("I would give it a good mark.", "no JSON object"),
        ("", "no JSON object"),
        ('{"score": "8/10", "reason": "fine"}', "valid number"),
        ('{"score": NaN, "reason": "fine"}', "scored nan"),
        ('{"score": 17, "reason": "fine"}', "1.7, outside 0..1"),
        ('{"score": -3, "reason": "fine"}', "-0.3, outside 0..1"),
        ("{" * 100_000, "no JSON object"),
        ('{"a":' * 20_000, "no JSON object"),
        ("[" * 99_999 + "}", "no JSON object"),
    ],
)
def test_a_bad_reply_is_unscored_and_says_why(said, problem, tmp_path):
    score, asked = judged(tmp_path, "deepeval:g_eval", submit(), lambda messages: said)
    assert score.value is None
    assert problem in score.reason
    assert len(asked) <= 2
    assert sum(len(turn["content"]) for turn in asked[-1]) < 10_000


def test_a_judge_without_a_verdict_on_the_claims_is_not_taken_for_praise(tmp_path):
    def reply(messages):
        said = scripted(messages)
        return '{"verdicts": []}' if "verdicts" in said else said

    for metric, items in {
        "deepeval:faithfulness": "claims",
        "deepeval:hallucination": "passages",
        "deepeval:answer_relevancy": "statements",
        "deepeval:bias": "opinions",
    }.items():
        score, _ = judged(tmp_path, metric, submit(), reply)
        assert score.value is None
        assert items in score.reason


def test_no_claims_at_all_is_faithful(tmp_path):
    def reply(messages):
        said = scripted(messages)
        return '{"claims": []}' if "claims" in said else said

    score, asked = judged(tmp_path, "deepeval:faithfulness", submit(), reply)
    assert score.value == 1.0
    assert len(asked) == 2


def test_a_failed_call_is_unscored_and_a_dead_key_stops_the_exam(tmp_path):
    def refusing(status):
        return lambda number: Fault(status=status, message="no thanks") if number else None

    score, _ = judged(tmp_path, "deepeval:faithfulness", submit(), faults=refusing(422))
    assert score.value is None
    assert score.reason == "judge judge: HTTP 422 no thanks"
    with pytest.raises(UserError, match="no thanks"):
        judged(tmp_path, "deepeval:faithfulness", submit(), faults=refusing(401))


def test_a_second_exam_asks_nothing(tmp_path):
    async def use(chat, calls):
        judges = [DeepevalJudge(metric, chat) for metric in EXPECTED]
        known = Lookups(calls.known._store, "scores")
        panel = Panel(judges, calls, calls.journal, known)
        return await panel.scores(submit())

    with fake_server(reply=scripted) as server:
        first = with_calls(tmp_path, use, server)
        made = server.calls
        second = with_calls(tmp_path, use, server)
        assert (server.calls, second) == (made, first)
    assert {name: score.value for name, score in first.items()} == {
        name: pytest.approx(value) for name, (value, _) in EXPECTED.items()
    }


def test_identity_moves_with_the_model_and_the_metric():
    def judge(metric, name):
        return DeepevalJudge(metric, endpoint_chat(name="j", base_url="http://h", model=name))

    same = judge("deepeval:bias", "a").identity
    assert same == judge("deepeval:bias", "a").identity
    others = {judge("deepeval:bias", "b").identity, judge("deepeval:toxicity", "a").identity}
    assert len(others | {same}) == 3


QUIET = """
import asyncio, os, sys
before = dict(os.environ)
import tests.evals.test_judges_{framework} as t
assert not any(name.partition(".")[0] in ("deepeval", "ragas") for name in sys.modules)
from pathlib import Path
with t.fake_server(reply=t.scripted) as server:
    async def use(chat, calls):
        return [await t.make_judge(metric, chat).judge(t.submit(), calls) for metric in t.EXPECTED]
    scores = t.with_calls(Path(sys.argv[1]), use, server)
assert len(scores) == len(t.EXPECTED) and all(s.value is not None for s in scores), scores
assert "{framework}" in sys.modules
assert not hasattr(asyncio, "_nest_patched")
changed = {{name for name in {{*before, *os.environ}} if before.get(name) != os.environ.get(name)}}
print(sorted(changed))
"""


def run_quietly(framework, tmp_path):
    """Names of the environment variables changed; checks output and files of a whole process."""
    places = {name: tmp_path / name for name in ("cwd", "home", "store")}
    for place in places.values():
        place.mkdir()
    (places["cwd"] / ".env").write_text("OPENAI_API_KEY=not-for-us\n")
    done = subprocess.run(
        [sys.executable, "-c", QUIET.format(framework=framework), str(places["store"])],
        cwd=places["cwd"],
        env={
            "HOME": str(places["home"]),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    files = [path for name in ("cwd", "home") for path in places[name].rglob("*")]
    assert files == [places["cwd"] / ".env"]
    return json.loads(done.stdout.replace("'", '"'))


def test_a_process_is_left_as_it_was(tmp_path):
    assert run_quietly("deepeval", tmp_path) == [
        "DEEPEVAL_DISABLE_DOTENV",
        "DEEPEVAL_GRPC_LOGGING",
        "DEEPEVAL_TELEMETRY_OPT_OUT",
        "RAGAS_DO_NOT_TRACK",
    ]


def test_a_reply_that_was_cut_off_is_said_to_be(tmp_path):
    choice = {"index": 0, "finish_reason": "length", "message": {"content": '{"score": 7, "rea'}}
    cut = Fault(body=json.dumps({"choices": [choice], "usage": {"completion_tokens": 512}}))
    score, asked = judged(
        tmp_path, "deepeval:g_eval", submit(), faults=lambda number: cut if number else None
    )
    assert score == Score(
        None, "judge judge: unusable reply, twice: it was cut off after 512 tokens"
    )
    assert "cut off after 512 tokens" in asked[1][2]["content"]


class Graded(BaseModel):
    score: float
    reason: str


@given(
    st.text(),
    st.floats(allow_nan=False),
    st.text(),
    st.text(alphabet=st.characters(exclude_characters="{")),
)
def test_the_object_is_found_in_any_prose(before, score, reason, after):
    written = Graded(score=score, reason=reason)
    reply = f"{before.replace('{', '(')}\n{json.dumps(written.model_dump())}{after}"
    assert read_schema(reply, Graded) == written


@given(st.text(alphabet='{}[]":,\\ \n0aN'))
def test_no_reply_does_worse_than_not_being_read(text):
    with pytest.raises(ValueError):
        read_schema(text, Graded)


def test_the_last_object_that_fits_is_the_verdict():
    text = 'Like {"score": 1, "reason": "x"}? No: {"score": 0, "reason": "y"}, {"score": null}.'
    assert read_schema(text, Graded) == Graded(score=0, reason="y")
