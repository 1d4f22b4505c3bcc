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
    most = budget("p95_latency")
    found = f"p95 {timed.p95_latency:.2f} s, p50 {timed.p50_latency:.2f} s"
    assert timed.p95_latency <= most, f"{found}; the gate file allows p95_latency {most:g}"


def test_throughput(timed, budget):
    if timed.tokens_per_second is None:
        pytest.skip("unscored: the model counts no tokens")
    least = budget("tokens_per_second")
    found = f"{timed.tokens_per_second:.0f} tokens/s"
    assert timed.tokens_per_second >= least, f"{found}; the gate file asks for {least:g}"


def test_peak_memory(model, spending, budget):
    most, found = budget("peak_memory"), spending.peak_memory / 2**30
    assert found <= most, f"{found:.2f} GiB; the gate file allows peak_memory {most:g}"
