"""Passages tile the contract, and know where they stand."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fixtures.cases import Contract
from fixtures.errors import UserError
from fixtures.passages import Chunker

PIECES = st.sampled_from(
    ["\n", "\n\n", " ", ". ", "1. ", "2.3 Term. ", "ARTICLE IV\n", "the Licensee shall ", "x" * 70]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=200).map("".join))

CLAUSES = (
    "1. Term. " + "This Agreement runs for five years. " * 10 + "\n\n"
    "2. Fees. " + "The Licensee pays quarterly in arrears. " * 10 + "\n\n"
    "3. Law. " + "The law of Delaware governs. " * 10
)


@given(TEXTS, st.integers(50, 300), st.integers(0, 25))
@example("", 50, 0)
@example("\n" * 400, 100, 20)
@settings(deadline=None)
def test_passages_tile_the_contract_with_exact_offsets(text, size, overlap):
    passages = Chunker(size, overlap).split(Contract("c", text))
    covered = 0
    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
        assert 0 < len(passage.text) <= size
        assert covered - overlap <= passage.start <= covered < passage.end
        covered = passage.end
    assert covered == len(text)


def test_passages_begin_at_clauses():
    passages = Chunker(500, 0).split(Contract("c", CLAUSES))
    assert [passage.text.lstrip()[:8] for passage in passages] == [
        "1. Term.",
        "2. Fees.",
        "3. Law. ",
    ]


def test_clauses_are_found_inside_a_line():
    text = CLAUSES.replace("\n\n", "")
    passages = Chunker(500, 0).split(Contract("c", text))
    assert [passage.text.split()[1] for passage in passages] == ["Term.", "Fees.", "Law."]


def test_overlap_repeats_whole_sentences():
    first, second, *_ = Chunker(500, 100).split(Contract("c", CLAUSES))
    assert second.start < first.end
    assert second.text.startswith("This Agreement runs")


def test_short_clauses_share_a_passage():
    text = "".join(f"{number}. A short clause.\n" for number in range(1, 10))
    assert len(Chunker(500, 0).split(Contract("c", text))) == 1


def test_identity_tells_chunkers_apart():
    assert Chunker().identity == Chunker(1000, 100).identity
    assert len({Chunker().identity, Chunker(900).identity, Chunker(overlap=0).identity}) == 3


@pytest.mark.parametrize(
    ("size", "overlap", "option"),
    [(0, 0, "--chunk-size 0"), (100, 80, "--chunk-overlap 80"), (100, -1, "--chunk-overlap -1")],
)
def test_nonsense_is_one_line(size, overlap, option):
    with pytest.raises(UserError, match=option) as caught:
        Chunker(size, overlap)
    assert "\n" not in str(caught.value)
