"""Priors learn what a category's clauses look like, reproducibly, from the train split alone."""

import json

import pytest

from fixtures import priors
from fixtures.cases import Case, Contract, Span
from fixtures.errors import UserError
from fixtures.passages import Chunker
from fixtures.priors import Priors, fit, load_priors, main, terms

FILLER = "The parties shall meet and talk about progress, costs and staff. " * 4
PLANTED = "Licensee shall remit a royalty of 5% of Net Sales each quarter. "
QUESTION = "How is money shared?"


def toy_contract(number, clause=PLANTED):
    """A contract of six passages; the clause stands in another one each time."""
    blocks = [f"{block}. Duty {number}. {FILLER}\n\n" for block in range(5)]
    blocks.insert(
        number % 6, f"9. Pay. {clause}{clause.replace('5', str(number))}{FILLER[:130]}\n\n"
    )
    return Contract(f"contract {number}", "".join(blocks))


def toy_case(number, category="Revenue Sharing"):
    contract = toy_contract(number)
    span = Span(PLANTED.strip(), contract.text.index(PLANTED))
    return Case(f"{number}", f"{number}", contract, category, QUESTION, (span,))


@pytest.fixture(scope="module")
def fitted():
    rare = [toy_case(number, "Rare") for number in range(4)]
    cases = [toy_case(number) for number in range(12)]
    return Priors(fit([*cases, *rare], Chunker(300, 0)), {})


def test_terms_hide_which_number_it_is():
    assert (
        terms("Within 30 days")
        == terms("within 45 DAYS")
        == {
            "within",
            "0",
            "days",
            "within 0",
            "0 days",
        }
    )
    assert "$ 0" in terms("$5,000")
    assert terms("") == set()


def test_the_planted_clause_is_found_in_an_unseen_contract(fitted):
    passages = Chunker(300, 0).split(toy_contract(16))
    scores = fitted.scores("Revenue Sharing", [terms(passage.text) for passage in passages])
    assert len(passages) == 6
    assert "royalty" in passages[scores.index(max(scores))].text
    assert fitted.weights["Revenue Sharing"]["royalty"] > 0


def test_too_few_answers_make_no_prior(fitted):
    assert set(fitted.weights) == {"Revenue Sharing"}


def test_words_of_few_contracts_are_left_out():
    cases = [toy_case(number) for number in range(30)]
    named = Contract("named", cases[0].contract.text.replace("Licensee", "Zyxwv Inc"))
    cases.append(Case("n", "n", named, "Revenue Sharing", QUESTION, (Span("9. Pay", 0),)))
    assert "zyxwv" not in fit(cases, Chunker(300, 0))["Revenue Sharing"]


@pytest.fixture
def toy_folder(tmp_path):
    """CUAD's layout: 12 contracts, the last of which are its test split."""

    def entry(number):
        case = toy_case(number)
        answer = {"text": case.spans[0].text, "answer_start": case.spans[0].start}
        question = {
            "id": f"{case.contract.id}__Revenue Sharing",
            "question": QUESTION,
            "answers": [answer],
            "is_impossible": False,
        }
        paragraph = {"context": case.contract.text, "qas": [question]}
        return {"title": case.contract.id, "paragraphs": [paragraph]}

    folder = tmp_path / "toy"
    folder.mkdir()
    every = {"version": "1", "data": [entry(number) for number in range(12)]}
    test = {"version": "1", "data": every["data"][-2:]}
    (folder / "CUAD_v1.json").write_text(json.dumps(every))
    (folder / "test.json").write_text(json.dumps(test))
    return folder


def test_refitting_writes_the_same_bytes_from_the_train_split(toy_folder, tmp_path, capsys):
    outs = [tmp_path / "a.json", tmp_path / "b.json"]
    for out in outs:
        assert main(["--dataset", str(toy_folder), "--out", str(out)]) == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert "1 categories from 10 contracts" in capsys.readouterr().out
    loaded = load_priors(outs[0])
    assert loaded.provenance["contracts"] == loaded.provenance["spans"] == 10
    assert loaded.identity == load_priors(outs[1]).identity != Priors({}, {}).identity


def test_no_train_split_is_one_line(toy_folder, tmp_path, capsys):
    (toy_folder / "test.json").unlink()
    assert main(["--dataset", str(toy_folder), "--out", str(tmp_path / "a.json")]) == 4
    error = capsys.readouterr().err
    assert error.startswith("ERROR: ")
    assert "no train split" in error
    assert error.count("\n") == 1


def test_an_unwritable_result_is_one_line(toy_folder, tmp_path, capsys):
    assert main(["--dataset", str(toy_folder), "--out", str(tmp_path / "no" / "a.json")]) == 4
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"format": 99, "provenance": {}, "weights": {}}',
        '{"format": 1, "provenance": {}, "weights": {"a": [1]}}',
        '{"format": 1, "provenance": {}, "weights": {"a": {"term": "1"}}}',
        '{"format": 1, "provenance": {}, "weights": {"a": {"term": NaN}}}',
        '{"format": 1, "weights": {}}',
    ],
)
def test_a_malformed_file_is_one_line(tmp_path, content):
    path = tmp_path / "priors.json"
    path.write_text(content)
    with pytest.raises(UserError, match="fit it anew") as caught:
        load_priors(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        load_priors(tmp_path / "none.json")


def test_the_shipped_priors_cover_cuads_categories():
    shipped = load_priors()
    assert len(shipped.weights) == 41
    assert shipped.provenance["contracts"] == 340
    assert priors.SHIPPED.stat().st_size < 2_000_000
