"""`python -m evals.cuad`: one table, and one line for every mistake."""

import json

import pytest

from evals.cuad import main


def question(name, golds):
    answers = [{"text": gold, "answer_start": 0} for gold in golds]
    return {"id": name, "question": "?", "answers": answers, "is_impossible": not golds}


def put(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def entry(text, probability):
    return {"text": text, "probability": probability, "start_logit": 1.0}


GOLDS = [
    question("Acme__Parties", ["Acme", "Buyer"]),
    question("Acme__Term", ["two years"]),
    question("Acme__Insurance", []),
]

NBEST = {
    "Acme__Term": [entry("two years", 0.5), entry("", 0.5)],
    "Acme__Parties": [entry("between Acme and", 0.9)],
    "Acme__Insurance": [entry("none at all here", 0.7)],
}


@pytest.fixture
def golds(tmp_path):
    layout = {"data": [{"title": "Acme", "paragraphs": [{"context": "-", "qas": GOLDS}]}]}
    return put(tmp_path / "test.json", layout)


@pytest.fixture
def run(tmp_path, golds, capsys):
    def run(predictions, *words, cuad=golds):
        path = put(tmp_path / "predictions.json", predictions)
        code = main([path, "--cuad", cuad, *words])
        return code, capsys.readouterr()

    return run


def rows(out):
    head, *lines = out.splitlines()
    return head.split(), [line.split() for line in lines]


def test_both_modes_in_three_decimals(run):
    code, captured = run(NBEST)
    head, lines = rows(captured.out)
    assert code == 0
    assert head == ["mode", "of", "n", "AUPR", "P@80R", "P@90R", "max", "R"]
    # By hand: (recall, precision) are (1/3, 1), (1/3, 1/2), (2/3, 2/3), so both areas are 5/9.
    assert lines == [
        ["official", "all", "3", "0.556", "0.000", "0.000", "0.667"],
        ["corrected", "all", "3", "0.556", "-", "-", "0.667"],
    ]


def test_by_category(run):
    _, captured = run(NBEST, "--by-category", "--mode", "official")
    _, lines = rows(captured.out)
    assert [line[1] for line in lines] == ["all", "Insurance", "Parties", "Term"]
    assert lines[3] == ["official", "Term", "1", "1.000", "1.000", "1.000", "1.000"]
    assert lines[1] == ["official", "Insurance", "1", "0.000", "0.000", "0.000", "-"]


def test_texts_give_the_operating_point_alone(run):
    texts = {"Acme__Parties": "Acme", "Acme__Term": "Not specified.", "Acme__Insurance": "Yes."}
    code, captured = run(texts, "--mode", "corrected")
    head, lines = rows(captured.out)
    assert code == 0
    assert head == ["mode", "of", "n", "P", "R", "F1"]
    assert lines == [["corrected", "all", "3", "0.500", "0.333", "0.400"]]


def test_the_shipped_layout_is_read(cuad, tmp_path, capsys):
    from tests.conftest import CUAD

    path = CUAD / "test.json"
    data = json.loads(path.read_text(encoding="utf-8"))["data"]
    asked = [q for document in data for q in document["paragraphs"][0]["qas"]]
    perfect = {q["id"]: [entry(a["text"], 1.0) for a in q["answers"]] for q in asked}
    assert main([put(tmp_path / "p.json", perfect), "--cuad", str(path), "--mode", "official"]) == 0
    _, lines = rows(capsys.readouterr().out)
    assert lines == [["official", "all", f"{len(asked):,}", *["1.000"] * 4]]


@pytest.mark.parametrize(
    ("predictions", "says"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "must be a JSON object"),
        ({**NBEST, "Other__Term": []}, "exceeds by 1 ids, first 'Other__Term'"),
        ({"Acme__Term": []}, "lacks 2 ids, first 'Acme__Parties'"),
        ({**NBEST, "Acme__Term": "two years"}, "mixes texts and n-best lists"),
        ({**NBEST, "Acme__Term": 7}, "neither a text nor a list"),
        ({**NBEST, "Acme__Term": ["two years"]}, "neither a text nor a list"),
        ({**NBEST, "Acme__Term": [{"text": "a"}]}, "'probability'"),
        ({**NBEST, "Acme__Term": [entry(None, 0.5)]}, "a text that is no string: None"),
        ({**NBEST, "Acme__Term": [entry("a", 1.2)]}, "the probability 1.2"),
        ({**NBEST, "Acme__Term": [entry("a", -0.1)]}, "the probability -0.1"),
        ({**NBEST, "Acme__Term": [entry("a", float("nan"))]}, "the probability nan"),
        ({**NBEST, "Acme__Term": [entry("a", "0.5")]}, "the probability '0.5'"),
        ({**NBEST, "Acme__Term": [entry("a", True)]}, "the probability True"),
    ],
)
def test_bad_predictions_are_one_line(run, predictions, says):
    refused(run(predictions), says)


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ("nonsense", "cannot be read as JSON"),
        ([], "not in CUAD's layout"),
        ({"data": [{"title": "Acme"}]}, "not in CUAD's layout"),
        ({"data": []}, "holds no questions"),
        ({"data": [{"paragraphs": [{"qas": [{"id": "x"}]}]}]}, "question 1 lacks"),
        ({"data": [{"paragraphs": [{"qas": GOLDS + GOLDS[:1]}]}]}, "stands twice"),
        ({"data": [{"paragraphs": [{"qas": [question("x", [""])]}]}]}, "an empty gold answer"),
    ],
)
def test_bad_questions_are_one_line(run, tmp_path, layout, says):
    refused(run(NBEST, cuad=put(tmp_path / "other.json", layout)), says)


def test_a_missing_file_is_one_line(run, tmp_path):
    refused(run(NBEST, cuad=str(tmp_path / "absent.json")), "cannot be read as JSON")


def refused(result, says):
    code, captured = result
    assert code == 4
    assert captured.out == ""
    assert captured.err.startswith("ERROR: ")
    assert captured.err.count("\n") == 1
    assert says in captured.err
