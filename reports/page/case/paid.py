"""What an answer took, and its judgements: time, tokens and money."""

from collections.abc import Iterator
from decimal import Decimal

from models.price import dollars
from reports.report import ReportedResult
from reports.views.wording import format_value


def took(result: ReportedResult) -> str:
    """Of the answer: `0.50 s, 812 tokens in, 20 out, $0.00031`; of a price nobody knows nothing."""
    figures = [
        format_value(result.latency, "s"),
        *_figures(result.tokens_in, result.tokens_out, result.cost),
    ]
    return ", ".join(figures)


def judged(result: ReportedResult) -> Iterator[str]:
    """Of each call of its judges, then of what was judged before: `correctness by NAME: …`."""
    calls = [each for each in result.conversations if each.metric]
    for each in calls:
        figures = _figures(each.tokens_in, each.tokens_out, each.cost)
        yield f"{each.metric} by {each.model}: {', '.join(figures)}"
    for metric, cost in result.judging.items():
        if metric not in {each.metric for each in calls}:
            yield f"{metric}: {'at a cost that nobody knows' if cost is None else dollars(cost)}"


def _figures(tokens_in: int, tokens_out: int, cost: Decimal | None) -> list[str]:
    known = [dollars(cost)] if cost is not None else []
    return [f"{tokens_in:,} tokens in", f"{tokens_out:,} out", *known]
