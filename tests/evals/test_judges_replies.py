"""Replies of judges: what is read, and what is not."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.judges.llm.replies import LONGEST, Claim, Unreadable, read_reply

SCORED = ("reasons", "score")

CLAIMS = [
    {"claim": "It ends in 2021.", "supported": True, "evidence": "until 2021"},
    {"claim": "It renews.", "supported": False, "evidence": "silent"},
]


def marked(score, reasons="The date is right.", end="\n\n[[ ## completed ## ]]"):
    return f"[[ ## reasons ## ]]\n{reasons}\n\n[[ ## score ## ]]\n{score}{end}"


@pytest.mark.parametrize(
    ("written", "score"),
    [
        ("0.8", 0.8),
        ("1", 1.0),
        ("0", 0.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("0,8", 0.8),
        ("8/10", 0.8),
        ("8 / 10", 0.8),
        ("4 out of 5", 0.8),
        ("1/1", 1.0),
        ("80%", 0.8),
        ("80 percent", 0.8),
        ("Score: 0.8", 0.8),
        ("**0.8**", 0.8),
        ('"0.8"', 0.8),
        ("0.8.", 0.8),
        ("\n\n0.8\nbecause the date is right", 0.8),
    ],
)
def test_a_score_that_states_its_scale_is_read(written, score):
    for reply in (marked(written), marked(written, end=""), written):
        assert read_reply(reply, SCORED)["score"] == pytest.approx(score)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("1.7", "score '1.7' is not between 0 and 1"),
        ("11/10", "score '11/10' is not between 0 and 1"),
        ("150%", "score '150%' is not between 0 and 1"),
        ("5/0", "score '5/0' is not between 0 and 1"),
        ("-0.2", "score '-0.2' is no number"),
        ("NaN", "score 'NaN' is no number"),
        ("inf", "score 'inf' is no number"),
        ("high", "score 'high' is no number"),
        ("0.7 or 0.8", "score '0.7 or 0.8' is no number"),
        ("0.7-0.8", "score '0.7-0.8' is no number"),
        ("{score}", "score '{score}' is no number"),
        ("", "score '' is no number"),
    ],
)
def test_a_score_outside_the_scale_or_none_is_unreadable(written, reason):
    with pytest.raises(Unreadable) as caught:
        read_reply(marked(written), SCORED)
    assert caught.value.reason == reason
    assert caught.value.reply == marked(written)


@pytest.mark.parametrize(
    "value", [1.7, -0.2, 10**400, float("nan"), float("inf"), True, None, [0.5], "high"]
)
def test_a_json_score_outside_the_scale_or_none_is_unreadable(value):
    with pytest.raises(Unreadable, match=r"^score "):
        read_reply(json.dumps({"reasons": "so", "score": value}), SCORED)


@pytest.mark.parametrize(
    "layout",
    [
        "OBJECT",
        "```json\nOBJECT\n```",
        "```\nOBJECT```",
        "Here is my judgement:\n\nOBJECT\n\nI hope that it helps.",
        "It said {odd} and {} things. OBJECT",
    ],
)
def test_a_json_object_is_found_alone_in_a_fence_or_amid_prose(layout):
    reply = layout.replace("OBJECT", '{"reasons": "so", "score": "0.8"}')
    assert read_reply(reply, SCORED) == {"reasons": "so", "score": 0.8}


def test_markers_in_one_line_in_capitals_and_out_of_order_are_read():
    reply = "[[ ## Score ## ]] 0.25 [[##reasons##]] The year is wrong. [[ ## completed ## ]]"
    assert read_reply(reply, SCORED) == {"reasons": "The year is wrong.", "score": 0.25}


def test_a_reply_without_reasons_keeps_its_score():
    assert read_reply("[[ ## score ## ]]\n0.5", SCORED) == {"reasons": "", "score": 0.5}


@pytest.mark.parametrize(
    "reply",
    [
        marked("0.2") + marked("1.0"),
        '{"score": 0.2} {"score": 1.0}',
        marked("0.2", end="\n\n[[ ## score ## ]]\n1.0"),
    ],
)
def test_two_scores_that_differ_are_unreadable_whichever_comes_first(reply):
    with pytest.raises(Unreadable, match="more than one score"):
        read_reply(reply, SCORED)


def test_a_score_that_is_repeated_is_read():
    assert read_reply(marked("0.2") + marked("0.20"), SCORED)["score"] == 0.2


@pytest.mark.parametrize(
    "reply", ["The answer is right.", "I would give it a score of 0.8.", "Sure! 8/10 it is."]
)
def test_prose_is_unreadable_even_where_it_mentions_a_score(reply):
    with pytest.raises(Unreadable, match="is no number"):
        read_reply(reply, SCORED)


@pytest.mark.parametrize("reply", ["", "  \n\t "])
def test_silence_is_unreadable(reply):
    with pytest.raises(Unreadable, match=r"^it is empty$"):
        read_reply(reply, SCORED)


def test_a_reply_of_100_000_characters_is_unreadable():
    with pytest.raises(Unreadable, match=r"^it has 100,0"):
        read_reply(marked("0.5", reasons="x" * 100_000), SCORED)


@pytest.mark.parametrize(
    "piece", ["{", '{"a":', "[[ ##", "[[", "```", "0", "[", "[[ ## score ## ]]"]
)
def test_no_reply_takes_long_to_read(piece):
    reply = piece * (LONGEST // len(piece))
    for fields in (SCORED, ("claims",), ("reasons", "preferred")):
        begun = time.process_time()
        with suppress(Unreadable):
            read_reply(reply, fields)
        assert time.process_time() - begun < 1.0


@pytest.mark.parametrize(
    "reply",
    [
        f"[[ ## claims ## ]]\n{json.dumps(CLAIMS)}\n\n[[ ## completed ## ]]",
        f"[[ ## claims ## ]]\n```json\n{json.dumps(CLAIMS, indent=2)}\n```",
        json.dumps({"claims": CLAIMS}),
        json.dumps(CLAIMS),
        json.dumps(CLAIMS).replace("true", '"yes"').replace("false", '"no"'),
    ],
)
def test_claims_are_read_from_json(reply):
    claims = read_reply(reply, ("claims",))["claims"]
    assert claims == [Claim.model_validate(claim) for claim in CLAIMS]


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ([], "it lists no claim"),
        ([{"claim": "It renews."}], "claims 0 supported: Field required"),
        ([{"claim": "It renews.", "supported": "partly"}], "claims 0 supported: "),
        ("All of it is supported.", "claims: "),
        (None, "claims: "),
    ],
)
def test_claims_without_a_verdict_and_no_claims_are_unreadable(claims, reason):
    for reply in (json.dumps({"claims": claims}), f"[[ ## claims ## ]]\n{json.dumps(claims)}"):
        with pytest.raises(Unreadable) as caught:
            read_reply(reply, ("claims",))
        assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("written", "preferred"),
    [
        ("first", "first"),
        ("Second.", "second"),
        ("**tie**", "tie"),
        ("the first answer", "first"),
        ("second_answer", "second"),
    ],
)
def test_a_preference_is_read(written, preferred):
    reply = f"[[ ## reasons ## ]]\nso\n\n[[ ## preferred ## ]]\n{written}\n"
    assert read_reply(reply, ("reasons", "preferred")) == {"reasons": "so", "preferred": preferred}
    assert read_reply(written, ("reasons", "preferred"))["preferred"] == preferred


@pytest.mark.parametrize("written", ["both", "first or second", "1", ""])
def test_another_preference_is_unreadable(written):
    with pytest.raises(Unreadable, match="is not first, second or tie"):
        read_reply(f"[[ ## preferred ## ]]\n{written}", ("reasons", "preferred"))


PIECES = st.sampled_from([
    "[[##score##]]", "[[##reasons##]]", "[[##claims##]]", "```json", "```", '{"score":',
    '"claims":', "}", "[", "]", "0.5", "8/10", "NaN", "true", '"x"', "\n", ",", "first",
    "second", "\ud800",
])  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_whatever_the_reply_it_is_in_scale_or_unreadable(reply):
    for fields in (SCORED, ("claims",), ("reasons", "preferred")):
        try:
            read = read_reply(reply, fields)
        except Unreadable as error:
            assert error.reason
            assert error.reply == reply
            continue
        assert tuple(read) == fields
        if "score" in fields:
            assert 0 <= read["score"] <= 1
        elif "claims" in fields:
            assert read["claims"]


@given(st.floats(0, 1), st.text())
def test_what_dspy_would_write_is_read_back(score, reasons):
    reasons = reasons.replace("[", "(")
    read = read_reply(marked(f"{score:.6f}", reasons=reasons), SCORED)
    assert read == {"reasons": reasons.strip(), "score": pytest.approx(score, abs=1e-6)}
