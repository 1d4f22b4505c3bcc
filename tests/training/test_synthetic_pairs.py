"""Pairs on the disk, and as cases."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from fixtures.cases import Contract
from training.data.synthetic import SyntheticPair, append_pairs, as_case, read_synthetic

TEXT = "This Agreement is governed by the laws of Nevada. Fees are due in 30 days."

PAIR = SyntheticPair(
    context=TEXT,
    seed_question="Which state/country's law governs?",
    question="Which law applies?",
    answer="laws of Nevada",
    contract="ACME",
    category="Governing Law",
    start=TEXT.index("laws of Nevada"),
    kind="rephrased",
)

# Half of a surrogate pair stands in no contract that was read from a file.
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(str.strip)


@given(st.lists(st.builds(dataclasses.replace, st.just(PAIR), question=WORDS, answer=WORDS,
                          context=WORDS, start=st.integers(0, 10**6)), min_size=1))  # fmt: skip
def test_what_is_written_is_read(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("pairs") / "synthetic.jsonl"
    with path.open("w", encoding="utf-8") as file:
        append_pairs(file, pairs[:1])
        append_pairs(file, pairs[1:])
    assert read_synthetic(path) == tuple(pairs)


def row(**changes):
    return {**dataclasses.asdict(PAIR), **changes}


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("{", "line 3: not JSON"),
        ("[1]", "line 3: .*object"),
        (json.dumps({k: v for k, v in row().items() if k != "answer"}), "line 3: answer: "),
        (json.dumps(row(start="7")), "line 3: start: "),
        (json.dumps(row(start=-1)), "line 3: .*start is 0 or more"),
        (json.dumps(row(kind="made up")), "line 3: kind: "),
        (json.dumps(row(question="  ")), "line 3: question and answer say something"),
    ],
)
def test_a_line_that_is_no_pair_is_named(tmp_path, line, error):
    path = tmp_path / "synthetic.jsonl"
    path.write_text(f"{json.dumps(row())}\n\n{line}\n")
    with pytest.raises(UserError, match=error) as caught:
        read_synthetic(path)
    assert "training.synthesize" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe"])
def test_a_file_without_pairs_is_named(tmp_path, content):
    path = tmp_path / "synthetic.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"synthetic.jsonl .*training.synthesize"):
        read_synthetic(path)


def test_other_columns_are_ignored(tmp_path):
    path = tmp_path / "synthetic.jsonl"
    path.write_text(json.dumps(row(note="mine")) + "\n")
    assert read_synthetic(path) == (PAIR,)


def test_a_pair_is_a_case_of_its_contract():
    contract = Contract("ACME", TEXT)
    case = as_case(PAIR, contract, "Governing Law")
    assert case.question == "Which law applies?"
    (span,) = case.spans
    assert contract.text[span.start : span.start + len(span.text)] == "laws of Nevada"
    other = as_case(dataclasses.replace(PAIR, question="What law was chosen?"), contract, "")
    assert (case.id, case.slug) != (other.id, other.slug)


def test_a_contract_that_has_changed_is_refused():
    with pytest.raises(UserError, match=r"does not stand at .* in ACME.*training.synthesize"):
        as_case(PAIR, Contract("ACME", " " + TEXT), "Governing Law")
