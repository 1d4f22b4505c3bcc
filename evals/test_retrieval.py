"""Do the passages shown to the model hold the answer?"""

import pytest


@pytest.mark.cases("answerable")
@pytest.mark.metrics("hit@5")
def test_gold_passage_is_retrieved(case, scores, gate):
    assert scores["hit@5"] >= gate.pass_marks.hit_at_5, f"not retrieved: {case.spans[0].text!r}"
