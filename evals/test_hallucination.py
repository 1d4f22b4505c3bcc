"""Does every number, date, name and quotation of the answer stand in the passages shown?"""

import pytest


@pytest.mark.metrics("grounded_quote")
def test_answer_is_grounded_in_its_passages(result, answer, scores, gate):
    grounded = scores["grounded_quote"]
    reason = result.scores["grounded_quote"].reason
    assert grounded >= gate.pass_marks.grounded_quote, f"{reason} in {answer.text!r}"
