"""The columns of every frame that `reports.read` gives: names, types, units, meaning."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["bool", "boolean", "category", "float64", "int64", "Int64", "object", "str"]
"""Of pandas. Where there is nothing a float64 or str is NaN, an Int64 or boolean NA, never zero."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `unit` is empty for what has none, and `metric` where it is the metric's own."""

    kind: Kind
    about: str
    unit: str = ""


_OF_CASE: Mapping[str, Column] = {
    "case": Column("str", "id of the case in its data set"),
    "contract": Column("category", "id of its contract, the unit of independence"),
    "category": Column("category", "of its question"),
}
_ESTIMATE: Mapping[str, Column] = {
    "mean": Column("float64", "mean, or mean difference", "metric"),
    "low": Column("float64", "lower end of the interval; NaN with one contract", "metric"),
    "high": Column("float64", "upper end", "metric"),
    "n": Column("Int64", "cases behind it", "cases"),
    "clusters": Column("Int64", "contracts that these cases are of", "contracts"),
}  # fmt: skip

COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "cases": {
        **_OF_CASE,
        "slug": Column("str", "the same case as a test's id has it"),
        "identity": Column("str", "SHA-256 over question, gold answers and contract text"),
        "question": Column("str", "as it was asked"),
        "expected": Column("object", "tuple of the texts of the gold answers"),
        "answerable": Column("bool", "whether there is a gold answer"),
    },
    "answers": {
        "model": Column("category", "name in the registry"),
        **_OF_CASE,
        "answer": Column("str", "its text; empty with an error"),
        "error": Column("str", "why there is no answer"),
        "missed": Column("object", "tuple of the tests that it missed"),
        "finish_reason": Column("category", "`stop`, `length`, or what the server said"),
        "asked": Column("bool", "whether this run made the call"),
        "repeats": Column("Int64", "of how many answers the scores are means", "answers"),
        "tokens_in": Column("int64", "of the prompt", "tokens"),
        "tokens_out": Column("int64", "of the answer", "tokens"),
        "latency": Column("float64", "from request to reply, without queueing", "s"),
        "cost": Column("float64", "paid for it, whenever that was; NaN where nobody knows", "USD"),
        "confidence": Column("float64", "mean log-probability of its tokens", "nats"),
    },
    "scores": {
        "model": Column("category", "name in the registry"),
        **_OF_CASE,
        "metric": Column("category", "see docs/metrics.md"),
        "value": Column("float64", "NaN where it could not be computed", "metric"),
        "passed": Column("boolean", "whether it reaches the metric's mark; NA without one"),
        "reason": Column("str", "why it could not, or what a judge said"),
    },
    "estimates": {
        "model": Column("category", "name in the registry"),
        "of": Column("category", "`all`, `category` or `contract`"),
        "name": Column("str", "of the category or the contract; `all`"),
        "metric": Column("category", "see docs/metrics.md"),
        **_ESTIMATE,
        "unscored": Column("int64", "cases without a value", "cases"),
    },
    "checks": {
        "model": Column("category", "the candidate"),
        "metric": Column("str", "or what else is checked"),
        "against": Column("str", "`floor`, an opponent, or what the check is about"),
        "outcome": Column("category", "`PASS`, `FAIL`, `INCONCLUSIVE` or `N/A`"),
        "reason": Column("str", "in words, with its numbers"),
        **_ESTIMATE,
        "p_value": Column("float64", "of what the check has to refute", "0..1"),
    },
    "differences": {
        "model": Column("category", "the candidate"),
        "against": Column("category", "role and name of the opponent"),
        "metric": Column("category", "a primary metric"),
        "category": Column("category", "of the cases"),
        **_ESTIMATE,
        "q_value": Column("float64", "p-value after Benjamini and Hochberg", "0..1"),
    },
}
"""By frame, in order."""


def table() -> str:
    """The frames and their columns as Markdown, for docs/notebooks.md.

    >>> print(table()[:72])
    ### cases
    <BLANKLINE>
    | column | dtype | unit | what it says |
    | --- | --- | --- | --- |
    """
    return "\n\n".join(f"### {name}\n\n{_rows(columns)}" for name, columns in COLUMNS.items())


def _rows(columns: Mapping[str, Column]) -> str:
    lines = ["| column | dtype | unit | what it says |", "| --- | --- | --- | --- |"]
    for name, column in columns.items():
        lines.append(f"| `{name}` | {column.kind} | {column.unit} | {column.about} |")
    return "\n".join(lines)
