"""Is the answer right and complete, in the eyes of the judges of `--judge`?"""

import pytest


@pytest.mark.metrics("correctness")
def test_answer_is_correct(result, answer, scores, gate):
    score = scores["correctness"]
    reason = result.scores["correctness"].reason
    assert score >= gate.pass_marks.correctness, f"{score:.2f}: {answer.text!r} {reason}"
