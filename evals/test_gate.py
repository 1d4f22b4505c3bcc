"""Is the model good enough? One test for every guard of the gate file."""


def test_floor(verdict):
    assert verdict.outcome == "PASS", f"{verdict.outcome}: {verdict.reason}"
