"""The table of drift: simulated services call what decides."""

from bench.drift import NONE, SHIFTS, STATED, plant, simulate


def test_a_shift_is_found_in_time_and_none_is_not():
    found = plant(SHIFTS[0], STATED, 2)
    assert found.share == 1
    assert all(1 <= delay <= 7 for delay in found.delays)
    assert found.named.startswith("passage_")
    decision = simulate(1, STATED, (4, 0), NONE)
    assert not decision.alarms
    assert len(decision.blocks) == 4
