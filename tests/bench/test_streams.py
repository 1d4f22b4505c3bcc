"""What the page says of streams rests on the rules of an exam, and holds in a few of them."""

import numpy as np
import pytest

from bench.candidates import (
    CHAIN,
    FULL_RISK,
    SEALED,
    SHARED,
    Setting,
    changed,
    difference,
    first_model,
    stream,
)
from reports.report import Opponent
from reports.statistics.paired import compare_means
from reports.verdict.decide import risk
from tests.seams import users


def test_streams_are_judged_by_the_functions_of_an_exam():
    for name in ("statistics.intervals.interval", "verdict.decide.decide", "verdict.decide.risk"):
        assert "bench/candidates.py" in users(f"reports.{name}")


@pytest.mark.parametrize("seed", range(8))
def test_a_comparison_is_that_of_an_exam(seed):
    setting, draw = Setting(contracts=12 + seed), np.random.default_rng(seed)
    other = first_model(setting, draw).right
    candidate = changed(first_model(setting, draw), 0.02, setting, draw).right
    contracts = [f"{row:03}" for row in range(len(other)) for _ in range(setting.cases)]
    again = compare_means(candidate.ravel().tolist(), other.ravel().tolist(), contracts)
    assert difference(candidate, other, 0.05) == again.difference


def test_the_risk_is_shared_by_all_that_were_tried():
    assert risk(0.05, Opponent("anchor", "a", "", tries=10)) == 0.005
    assert risk(0.05, Opponent("champion", "a", "")) == 0.05


def test_a_chain_of_small_losses_ends_within_a_margin():
    losses = {
        rule: [-stream(rule, CHAIN, seed).change for seed in range(24)]
        for rule in (SHARED, FULL_RISK)
    }
    assert np.mean(losses[SHARED]) < np.mean(losses[FULL_RISK])
    assert sum(loss > CHAIN.margin + 1e-9 for loss in losses[SHARED]) <= 3


def test_sealed_contracts_stop_what_was_learnt_by_heart():
    full, sealed = (
        sum(stream(rule, Setting(), seed).false for seed in range(8))
        for rule in (FULL_RISK, SEALED)
    )
    assert sealed < full
