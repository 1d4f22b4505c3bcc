"""The gate file: what may be lost, and which of the shipped metrics have a margin."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from evals.gate import SHIPPED, Gate, read_gate
from evals.metrics.table import METRICS
from fixtures.datasets import load_dataset
from fixtures.selection import Selection, select
from reports.verdict.prospects import demands, prospect

shares = [name for name, metric in METRICS.items() if not metric.unit]
margins = st.dictionaries(st.sampled_from(shares), st.floats(0.001, 0.9), min_size=1, max_size=4)


def text(margins, attrition=""):
    rows = [f'[metrics."{name}"]\nrole = "guard"\nmargin = {m!r}' for name, m in margins.items()]
    return "\n".join([attrition, *rows])


@given(margins, st.floats(0, 1))
def test_no_more_may_be_lost_than_a_quarter_of_the_smallest_margin(tmp_path_factory, margins, lost):
    path = tmp_path_factory.mktemp("gate") / "gate.toml"
    path.write_text(text(margins))
    assert read_gate(path).attrition == min(margins.values()) / 4
    path.write_text(text(margins, f"attrition = {lost!r}"))
    if lost <= min(margins.values()) / 4:
        assert read_gate(path).attrition == lost
        return
    with pytest.raises(UserError) as refused:
        read_gate(path)
    line = str(refused.value)
    assert line.startswith(f"{path}: attrition") and "\n" not in line
    path.write_text(text(margins, re.search("give (attrition = .*) or less", line)[1]))
    assert read_gate(path).attrition == pytest.approx(min(margins.values()) / 4, abs=1e-5)


def test_where_nothing_is_compared_a_fiftieth_may_be_lost():
    assert Gate().attrition == 0.02
    assert Gate.model_validate({"metrics": {"token_f1": {"role": "guard", "floor": 0.1}}}) == Gate(
        metrics={"token_f1": {"role": "guard", "floor": 0.1}}
    )


def test_a_margin_of_an_amount_says_nothing_of_what_may_be_lost(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text(text({"latency": 0.01, "token_f1": 0.4}))
    assert read_gate(path).attrition == 0.1


def test_every_gated_metric_that_reads_answers_has_a_margin_or_a_written_reason():
    gate = read_gate()
    without = [n for n, e in gate.gating.items() if e.margin is None and METRICS[n].reads_answers]
    comments = SHIPPED.read_text(encoding="utf-8").split("[metrics.")
    for name in without:
        above = next(part for part, table in pairwise(comments) if table.startswith(name))
        assert "It has no margin:" in above, name


def test_the_embedded_contracts_can_show_every_floor_of_the_shipped_gate():
    """Else `make eval` on a fresh clone could end in nothing but INCONCLUSIVE."""
    gate = read_gate()
    cases = select(load_dataset("sample"), Selection(split="test"))
    found = [prospect(each, gate) for each in demands(gate, cases)]
    assert [f.demand.name for f in found if f.demand.floor is not None and not f.shown_at] == []


@pytest.mark.parametrize("name", ["inspect:model_graded_qa", "promptfoo:pass"])
def test_scores_that_came_with_imported_answers_gate_nothing(tmp_path, name):
    path = tmp_path / "gate.toml"
    path.write_text(f'[metrics."{name}"]\nrole = "guard"\nfloor = 0.5\n')
    with pytest.raises(UserError, match="gate nothing"):
        read_gate(path)
