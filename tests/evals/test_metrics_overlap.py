"""BLEU and ROUGE are the numbers of sacrebleu and rouge-score, best over the gold spans."""

import subprocess
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_bleu

from common.visible import visible
from evals.language.declining import declines
from evals.metrics.overlap import bleu, rouge_1, rouge_2, rouge_l
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from tests.conftest import ROOT

WORDS = st.sampled_from(
    ["the", "Term", "term", "of", "shall", "thirty", "(30)", "days;", "$1,000.50", "naïve", "条項"]
)

TEXTS = (st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=20)).map(visible)
GOLDS = st.lists(TEXTS, min_size=1, max_size=3)
KINDS = {"rouge1": rouge_1, "rouge2": rouge_2, "rougeL": rouge_l}


@pytest.fixture(scope="module")
def scorer():
    return RougeScorer(list(KINDS), use_stemmer=False)


def value(metric, said, golds):
    spans = tuple(Span(gold, None) for gold in golds)
    return metric(
        Case("1", "1", Contract("c", "text"), "Term", "How long?", spans), Answer(said)
    ).value


@given(said=TEXTS, golds=GOLDS)
def test_rouge_is_rouge_scores(scorer, said, golds):
    assume(not declines(said, "How long?", golds))
    oracle = scorer.score_multi(golds, said)
    for kind, metric in KINDS.items():
        assert value(metric, said, golds) == pytest.approx(oracle[kind].fmeasure, abs=1e-12)


@given(said=TEXTS, golds=GOLDS)
def test_bleu_is_sacrebleus(said, golds):
    assume(not declines(said, "How long?", golds))
    oracle = max(sentence_bleu(said, [gold]).score for gold in golds) / 100
    assert value(bleu, said, golds) == pytest.approx(oracle, abs=1e-12)
    assert 0 <= value(bleu, said, golds) <= 1


@pytest.mark.parametrize("metric", [bleu, *KINDS.values()])
def test_a_gold_span_itself_is_one_and_silence_zero(metric):
    golds = ["the term shall be thirty days", "Ohio law applies here"]
    assert value(metric, golds[1], golds) == 1.0
    assert value(metric, "", golds) == 0.0
    assert value(metric, "entirely different words", golds) == 0.0
    assert 0 < value(metric, "the term shall be ninety days", golds) < 1


def test_rouge_by_hand():
    said, gold = ["a b d c"], "a b c d"
    assert value(rouge_1, gold, said) == 1.0
    assert value(rouge_2, gold, said) == pytest.approx(1 / 3)
    assert value(rouge_l, gold, said) == pytest.approx(3 / 4)


def test_order_decides_between_rouge_1_and_rouge_l():
    assert value(rouge_1, "d c b a", ["a b c d"]) == 1.0
    assert value(rouge_l, "d c b a", ["a b c d"]) == pytest.approx(1 / 4)


def test_a_very_long_answer_costs_no_quadratic_table():
    said, gold = "alpha beta gamma " * 10_000, "gamma alpha " * 1_000
    assert 0 < value(rouge_l, said, [gold]) < 1


def test_nothing_heavy_is_imported_to_score():
    code = (
        "import sys\n"
        "from evals.metrics.overlap import _rouge, _bleu\n"
        "assert not {'sacrebleu', 'rouge_score', 'rapidfuzz'} & {*sys.modules}\n"
        "_rouge('a b', 'a c'), _bleu()\n"
        "assert {'sacrebleu', 'rouge_score', 'rapidfuzz'} <= {*sys.modules}\n"
        "assert not {'nltk', 'pandas', 'scipy', 'sklearn'} & {*sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
