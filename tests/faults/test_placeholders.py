"""What stands in for something missing is never what belongs to another case."""

import asyncio
import csv

import pytest

from fixtures.cases import Case, Contract
from fixtures.datasets import load_dataset
from fixtures.imports.source import Source
from fixtures.retrieval.passages import Passage
from models.recorded import RecordedModel

TEXT = "The law of Nevada governs."


def written(path, rows):
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return RecordedModel("m", Source("recorded", path))


def case(id_="x", contract="K", question="Which law?", text=TEXT):
    return Case(id_, "s", Contract(contract, text), "c", question, ())


def said(model, *cases, passages=()):
    return [asyncio.run(model.answer(each, passages)) for each in cases]


@pytest.mark.fault("IN-1")
def test_answers_of_one_contract_answer_no_other(tmp_path):
    data = load_dataset("sample")
    cases = [each for each in data.cases if each.contract.id in data.test_contracts]
    only = cases[0].contract.id
    own = [each for each in cases if each.contract.id == only]
    rows = [{"contract": only, "question": each.question, "answer": "Not found."} for each in own]
    found = said(written(tmp_path / "one.csv", rows), *cases)
    answered = [each for each, answer in zip(cases, found, strict=True) if answer.error is None]
    assert answered == own
    assert all("no answer for" in answer.error for answer in found if answer.error)


@pytest.mark.fault("IN-1")
@pytest.mark.parametrize(
    "named",
    [
        {"case_id": "other"},
        {"case_id": "other", "contract": "K"},
        {"contract": "L"},
        {"context": "Another contract's text."},
        {"contract": "L", "context": TEXT},
    ],
)
def test_a_row_that_says_which_case_it_is_about_answers_no_other(tmp_path, named):
    row = {"question": "Which law?", "answer": "Nevada", **named}
    (answer,) = said(written(tmp_path / "r.csv", [row]), case())
    assert answer.text == ""
    assert answer.error == "no answer for x in r.csv"


@pytest.mark.fault("IN-1")
def test_contradicting_rows_of_a_contract_are_not_replaced_by_one_that_names_none(tmp_path):
    rows = [
        {"question": "Which law?", "contract": "K", "answer": "Nevada"},
        {"question": "Which law?", "contract": "K", "answer": "Ohio"},
        {"question": "Which law?", "contract": "", "answer": "Utah"},
    ]
    here, elsewhere = said(written(tmp_path / "r.csv", rows), case(), case(contract="L"))
    assert here.error is not None
    assert elsewhere.text == "Utah"


@pytest.mark.fault("USE-20")
def test_an_answer_that_was_recorded_without_passages_has_none(tmp_path):
    model = written(tmp_path / "r.csv", [{"question": "Which law?", "answer": "Nevada"}])
    retrieved = (Passage("K", 0, len(TEXT), TEXT),)
    (answer,) = said(model, case(), passages=retrieved)
    assert answer.text == "Nevada"
    assert answer.passages == ()


@pytest.mark.fault("USE-20")
def test_it_has_those_of_its_own_row(tmp_path):
    rows = [
        {"question": "Which law?", "contract": "K", "answer": "Nevada", "context": "law of Nevada"},
        {"question": "Which fee?", "contract": "K", "answer": "$5", "context": "from elsewhere"},
    ]
    model = written(tmp_path / "r.csv", rows)
    retrieved = (Passage("K", 0, len(TEXT), TEXT),)
    law, fee = said(model, case(), case(question="Which fee?"), passages=retrieved)
    assert [(p.start, p.end, p.text) for p in law.passages] == [(4, 17, "law of Nevada")]
    assert [p.text for p in fee.passages] == ["from elsewhere"]


@pytest.mark.fault("USE-20")
def test_what_needs_passages_is_unscored_with_a_reason(tmp_path):
    from evals.metrics.table import score

    model = written(tmp_path / "r.csv", [{"question": "Which law?", "answer": "It is $500."}])
    (answer,) = said(model, case(), passages=(Passage("K", 0, len(TEXT), TEXT),))
    scores = score(case(), answer)
    assert scores["grounded_quote"].value is None
    assert "passages" in scores["grounded_quote"].reason
