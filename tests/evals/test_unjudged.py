"""What the reference judge leaves unscored, with the reason, rather than to score it badly."""

import asyncio

import pytest

from evals.judges.judge import Submission
from evals.judges.pairs import Pair, read_pairs
from evals.judges.reference.judge import ReferenceJudge
from evals.judges.reference.unjudged import LONGEST, unjudged
from evals.language.foreign import is_foreign
from models.chat import Answer

CLAUSE = (
    "This Agreement shall be governed by the laws of the State of Ohio, without regard to its "
    "conflict of laws rules."
)
ELSEWHERE = [
    "Der Vertrag unterliegt dem Recht des Staates Ohio, nicht aber dem UN-Kaufrecht und anderen.",
    "Le contrat est régi par le droit de l'État de l'Ohio, sans égard aux règles de conflit.",
    "El contrato se rige por las leyes del Estado de Ohio y no por otras normas.",
    "Il contratto è disciplinato dalla legge dello Stato dell'Ohio e non da altre norme.",
    "O contrato é regido pelas leis do Estado de Ohio e não por outras.",
    "Dit contract wordt beheerst door het recht van de staat Ohio en niet door ander recht.",
    "Договор регулируется правом штата Огайо.",
    "本协议受俄亥俄州法律管辖。",
    "この契約はオハイオ州の法律に準拠します。",
    "تخضع هذه الاتفاقية لقوانين ولاية أوهايو.",
]


def judged(golds, said):
    pair = Pair(contract="c", category="Law", kind="k", question="Which law governs?",
                expected=tuple(golds), answer=said, score=0)  # fmt: skip
    return asyncio.run(ReferenceJudge().judge(Submission(pair.case, Answer(said)), None))


@pytest.mark.parametrize("said", ELSEWHERE)
def test_an_answer_in_another_language_is_unscored(said):
    assert is_foreign(said)
    found = judged([CLAUSE], said)
    assert (found.value, found.reason) == (
        None,
        "not in English, which is all that this judge reads",
    )
    assert judged([said], "Ohio law").value is None, "nor beside a contract in it"


def test_no_english_answer_is_taken_for_another_language():
    assert [pair.answer for pair in read_pairs() if unjudged(pair.expected, pair.answer)] == []


@pytest.mark.parametrize("said", ["The fee is $5 million.", "A monthly fee.", ""])
def test_nobody_knows_what_a_redaction_hid(said):
    found = judged(["[***]"], said)
    assert (found.value, found.reason) == (None, "the expected answer is a redaction alone")


@pytest.mark.parametrize(
    "said", ["[***]", "The fee is [***] percent.", "The amount has been redacted."]
)
def test_who_says_that_it_is_redacted_is_right(said):
    assert judged(["[***]"], said).value == 1


def test_a_redaction_amid_words_is_judged():
    assert judged(["[***] percent of Net Sales"], "[***] percent of Net Sales").value == 1


@pytest.mark.parametrize("text", ["Ohio law governs. ", "1,000 ", "a", "(", "no, "])
def test_a_hundred_thousand_characters_are_unscored_at_once(text):
    long = text * (100_000 // len(text))
    for golds, said in (([CLAUSE], long), ([long], "Ohio law"), ([CLAUSE] * 1000, "Ohio law")):
        found = judged(golds, said)
        assert found.value is None
        assert found.reason.endswith(f"characters, of which {LONGEST:,} can be read")
