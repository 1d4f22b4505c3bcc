"""How fast a model answered, from the calls that this run made."""

from collections.abc import Sequence
from dataclasses import dataclass

from evals.plan import Result, Spending


@dataclass(frozen=True, slots=True)
class Performance:
    """Latency percentiles in seconds and tokens per second, over `calls` answers of one model.

    All are None where the run asked nothing: times of another run say nothing of this one. The
    last is None for models without tokens.
    """

    model: str
    calls: int
    p50_latency: float | None
    p95_latency: float | None
    tokens_per_second: float | None


def measure(model: str, results: Sequence[Result], spending: Spending) -> Performance:
    """Percentiles by linear interpolation; tokens read and written over the run's wall time."""
    asked = [result.answer for result in results if result.asked]
    if not asked:
        return Performance(model, 0, None, None, None)
    import numpy as np

    p50, p95 = np.percentile([answer.latency for answer in asked], (50, 95))
    tokens = sum(answer.tokens_in + answer.tokens_out for answer in asked)
    speed = tokens / spending.seconds if tokens else None
    return Performance(model, len(asked), float(p50), float(p95), speed)
