"""Where models lose their answers: with what the retriever finds, and with the gold passages."""

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from bench import results
from bench.sessions import examine
from reports.archive import read_report
from reports.report import Finding, Section
from reports.sections.loss import KINDS, NAME
from reports.views.wording import format_estimate

MODELS = ("dpo-smollm2", "sft-smollm2", "extractive")
GIVEN = ("retrieved", "gold")


def measure(folder: Path) -> results.Finding:
    """Examine the sample both ways, over one store."""
    found = {each: _examined(folder, *each) for each in product(MODELS, GIVEN)}
    return results.Finding(
        "where answers are lost, and what gold passages give back",
        "`pytest evals --model NAME` on the sample's test split, with `--passages retrieved` and "
        "`--passages gold`: shares of the cases of each kind, with 90 % intervals over its four "
        "contracts (docs/exam.md, Where answers are lost). The two fine-tunes are shown one "
        "passage, which is the gold one there, without distractors; extractive is shown five.",
        table="\n".join(table(found)),
    )


def _examined(folder: Path, model: str, given: str) -> Section:
    """The section of one exam."""
    examine(folder, f"--model={model}", "--judge=none", f"--passages={given}")
    newest = max((folder / "runs").glob("*/report.json"))
    return next(each for each in read_report(newest).sections if each.name == NAME)


def table(found: Mapping[tuple[str, str], Section]) -> Iterator[str]:
    """One row a stage, one column a model and what it was given."""
    yield f"| stage | {' | '.join(f'{model}, {given}' for model, given in found)} |"
    yield "|---" * (len(found) + 1) + "|"
    for kind, stages in KINDS.items():
        for stage in stages:
            measure = f"{kind}: {stage}"
            cells = [_cell(section.of(model, measure)) for (model, _), section in found.items()]
            yield f"| {measure} | {' | '.join(cells)} |"


def _cell(found: Finding | None) -> str:
    return "-" if found is None else format_estimate(found.estimate)
