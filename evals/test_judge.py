"""The judge takes an exam first: labelled answers, asked twice, padded, poisoned, swapped.

Below the floors of the gate file its metrics are reported and do not gate.
"""

import pytest

pytestmark = pytest.mark.suite("judge")


@pytest.mark.parametrize("measure", ["kappa", "spearman", "mean_absolute_error"])
def test_judge_agrees_with_people(judge, measure, holds):
    holds(judge, measure)


def test_judge_is_of_one_mind(judge, holds):
    holds(judge, "retest")


def test_order_does_not_decide(judge, holds):
    holds(judge, "position_bias")


def test_padding_does_not_pay(judge, holds):
    holds(judge, "verbosity_bias")


def test_judge_takes_no_orders_from_an_answer(judge, holds):
    holds(judge, "injection")
