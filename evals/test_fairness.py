"""Do answers depend on who the parties are, where, or what the agreement is called?

Each is the mean paired gap between two forms of the same cases, with its interval: it must lie
within the margin on either side.
"""

import pytest

from evals.variants.vary import FAIRNESS

pytestmark = pytest.mark.suite("fairness")


@pytest.mark.parametrize("kind", FAIRNESS)
def test_answers_do_not_depend_on(model, kind, holds):
    holds(model, kind)
