"""What the judges' exams can tell: `python -m bench.judge_exams`.

Writes two tables of docs/judges.md: how well rules tell the style of an answer, from the labelled
answers whose style people named, and what the embedded metrics show in exams of their own.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from bench.marked import marked
from common.command import Parser, run
from evals.calls.budget import Budget
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.gate import Gate
from evals.judges.embedded.claim_support import ClaimSupport
from evals.judges.embedded.embedding import Embeddings
from evals.judges.embedded.selfcheck import SelfCheck
from evals.judges.judge import Panel
from evals.judges.metric_exam import MATERIALS, MetricExam, metric_exams
from evals.judges.pairs import Pair, Style, read_pairs
from evals.judges.style import FORMS, style
from reports.sections.metric_exams import metric_section

PAGE = Path(__file__).parents[1] / "docs" / "judges.md"


def styles(pairs: Sequence[Pair]) -> Iterator[str]:
    """A row for each style that people named, and how often rules name it so."""
    if not pairs:
        yield "No labelled answer says its style."
        return
    names = get_args(Style)
    told = Counter((pair.style, style(pair.answer, pair.question, pair.expected)) for pair in pairs)
    right = sum(told[name, name] for name in names)
    formed = sum(
        told[named, found] for named in names for found in names if FORMS[named] == FORMS[found]
    )
    contracts = len({pair.contract for pair in pairs})
    yield (
        f"{len(pairs):,} answers of {contracts} contracts: the rules name the same style for "
        f"{right / len(pairs):.0%}, and one of the same form for {formed / len(pairs):.0%}. A row "
        "is what people say, a column what the rules do."
    )
    yield ""
    yield f"| people say | form | {' | '.join(names)} | found |"
    yield "|---" * (len(names) + 3) + "|"
    for named in names:
        counts = [told[named, found] for found in names]
        yield (
            f"| {named} | {FORMS[named]} | {' | '.join(map(str, counts))} | "
            f"{_share(told[named, named], sum(counts))} |"
        )
    precise = [_share(told[name, name], sum(told[n, name] for n in names)) for name in names]
    yield f"| right of those | | {' | '.join(precise)} | |"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def metrics(exams: Sequence[MetricExam]) -> Iterator[str]:
    """A row for each metric and material, with what the shipped line says of it."""
    yield "| metric | examined in | true less made up | by how it was made up | |"
    yield "|---|---|---|---|---|"
    for each in metric_section(exams, Gate()).findings:
        found = f"{each.estimate:.2f}" if each.estimate else ""
        outcome = "may gate" if each.outcome == "PASS" else "may not gate"
        yield f"| `{each.subject}` | {each.measure} | {found} | {each.reason} | {outcome} |"


async def take(folder: Path) -> list[MetricExam]:
    """The exams of all embedded metrics that have one."""
    embeddings = Embeddings()
    names = [name for name in MATERIALS if name.startswith("selfcheck_")]
    selfchecks = [SelfCheck(name, embeddings=embeddings) for name in names]
    exams = metric_exams(MATERIALS, [ClaimSupport(embeddings), *selfchecks])
    store = Store(str(folder / "store.sqlite"))
    async with Journal(store) as journal:
        calls = Calls(journal, Lookups(store, "answers"), Budget(calls=0))
        panel = Panel([], calls, journal, Lookups(store, "scores"))
        for exam in exams:
            await exam.take(panel)
    store.close()
    return exams


def main(argv: list[str] | None = None) -> int:
    """Take the exams, and write the page."""
    parser = Parser(prog="python -m bench.judge_exams", description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables are replaced")
    return run(parser.parse_args, _write, argv)


def _write(options: argparse.Namespace) -> None:
    told = styles([pair for pair in read_pairs() if pair.style])
    text = marked(options.page, "styles", told)
    with tempfile.TemporaryDirectory() as folder:
        exams = asyncio.run(take(Path(folder)))
    options.page.write_text(text, encoding="utf-8")
    options.page.write_text(marked(options.page, "metrics", metrics(exams)), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
