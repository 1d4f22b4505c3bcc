"""Does the model know the exam's contracts by heart?

It is asked to continue passages of them, and the same passages in other words. What it finds
stands beside the verdict and never decides it.
"""

import pytest

pytestmark = pytest.mark.suite("contamination")


def test_model_continues_no_contract_of_the_exam(model, holds):
    holds(model, "verbatim")
