"""Does the answer survive noise, other names and other words, and change where it must?

Each is the mean paired difference between the changed and the original cases, with its interval.
"""

import pytest

from evals.variants.vary import ROBUSTNESS

pytestmark = pytest.mark.suite("robustness")


@pytest.mark.parametrize("kind", ROBUSTNESS)
def test_answers_withstand(model, kind, holds):
    holds(model, kind)
