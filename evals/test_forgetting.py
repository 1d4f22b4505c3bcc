"""Does the candidate still know what its own base knew? General questions, checked by rules."""

import pytest

pytestmark = pytest.mark.suite("forgetting")


def test_model_is_not_worse_than_its_base(model, holds):
    holds(model, "general questions")


def test_model_keeps_to_the_harness_tasks(exam, model, holds):
    if not exam.options.lm_eval:
        pytest.skip("unscored: no task was given (--lm-eval TASKS)")
    for task in exam.options.lm_eval:
        holds(model, task)
