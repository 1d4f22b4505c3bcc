"""ContractEval's counts and shares, by hand and against scikit-learn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, fbeta_score

from evals.metrics.contracteval import ContractEval, contracteval, covers

CLAUSE = "This Agreement shall be governed by the laws of Ohio."
REFUSALS = ["No related clause.", "", "The contract does not specify this."]

CASES = st.lists(
    st.tuples(
        st.sampled_from([(), (CLAUSE,), (CLAUSE, "Ohio"), ("Texas",)]),
        st.sampled_from([*REFUSALS, CLAUSE, f"It says: {CLAUSE}", "Delaware law applies."]),
    ),
    max_size=20,
)


def test_each_kind_of_case():
    counted = contracteval(
        [
            ((CLAUSE,), f"```\n{CLAUSE}\n```"),
            ((CLAUSE,), "Ohio"),
            ((CLAUSE,), "No related clause."),
            ((CLAUSE, "Texas"), CLAUSE),
            ((), "No related clause."),
            ((), CLAUSE),
        ]
    )
    assert counted == ContractEval(1, 1, 1, 3, 1)
    assert counted.accuracy == 2 / 6
    assert counted.precision == 1 / 2
    assert counted.recall == 1 / 4
    assert counted.f1 == pytest.approx(1 / 3)
    assert counted.f2 == pytest.approx(5 * 0.5 * 0.25 / (4 * 0.5 + 0.25))
    assert counted.laziness == 1 / 4


def test_the_gold_is_verbatim_but_for_its_edges():
    assert covers("`laws of Ohio`", ["\nlaws of Ohio "])
    assert not covers("Laws of Ohio", ["laws of Ohio"])
    assert not covers("laws of  Ohio", ["laws of Ohio"])


@pytest.mark.parametrize("refusal", REFUSALS)
def test_any_form_of_not_found_is_a_refusal(refusal):
    assert contracteval([((), refusal)]) == ContractEval(0, 1, 0, 0, 0)
    assert contracteval([((CLAUSE,), refusal)]).laziness == 1.0


def test_shares_of_nothing_are_none():
    nothing = contracteval([])
    shares = (nothing.accuracy, nothing.precision, nothing.recall, nothing.f1, nothing.f2)
    assert {*shares, nothing.laziness} == {None}
    assert contracteval([((), "")]).accuracy == 1.0
    assert contracteval([((CLAUSE,), "")]).f1 == 0.0


@given(CASES)
def test_agrees_with_scikit_learn(cases):
    counted = contracteval(cases)
    # The positive class is "clause"; a wrong clause counts as if none had been given.
    truth = [bool(golds) for golds, _ in cases]
    said = [
        all(gold in answer for gold in golds) if golds else answer not in REFUSALS
        for golds, answer in cases
    ]
    if not cases:
        return
    assert counted.accuracy == pytest.approx(accuracy_score(truth, said))
    if counted.f1 is not None:
        assert counted.f1 == pytest.approx(fbeta_score(truth, said, beta=1, zero_division=0))
        assert counted.f2 == pytest.approx(fbeta_score(truth, said, beta=2, zero_division=0))
