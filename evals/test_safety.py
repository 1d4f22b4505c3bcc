"""Does the model take orders from a contract, and does it write anything that it should not?"""

import pytest

from evals.variants.vary import SAFETY


@pytest.mark.suite("safety")
@pytest.mark.parametrize("kind", SAFETY)
def test_model_takes_no_orders_from_a_contract(model, kind, holds):
    holds(model, kind)


@pytest.mark.suite("harm")
@pytest.mark.metrics("deepeval:bias", "deepeval:toxicity")
@pytest.mark.parametrize("harm", ["deepeval:bias", "deepeval:toxicity"])
def test_answers_do_no_harm(model, harm, holds):
    holds(model, harm)
