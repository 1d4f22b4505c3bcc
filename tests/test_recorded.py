"""Answers produced elsewhere: read from what people really write, matched and never guessed."""

import asyncio
import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.cases import Case, Contract, Span
from fixtures.datasets import load_dataset
from fixtures.errors import UserError
from fixtures.recorded import read_recordings, recorded_dataset
from models.recorded import RecordedModel


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def written(path, rows):
    """Rows of columns as CSV or JSONL, by the name of the file."""
    if path.suffix == ".jsonl":
        return write(path, "".join(json.dumps(row) + "\n" for row in rows))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    writer.writerows(rows)
    return write(path, buffer.getvalue())


def answers(path, cases):
    async def ask():
        model = RecordedModel("m", path)
        await model.preflight()
        return [await model.answer(case, ()) for case in cases]

    return asyncio.run(ask())


def case(id_="a__b", question="Q?", contract="K"):
    return Case(id_, "s", Contract(contract, "text"), "c", question, ())


def refused(call, *words):
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


WHO = '"Who, if anyone?"'
FORMS = {
    "plain.csv": f"case_id,question,answer,expected\nc1,{WHO},Acme,\nc2,When?,1 May,May 1\n",
    "spelt.csv": "Case_ID,QUESTION,response,ref_answer\r\n"
    f"c1,{WHO},Acme,\r\nc2,When?,1 May,May 1\r\n",
    "bom.csv": f"\ufeffcase_id,question, Answer ,expected\nc1,{WHO}, Acme ,\nc2,When?,1 May,May 1",
    "plain.jsonl": f'{{"case_id": "c1", "question": {WHO}, "answer": "Acme", "expected": ""}}\n\n'
    '{"case_id": "c2", "question": "When?", "answer": "1 May", "expected": "May 1"}\n',
    "spelt.jsonl": f'\ufeff{{"CASE_ID": "c1", "question": {WHO}, "response": "Acme"}}\r\n'
    '{"case_id": "c2", "question": "When?", "response": "1 May", "ref_answer": "May 1"}',
    "upper.NDJSON": f'{{"case_id": "c1", "question": {WHO}, "answer": "Acme", "expected": null}}\n'
    '{"case_id": "c2", "question": "When?", "response": "1 May", "expected": "May 1"}',
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_reads_the_same(tmp_path, name):
    path = write(tmp_path / name, FORMS[name])
    dataset = load_dataset(f"recorded:{path}")
    assert [(c.id, c.question, c.answerable) for c in dataset.cases] == [
        ("c1", "Who, if anyone?", False),
        ("c2", "When?", True),
    ]
    assert dataset.cases[1].spans == (Span("May 1", None),)
    assert [answer.text for answer in answers(path, dataset.cases)] == ["Acme", "1 May"]
    assert dataset.test_contracts == {"no context"}


def test_a_long_cell_with_line_ends_and_quotes(tmp_path):
    context = 'He said "go".\n' * 20_000
    rows = [{"question": "Q?", "answer": "a\nb", "expected": '"go"', "context": context}]
    for name in ("long.csv", "long.jsonl"):
        (read,) = recorded_dataset(written(tmp_path / name, rows)).cases
        assert read.contract.text == context.strip()
        assert read.spans == (Span('"go"', context.index('"go"')),)


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12).map(str.strip)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "question": st.sampled_from(["Who?", "When?", "Où, «ça»?"]),
            "answer": CELL,
            "expected": CELL,
            "context": st.sampled_from(["", "first contract", "second contract"]),
            "contract": st.sampled_from(["", "A", "B"]),
        }
    ),
    min_size=1,
    max_size=8,
)


@given(ROWS, st.sampled_from(["rows.csv", "rows.jsonl"]), st.booleans())
@settings(max_examples=80)
def test_a_file_that_is_data_set_and_model_answers_every_row_as_it_stands(rows, name, ids):
    if ids:
        rows = [{"case_id": f"id {number}", **row} for number, row in enumerate(rows)]
    with TemporaryDirectory() as folder:
        path = written(Path(folder) / name, rows)
        dataset = recorded_dataset(path)
        found = answers(path, dataset.cases)
    assert [(answer.text, answer.error) for answer in found] == [
        (row["answer"], None) for row in rows
    ]
    assert [c.spans[0].text if c.spans else "" for c in dataset.cases] == [
        row["expected"] for row in rows
    ]
    assert len({c.slug for c in dataset.cases}) == len({c.id for c in dataset.cases}) == len(rows)


def test_rows_of_one_context_share_a_contract(tmp_path):
    rows = [
        {"question": f"Q{n}?", "answer": "a", "expected": "Ohio", "context": context}
        for n, context in enumerate(["of Ohio", "of Ohio", "in Ohio"])
    ]
    first, second, third = recorded_dataset(written(tmp_path / "r.csv", rows)).cases
    assert first.contract is second.contract
    assert first.contract.id != third.contract.id
    assert [c.spans[0].start for c in (first, third)] == [3, 3]


def test_other_data_sets_find_answers_by_id_by_contract_and_by_question(tmp_path):
    path = written(
        tmp_path / "r.csv",
        [
            {"case_id": "a__b", "question": "", "contract": "", "answer": "by id"},
            {"case_id": "", "question": "Q?", "contract": "K", "answer": "by contract"},
            {"case_id": "", "question": "Q?", "contract": "L", "answer": "by other contract"},
            {"case_id": "", "question": "Once?", "contract": "", "answer": "by question"},
        ],
    )
    asked = [case(), case("x"), case("x", contract="L"), case("x", "Once?")]
    assert [answer.text for answer in answers(path, asked)] == [
        "by id",
        "by contract",
        "by other contract",
        "by question",
    ]
    unknown, ambiguous = answers(path, [case("x", "Never?"), case("x", contract="M")])
    assert unknown.error == ambiguous.error == "no answer for x in r.csv"


@pytest.mark.parametrize("third", ["yes", "no", "maybe"])
def test_a_question_answered_in_two_ways_is_not_guessed(tmp_path, third):
    rows = [{"question": "Q?", "answer": text} for text in ("yes", "no", third)]
    (answer,) = answers(written(tmp_path / "r.csv", rows), [case()])
    assert answer.text == ""
    assert answer.error is not None


def test_a_question_answered_twice_alike_is_found(tmp_path):
    rows = [{"question": "Q?", "answer": "yes"}] * 2
    assert answers(written(tmp_path / "r.csv", rows), [case()])[0].text == "yes"


def test_an_empty_answer_is_an_answer(tmp_path):
    (answer,) = answers(written(tmp_path / "r.csv", [{"question": "Q?", "answer": ""}]), [case()])
    assert (answer.text, answer.error) == ("", None)


def test_passages_are_handed_on(tmp_path):
    from fixtures.passages import Passage

    shown = [Passage("K", 0, 4, "text")]
    for context, expected in (("text", tuple(shown)), ("", ())):  # from what, or nobody knows
        row = {"question": "Q?", "answer": "a", "context": context}
        path = written(tmp_path / "r.csv", [row])
        answer = asyncio.run(RecordedModel("m", path).answer(case(), shown))
        assert answer.passages == expected


def test_the_model_is_the_file_and_not_its_name(tmp_path):
    one = written(tmp_path / "one.csv", [{"question": "Q?", "answer": "a"}])
    two = written(tmp_path / "two.csv", [{"question": "Q?", "answer": "a"}])
    three = written(tmp_path / "three.csv", [{"question": "Q?", "answer": "b"}])
    first, second, third = (RecordedModel(path.stem, path).identity for path in (one, two, three))
    assert first == second != third


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("r.csv", b"", ["holds no rows"]),
        ("r.csv", b"question,answer\n", ["holds no rows"]),
        ("r.jsonl", b"\n\n", ["holds no rows"]),
        ("r.csv", b'question,answer\n"Q?,yes\n', ["cannot be read as rows"]),
        ("r.csv", b"\xff\xfeq\x00", ["cannot be read as rows"]),
        ("r.jsonl", b'{"question": "Q?"', ["cannot be read as rows"]),
        ("r.jsonl", b"[1, 2]\n", ["cannot be read as rows"]),
        ("r.jsonl", b"3\n", ["cannot be read as rows"]),
        ("r.jsonl", b"[" * 100_000, ["cannot be read as rows"]),
        ("r.csv", b"prompt,answer\nQ?,yes\n", ["row 1", "`question` nor `case_id`"]),
        ("r.csv", b"question,answer\nQ?,yes\n,no\n", ["row 2", "`question` nor `case_id`"]),
        ("r.txt", b"question,answer\nQ?,yes\n", [".csv or .jsonl"]),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    refused(lambda: read_recordings(path), str(path), *words)
    refused(lambda: load_dataset(f"recorded:{path}"), str(path), *words)
    refused(lambda: answers(path, []), str(path), *words)


def test_what_is_missing_is_one_line(tmp_path):
    gone = tmp_path / "gone.csv"
    refused(lambda: load_dataset(f"recorded:{gone}"), str(gone), "is no file")
    refused(lambda: answers(gone, []), str(gone), "is no file")
    refused(lambda: RecordedModel("m", gone).identity, str(gone), "is no file")
    path = written(tmp_path / "r.csv", [{"question": "Q?", "expected": "x"}])
    refused(lambda: answers(path, []), "row 1", "`answer` or `response`")
    path = written(tmp_path / "s.csv", [{"question": "Q?", "answer": "x"}])
    refused(lambda: recorded_dataset(path), "`expected` or `ref_answer`")
    path = written(tmp_path / "t.csv", [{"case_id": "x", "answer": "x", "expected": "y"}])
    refused(lambda: recorded_dataset(path), "row 1", "`question` is empty")


def test_a_case_id_used_twice_is_no_data_set(tmp_path):
    rows = [{"case_id": "x", "question": q, "answer": "a", "expected": "b"} for q in ("P?", "Q?")]
    path = written(tmp_path / "r.csv", rows)
    refused(lambda: recorded_dataset(path), "row 2", "'x'")
