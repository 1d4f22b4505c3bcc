"""The balanced score: half answering, half declining."""

import pytest

from evals.metrics.abstention import balanced
from fixtures.cases import Case, Contract, Span
from models.chat import Answer

ASKED = Contract("A", "two years from the Effective Date")
ANSWERABLE = Case("a", "a", ASKED, "Term", "How long?", (Span("two years", 0),))
SILENT = Case("b", "b", ASKED, "Term", "How long?", ())


@pytest.mark.parametrize(
    ("case", "said", "score"),
    [
        (ANSWERABLE, "two years", 1.0),
        (ANSWERABLE, "two months", 0.5),
        (ANSWERABLE, "Not found.", 0.0),
        (SILENT, "Not found.", 1.0),
        (SILENT, "two years", 0.0),
    ],
)
def test_answering_and_declining_count_alike(case, said, score):
    assert balanced(case, Answer(said)).value == score
