"""The command that takes one case of an exam again."""

import re
import shlex
from collections.abc import Iterator, Sequence

from common.redaction import HIDDEN
from reports.report import Report, ReportedCase

DROPPED = frozenset({
    "--missed", "--errored", "--sequential", "--last-failed", "--lf", "--failed-first", "--ff",
    "--new-first", "--nf", "--stepwise", "--sw", "--collect-only", "--co",
})  # fmt: skip
"""What chooses among tests by what happened before, or asks for more than one case."""

NAMED = re.compile(r"[\w:+\-.\[\]\\/]+", re.ASCII)
"""What `-k` takes for one name."""


def rerun_command(report: Report, case: ReportedCase) -> str:
    """What was typed, for this case alone, with the models of then; ready for a POSIX shell.

    Answers that the store keeps are not asked for again. Where a secret was typed, `***` stands.

    Args:
        report: of an exam.
        case: of it.
    """
    words = shlex.split(report.header.command)
    kept, chosen, modelled = _rest(words)
    models = [model.name for model in report.header.models if model.role == "candidate"]
    if not modelled:
        kept += [word for name in models for word in ("--model", name)]
    others = [m.name for m in report.header.models if m.role in ("champion", "baseline")]
    if others:
        kept += ["--baseline", others[0]]
    names = " or ".join(_ids(models, case.slug))
    this = f"({names})" if " or " in names and chosen else names
    return shlex.join([*kept, "-k", f"({chosen}) and {this}" if chosen else this])


def lacks_secret(command: str) -> bool:
    """Whether a secret has to be put in before it can be typed."""
    return HIDDEN in command


def _ids(models: Sequence[str], slug: str) -> Iterator[str]:
    """What a test of this case has in its name, and of no other as far as `-k` can tell them."""
    if len(models) < 2:
        yield f"[{slug}]"
    elif all(NAMED.fullmatch(model) for model in models):
        yield from (f"[{model}-{slug}]" for model in models)
    else:
        yield f"{slug}]"


def _rest(words: Sequence[str]) -> tuple[list[str], str, bool]:
    """The words that stay, the expression of the last `-k`, and whether models are among them."""
    kept, chosen, modelled = list[str](), "", False
    left = iter(words)
    for word in left:
        name = word.partition("=")[0]
        if word == "-k":
            chosen = next(left, "")
        elif word.startswith("-k") and not word.startswith("--"):
            chosen = word.removeprefix("-k").removeprefix("=")
        elif word == "--baseline":
            next(left, None)
        elif name == "--baseline":
            continue
        elif name not in DROPPED:
            kept.append(word)
            modelled = modelled or name == "--model"
    return kept, chosen, modelled
