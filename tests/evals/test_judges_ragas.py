"""ragas' metrics over the exam's calls, against a server that answers each of its prompts."""

import json

import pytest
from sacrebleu import corpus_bleu, corpus_chrf

from common.errors import UserError
from evals.judges.frameworks.ragas_judge import RECIPES, RagasJudge
from evals.metrics.table import METRICS
from fixtures.retrieval.embedder import load_embedder
from models.endpoint.server import endpoint_chat
from tests.builders.fake_server import Fault, fake_server
from tests.evals.test_judges_deepeval import CLAUSES, judged, run_quietly, submit, with_calls

__all__ = ["fake_server", "submit", "with_calls"]  # for the process of its own
GENERATED = "How much is the fee each year?"
ANSWER = 'The fee is "$5,000 per year" and "due in the state of Delaware", so $5,000 per year.'
GOLD = ("in advance", "$5,000 per year")


def statements(*verdicts):
    return [{"statement": "s", "reason": "r", "verdict": verdict} for verdict in verdicts]


def scripted(messages):
    """The reply to any of ragas' prompts."""
    prompt = messages[0]["content"]
    given = prompt.rpartition("following input\ninput: ")[2]
    if prompt == "Hello":
        return "Hello"
    if "analyze the complexity of each sentence" in prompt:
        said = {"statements": ["a", "b", "c", "d"]}
    elif "Decompose and break down" in prompt:
        said = {"claims": ["answer"] if "Delaware" in given else ["gold"]}
    elif "judge the faithfulness" in prompt:
        # factual correctness: of the answer's claims 2 of 3 hold, of the gold's 1 of 2
        verdicts = {"answer": (1, 1, 0), "gold": (1, 0)}
        about = next((name for name in verdicts if f'"{name}"' in given), None)
        said = {"statements": statements(*verdicts.get(about, (1, 1, 1, 0)))}
    elif "verify if the context was useful" in prompt:
        said = {"reason": "r", "verdict": int(CLAUSES[1] in given)}
    elif '"classifications"' in prompt:
        said = {"classifications": [
            {"statement": "s", "reason": "r", "attributed": a} for a in (1, 1, 0)]}  # fmt: skip
    else:
        assert "identify if the answer is noncommittal" in prompt
        said = {"question": GENERATED, "noncommittal": 0}
    return json.dumps(said)


def sentence_bleu(gold):
    return corpus_bleu([ANSWER], [[gold]]).score / 100


def likeness(first, second):
    a, b = load_embedder().embed([first, second])
    return float(a @ b)


EXPECTED = {
    "ragas:faithfulness": 0.75,
    "ragas:context_precision": 0.5,  # the second of two is useful
    "ragas:context_recall": 2 / 3,
    "ragas:answer_relevancy": lambda: likeness("What is the yearly fee?", GENERATED),
    "ragas:factual_correctness": 0.67,  # true 2, false 1, missed 1; ragas rounds
    "ragas:semantic_similarity": lambda: max(likeness(gold, ANSWER) for gold in GOLD),
    "ragas:string_similarity": 15 / len(ANSWER),  # the gold stands in it: the rest is inserted
    "ragas:string_presence": 1.0,
    "ragas:exact_match": 0.0,
    "ragas:bleu": lambda: max(sentence_bleu(gold) for gold in GOLD),
    "ragas:rouge": 2 * 4 / (4 + 19),  # 5 000 per year, in an answer of 19 words
    "ragas:chrf": lambda: max(corpus_chrf([ANSWER], [[gold]]).score / 100 for gold in GOLD),
    "ragas:quoted_spans": 0.5,
}


def make_judge(metric, chat):
    return RagasJudge(metric, chat if METRICS[metric].by == "llm" else None)


def ragas(tmp_path, metric, submission, reply=scripted, faults=()):
    return judged(tmp_path, metric, submission, reply, faults, make_judge)


def test_every_ragas_metric_of_the_table_has_a_recipe():
    assert set(RECIPES) == {name for name in METRICS if name.startswith("ragas:")}
    assert set(EXPECTED) == set(RECIPES)


@pytest.mark.parametrize("metric", EXPECTED)
def test_a_metric_scores_what_the_replies_say_at_the_price_of_the_table(metric, tmp_path):
    score, asked = ragas(tmp_path, metric, submit(ANSWER, GOLD))
    expected = EXPECTED[metric]
    value = expected() if callable(expected) else expected
    assert score.value == pytest.approx(value, abs=1e-5)
    price = METRICS[metric].calls
    assert len(asked) == (len(CLAUSES) if price == "passages" else int(price or 0))


@pytest.mark.parametrize(
    "metric",
    [name for name in EXPECTED if "gold" in METRICS[name].sees and METRICS[name].by == "embedded"],
)
def test_the_best_gold_span_counts_whatever_the_order(metric, tmp_path):
    golds = ("paid in advance", "$5,000 per year", "Nevada")
    first, _ = ragas(tmp_path, metric, submit("$5,000 per year", golds))
    last, _ = ragas(tmp_path, metric, submit("$5,000 per year", golds[::-1]))
    assert first == last
    assert first.value == pytest.approx(1.0)


def test_the_parts_of_a_judged_reference_are_joined(tmp_path):
    _, asked = ragas(tmp_path, "ragas:context_recall", submit(ANSWER, GOLD))
    assert r"in advance\n$5,000 per year" in asked[0][0]["content"]


def test_an_abstention_claims_nothing_and_costs_nothing(tmp_path):
    for text in ("Not found.", ""):
        score, asked = ragas(tmp_path, "ragas:faithfulness", submit(text))
        assert (score.value, asked) == (1.0, [])


@pytest.mark.parametrize("metric", ["ragas:answer_relevancy", "ragas:factual_correctness"])
def test_an_empty_answer_is_worth_nothing(metric, tmp_path):
    score, asked = ragas(tmp_path, metric, submit(" "))
    assert (score.value, asked) == (0.0, [])


def test_an_evasive_answer_is_not_relevant(tmp_path):
    evasive = json.dumps({"question": GENERATED, "noncommittal": 1})
    score, _ = ragas(tmp_path, "ragas:answer_relevancy", submit(), lambda messages: evasive)
    assert score.value == 0.0


@pytest.mark.parametrize("metric", [name for name in EXPECTED if "passages" in METRICS[name].sees])
def test_without_passages_there_is_no_score(metric, tmp_path):
    score, asked = ragas(tmp_path, metric, submit(passages=()))
    assert (score.value, score.reason, asked) == (None, "no passages", [])


@pytest.mark.parametrize("metric", [name for name in EXPECTED if METRICS[name].of == "answerable"])
def test_without_an_expected_answer_there_is_no_score(metric, tmp_path):
    score, asked = ragas(tmp_path, metric, submit(gold=()))
    assert score.value is None
    assert "no expected answer" in score.reason
    assert asked == []


@pytest.mark.parametrize(
    ("metric", "said", "problem"),
    [
        ("ragas:faithfulness", "They all follow.", "no JSON object"),
        ("ragas:faithfulness", "", "no JSON object"),
        ("ragas:faithfulness", '{"statements": []}', "scored nan"),
        ("ragas:context_recall", '{"classifications": []}', "scored nan"),
        (
            "ragas:context_recall",
            '{"classifications": [{"statement": "", "reason": "", "attributed": 7}]}',
            "7, outside 0..1",
        ),
        ("ragas:context_precision", '{"reason": "", "verdict": 0.5}', "valid integer"),
        ("ragas:context_precision", '{"reason": "", "verdict": NaN}', "finite number"),
    ],
)
def test_a_bad_reply_is_unscored_and_says_why(metric, said, problem, tmp_path):
    score, asked = ragas(tmp_path, metric, submit(), lambda messages: said)
    assert score.value is None
    assert problem in score.reason
    assert len(asked) <= 2


def test_a_repeated_prompt_is_drawn_anew_and_remembered(tmp_path):
    async def use(chat, calls):
        return await make_judge("ragas:answer_relevancy", chat).judge(submit(), calls)

    with fake_server(reply=scripted) as server:
        first = with_calls(tmp_path, use, server)
        assert server.calls == 3 + 1  # one to see that the server is there
        assert with_calls(tmp_path, use, server) == first
        assert server.calls == 3 + 1


def test_a_failed_call_is_unscored_and_a_dead_key_stops_the_exam(tmp_path):
    def refusing(status):
        return lambda number: Fault(status=status, message="no thanks") if number else None

    score, _ = ragas(tmp_path, "ragas:faithfulness", submit(), faults=refusing(422))
    assert score.value is None
    assert score.reason == "judge judge: HTTP 422 no thanks"
    with pytest.raises(UserError, match="no thanks"):
        ragas(tmp_path, "ragas:faithfulness", submit(), faults=refusing(401))


def test_names_and_identities_tell_judges_apart():
    def chat(model):
        return endpoint_chat(name="strong", base_url="http://h", model=model)

    assert RagasJudge("ragas:chrf").name == "ragas"
    assert RagasJudge("ragas:faithfulness", chat("a")).name == "strong"
    judges = [
        RagasJudge("ragas:chrf"),
        RagasJudge("ragas:semantic_similarity"),
        RagasJudge("ragas:faithfulness", chat("a")),
        RagasJudge("ragas:faithfulness", chat("b")),
        RagasJudge("ragas:answer_relevancy", chat("a")),
    ]
    assert len({judge.identity for judge in judges}) == len(judges)
    assert judges[2].identity == RagasJudge("ragas:faithfulness", chat("a")).identity


def test_a_process_is_left_as_it_was(tmp_path):
    assert "RAGAS_DO_NOT_TRACK" in run_quietly("ragas", tmp_path)
