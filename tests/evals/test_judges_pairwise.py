"""Two answers compared in both orders, by a judge on loopback."""

import asyncio
import re

import pytest

from common.errors import UserError
from evals.judges.llm.judge import NO_ANSWER
from evals.judges.llm.pairwise import Orders, PairwiseJudge
from models.chat import Answer
from tests.builders.fake_server import Fault, fake_server
from tests.evals.test_judges_llm import endpoint, opened, submission

NEVADA, OHIO = Answer("Nevada"), Answer("Ohio")


def preferred(word):
    return f"[[ ## reasons ## ]]\nSo.\n\n[[ ## preferred ## ]]\n{word}\n\n[[ ## completed ## ]]"


def likes(text):
    """A judge that looks for `text`, wherever it is shown."""

    def reply(messages):
        shown = messages[-1]["content"]
        place = re.search(rf"\[\[ ## (first|second)_answer ## \]\]\n<quoted>\n{text}\n", shown)
        return preferred(place[1] if place else "tie")

    return reply


def compared(path, server, first=NEVADA, second=OHIO, spans=("Nevada",), draw=0):
    """The orders and the score of one comparison."""

    async def scenario():
        judge = PairwiseJudge(endpoint(server.url), draw)
        case = submission(spans=spans).case
        async with opened(path) as (calls, _):
            try:
                return (
                    await judge.orders(case, first, second, calls),
                    await judge.prefer(case, first, second, calls),
                )
            finally:
                await judge.chat.close()

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("reply", "orders", "value"),
    [
        (likes("Nevada"), ("first", "second"), 1.0),
        (likes("Ohio"), ("second", "first"), -1.0),
        (lambda messages: preferred("tie"), ("tie", "tie"), 0.0),
        (lambda messages: preferred("first"), ("first", "first"), 0.0),
        (lambda messages: preferred("second"), ("second", "second"), 0.0),
    ],
)
def test_only_a_win_that_survives_the_swap_counts(tmp_path, reply, orders, value):
    with fake_server(reply=reply) as server:
        found, score = compared(tmp_path, server)
        assert server.calls == 3, (
            "a preflight and one call for each order, kept for the second asking"
        )
    assert (found.straight, found.swapped) == orders
    assert score.value == value
    assert score == found.score


@pytest.mark.parametrize(
    ("straight", "swapped", "value"),
    [("first", "tie", 0.0), ("tie", "first", 0.0), ("first", None, None), (None, "tie", None)],
)
def test_half_a_win_is_none_and_half_a_judgement_is_unscored(straight, swapped, value):
    assert Orders(straight, swapped, "why").score.value == value


def test_answers_that_read_the_same_tie_without_a_call(tmp_path):
    with fake_server() as server:
        orders, score = compared(tmp_path, server, Answer("Nevada  law\n"), Answer("Nevada law"))
        assert server.calls == 0
    assert (orders.straight, orders.swapped, score.value) == ("tie", "tie", 0.0)


def test_an_answer_that_is_none_is_not_compared(tmp_path):
    with fake_server() as server:
        _, score = compared(tmp_path, server, second=Answer("", error="timed out"))
        assert server.calls == 0
    assert (score.value, score.reason) == (None, "no answer: timed out")


def test_both_answers_and_the_ground_truth_are_shown_in_both_orders(tmp_path):
    with fake_server(reply=likes("Nevada")) as server:
        compared(tmp_path, server, spans=())
        asked = [body["messages"][-1]["content"] for body in list(server.requests)[1:]]
    for shown in asked:
        assert f"<quoted>\n{NO_ANSWER}\n</quoted>" in shown
        assert "Nevada" in shown
        assert "Ohio" in shown
    assert sorted(shown.index("Nevada") < shown.index("Ohio") for shown in asked) == [False, True]


def test_a_preference_that_cannot_be_read_twice_is_unscored(tmp_path):
    with fake_server(reply=lambda messages: "Both are fine.") as server:
        orders, score = compared(tmp_path, server)
        assert server.calls == 5
    assert (orders.straight, orders.swapped, score.value) == (None, None, None)
    assert "judge umpire: reply cannot be read: preferred 'Both are fine.'" in score.reason


def test_a_judge_that_is_down_leaves_the_pair_unscored(tmp_path):
    down = lambda number: Fault(status=500, message="down") if number else None  # noqa: E731
    with fake_server(faults=down) as server:
        _, score = compared(tmp_path, server)
    assert score.value is None
    assert "judge umpire: " in score.reason
    assert "down" in score.reason


def test_a_server_that_is_gone_ends_the_exam(tmp_path):
    with fake_server() as server:
        pass
    with pytest.raises(UserError, match="umpire"):
        compared(tmp_path, server)


def test_another_draw_asks_again(tmp_path):
    with fake_server(reply=likes("Nevada")) as server:
        compared(tmp_path, server)
        compared(tmp_path, server)
        assert server.calls == 3
        compared(tmp_path, server, draw=1)
        assert server.calls == 6
