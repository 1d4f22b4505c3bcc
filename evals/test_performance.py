"""Is the model fast and small enough? Budgets are in the gate file."""

import pytest

pytestmark = pytest.mark.metrics("latency")


@pytest.fixture
def budget(gate):
    """One budget of the gate file; a budget that is not set asks for nothing."""

    def named(name):
        value = getattr(gate.performance, name)
        if value is None:
            pytest.skip(f"unscored: the gate file sets no {name}")
        return value

    return named


@pytest.fixture
def timed(performance):
    if not performance.calls:
        pytest.skip("unscored: every answer was there already; nothing was timed")
    return performance


def test_latency(timed, budget):
    assert timed.p95_latency <= budget("p95_latency"), f"p50 {timed.p50_latency:.2f} s"


def test_throughput(timed, budget):
    if timed.tokens_per_second is None:
        pytest.skip("unscored: the model counts no tokens")
    assert timed.tokens_per_second >= budget("tokens_per_second")


def test_peak_memory(model, spending, budget):
    assert spending.peak_memory / 2**30 <= budget("peak_memory")
