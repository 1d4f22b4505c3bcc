"""Drafts by a model: located in the contract, kept beside it, and asked for once."""

import json
from pathlib import Path

import pytest

from evals.drafting import draft_of
from fixtures.cases import Case, Contract, Span
from fixtures.contracts.__main__ import main
from fixtures.contracts.drafts import read_drafts, standing
from fixtures.datasets import load_dataset
from fixtures.retrieval.passages import Passage
from models.chat import Answer

TEXT = "Rent\n\nThe rent is $900 a month.\n\nA late rent is $950. The parties are\nAna and Ben."


def drafted(answer: str, *passages: tuple[int, int]):
    contract = Contract("Lease", TEXT)
    case = Case("Lease__Rent", "lease-rent", contract, "Rent", "What is the rent?", ())
    shown = tuple(Passage("Lease", start, end, TEXT[start:end]) for start, end in passages)
    return draft_of(case, Answer(answer, passages=shown), "m", "id", "now")


@pytest.mark.parametrize(
    ("answer", "spans"),
    [
        ("$900", ["$900"]),
        ('"The rent is  $900 a month."', ["The rent is $900 a month."]),
        ("The parties are Ana and Ben.", ["The parties are\nAna and Ben."]),
        ("$900; $950", ["$900", "$950"]),
        ("$900\nnothing of the kind", []),
        ("about nine hundred dollars", []),
        ("rent", []),  # stands in several places
    ],
)
def test_a_draft_stands_where_the_contract_says_it_or_nowhere(answer, spans):
    made = drafted(answer)
    assert [span.text for span in made.spans] == spans
    assert all(TEXT.startswith(span.text, span.start) for span in made.spans)
    assert (made.answer, made.absent) == (answer, False)
    assert made.proposes == bool(spans)


def test_of_several_places_it_is_the_one_that_the_model_was_shown():
    assert drafted("rent", (33, 60)).spans == (Span("rent", 40),)


@pytest.mark.parametrize("answer", ["Not found.", "The contract does not say."])
def test_that_the_contract_does_not_answer_is_a_draft_too(answer):
    made = drafted(answer)
    assert (made.absent, made.spans, made.proposes) == (True, (), True)


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("lease.txt").write_text(TEXT)
    Path("questions.toml").write_text(
        '[questions]\nRent = "What is the rent?"\nDay = "When is it due?"'
    )
    assert main(["add", "lease.txt", "--to=own.json", "--questions=questions.toml"]) == 0
    return Path("own.json")


def test_a_model_drafts_what_is_open_and_nothing_becomes_gold(own, capsys):
    line = ["draft", "--to=own.json", "--model=extractive"]
    assert main(line) == 0
    assert "2 drafts by extractive" in capsys.readouterr().out
    dataset = load_dataset(str(own))
    assert not dataset.cases
    assert {*standing(dataset, read_drafts(own))} == {"lease__Rent", "lease__Day"}
    assert [each["qas"] for each in json.loads(own.read_text())["data"][0]["paragraphs"]] == [[]]
    assert main(line) == 0
    assert "every open question has a draft" in capsys.readouterr().out


def test_a_data_set_that_may_not_leave_is_not_drafted_elsewhere(own, tmp_path, capsys):
    registry = tmp_path / "models" / "registry"
    registry.mkdir(parents=True)
    (registry / "far.toml").write_text(
        'kind = "endpoint"\nbase_url = "https://far.example.com/v1"\nmodel = "m"\n'
    )
    assert main(["draft", "--to=own.json", "--model=far", f"--registry={registry}"]) == 4
    said = capsys.readouterr().err
    assert "model far is at far.example.com, where own.json may not be sent" in said
    assert not read_drafts(own)


def test_without_a_champion_a_model_is_asked_for(own, tmp_path, capsys):
    (tmp_path / "models" / "registry").mkdir(parents=True)
    assert main(["draft", "--to=own.json", f"--registry={tmp_path}/models/registry"]) == 4
    assert "there is no champion yet to draft answers; give --model NAME" in capsys.readouterr().err
