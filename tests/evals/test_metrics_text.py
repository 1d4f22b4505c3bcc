"""Text scores agree with torchmetrics, with an independent oracle, and with common sense."""

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.language.declining import declines
from evals.language.words import says_something
from evals.metrics.text import containment, exact_match, jaccard, normalise, token_f1
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from tests.oracles.squad import normal_words, squad

GOLDEN = Path(__file__).parents[1] / "data" / "squad_golden.json"

WORDS = st.sampled_from(
    re.findall(r"\S+", "the a an term Term, of 30 (30) days. Licensee’s New York é 条項 — / the's")
)

PHRASES = st.lists(WORDS, max_size=8).map(" ".join) | st.text(max_size=30)
GOLDS = st.lists(PHRASES, min_size=1, max_size=4)


def case_of(golds):
    spans = tuple(Span(gold, None) for gold in golds)
    return Case("1", "1", Contract("c", "text"), "Parties", "Who?", spans)


def value(metric, said, golds):
    return metric(case_of(golds), Answer(said)).value


def test_agrees_with_torchmetrics_on_1000_pairs():
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert golden["source"].startswith("torchmetrics 1.9.0")
    assert len(golden["pairs"]) == 1000
    for said, golds, exact, f1 in golden["pairs"]:
        if not (says_something(said) and all(map(normal_words, (said, *golds)))):
            continue  # a text without words stays as it is written, and equals no other
        assert value(exact_match, said, golds) == exact, (said, golds)
        assert value(token_f1, said, golds) == pytest.approx(f1, abs=1e-6), (said, golds)


def test_agrees_with_the_oracle_on_1000_pairs():
    rng = random.Random(7)
    vocabulary = re.findall(
        r"[^ ]+",
        "the a an The agreement term of thirty (30) days governing law New York Licensee’s "
        "non-exclusive 条項 é $1,000 [***] ; the’s theory 😀 \u00a0",
    )
    tried = nonzero = 0
    while tried < 1000:
        said, *golds = (
            " ".join(rng.choices(vocabulary, k=rng.randint(0, 6))) for _ in range(rng.randint(2, 4))
        )
        if not (says_something(said) and all(map(normal_words, (said, *golds)))):
            continue
        tried += 1
        exact, f1 = squad(said, golds)
        assert value(exact_match, said, golds) == exact, (said, golds)
        assert value(token_f1, said, golds) == pytest.approx(f1), (said, golds)
        nonzero += 0 < f1 < 1
    assert nonzero > 300


@given(PHRASES, GOLDS)
def test_every_score_is_a_share_and_an_exact_match_has_f1_1(said, golds):
    scores = {m: value(m, said, golds) for m in (exact_match, token_f1, containment, jaccard)}
    assert all(0 <= score <= 1 for score in scores.values())
    if scores[exact_match]:
        assert scores[token_f1] == 1
        assert scores[containment] or not normalise(said)


@given(PHRASES, GOLDS, PHRASES)
def test_another_gold_span_never_lowers_a_score(said, golds, more):
    for metric in (exact_match, token_f1, containment, jaccard):
        assert value(metric, said, [*golds, more]) >= value(metric, said, golds)


def compared(text):
    """Whether an answer is compared with the gold at all."""
    return says_something(text) and not declines(text, "Who?", ())


@given(PHRASES.filter(compared), PHRASES.filter(compared))
def test_symmetric_metrics_are_symmetric(one, other):
    for metric in (exact_match, token_f1, jaccard):
        assert value(metric, one, [other]) == pytest.approx(value(metric, other, [one]))


@given(PHRASES)
def test_normalising_twice_is_normalising_once(text):
    assert normalise(normalise(text)) == normalise(text)


def test_containment_wants_the_whole_gold_at_word_boundaries():
    assert value(containment, "It is the State of New York, I think.", ["State of New York"]) == 1
    assert value(containment, "York", ["New York"]) == 0
    assert value(containment, "a new yorker", ["new york"]) == 0
    assert value(containment, "the", ["The"]) == 0


def test_jaccard_is_cuads():
    assert value(jaccard, "The Term; and/or days.", ["the term and or months"]) == 4 / 6
    assert value(jaccard, "(Term)", ["Term"]) == 0
    assert value(jaccard, "", [""]) == 0


def test_a_text_without_words_is_compared_as_it_is_written():
    for metric in (exact_match, token_f1, containment, jaccard):
        assert value(metric, "[***]", ["[***]"]) == 1
        assert value(metric, "", ["[***]", "The", ""]) == 0
    assert value(exact_match, "The", ["[***]"]) == value(exact_match, "a", ["The"]) == 0
