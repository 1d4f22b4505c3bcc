"""Can the expected answer be derived from the passages shown, in the eyes of the judges?"""

import pytest

from evals.judges.derivable import MARK


@pytest.mark.cases("answerable")
@pytest.mark.metrics("sufficiency")
def test_answer_can_be_derived_from_the_passages(result, scores):
    score = scores["sufficiency"]
    assert score >= MARK, f"{score:.2f}: {result.scores['sufficiency'].reason}"
