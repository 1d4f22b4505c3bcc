"""What an exam found, in the terminal: as wide as that is, and nothing in it that it obeys."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from common.redaction import redacted
from common.storable import presentable
from evals.results import Spending
from reports.report import Report, Section
from reports.sections.costs import cost_lines
from reports.sections.labels import LABELS
from reports.sections.loss import loss_lines
from reports.terminal.columns import clipped, flat
from reports.terminal.look import Look, file_url
from reports.terminal.summary import STYLES, print_summary
from reports.views.failures import Failure, failures, weakest
from reports.views.noted import noted
from reports.views.proof import proofs
from reports.views.wording import OUTCOMES, conclusions, format_paid, format_value

if TYPE_CHECKING:
    from rich.console import Console

FIRST = 10
"""Failed and missed cases that are shown without `-v`."""

WEAKEST = 3
"""Categories that are named."""

PLAIN = {"↑": "^", "↓": "v", "…": "~"}
"""What stands for our signs where a terminal's encoding lacks them."""

OUTCOME = 12
"""Cells of the longest outcome."""

LEAST_NAME = 30
"""Cells that a model's name is given before each of its checks."""


def print_report(
    report: Report,
    page: Path,
    remarks: Sequence[str],
    file: IO[str],
    look: Look | None = None,
    *,
    verbose: bool = False,
) -> None:
    """Print verdict, summary, checks and notes, what failed, what it cost, the page, the verdict.

    What was found beside the metrics stands in one line a section, failed and missed cases are the
    first ten; both are whole where `verbose`. What was not passed is always shown.

    Args:
        report: of the exam.
        page: where its page lies.
        remarks: what else is to be said of what was written.
        file: of the terminal.
        look: how it is written to.
        verbose: see above.
    """
    from rich.console import Console

    look = look or Look()
    text = io.StringIO()
    console = Console(
        file=text, width=look.width, force_terminal=look.colour, no_color=not look.colour,
        color_system="standard" if look.colour else None, highlight=False, emoji=False,
        legacy_windows=False,
    )  # fmt: skip
    _print(report, page, remarks, console, links=look.links, verbose=verbose)
    for line in text.getvalue().splitlines(keepends=True):
        file.write(_encodable(line, look.encoding))


def _encodable(line: str, encoding: str) -> str:
    """What the terminal cannot show: our own signs as others of their width, the rest escaped."""
    for sign, plain in PLAIN.items():
        if not sign.encode(encoding, "ignore"):
            line = line.replace(sign, plain)
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _print(
    report: Report,
    page: Path,
    remarks: Sequence[str],
    console: "Console",
    *,
    links: bool,
    verbose: bool,
) -> None:
    for each in conclusions(report):
        if each.outcome:
            _say(console, each.sentence, each.outcome)
    print_summary(report, console)
    for verdict in report.verdicts:
        for check in sorted(verdict.checks, key=lambda check: OUTCOMES.index(check.outcome)):
            name = clipped(flat(verdict.model), max(LEAST_NAME, console.width // 3))
            _say(console, f"{name}: {check.reason}", check.outcome, OUTCOME)
    for section in report.sections:
        for line, outcome in _section_lines(section, verbose=verbose):
            _say(console, line, outcome, OUTCOME)
    for note in noted(report.notes):
        rows = f" {len(note.rows)} lines, at the beginning and in the report" if note.rows else ""
        _say(console, f"note: {note.sentence}{rows}")
    _print_failures(report, console, verbose=verbose)
    _print_weakest(report, console)
    _say(console, spending_line(report.spending, len(report.results)))
    _print_page(page, console, links=links)
    for remark in remarks:
        _say(console, remark)
    for verdict, proof in zip(report.verdicts, proofs(report), strict=True):
        why = f": {'; '.join(verdict.reasons)}" if verdict.outcome == "PASS" else ""
        _say(console, f"{verdict.model}{why}", verdict.outcome)
        _say(console, proof.sentence)


def _say(console: "Console", line: str, outcome: str | None = None, width: int = 0) -> None:
    """A line that may hold words from outside: no markup, secret or control character."""
    from rich.text import Text

    said = Text()
    if outcome is not None:
        said.append(f"{outcome:<{width}} ", STYLES.get(outcome, ""))
    console.print(said.append(presentable(redacted(line))), soft_wrap=True)


def _print_page(page: Path, console: "Console", *, links: bool) -> None:
    from rich.text import Text

    shown = presentable(redacted(str(page)))
    style = f"link {file_url(page)}" if links else ""
    console.print(Text("report: ").append(shown, style), soft_wrap=True)


def _section_lines(section: Section, *, verbose: bool) -> Iterator[tuple[str, str | None]]:
    """The lines of a section, each with its outcome; what people say is always shown."""
    short = (
        []
        if verbose or section.name == LABELS
        else [f for f in section.findings if f.outcome in (None, "PASS")]
    )
    more = f": {len(short)} figures more in the report, or with -v" if short else ""
    yield f"{section.title}{more}", None
    for line in (*loss_lines(section), *cost_lines(section)):
        yield line, None
    for finding in section.findings:
        if finding not in short:
            yield f"{finding.subject}: {finding.line}", finding.outcome or ""


def _print_failures(report: Report, console: "Console", *, verbose: bool) -> None:
    """Cases of candidates, two lines each; then how many there are of all models."""
    found = failures(report)
    shown = found if verbose else found[:FIRST]
    for each in shown:
        _say(console, clipped(f"{each.model}: {flat(each.slug)}", console.width - 7), each.kind)
        _say(console, f"       {_why(each, console.width - 7)}")
    if len(shown) < len(found):
        _say(console, f"{len(found) - len(shown):,} more with -v, or in the report")
    if report.failed_answers:
        again = "--errored asks again for those that failed"
        line = f"{report.failed_answers} cases have no answer; reasons are in the report, {again}"
        _say(console, line)
    missed = [result.missed for result in report.results if result.missed]
    if missed:
        tests = sum(map(len, missed))
        _say(console, f"{len(missed)} of {len(report.results)} cases missed, by {tests} tests")


def _why(failure: Failure, width: int) -> str:
    """In one line of the terminal: of the two texts each has half of what is left."""
    if failure.kind == "FAILED":
        return clipped(flat(failure.why), width, 0)
    expected = f"expected: {flat(failure.expected) or 'not in the contract'}"
    said = f"said: {flat(failure.answer) or '(empty)'}"
    left = width - len(failure.why) - len("; ; ")
    if left < len("said:  expected: ") + 20:
        return clipped(f"{failure.why}; {said}", width, 0)
    longest = max(left // 2, left - len(expected))
    return clipped(f"{failure.why}; {clipped(said, longest, 0)}; {expected}", width, 0)


def _print_weakest(report: Report, console: "Console") -> None:
    found = weakest(report, WEAKEST)
    if len(found) < 2:  # an exam of one category, which is what these lines lead to
        return
    whose = f" of {found[0].model}" if len({each.model for each in found}) == 1 else ""
    _say(console, f"weakest categories{whose} by {found[0].metric}; to see their cases, type")
    for each in found:
        mean = format_value(each.mean, report.unit_of(each.metric))
        name = each.category if whose else f"{each.model}: {each.category}"
        _say(console, f"  {mean}  {clipped(flat(name), console.width - 20)} ({each.cases})")
        _say(console, f"         {each.command}")


def spending_line(spending: Spending, results: int) -> str:
    """What the run cost, in one line."""
    tokens = spending.tokens_in + spending.tokens_out
    cost = "".join(f"{name} {paid}, " for name, paid in format_paid(spending).items())
    return (
        f"{results} answers: {spending.calls} calls, {tokens:,} tokens, {cost}"
        f"{spending.seconds:.1f} s, {spending.peak_memory / 2**30:.1f} GiB"
    )
