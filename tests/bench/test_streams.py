"""What the page says of streams rests on the rules of an exam, and holds in a few of them."""

from dataclasses import replace

import numpy as np

from bench.streams import Setting, chain, stream
from reports.report import Opponent
from reports.verdict.decide import risk
from tests.seams import users

CHAIN = Setting(changes=((-0.01, 1.0),), candidates=30, taught=0.0)


def test_streams_are_judged_by_the_functions_of_an_exam():
    for name in ("paired.compare_means", "decide.decide", "decide.risk"):
        room = "reports.statistics" if name.startswith("paired") else "reports.verdict"
        assert "bench/streams.py" in users(f"{room}.{name}")


def test_the_risk_is_shared_by_all_that_were_tried():
    assert risk(0.05, Opponent("anchor", "a", "", tries=10)) == 0.005
    assert risk(0.05, Opponent("champion", "a", "")) == 0.05


def test_a_chain_of_small_losses_ends_within_a_margin():
    found = {
        shared: [chain(replace(CHAIN, shared=shared), seed, reused=True).loss for seed in range(12)]
        for shared in (True, False)
    }
    assert np.mean(found[True]) < np.mean(found[False])
    assert sum(loss > CHAIN.margin + 1e-9 for loss in found[True]) <= 2


def test_sealed_contracts_stop_what_was_learnt_by_heart():
    false = {
        rule: sum(stream(rule, Setting(), seed).false for seed in range(4))
        for rule in ("full risk", "sealed")
    }
    assert false["sealed"] < false["full risk"]
