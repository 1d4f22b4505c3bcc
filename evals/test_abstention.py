"""Does the model say "not found" where the contract does not answer, and only there?"""

import pytest


@pytest.mark.cases("unanswerable")
@pytest.mark.metrics("abstention")
def test_unanswerable_question_is_declined(answer, scores):
    assert scores["abstention"] == 1.0, f"answered {answer.text!r}"


@pytest.mark.cases("answerable")
@pytest.mark.metrics("laziness")
def test_answerable_question_is_not_declined(answer, scores):
    assert scores["laziness"] == 0.0, f"declined: {answer.text!r}"
