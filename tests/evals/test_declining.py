"""One definition of declining: its shapes, what it sees, and that nobody has another."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.language.declining import abstains, declines, reading
from evals.metrics.abstention import abstention, laziness
from evals.metrics.table import METRICS, score
from fixtures.cases import Case, Contract, Span
from models.chat import Answer
from tests.evals.test_metrics_abstention import ABSTAINING
from tests.seams import users

REFUSALS = (
    "Not found", "Not found in the passages", "No relevant clause", "N/A", "Not specified",
    "The contract does not specify this", "The passages do not mention it",
    "I cannot find this in the contract", "There is no such clause in this agreement",
    "No information is given about the term", "Unknown", "It cannot be determined",
)  # fmt: skip

WRAPPERS = (
    "{}", "{}.", "{}!", "{}\u3002", "{}…", "{} \u00a0\n", "**{}**", "> {}.", "# {}", "- {}.",
    "1. {}.", "«{}»",
    "“{}.”", "'{}'", "({})", "[{}]", "`{}`", "```\n{}\n```", "<answer>{}.</answer>", "<p>{}</p>",
    '<span class="a">{}</span>', '{{"answer": "{}."}}', "Answer: {}", "**Answer:** {}.",
    "&quot;{}&quot;", "\\boxed{{{}}}", "\ufeff{}", "{}\u200b", "❌ {}", "{}.</s>", "{}.<|im_end|>",
    "{}. {}.", "Sorry, {}.", "{}. Please consult the full contract.",
)  # fmt: skip

BETWEEN = (". ", ": ", " - ", "; ", "\n", "\n\n", ", but ", ". However, ", " (", ', namely "', "! ")


def wide(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def clauses(sample):
    """Sentences of the embedded contracts that say enough to be a clause."""
    texts = {case.contract.id: case.contract.text for case in sample.cases}
    parts = (part for text in texts.values() for part in re.split(r"(?<=[.;])\s+|\n\s*\n", text))
    return sorted({" ".join(part.split()) for part in parts if len(part.split()) >= 6})


def test_a_refusal_in_any_wrapper_is_an_abstention():
    tried = list(itertools.product(REFUSALS, WRAPPERS))
    assert len(tried) > 200
    for refusal, wrapper in tried:
        for said in (wrapper.format(refusal, refusal), wrapper.format(refusal.upper(), refusal)):
            assert reading(said) == "abstention", said
        assert reading(wide(refusal)) == "abstention"


def test_a_refusal_beside_a_clause_is_a_hedge(sample):
    found = clauses(sample)
    tried = list(zip(itertools.cycle(itertools.product(REFUSALS, BETWEEN)), found, strict=False))
    assert len(tried) > 200
    silent = []
    for (refusal, between), clause in tried:
        said = f"{refusal}{between}{clause}"
        case = Case("1", "1", Contract("c", clause), "Law", "What applies?", (Span(clause, 0),))
        scores = score(case, Answer(said), METRICS)
        assert declines(said), said
        if abstains(said):
            silent.append(said)
        assert scores["token_f1"].value == scores["containment"].value == 0.0
        assert scores["laziness"].value == 1.0
    # A clause may itself sound as if the source were silent: "Information ... is not covered."
    assert len(silent) <= len(tried) / 100, silent


def test_a_clause_before_a_plain_refusal_is_a_hedge(sample):
    for clause in clauses(sample)[:200]:
        assert reading(f"{clause}\nNot found.") == "hedge", clause


def test_no_clause_and_no_gold_answer_of_the_embedded_contracts_declines(sample):
    found = clauses(sample)
    assert len(found) > 500
    assert [clause for clause in found if declines(clause)] == []
    golds = {(case.question, gold) for case in sample.cases for gold in case.golds}
    assert len(golds) > 200
    assert [gold for question, gold in golds if declines(gold, question)] == []
    assert [gold for question, gold in golds if declines(gold, question, (gold,))] == []


@pytest.mark.parametrize(
    ("question", "golds", "said", "does"),
    [
        ("Cap?", ("There is no cap on liability.",), "N/A: there is no cap on it.", "hedge"),
        ("May Acme sublicense?", (), "No.", "answer"),
        ("Is there an audit right?", (), "No.", "abstention"),
        ("Does the contract contain a cap?", (), "No.", "abstention"),
        ("Is the term specified in the agreement?", (), "No.", "abstention"),
        ("", (), "No.", "abstention"),
        (
            "What is the cap?",
            ("There is no cap on liability.",),
            "There is no liability cap.",
            "answer",
        ),
        ("What is the cap?", ("The cap is $5.",), "There is no provision on a cap.", "abstention"),
        (
            "May Acme assign?",
            ("Acme shall not assign this Agreement without consent.",),
            "The contract does not specify whether Acme may assign this Agreement without consent.",
            "abstention",
        ),
        ("May Acme assign?", ("No, unless Beta consents.",), "No.", "answer"),
        ("Cap?", ("No, unless Beta consents.",), "No.", "answer"),
        ("Cap?", ("Not specified.",), "The contract does not mention it.", "answer"),
        ("Cap?", ("Not specified.",), "", "abstention"),
        ("Cap?", ("None.", "The cap is $5."), "Not found.", "abstention"),
        ("Cap?", ("[***]",), "[***]", "answer"),
        ("Cap?", ("The cap is $5.",), "Not found. The cap is $5.", "hedge"),
        ("Cap?", (), "Not found. The passages only cover insurance.", "abstention"),
        ("Cap?", (), "Not found. The cap is $5.", "hedge"),
        ("Cap?", (), "The contract does not specify a cap, but damages are limited.", "hedge"),
        ("Cap?", (), "Not found." + " " * 5000, "abstention"),
        ("Cap?", (), "Not found." + " " * 5000 + "It is $5.", "hedge"),
        ("Cap?", (), "Not found. " + "The contract is silent. " * 400, "hedge"),
    ],
)
def test_question_and_gold_are_in_view(question, golds, said, does):
    assert reading(said, question, golds) == does


@given(st.sampled_from(ABSTAINING), st.sampled_from(["Ohio", "the law of Ohio", "No.", "[***]"]))
def test_the_gold_itself_never_declines(said, gold):
    case = Case(
        "1", "1", Contract("c", "t"), "Law", "Which law?", (Span(gold, None), Span(said, None))
    )
    for text in (gold, said):
        assert laziness(case, Answer(text)).value == 0.0
        scores = score(case, Answer(text), ("exact_match", "token_f1"))
        assert {each.value for each in scores.values()} == {1.0}


@given(st.text(max_size=300), st.text(max_size=40), st.lists(st.text(max_size=40), max_size=3))
def test_any_text_is_read_and_nothing_pays_for_declining(said, question, golds):
    spans = tuple(Span(gold, None) for gold in golds)
    case = Case("1", "1", Contract("c", "t"), "Law", question, spans)
    assert abstains(said, question, golds) <= declines(said, question, golds)
    assert abstention(case, Answer(said)).value <= laziness(case, Answer(said)).value
    if declines(said, question, golds):
        scores = score(case, Answer(said), METRICS)
        paid = [scores[n].value for n in ("token_f1", "exact_match", "bleu") if n in scores]
        assert not any(paid)


@pytest.mark.parametrize(
    "unit",
    [
        "Not found. ",
        "not ",
        "No. ",
        "Yes. ",
        "no; ",
        "yes, ",
        ". ",
        "the contract ",
        "\n",
        "<a>",
        "&",
        "“",
    ],
)
def test_long_answers_take_little_time(unit):
    for text in (start + unit * 20_000 for start in ("", "Not found. ", "Yes. ", "No, ")):
        assert reading(text) in ("answer", "abstention", "hedge")


def test_every_metric_of_likeness_pays_nothing_for_a_hedge():
    """A metric that compares with the gold answers goes through `evals.metrics.text.best`."""
    law = "This Agreement is governed by the law of Ohio"
    case = Case("1", "1", Contract("c", law), "Law", "Which law?", (Span(law, 0),))
    rules = [
        name
        for name, each in METRICS.items()
        if each.rule and each.direction == "higher" and each.needs == "answer"
        if not each.sees.endswith("passages") and each.of != "unanswerable"
    ]
    assert len(rules) >= 9
    right, hedged = (score(case, Answer(said), rules) for said in (law, f"Not found. {law}"))
    assert [each.value for each in right.values()] == pytest.approx([1.0] * len(rules))
    assert {each.value for each in hedged.values()} == {0.0}


def test_nobody_has_another_definition_of_declining():
    """The shapes are known to one module, and the looser reading of a sentence to the judge's."""
    assert users("evals.language.denials") == {"evals/language/declining.py"}
    assert users("evals.language.declining.is_silent") == {
        "evals/judges/reference/polarity.py",
        "evals/judges/style.py",
    }
    assert users("models.prompted.NOT_FOUND") <= {
        "training/data/building.py",  # these write it, and read nothing by it
        "training/preferences/opposites.py",
        "training/preferences/feedback.py",
        "models/extractive.py",
        "models/program/examples.py",
        "evals/metrics/dspy_metric.py",
        "evals/judges/frameworks/deepeval_judge.py",
        "bench/cheating/tricks.py",
        "bench/cheating/trials.py",
    }


def test_whoever_asks_whether_an_answer_declines_asks_here():
    known = users("evals.language.declining")
    assert known == {
        "evals/metrics/abstention.py",
        "evals/metrics/text.py",
        "evals/metrics/cuad.py",
        "evals/metrics/contracteval.py",
        "evals/metrics/grounding.py",
        "evals/judges/reference/polarity.py",
        "evals/judges/embedded/claim_support.py",
        "evals/judges/reference/unanswered.py",
        "evals/judges/style.py",
        "evals/stages.py",
        "evals/judges/reference/features.py",
        "evals/judges/judge.py",
        "evals/judges/frameworks/ragas_judge.py",
        "evals/judges/reference/judge.py",
        "evals/probes/probe.py",
        "evals/drafting.py",
        "reports/sections/stability.py",
        "reports/compare/served/measures.py",
        "reports/drift/outputs.py",
        "training/data/marks.py",
        "training/preferences/composition.py",
        "training/preferences/served.py",
    }
    assert (
        users(
            "evals.metrics.abstention.abstains",
            "evals.metrics.abstention.declines",
        )
        == set()
    )
    assert users("evals.metrics.abstention.abstention", "evals.metrics.abstention.laziness") == {
        "evals/metrics/table.py",
        "training/data/marks.py",
        "fixtures/world/__main__.py",
    }


@pytest.mark.parametrize(
    ("text", "question", "golds", "expected"),
    [
        ("Not found. Passages 1 to 5 do not mention a term.", "", (), "abstention"),
        ("Not found.\n\n[Passage 1] does not mention it.", "", (), "abstention"),
        ("Not found (passages 1-3).", "", (), "abstention"),
        ("Passage 2 does not specify a cap.", "", (), "abstention"),
        ("Not found. Passage 3 says Nevada.", "", (), "hedge"),
        ("No.", "Is there a cap on liability?", ("There is no cap on liability.",), "answer"),
        ("No.", "Is there a cap on liability?", ("The cap is $5.",), "abstention"),
    ],
)
def test_passages_by_number_and_a_gold_that_denies(text, question, golds, expected):
    assert reading(text, question, golds) == expected
