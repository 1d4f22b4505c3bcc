"""The two forms of a case: only what is exchanged changes, everywhere, and it can be taken back."""

from dataclasses import replace
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.variants.edits import applied, gold_in
from evals.variants.exchanges import (
    COUNTRIES,
    EXCHANGES,
    FORMS,
    GENDERED,
    GIVEN,
    NAMES,
    OTHER_COUNTRIES,
    OTHER_STATES,
    STATES,
    exchanged,
    forms,
    in_form,
)
from evals.variants.parties import Renaming
from evals.variants.vary import FAIRNESS, vary
from fixtures.cases import Case, Contract, Span
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Chunker, Passage


def case_of(text, question="Which law governs?", gold="", category="Governing Law"):
    contract = Contract("c", text)
    spans = (Span(gold, text.index(gold)),) if gold else ()
    case = Case("c/1", "c-1", contract, category, question, spans)
    return case, (Passage("c", 0, len(text), text),)


def both(kind, text, **options):
    return [exchanged(*case_of(text, **options), kind, form) for form in FORMS]


def texts(kind, text, **options):
    return [each.passages[0].text for each in both(kind, text, **options)]


@cache
def shown():
    """Cases of every embedded contract with five passages; the gold one is among them."""
    cuts, pairs = {}, []
    for number, case in enumerate(load_dataset("sample").cases):
        if number % 5 == 0:
            passages = cuts.setdefault(case.contract.id, Chunker().split(case.contract))
            gold = [p for p in passages if gold_in(case, p)][:2]
            others = [p for p in passages if p not in gold]
            pairs.append((case, (*gold, *Random(number).sample(others, 5 - len(gold)))))
    return pairs


def back(made):
    """The renaming that takes another one back."""
    return Renaming({new.lower(): old.title() for old, new in made.names.items()})


def plain(text):
    return " ".join(text.lower().split())


@pytest.mark.parametrize("kind", FAIRNESS)
def test_in_both_forms_gold_stands_where_it_is_said_to_and_nothing_else_changes(kind):
    seen = 0
    for case, passages in shown():
        for form in FORMS:
            variant = exchanged(case, passages, kind, form)
            if variant is None:
                continue
            seen += 1
            text = variant.case.contract.text
            assert text == "\n\n".join(passage.text for passage in variant.passages)
            assert all(p.text == text[p.start : p.end] for p in variant.passages)
            for span in variant.case.spans:
                assert span.start is None or text.startswith(span.text, span.start)
            assert variant.case.answerable == case.answerable
            assert len(variant.case.spans) == len(set(variant.case.spans)) >= case.answerable
            made = forms(kind, case.contract)[FORMS.index(form)]
            for before, after in zip(passages, variant.passages, strict=True):
                pieces = made.edits(before.text)
                assert applied(before.text, pieces) == after.text
                assert all(before.text[piece.start : piece.end].strip() for piece in pieces)
                if kind != "gender":
                    assert plain(back(made).text(after.text)) == plain(before.text)
    assert seen >= (4 if kind == "gender" else 30)


def test_all_cases_of_a_contract_are_exchanged_alike():
    found = {}
    for case, _ in shown():
        for kind in FAIRNESS:
            made = forms(kind, case.contract)
            assert found.setdefault((kind, case.contract.id), made) == made
            forms.cache_clear()


WORDS = st.sampled_from(
    ["Delaware", "NEW YORK", "delaware", "New Mexico", "England", "Ontario", "Texas,", "the laws",
     "of", "the State", "Mexico", "West Virginia", "shall", "\n", "France", "Ohio"]
)  # fmt: skip


@given(st.lists(WORDS, min_size=3, max_size=40).map(" ".join))
@settings(max_examples=150, deadline=None)
def test_jurisdictions_there_and_back_is_the_same_text(text):
    made = forms("jurisdiction", Contract("c", text))
    if made is None:
        assert not any(name in text for name in ("Delaware", "England", "Texas", "France"))
        return
    for renamed in made:
        new = renamed.text(text)
        assert plain(back(renamed).text(new)) == plain(text)
        assert [w.isupper() for w in new.split()][:1] == [w.isupper() for w in text.split()][:1]
        for old in renamed.names:
            kept = [each.lower() for each in renamed.names.values()]
            assert old in kept or not Renaming({old: ""}).pattern().search(new)


def test_a_state_is_exchanged_in_question_contract_and_gold():
    text = "This is governed by the laws of the State of NEW YORK. New York courts decide."
    for variant in both("jurisdiction", text, question="Is it New York law?", gold="NEW YORK"):
        [span] = variant.case.spans
        assert span.text.isupper() and span.text in variant.passages[0].text
        assert span.text.title() in variant.case.question
        assert "york" not in variant.passages[0].text.lower()


def test_men_and_women_in_pronouns_address_and_given_names():
    text = "Mr. John Smith shall do his work himself. HE may name a Chairman; tell him. Mary signs."
    first, second = texts("gender", text)
    assert first.startswith("Mr. ")
    assert "his work himself. HE may name a Chairman; tell him" in first
    assert second.startswith("Ms. ")
    assert "her work herself. SHE may name a Chairwoman; tell her" in second
    for form, made in zip(FORMS, (first, second), strict=True):
        names = [word for word in made.replace(".", "").split() if word in GIVEN[form].split()]
        assert len(names) == len(set(names)) == 2
    assert "Smith" in first and "Smith" in second


@pytest.mark.parametrize(
    "text",
    [
        "Each officer shall keep his or her books, as he/she sees fit, by himself or herself.",
        "The ship and her cargo; he says.",  # "her" is him or his: it cannot be told
        "The Supplier shall deliver the goods. Theme, other, history, Mark, will, Grant.",
    ],
)
def test_what_is_of_both_genders_or_of_none_is_not_exchanged(text):
    assert both("gender", text) == [None, None]


def test_both_genders_are_kept_where_one_is_exchanged():
    first, second = texts("gender", "He or she may sell if he wants. His/her and his.")
    assert first == "He or she may sell if he wants. His/her and his."
    assert second == "He or she may sell if she wants. His/her and her."


def test_the_agreements_own_name_is_exchanged_and_others_are_kept():
    text = "SUPPLY\nAGREEMENT\nThis Supply Agreement follows a Loan Agreement on supply."
    first, second = texts("agreement", text, gold="SUPPLY\nAGREEMENT")
    for made in (first, second):
        assert made.split()[0].isupper() and "Supply Agreement" not in made
        assert made.endswith("follows a Loan Agreement on supply.")
        assert made.split()[0].title() == made.split()[3]


def test_a_contract_with_nothing_to_exchange_has_no_variant():
    case, passages = case_of("It says nothing of the kind.")
    assert vary(case, passages, ["fairness"]) == ()


def test_a_passage_in_which_nothing_is_exchanged_has_no_variant_though_its_contract_does():
    case, passages = case_of("Delaware law governs. " + "It says nothing more. " * 50)
    elsewhere = [replace(passages[0], start=300, end=320, text=passages[0].text[300:320])]
    assert exchanged(case, passages, "jurisdiction", "A")
    assert exchanged(case, elsewhere, "jurisdiction", "A") is None


def test_no_list_holds_a_word_twice_or_a_word_of_the_other_form():
    for lists in (NAMES, GIVEN, OTHER_STATES, OTHER_COUNTRIES):
        first, second = (lists[form].split() for form in FORMS)
        assert len({*first, *second}) == len(first) + len(second)
    assert not set(STATES.split()) & set(COUNTRIES.split())
    assert not set(GENDERED["A"]) & set(GENDERED["B"])
    named = [in_form(kind, form) for kind in EXCHANGES for form in FORMS]
    assert len(set(named)) == 8
