"""Rewards: the exam's metrics, bounded, and never worth more for saying less or making up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from evals.metrics.text import token_f1
from fixtures.cases import Case, Contract, Span
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.prompted import NOT_FOUND, Template
from tests.seams import users
from training.data.marks import marks, passages_of
from training.rl.rewards import Weights, read_weights, reward_function, worth

LAW = "This lease is governed by the law of Nevada. Either party may end it at will."
RENT = "Rent of $1,200 is due on the first day of each month."
GOLD = "the law of Nevada"


def prompt(*texts, question="Which state's law governs this lease?"):
    passages = [Passage("lease", 0, len(text), text) for text in texts]
    return Template().messages(question, passages)[-1].content


def reward(reply, *, gold=(GOLD,), kind="answerable", weights=None, texts=(LAW, RENT)):
    return worth(marks(prompt(*texts), reply, gold, kind, "Governing Law"), weights or Weights())


def test_the_gold_answer_is_worth_most():
    assert reward(GOLD) == 1.25
    assert reward(f"  {GOLD}\n") == 1.25


def test_a_false_refusal_is_worth_nothing():
    assert reward(NOT_FOUND) == 0.0
    assert reward("The passages do not say.") == 0.0


def test_an_unanswerable_question_pays_for_silence_alone():
    assert reward(NOT_FOUND, gold=(), kind="unanswerable") == 1.0
    assert reward("Nevada", gold=(), kind="unanswerable") == 0.0


def test_passages_without_the_answer_pay_for_silence_whatever_the_gold_is():
    assert reward(NOT_FOUND, kind="hard negative", texts=(RENT,)) == 1.0
    assert reward(GOLD, kind="hard negative", texts=(RENT,)) == 0.0


def test_the_nearest_of_several_gold_answers_counts():
    assert reward("at will", gold=(GOLD, "at will")) == 1.25


def test_what_is_made_up_loses_the_share_for_grounding():
    without = Weights(grounded=0.0)
    for reply in ("the law of Ohio", "the law of Nevada and $9,999"):
        assert 0.0 < reward(reply) < 1.0
        assert reward(reply) == reward(reply, weights=without)
    assert reward(f"{GOLD} and $1,200") == reward(f"{GOLD} and $1,200", weights=without) + 0.25


def test_a_true_quotation_beside_the_point_is_worth_nothing():
    assert marks(prompt(LAW, RENT), "$1,200", (GOLD,), "answerable").grounded == 1.0
    assert reward("$1,200") == 0.0
    assert reward("the") == 0.0


def test_a_reply_without_particulars_is_grounded_where_it_is_quoted():
    quoted = marks(prompt(LAW), "either party may end it", ("at will",), "answerable")
    vague = marks(prompt(LAW), "it may be ended by anybody", ("at will",), "answerable")
    assert (quoted.grounded, vague.grounded) == (1.0, 0.0)


def test_names_of_the_question_are_not_made_up_and_an_instruction_is_no_passage():
    asked = prompt(RENT, question="What does Acme Corporation pay?")
    assert marks(asked, "Acme Corporation pays $1,200", (RENT,), "answerable").grounded == 1.0
    assert marks(asked, "Zenith Corporation pays $1,200", (RENT,), "answerable").grounded == 0.0


@given(st.lists(st.text(max_size=80), max_size=4), st.text(max_size=40))
def test_passages_are_read_back_from_the_prompt_of_the_exam(texts, question):
    plain = [text.replace("passage", "clause") for text in texts]
    found = passages_of(prompt(*plain, question=question.replace("passage", "clause")))
    assert [passage.text for passage in found] == plain


def test_a_fence_inside_a_passage_ends_nothing():
    text = "One.\n</passage 1>\n<passage 2>\nThe law of Ohio applies.\n</passage 2>"
    assert len(passages_of(prompt(text, LAW))) == 2


REPLIES = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from([*LAW.split(), *RENT.split(), "not", "found", "Ohio"])).map(" ".join),
)


@given(
    REPLIES,
    st.lists(st.sampled_from([GOLD, "at will", "$1,200", ""]), max_size=3),
    st.sampled_from(["answerable", "unanswerable", "hard negative", "synthetic"]),
    st.builds(Weights, *[st.floats(0, 10)] * 3),
)
def test_a_reward_lies_between_nothing_and_its_weights(reply, gold, kind, weights):
    marked = marks(prompt(LAW, RENT), reply, gold, kind)
    most = weights.token_f1 + weights.grounded if marked.answerable else weights.abstention
    assert 0.0 <= worth(marked, weights) <= most
    assert marked.answerable == (bool(gold) and kind in ("answerable", "synthetic"))


@given(REPLIES.filter(lambda text: text.strip()))
def test_f1_is_the_one_of_the_exam(reply):
    marked = marks(prompt(LAW), reply, (GOLD,), "answerable")
    case = Case("", "", Contract("", ""), "", "", (Span(GOLD, None),))
    if not marked.abstained:
        assert marked.token_f1 == token_f1(case, Answer(reply.strip())).value


def test_trl_calls_it_with_chats_and_columns():
    asked = [[{"role": "user", "content": prompt(LAW)}]] * 2
    said = [[{"role": "assistant", "content": text}] for text in (GOLD, NOT_FOUND)]
    logged = {}
    found = reward_function(Weights())(
        prompts=asked,
        completions=said,
        completion_ids=[[1], [2]],
        gold=[[GOLD], []],
        kind=["answerable", "unanswerable"],
        category=["", ""],
        trainer_state=None,
        log_metric=logged.__setitem__,
    )
    assert found == [1.25, 1.0]
    assert logged == {"token_f1": 1.0, "grounded": 1.0, "false_refusals": 0.0, "abstention": 1.0}


def test_plain_texts_will_do_and_a_kind_that_is_missing_has_no_mean():
    logged = {}
    found = reward_function(Weights())(
        [prompt(LAW)],
        [NOT_FOUND],
        gold=[[GOLD]],
        kind=["answerable"],
        log_metric=logged.__setitem__,
    )
    assert found == [0.0]
    assert logged == {"token_f1": 0.0, "grounded": 0.0, "false_refusals": 1.0}


def test_what_stops_a_training_is_averaged_as_what_it_is_rewarded_by():
    assert users("training.data.marks.averages") == {
        "training/rl/rewards.py",
        "training/trainer/validation.py",
    }


def test_weights_left_out_are_ours():
    assert read_weights(None) == Weights()
    assert read_weights({"abstention": 2}) == Weights(abstention=2.0)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"token_f2": 1.0}, "did you mean token_f1?"),
        ({"grounded": -0.1}, "0 or more"),
        ({"grounded": float("nan")}, "0 or more"),
        ({"grounded": "much"}, "0 or more"),
        ({"grounded": True}, "0 or more"),
        ({"token_f1": 0, "grounded": 0, "abstention": 0}, "raise one"),
        ([1.0], "write `rewards:"),
    ],
)
def test_wrong_weights_are_refused_in_one_line(section, said):
    with pytest.raises(UserError, match=r"^rewards: .*") as refused:
        read_weights(section)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
