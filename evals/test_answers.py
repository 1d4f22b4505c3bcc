"""Does the model say what the contract says?"""

import pytest

pytestmark = [pytest.mark.cases("answerable"), pytest.mark.metrics("token_f1")]


def test_answer_agrees_with_the_contract(answer, scores, gate):
    best = scores["token_f1"]
    assert best >= gate.pass_marks.token_f1, f"F1 {best:.2f}: {answer.text!r}"
