"""The embedded corpus is what the project says it is."""

import json
import re
from collections import Counter

import pytest

from fixtures.datasets import SAMPLE
from fixtures.selection import Selection, select

RUN = 12
DATES = {
    "December 1, 2020": r"\b[A-Z][a-z]+ \d{1,2}, \d{4}\b",
    "1 December 2020": r"\b\d{1,2} [A-Z][a-z]+ \d{4}\b",
    "2020-12-01": r"\b\d{4}-\d{2}-\d{2}\b",
    "the 1st day of December, 2020": r"\b\d{1,2}(?:st|nd|rd|th) day of\b",
    "12/01/2020": r"\b\d{1,2}/\d{1,2}/\d{4}\b",
}


@pytest.fixture(scope="module")
def contracts(sample):
    return {case.contract.id: case.contract.text for case in sample.cases}


def words(text):
    return re.findall(r"\w+", text.casefold())


def test_ten_contracts_or_more_of_the_right_length(contracts):
    assert len(contracts) >= 10
    for title, text in contracts.items():
        assert 1_500 <= len(text.split()) <= 6_000, title


def test_six_types_of_agreement_or_more(contracts):
    types = {title.split("-", 3)[-1] for title in contracts}
    assert len(types) >= 6
    for title, text in contracts.items():
        kind = title.split("-", 3)[-1]
        assert set(words(kind)) <= set(words(text[:2_000])), title


def test_all_41_questions_are_asked_of_each(sample, contracts):
    categories = {case.category for case in sample.cases}
    assert len(categories) == 41
    asked = Counter((case.contract.id, case.category) for case in sample.cases)
    assert set(asked) == {(title, category) for title in contracts for category in categories}
    assert set(asked.values()) == {1}


def test_the_questions_are_those_of_the_real_contracts(sample, cuad):
    assert {(case.category, case.question) for case in sample.cases} == {
        (case.category, case.question) for case in cuad.cases
    }


def test_answers_abound(sample, contracts):
    answered = Counter(case.contract.id for case in sample.cases if case.answerable)
    assert min(answered[title] for title in contracts) >= 12
    by_category = Counter(case.category for case in sample.cases if case.answerable)
    assert min(by_category[case.category] for case in sample.cases) >= 2
    silent = Counter(case.contract.id for case in sample.cases if not case.answerable)
    assert min(silent[title] for title in contracts) >= 5


def test_every_span_stands_where_it_says(sample):
    assert sample.repaired == 0
    spans = [(case, span) for case in sample.cases for span in case.spans]
    assert len(spans) > 250
    for case, span in spans:
        assert case.contract.text[span.start :].startswith(span.text), case.id
        assert span.text == span.text.strip(), case.id


def test_ids_and_impossibility_are_in_cuads_form():
    for document in json.loads((SAMPLE / "CUAD_v1.json").read_bytes())["data"]:
        assert len(document["paragraphs"]) == 1
        for question in document["paragraphs"][0]["qas"]:
            title, _, category = question["id"].rpartition("__")
            assert title == document["title"]
            assert f'related to "{category}" that should be' in question["question"]
            assert question["is_impossible"] is not bool(question["answers"])


def test_the_test_split(sample):
    assert len(sample.test_contracts) >= 4
    assert len(select(sample, Selection(split="train"))) > 0
    assert len(select(sample, Selection())) == 41 * len(sample.test_contracts)


def test_it_looks_like_filed_agreements(contracts):
    everything = "\n".join(contracts.values())
    assert sum("[***]" in text for text in contracts.values()) >= len(contracts) // 2
    forms = [name for name, pattern in DATES.items() if re.search(pattern, everything)]
    assert len(forms) >= 4, forms
    for device in ("Section", "Schedule", "Exhibit", "recital", "definitions", "means"):
        assert sum(device.lower() in text.lower() for text in contracts.values()) >= 3, device


def grams(text):
    run = words(text)
    return zip(*(run[first:] for first in range(RUN)), strict=False)


def test_the_search_for_shared_text_finds_some():
    quoted = "a b c d e f g h i j k l m"
    mine = set(grams("x " + quoted + " y"))
    assert not mine.isdisjoint(grams("some other " + quoted.upper().replace(" ", ",\n")))
    assert mine.isdisjoint(grams("a b c d e f g h i j k, no, l m"))


def test_no_run_of_twelve_words_is_from_the_real_contracts(contracts, cuad):
    mine = {gram for text in contracts.values() for gram in grams(text)}
    assert len(mine) > 20_000
    real = {case.contract.digest: case.contract for case in cuad.cases}
    assert len(real) > 400
    copied = [
        contract.id for contract in real.values() if not mine.isdisjoint(grams(contract.text))
    ]
    assert copied == []


def test_no_contract_repeats_another(contracts):
    seen = Counter(gram for text in contracts.values() for gram in set(grams(text)))
    shared = sum(count > 1 for count in seen.values())
    assert shared / len(seen) < 0.05
