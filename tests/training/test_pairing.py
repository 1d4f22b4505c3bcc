"""Pairs: the better reply is chosen, by the margin, whatever the order; and what files hold."""

import json
import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from evals.language.words import normalise, says_something
from models.chat import Message
from models.manifest import TrainedContract
from training.data.examples import Example, Meta, read_meta
from training.preferences.assembly import distinct, length_balanced, unpair
from training.preferences.composition import (
    FAULTS,
    fault,
    format_table,
    lengths,
    statistics,
)
from training.preferences.formats import (
    PreferencePair,
    Unpaired,
    pair_of,
    read_pairs,
    read_unpaired,
    write_preferences,
)
from training.preferences.pairing import Rule, Scored, contrasts, merged, pair

TEXTS = st.sampled_from(
    ["Ohio", "ohio.", "The Ohio", "Nevada", "Not found.", "not found", "31 May", "...", "", "a b c"]
)

SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.75, 0.9, 1.0]) | st.floats(0, 1)
ANSWERS = st.lists(st.builds(Scored, TEXTS, SCORES, st.booleans()), max_size=8)

RULES = st.builds(
    Rule,
    margin=st.floats(0, 1),
    most=st.integers(1, 5),
    gold=st.booleans(),
    least=st.sampled_from([0.0, 0.5]),
)

GOLDS = st.none() | st.sampled_from(["Ohio", "Not found.", "something else"])


def scores_by_text(answers):
    groups = {}
    for each in answers:
        groups.setdefault(normalise(each.text), []).append(each.score)
    return {text: sum(scores) / len(scores) for text, scores in groups.items()}


@given(ANSWERS, RULES, GOLDS)
def test_chosen_is_scored_above_rejected_by_the_margin(answers, rule, gold):
    score = scores_by_text(answers)
    found = pair(answers, rule, gold).contrasts
    for each in found:
        better = 1.0 if each.source == "gold" else score[normalise(each.chosen)]
        worse = score[normalise(each.rejected)]
        assert better > worse
        assert each.margin == pytest.approx(better - worse)
        assert each.margin >= rule.margin - 1e-9
        assert normalise(each.chosen) != normalise(each.rejected)
        assert normalise(each.rejected), "what says nothing is no reply"
        if each.source == "ai":
            assert better >= rule.least - 1e-9
            assert any(a.whole for a in answers if normalise(a.text) == normalise(each.chosen))
    assert [each.source for each in found].count("ai") <= rule.most
    assert len({(normalise(each.chosen), normalise(each.rejected)) for each in found}) == len(found)


@given(ANSWERS, RULES, GOLDS, st.randoms())
def test_the_order_of_the_answers_does_not_count(answers, rule, gold, chance):
    shuffled = list(answers)
    chance.shuffle(shuffled)
    assert pair(shuffled, rule, gold) == pair(answers, rule, gold)


@given(ANSWERS, RULES, GOLDS)
def test_a_pair_is_missed_only_where_there_is_none(answers, rule, gold):
    found = pair(answers, rule, gold)
    values = [value for text, value in scores_by_text(answers).items() if says_something(text)]
    gap = max(values, default=0.0) - min(values, default=0.0)
    apart = gap > 0 and gap >= rule.margin
    assert found.tied == (len(values) > 1 and not apart)
    if not rule.least and all(each.whole for each in answers):
        assert bool(contrasts(merged(answers), rule)) == apart
        assert bool(found.contrasts) >= apart


def test_the_best_and_the_worst_make_the_pair_and_more_where_asked():
    answers = [Scored("b", 0.5), Scored("c", 0.9), Scored("d", 0.0), Scored("e", 0.85)]
    one = pair(answers, Rule(gold=False)).contrasts
    assert [(each.chosen, each.rejected) for each in one] == [("c", "d")]
    three = pair(answers, Rule(most=3, gold=False)).contrasts
    assert [(each.chosen, each.rejected) for each in three] == [("c", "d"), ("e", "d"), ("b", "d")]
    every = pair(answers, Rule(most=9, gold=False)).contrasts
    assert len(every) == 5, "e and c are too near"


def test_the_ground_truth_is_chosen_against_the_worst_that_is_not_the_same():
    answers = [Scored("Not found.", 0.0), Scored("Ohio", 0.95)]
    (gold,) = pair(answers, Rule(least=0.99), "The State of Ohio").contrasts
    assert gold == replace(gold, chosen="The State of Ohio", rejected="Not found.", margin=1.0)
    assert pair([Scored("Ohio", 0.95)], Rule(), "State of Ohio").contrasts == ()
    assert pair(answers, Rule(gold=False, least=0.99), "Ohio").contrasts == ()
    same = pair([Scored("the ohio", 0.1)], Rule(), "Ohio.")
    assert (same.contrasts, same.identical) == ((), 1)


def test_identical_answers_and_ties_are_counted():
    found = pair([Scored("Ohio", 0.5), Scored("ohio.", 0.5), Scored("Iowa", 0.5)], Rule(0.0))
    assert (found.contrasts, found.identical, found.tied) == ((), 1, True)
    assert not pair([Scored("Ohio", 0.5), Scored("Ohio", 0.5)], Rule(0.0)).tied


def test_an_answer_that_was_cut_off_may_only_be_rejected():
    best, other = Scored("the long one", 1.0, whole=False), Scored("x", 0.0)
    assert pair([best, other], Rule()).contrasts == ()
    assert pair([replace(best, score=0.0), replace(other, score=1.0)], Rule()).contrasts


@pytest.mark.parametrize(
    ("chosen", "rejected", "gold", "expected"),
    [
        ("Ohio law", "Not found.", ["Ohio law"], "false refusal"),
        ("Not found.", "Ohio law", ["Ohio law"], "hallucination"),
        ("Not found.", "The contract does not say.", [], "talkative refusal"),
        ("Ohio law", "The answer is Ohio law, as usual", ["Ohio law"], "too long"),
        ("Laws of Ohio shall govern", "Ohio", ["Laws of Ohio shall govern"], "too short"),
        ("31 May 2024 at noon", "31 May 2023", ["31 May 2024 at noon"], "inexact span"),
        ("31 May 2024 at noon", "Nevada", ["31 May 2024 at noon"], "wrong span"),
        ("31 May", "Nevada", [], "wrong span"),
    ],
)
def test_what_is_wrong_with_the_rejected_reply(chosen, rejected, gold, expected):
    assert fault(chosen, rejected, gold) == expected
    assert expected in FAULTS


EXAMPLE = Example(
    (Message("system", "Answer."), Message("user", "<passage 1>\nx\n</passage 1>\n\nQuestion: y?")),
    "Ohio law",
    "answerable",
    "Contract A",
    "a" * 64,
    "Governing Law",
    ("Ohio law",),
)

PAIRS = [
    pair_of(EXAMPLE, "Ohio law", "Not found.", "gold", 1.0),
    pair_of(EXAMPLE, 'Ohio\u2028law "quoted"\n\x85', "Nevada", "ai", 0.25),
    pair_of(replace(EXAMPLE, contract="Contract B", case="b" * 64), "Ohio", "Iowa", "human", 0.5),
]

CONTRACTS = tuple(
    TrainedContract(title=f"Contract {c}", digest=c.lower() * 64, sketch=(1,)) for c in "ABC"
)

META = Meta(
    command="test",
    dataset="sample",
    dataset_identity="0" * 64,
    model="smollm2",
    contracts=CONTRACTS,
    cases=("a" * 64, "b" * 64, "c" * 64),
)


def test_a_file_gives_back_its_pairs_and_says_what_they_were_made_of(tmp_path):
    path = tmp_path / "new" / "preferences.jsonl"
    write_preferences(path, PAIRS[:2], META)
    assert list(read_pairs(path)) == PAIRS[:2]
    assert [each.title for each in read_meta(path).contracts] == ["Contract A"]
    assert read_meta(path).cases == ("a" * 64,)
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "preferences.jsonl", "preferences.meta.json",
    ]  # fmt: skip


def test_pairs_that_are_others_than_the_meta_describes_are_refused(tmp_path):
    path = tmp_path / "preferences.jsonl"
    write_preferences(path, PAIRS, META)
    path.write_text(path.read_text(encoding="utf-8").replace("Nevada", "Utah"), encoding="utf-8")
    with pytest.raises(UserError, match=r"preferences\.meta\.json does not describe the rows"):
        read_meta(path)


def test_rows_are_trls_conversational_form(tmp_path):
    path = tmp_path / "p.jsonl"
    write_preferences(path, PAIRS, META)
    row = json.loads(path.read_text(encoding="utf-8").partition("\n")[0])
    assert [turn["role"] for turn in row["prompt"]] == ["system", "user"]
    assert row["chosen"] == [{"role": "assistant", "content": "Ohio law"}]
    assert row["rejected"] == [{"role": "assistant", "content": "Not found."}]
    assert set(row) == {
        "prompt", "chosen", "rejected", "source", "contract", "case", "category", "kind", "gold",
        "margin",
    }  # fmt: skip


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "preferences.jsonl"
    write_preferences(path, PAIRS, META)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        write_preferences(path, PAIRS[:1], META)
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chosen": None}, "line 2: chosen is a list"),
        ({"rejected": []}, "line 2: rejected holds no text"),
        ({"source": "me"}, "line 2: source 'me' is none of ai, gold, human"),
        ({"margin": "much"}, "line 2: margin is a number, not 'much'"),
        ({"gold": "Ohio"}, "line 2: gold is a list of texts"),
    ],
)
def test_a_row_that_is_no_pair_is_named(tmp_path, change, said):
    path = tmp_path / "p.jsonl"
    write_preferences(path, PAIRS, META)
    lines = path.read_text(encoding="utf-8").split("\n")
    lines[1] = json.dumps(json.loads(lines[1]) | change)
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_pairs(path)


def test_unpaired_rows_come_once_and_without_contradictions(tmp_path):
    thumb = Unpaired(
        EXAMPLE.prompt, "not found", False, "human", "Contract A", "a" * 64, "", "", ()
    )
    pairs = [
        *PAIRS[:1],
        pair_of(EXAMPLE, "Ohio law", "Nevada", "ai", 0.5),
        pair_of(EXAMPLE, "Nevada", "Not found.", "ai", 0.3),
    ]
    rows = unpair(pairs, [thumb])
    assert [(row.completion, row.label) for row in rows] == [
        ("not found", False),
        ("Ohio law", True),
    ]
    path = tmp_path / "u.jsonl"
    write_preferences(path, rows, META)
    assert read_unpaired(path) == rows
    path.write_text(path.read_text().replace('"label": true', '"label": "yes"'))
    with pytest.raises(UserError, match="line 2: label is true or false, not 'yes'"):
        read_unpaired(path)


def test_a_pair_and_its_reverse_do_not_both_stay():
    reverse = replace(PAIRS[0], chosen="Not found", rejected="Ohio law.", source="ai")
    assert distinct([PAIRS[0], replace(PAIRS[0], source="ai"), reverse]) == (PAIRS[0],)


def test_people_are_right_however_the_judges_question_was_worded():
    person = pair_of(EXAMPLE, "Nevada", "Ohio law", "human", 1.0)
    worded = replace(EXAMPLE, prompt=(Message("user", "Regarding Governing Law: y?"),))
    judge = pair_of(worded, "Ohio law", "Nevada", "ai", 0.5)
    assert distinct([person, judge]) == (person,)
    assert unpair([person, judge]) == ()
    hard = replace(worded, kind="hard negative")
    other = pair_of(hard, "Ohio law", "Nevada", "ai", 0.5)
    assert distinct([person, other]) == (person, other), "it shows other passages"


WORDS = st.lists(st.just("word"), min_size=1, max_size=6).map(" ".join)

ANY_PAIRS = st.lists(
    st.builds(
        PreferencePair,
        st.just(EXAMPLE.prompt),
        WORDS,
        WORDS,
        st.just("ai"),
        st.floats(0, 1),
        st.just("c"),
        st.just(""),
        st.just(""),
        st.just(""),
        st.just(()),
    )
)


@given(ANY_PAIRS)
@settings(max_examples=50)
def test_balanced_pairs_are_as_often_longer_as_shorter(pairs):
    kept = length_balanced(pairs)
    gaps = [len(each.chosen.split()) - len(each.rejected.split()) for each in kept]
    assert sum(gap > 0 for gap in gaps) == sum(gap < 0 for gap in gaps)
    left = list(pairs)
    for each in kept:
        left.remove(each)
    sides = {len(each.chosen) > len(each.rejected) for each in left}
    assert len(sides) <= 1, "only the larger side loses pairs"
    assert not any(len(each.chosen) == len(each.rejected) for each in left)


def test_the_report_counts_sources_faults_and_words():
    found = statistics(PAIRS)
    assert found["pairs"] == 3
    assert [found[f"pairs from {name}"] for name in ("ai", "gold", "human")] == [1, 1, 1]
    assert found["rejected: false refusal"] == 1
    assert sum(found[f"rejected: {name}"] for name in FAULTS) == 3
    assert lengths(PAIRS).chosen == pytest.approx((2 + 3 + 1) / 3)
    assert found["words chosen less rejected"] == pytest.approx((0 + 2 + 0) / 3)
    assert found["share chosen longer"] == pytest.approx(1 / 3)
    assert "pairs from human" in format_table(found)
