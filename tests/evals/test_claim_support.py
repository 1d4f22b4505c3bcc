"""Claims of an answer against the passages: what is said there, and what was planted."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.hallucination import measure
from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.judges.embedded.claim_support import ClaimSupport
from evals.judges.embedded.contradictions import contradiction
from evals.judges.embedded.embedding import Embeddings
from evals.judges.embedded.sentences import claims
from evals.judges.judge import Submission
from evals.judges.planted import (
    FALSE,
    KINDS,
    plant,
    reworded,
    with_other_negation,
    with_other_number,
)
from fixtures.cases import Case, Contract
from fixtures.retrieval.passages import Passage
from models.chat import Answer

TEXT = (
    "4.1 Term. This Agreement begins on 1 March 2021 and runs for five (5) years. "
    "Northwind shall pay Halcyon a fee of $40,000 within thirty (30) days after each quarter. "
    "Halcyon may not assign this Agreement without the written consent of Northwind. "
    "9.2 Law. The law of the State of Nevada governs this Agreement and every dispute under it. "
    "Either party may end this Agreement on ninety (90) days' notice."
)

CASE = Case("c", "c", Contract("K", TEXT), "Fees", "What are the terms?", ())
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def embeddings():
    """One model for all tests; a loop's unfinished work is none of the next one's."""
    from fixtures.retrieval.embedder import load_embedder

    embedder = load_embedder()
    embedder.embed(["loaded"])
    return embedder


@pytest.fixture
def score(embeddings, tmp_path):
    def scored(text, passages=None):
        shown = (Passage("K", 0, len(TEXT), TEXT),) if passages is None else passages

        async def judge():
            store = Store(str(tmp_path / "s.sqlite"))
            async with Journal(store) as journal:
                calls = Calls(journal, Lookups(store, "answers"), Budget(max_calls=0))
                submission = Submission(CASE, Answer(text, passages=shown))
                return await ClaimSupport(Embeddings(embeddings)).judge(submission, calls)

        return asyncio.run(judge())

    return scored


SUPPORTED = [
    "This Agreement begins on 1 March 2021 and runs for five (5) years.",
    "The agreement begins on 2021-03-01 and runs for 5 years.",
    "Northwind must pay Halcyon a fee of $40,000 in 30 days after each quarter.",
    "Nevada law governs this Agreement.",
    "Yes. Either party may end it on 90 days' notice.",
]

UNSUPPORTED = [
    "This Agreement begins on 1 March 2021 and runs for six (6) years.",
    "The agreement begins on 2021-03-02 and runs for 5 years.",
    "Halcyon shall pay Northwind a fee of $40,000 within thirty (30) days after each quarter.",
    "Northwind shall pay Halcyon a fee of $40,000 within ninety (90) days after each quarter.",
    "Halcyon may assign this Agreement without the written consent of Northwind.",
    "The law of the State of Delaware governs this Agreement and every dispute under it.",
    "The franchisee shall buy its flour from the approved supplier.",
]


@pytest.mark.parametrize("text", SUPPORTED)
def test_what_the_passages_say_is_supported(score, text):
    assert score(text).value == 1.0


@pytest.mark.parametrize("text", UNSUPPORTED)
def test_what_they_do_not_say_is_not(score, text):
    found = score(text)
    assert found.value == 0.0
    assert found.reason.startswith("not supported: ")


def test_the_share_of_claims_is_the_score_and_the_others_are_named(score):
    found = score(f"The terms are:\n- {SUPPORTED[0]}\n- {UNSUPPORTED[6]}\n- {SUPPORTED[3]}")
    assert found.value == pytest.approx(2 / 3)
    assert (
        found.reason
        == "not supported: The franchisee shall buy its flour from the approved supp..."
    )


def test_a_sentence_cut_between_passages_is_whole_again(score):
    cut = TEXT.index("each quarter") - 20
    halves = (Passage("K", 0, cut, TEXT[:cut]), Passage("K", cut, len(TEXT), TEXT[cut:]))
    assert score(SUPPORTED[2], halves[::-1]).value == 1.0


def test_what_cannot_be_scored_says_why(score):
    assert score("Nevada", ()).reason == "no passages shown"
    assert score("The contract does not say.").value == 1.0
    assert score("[***]").reason == "the answer claims nothing"
    assert score("Nevada", (Passage("K", 0, 3, "***"),)).value == 0.0


def test_the_identity_is_of_the_embedder(embeddings):
    assert ClaimSupport().identity == ClaimSupport(Embeddings(embeddings)).identity


@pytest.mark.parametrize(
    ("claim", "source", "found"),
    [
        ("Acme may not end it at will.", "Acme may end it at will.", "may not end, not may end"),
        ("Acme may end it at will.", "Acme may not end it at will.", "may end, not may not end"),
        ("The rights are exclusive here.", "The rights are non-exclusive here.",
         "are exclusive, not are non exclusive"),
        ("It pays within 45 days after the end.", "It pays within thirty (30) days after the end.",
         "45, not thirty 30"),
        ("Acme pays Beta the fee when due.", "Beta pays Acme the fee when due.",
         "Acme pays Beta, not Beta pays Acme"),
        ("The Buyer bears the cost of it.", "6.1 Costs. The Seller bears the cost of it.",
         "The Buyer, not The Seller"),
        ("It pays within 30 days after that.", "It pays within thirty days after that.", None),
        ("It covers no less than 5 units a year.", "It covers at least 5 units a year.", None),
        ("It covers no less than 5 units a year.", "It covers less than 5 units a year.",
         "covers no less, not covers less"),
        ("It ends on 2021-03-01 at noon here.", "It ends on 1 March 2021 at noon here.", None),
        ("The fee is granted to Beta by Acme in full.", "The fee is granted in full.", None),
        ("Not a word of it.", "Nothing here is alike.", None),
        ("", "", None),
    ],
)  # fmt: skip
def test_contradictions(claim, source, found):
    assert contradiction(claim, source) == found


@given(
    st.lists(st.sampled_from(["Acme", "Beta", "may", "not", "pay", "30", "thirty", "days", "the"]))
)
def test_nothing_contradicts_itself(words):
    text = " ".join(words)
    assert contradiction(text, text) is None
    assert contradiction(text, f"Before that. {text} And after.") is None


def test_lead_ins_are_no_claims_unless_there_is_nothing_else():
    assert claims("Yes. The fees are:\n- $5 a day; and\n- none.") == ("$5 a day; and", "none.")
    assert claims("Yes.") == ("Yes.",)


def test_planted_answers_are_what_they_say(sample):
    planted = list(plant(sample.cases[:82]))
    again = list(plant(sample.cases[:82]))
    assert planted == again
    assert {each.kind for each in planted} == set(KINDS)
    for each in planted:
        shown = " ".join(" ".join(passage.text.split()) for passage in each.passages)
        assert each.made_up == (each.kind in FALSE)
        assert len(each.samples) == 5
        if each.kind == "quote":
            assert each.text[:60] in shown
        elif each.made_up:
            assert each.text not in shown


def test_the_ways_to_alter_a_fact():
    import random

    fact = "Acme shall not pay more than thirty (30) days late, or ten percent (10%) in writing."
    assert reworded(fact) == ("Acme must not pay more than 30 days late, or 10% by written notice.")
    assert with_other_negation(fact) == fact.replace("shall not", "shall")
    assert with_other_negation("Acme may pay.") == "Acme may not pay."
    assert with_other_negation("No party may pay.") == "No party may pay."
    other = with_other_number("It is due in thirty (30) days.", random.Random(0))
    assert other.startswith("It is due in 3") or other.startswith("It is due in 4")
    assert other != "It is due in 30 days."


@pytest.mark.heavy
def test_the_benchmark_tells_planted_answers_apart(tmp_path):
    rows = [line.split("|")[1:-1] for line in measure(tmp_path).table.splitlines()[2:]]
    auroc = {row[0].strip(): float(row[1]) for row in rows}
    assert auroc["claim_support"] > 0.98 > auroc["grounded_quote"] > 0.7
    assert min(auroc["selfcheck_ngram"], auroc["selfcheck_embedding"]) > 0.65


def test_planted_answers_are_told_apart(sample, embeddings):
    """A twentieth of what the benchmark measures, within seconds."""
    from sklearn.metrics import roc_auc_score

    cases = [case for case in sample.cases if case.contract.id in sample.test_contracts]
    planted = list(plant(cases))[::20]
    judge = ClaimSupport(Embeddings(embeddings))

    async def supports():
        return await asyncio.gather(
            *(judge.supports(claims(p.text), p.passages, p.case.question) for p in planted)
        )

    found = [min(each) for each in asyncio.run(supports())]
    assert roc_auc_score([not each.made_up for each in planted], found) > 0.97
