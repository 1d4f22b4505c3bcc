"""The benchmark as tables of words: the same cells on the terminal, in Markdown and on a page."""

from collections.abc import Iterator
from pathlib import Path

from models.price import dollars
from reports.benchmark.benchmark import Benchmark, Row, Versus
from reports.benchmark.needs import Needs, Training, needs_of
from reports.html.plain import Table
from reports.markdown.escaping import escape
from reports.statistics.estimates import Estimate
from reports.views.wording import format_value

LONGEST = 4000
"""Characters of what a picture says in words."""

NONE = "—"
"""Of what is not known: it is not nothing."""


def scores_table(found: Benchmark) -> Table:
    """Every method's means, each with its interval."""
    heads = ("method", *(_head(measure.title, measure.direction) for measure in found.measures))
    rows = tuple(
        (_name(found, row), *(_mean(row.means[m.name]) for m in found.measures))
        for row in found.rows
    )
    return Table("Scores", heads, rows)


def baseline_table(found: Benchmark) -> Table:
    """Every method beside the baseline, by the measure that is tested."""
    by = found.by.title
    heads = ("method", f"improvement in {by}", "difference", "p (Holm)", "cases", "contracts")
    rows = tuple(
        (row.entrant.label, *_versus(row.versus))
        for row in found.rows
        if row.entrant is not found.field.baseline
    )
    return Table(f"Beside {found.field.baseline.label}", heads, rows)


def needs_table(found: Benchmark, registry: Path) -> Table:
    """What each method costs to ask and to make, and what it needs."""
    heads = (
        "method", "kind", "weights", "device", "service", "tokens a case, in / out",
        "cost a case", "median latency", "training", "labels",
    )  # fmt: skip
    rows = tuple(
        (row.entrant.label, *_needs(row, needs_of(row.entrant, registry))) for row in found.rows
    )
    return Table("What each costs and needs", heads, rows)


def tables_of(found: Benchmark, registry: Path) -> tuple[Table, ...]:
    """All of them; without another method there is none beside the baseline."""
    against = (baseline_table(found),) if len(found.rows) > 1 else ()
    return (scores_table(found), *against, needs_table(found, registry))


def legend(found: Benchmark) -> Iterator[str]:
    """What the columns mean, and whatever a reader must know, a line each."""
    field = found.field
    cases, contracts = len(field.contracts), len(set(field.contracts))
    facts = field.entrants[0].report.header.dataset
    yield (
        f"{cases:,} cases of {contracts:,} contracts ({facts.name}, {facts.split} split). "
        f"Intervals at {1 - 2 * field.alpha:.0%}, clustered by contract"
        + ("." if contracts > 1 else "; of one contract there is none.")
    )
    for measure in found.measures:
        if not measure.name.startswith("accuracy:") or measure is found.measures[0]:
            yield f"{measure.title}: {measure.meaning}."
    if len(found.rows) > 1:
        yield (
            f"Beside the baseline {field.baseline.label} methods are compared case by case in "
            f"{found.by.title}, where both have a value; more is better. Improvement is the "
            "difference in per cent of the baseline's mean on these cases, undefined where that is "
            f"0. p: two-sided, by contract, corrected by Holm's method over {found.tests} tests."
        )
    yield (
        "Latency is of the answers as they were asked, on the machine that asked them, kept ones "
        f"included. {NONE}: not known, or not asked."
    )
    yield from (f"Note: {note}." for note in field.notes)


def markdown(found: Benchmark, registry: Path, chart: str, alternative: str) -> str:
    """The page: chart, tables, and what they mean.

    Args:
        found: what is shown.
        registry: where the manifests of what was trained lie.
        chart: file name of the picture; empty for none.
        alternative: what the picture says, in words.
    """
    parts = ["# Benchmark"]
    if chart:
        parts.append(f"![{escape(alternative, LONGEST)}]({chart})")
    for table in tables_of(found, registry):
        parts.append(f"## {escape(table.title)}\n\n{markdown_table(table)}")
    parts.append("\n".join(f"- {escape(line, 2000)}" for line in legend(found)))
    return "\n\n".join(parts) + "\n"


def markdown_table(table: Table) -> str:
    """A table as GitHub-flavoured Markdown."""
    lines = [table.heads, ("---",) * len(table.heads)]
    lines += [tuple(escape(cell, 200) for cell in row) for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _head(title: str, direction: str) -> str:
    return f"{title} ↓" if direction == "lower" else title


def _name(found: Benchmark, row: Row) -> str:
    return (
        f"{row.entrant.label} (baseline)"
        if row.entrant is found.field.baseline
        else row.entrant.label
    )


def _mean(estimate: Estimate | None) -> str:
    return NONE if estimate is None else f"{estimate}"


def _versus(versus: Versus | None) -> tuple[str, ...]:
    if versus is None:
        return (NONE,) * 5
    gain = versus.difference
    return (
        "undefined" if versus.percent is None else f"{versus.percent:+z.0f} %",
        f"{gain:+.3f}",
        format_p(versus.p_value),
        f"{gain.n:,}",
        f"{gain.clusters:,}",
    )


def format_p(value: float | None) -> str:
    """A p-value as people read it.

    >>> format_p(0.0004), format_p(0.25), format_p(None)
    ('< 0.001', '0.250', '—')
    """
    return NONE if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _needs(row: Row, needs: Needs) -> tuple[str, ...]:
    training = needs.training
    return (
        needs.kind,
        needs.weights or NONE,
        needs.device or NONE,
        needs.service or "none",
        f"{row.tokens[0]:,.0f} / {row.tokens[1]:,.0f}" if row.tokens else NONE,
        NONE if row.cost is None else dollars(row.cost),
        NONE if row.latency is None else format_value(row.latency, "s"),
        needs.remark or ("none" if training is None else _made(training)),
        NONE if needs.remark else f"{training.labels:,}" if training else "none",
    )


def _made(training: Training) -> str:
    """The making of a model in words: what is none of it is left out."""
    counts = {"steps": training.steps, "tokens": training.tokens, "calls": training.calls}
    spent = [f"{count:,} {name}" for name, count in counts.items() if count]
    place = f" on {'/'.join(training.devices)}" if training.devices else ""
    spent.append(f"{training.minutes:,.0f} min{place}")
    if training.dollars is not None:
        spent.append(dollars(training.dollars))
    if not training.whole:
        spent.append("and what it started from, which is gone")
    return f"{training.method}: {', '.join(spent)}"
