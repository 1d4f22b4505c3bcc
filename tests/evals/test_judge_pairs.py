"""The labelled pairs that the project ships."""

from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from common.errors import UserError
from evals.judges.pairs import SHIPPED, read_pairs

KINDS = {
    "exact", "paraphrase", "date_or_number_format", "wrong_number", "wrong_date", "wrong_party",
    "negation_flipped", "partial_list", "extra_claims", "refusal_wrong", "refusal_right",
    "answered_unanswerable", "verbatim_superset", "truncated_quote", "verbose_correct",
    "right_fact_wrong_clause", "vague", "contradiction_inside", "garbage",
}  # fmt: skip


@pytest.fixture(scope="module")
def pairs():
    return read_pairs()


def test_the_probes_are_of_all_kinds(pairs):
    counts = Counter(pair.kind for pair in pairs if pair.origin == "probe")
    assert counts.keys() == KINDS
    assert min(counts.values()) >= 36


def test_most_pairs_look_like_life_and_say_by_which_rubric(pairs):
    life = [pair for pair in pairs if pair.origin != "probe"]
    assert len(life) >= 1500
    assert all(pair.style and pair.system for pair in life)
    assert {pair.rubric for pair in life} == {
        sha256((SHIPPED / "rubric.md").read_bytes()).hexdigest()[:16]
    }
    assert min(Counter(pair.style for pair in life).values()) >= 50
    assert not [pair for pair in pairs if pair.origin == "template"]
    assert all(abs(pair.score * 5 - round(pair.score * 5)) < 1e-9 for pair in life)
    assert sum(pair.second is not None for pair in life) >= 2000


def test_the_data_card_counts_what_is_there(pairs):
    card = (SHIPPED / "README.md").read_text(encoding="utf-8")
    for kind, count in Counter(pair.kind for pair in pairs if pair.origin == "probe").items():
        assert f"| {kind} | {count} |" in card
    flat = " ".join(card.split())
    held, contracts = [pair for pair in pairs if pair.held_out], {pair.contract for pair in pairs}
    out = {pair.contract for pair in held}
    assert f"{len(pairs):,} answers to questions about contracts" in flat
    assert f"{len(out)} of {len(contracts)} contracts, {len(held)} pairs" in flat
    assert f"{sum(not pair.expected for pair in pairs)} have no gold text" in flat
    assert f"{sum(pair.second is not None for pair in pairs):,} rows have both scores" in flat
    for origin, count in Counter(pair.origin for pair in pairs).items():
        assert f"| `{origin}` | {count:,} |" in card
    for style, count in Counter(pair.style for pair in pairs if pair.style).items():
        assert f"{count} {style}" in flat


def test_scores_use_the_scale_in_steps_of_a_twentieth(pairs):
    assert all(abs(pair.score * 20 - round(pair.score * 20)) < 1e-9 for pair in pairs)
    bands = Counter(
        "high" if p.score >= 0.8 else "low" if p.score <= 0.25 else "mid" for p in pairs
    )
    assert min(bands.values()) >= len(pairs) * 0.2


def test_no_answer_to_a_question_is_there_twice(pairs):
    counts = Counter((pair.contract, pair.question, pair.answer) for pair in pairs)
    assert [key for key, count in counts.items() if count > 1] == []


def test_a_contract_is_held_out_whole_and_about_a_fifth_are(pairs):
    out = {pair.contract for pair in pairs if pair.held_out}
    kept = {pair.contract for pair in pairs if not pair.held_out}
    assert not out & kept
    assert 0.1 <= len(out) / len(out | kept) <= 0.3
    assert sum(pair.held_out for pair in pairs) >= 100


def test_only_the_samples_contracts_have_several_writers():
    writers: dict[str, set[str]] = {}
    for path in SHIPPED.glob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").splitlines():
            name = line.partition('"contract": "')[2].partition('"')[0]
            writers.setdefault(name, set()).add(path.name)
    assert "" not in writers
    assert all(len(files) == 1 for name, files in writers.items() if not name.startswith("i-"))


@pytest.mark.parametrize("score", ["1.7", "-0.1", '"high"'])
def test_a_score_off_the_scale_names_file_and_line(tmp_path: Path, score):
    row = (
        '{"contract": "c", "category": "", "kind": "exact", "question": "q", "expected": [], '
        f'"answer": "a", "score": {score}}}'
    )
    (tmp_path / "mine.jsonl").write_text(row + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"mine\.jsonl, line 1: score"):
        read_pairs(tmp_path)
