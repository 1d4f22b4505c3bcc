"""`python -m training.benchmark`: the methods from data to verdict, written to docs/results.md.

Hours on a CPU. Every step that has left what it would make again is skipped, trainers continue
from their checkpoints, and answers are read from the store: after an interruption, type the same
line.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.command import Parser, output_file, run
from common.errors import UserError
from common.identity import digest, file_digest
from common.paths import ROOT
from fixtures.datasets import load_dataset
from fixtures.selection import Selection, select
from models.identity.contents import adapter_digest
from models.identity.first_identity import first_weights_digest
from models.manifest import read_manifest
from models.registry import SHIPPED, adapter_of, entry_path, is_registered, read_entry
from reports.archive import read_report
from reports.benchmark.benchmark import benchmark
from reports.benchmark.chart import chart_of
from reports.benchmark.field import field_of
from reports.benchmark.measures import measure_by, measures_of
from reports.benchmark.tables import (
    LONGEST,
    baseline_table,
    legend,
    markdown_table,
    needs_table,
    scores_table,
)
from reports.markdown.escaping import escape
from reports.report import Report
from training.benchmark.category_rule import category_rule
from training.benchmark.contenders import Contender, ContenderExam, joined, read_exam
from training.benchmark.page import Shown, write_results
from training.data.examples import read_meta
from training.outcome.delivery import KEPT
from training.trainer.recipe import read_recipe

GATE = Path(__file__).with_name("benchmark.toml")
RECIPES = ROOT / "training" / "recipes"
STATE = Path(".exam/benchmark")
DATA = Path(".exam/training")
RAG = "smollm2"

CONTENDERS = (
    Contender("base without RAG", "smollm2-closed-book"),
    Contender("standard RAG", "smollm2", before=("smollm2-closed-book",)),
    Contender("SFT", "sft-smollm2", before=("smollm2",)),
    Contender("SFT → DPO", "dpo-smollm2", before=("sft-smollm2",)),
    Contender("SFT → DPO → DPO", "dpo2-smollm2", before=("dpo-smollm2", "sft-smollm2")),
    Contender("ORPO", "orpo-smollm2", before=("dpo-smollm2",)),
    Contender(
        "SFT → SFT on shuffled answers", "shuffled-smollm2", before=("sft-smollm2",), control=True
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the training room, and the file that shows it is done."""

    module: str
    arguments: tuple[str, ...]
    leaves: Path

    @property
    def line(self) -> str:
        """What a user would type."""
        return f"python -m {self.module} {shlex.join(self.arguments)}"

    def done(self, identity: str) -> bool:
        """Whether what it leaves is there, and was made by this line from what is there now.

        Args:
            identity: of the data sets, as the meta of the rows has it.

        Raises:
            UserError: there is an adapter of this name that was made otherwise, and was never in
                service.
        """
        if not self.leaves.is_file():
            return False
        if self.leaves.suffix == ".jsonl":
            meta = read_meta(self.leaves)
            return (meta.command, meta.dataset_identity) == (self.line, identity)
        if _made_by(Path(self.arguments[-1]), self.leaves.stem):
            return True
        if read_entry(self.leaves.stem, SHIPPED).status in KEPT:
            print(f"{self.leaves.stem} is, or was, in service, and is examined as it is shipped")
            return True
        raise UserError(
            f"{self.leaves}: this adapter was made by another recipe or from other data; move it "
            f"away, or type `{self.line} --force` to replace it"
        )


def _made_by(recipe_file: Path, model: str) -> bool:
    """Whether an adapter's manifest tells of this recipe, these rows and this start."""
    recipe, adapter = read_recipe(ROOT / recipe_file), adapter_of(model, SHIPPED)
    manifest = read_manifest(adapter) if adapter else None
    if manifest is None:
        return False
    facts = manifest.model_dump()
    start = adapter_of(recipe.adapter, SHIPPED) if recipe.adapter else None
    return bool(
        facts.get("recipe") == recipe.model_dump(mode="json")
        and facts["data"]["rows"] == file_digest(recipe.data)
        and (facts["start"] or {}).get("weights")
        in ([adapter_digest(start), first_weights_digest(start)] if start else [None])
    )


def steps(dataset: str) -> tuple[Step, ...]:
    """From the train split to five adapters, in the order in which they need each other."""
    both = ("--dataset", dataset, "--dataset", "sample")
    one, two = ((*both, "--most-passages", most) for most in ("1", "2"))
    mixture = ("--n", "6000", "--unanswerable", "0.25", "--further", "4")
    general = ("--mix", "general", "--mix-share", "0.02")
    shuffled, opposites = DATA / "shuffled.jsonl", DATA / "opposites.jsonl"
    decisions = str(DATA / "decisions.jsonl")
    decided = ("--n", "2900", "--unanswerable", "0.4", "--output", decisions)
    damage = ("--n", "100", "--shuffle-answers", "--output", str(shuffled))
    asked = ("--model", "sft-smollm2", "--judge", "metrics", "--n", "1", "--cases", "160")
    paired = (*asked, "--examples", decisions, "--opposites", "2600")
    again, pairs = DATA / "decisions-2.jsonl", DATA / "preferences-2.jsonl"
    wider = ("--n", "3600", "--unanswerable", "0.3", "--output", str(again))
    repaired = ("--examples", str(again), "--opposites", "3300", "--output", str(pairs))
    return (
        Step("training.data", (*one, *mixture, *general), DATA / "sft.jsonl"),
        _training("sft", "sft-smollm2"),
        Step("training.data", (*one, *decided), DATA / "decisions.jsonl"),
        Step("training.preferences", paired, DATA / "preferences.jsonl"),
        _training("dpo", "dpo-smollm2", processes=2),
        Step("training.data", (*two, *wider), again),
        Step("training.preferences", repaired, pairs),
        _training("dpo", "dpo2-smollm2", processes=2),
        Step(
            "training.preferences",
            ("--opposites", "1000", "--output", str(opposites)),
            opposites,
        ),
        _training("orpo", "orpo-smollm2"),
        Step("training.data", (*one, *damage), shuffled),
        _training("sft", "shuffled-smollm2"),
    )


def _training(method: str, name: str, processes: int = 1) -> Step:
    recipe = str((RECIPES / f"{name}.yaml").relative_to(ROOT))
    leaves = entry_path(name, SHIPPED)
    if processes == 1:
        return Step(f"training.{method}", (recipe,), leaves)
    together = ("--nproc_per_node", str(processes), "-m", f"training.{method}", recipe)
    return Step("torch.distributed.run", together, leaves)


def train(dataset: str) -> None:
    """Make every step that is not done.

    Raises:
        UserError: a step failed; what it said stands above.
    """
    identity = digest([load_dataset(name).identity for name in (dataset, "sample")])
    anew = False  # rows may be answers of a model that was made anew
    for step in steps(dataset):
        if not (anew and step.leaves.suffix == ".jsonl") and step.done(identity):
            print(f"done before: {step.line}", flush=True)
            continue
        anew = True
        print(f"now: {step.line}", flush=True)
        _run([sys.executable, "-m", step.module, *step.arguments], step.line, accepted=(0,))


Examined = tuple[ContenderExam, Report]
"""What an exam found of a contender, and its report."""


def examine(contender: Contender, dataset: str, limit: int) -> list[Examined]:
    """Examine one contender against those before it, on a balanced sample of the test split.

    Raises:
        UserError: the exam could not be held.
    """
    others = contender.before or (None,)
    return [_examined(contender, each, dataset, limit) for each in others]


def _examined(contender: Contender, before: str | None, dataset: str, limit: int) -> Examined:
    runs = STATE / contender.model / "runs"
    options = ["--dataset", dataset, "--limit", str(limit), "--balanced", "--gate", str(GATE)]
    against = ["--baseline", before] if before else []
    line = ["--model", contender.model, *against, *options, "--runs", str(runs), "-q"]
    print(f"now: pytest evals {' '.join(line)}", flush=True)
    # 1 is a verdict too: REJECT or INCONCLUSIVE.
    _run([sys.executable, "-m", "pytest", "evals", *line], "pytest evals", accepted=(0, 1))
    path = runs.parent / "latest" / "report.json"
    return read_exam(path, contender, before), read_report(path)


def shown_of(reports: Sequence[Report]) -> Shown:
    """What every benchmark shows of these reports, under the contenders' titles.

    Raises:
        UserError: they cannot be compared.
    """
    titles = {each.model: each.title for each in CONTENDERS}
    there = {model for report in reports for model in report.by_case}
    field = field_of(reports, RAG if RAG in there else None, titles)
    measures = measures_of(field, ["balanced"])
    tested = (measure_by(None, measures), measure_by("balanced", measures))
    found = [benchmark(field, measures, by) for by in tested]
    chart = chart_of(found[0])
    return Shown(
        scores=markdown_table(scores_table(found[0])),
        against=tuple(markdown_table(baseline_table(each)) for each in found),
        needs=markdown_table(needs_table(found[0], SHIPPED)),
        legend=tuple(legend(found[0])),
        chart=chart.alone,
        alternative=escape(chart.alternative, LONGEST),
    )


def _is_registered(contender: Contender) -> bool:
    return all(is_registered(name, SHIPPED) for name in (contender.model, *contender.before))


def _run(command: Sequence[str], line: str, accepted: Sequence[int]) -> None:
    code = subprocess.run(command, cwd=ROOT, env=os.environ, check=False).returncode
    if code in (2, -2):
        raise KeyboardInterrupt
    if code not in accepted:
        raise UserError(f"`{line}` ended with exit code {code}; mend what it says, and go on")


def main(argv: list[str] | None = None) -> int:
    """Train and examine the methods side by side, and write docs/results.md."""
    parser = Parser(prog="python -m training.benchmark", description=main.__doc__)
    add = parser.add_argument
    add("--dataset", default="cuad", metavar="NAME", help="with a train and a test split (cuad)")
    add("--limit", type=int, default=400, metavar="N", help="cases, half of them answerable (400)")
    add("--cuad-dir", type=Path, metavar="DIR", help="where CUAD lies (else $CUAD_DIR)")
    add("--examine-only", action="store_true", help="only what is in the registry already")
    add("--output", type=output_file, default=ROOT / "docs" / "results.md", metavar="FILE")
    again = "interrupted; the same line goes on from here"
    return run(parser.parse_args, _train_and_examine, argv, stopped=again)


def _train_and_examine(options: argparse.Namespace) -> None:
    if options.cuad_dir:
        os.environ["CUAD_DIR"] = str(options.cuad_dir.resolve())
    if options.limit < 2:
        raise UserError(f"--limit {options.limit}: give 2 or more, half of them answerable")
    dataset = load_dataset(options.dataset)
    asked = select(dataset, Selection(limit=options.limit, balanced=True))
    rule = category_rule(select(dataset, Selection(split="train")), asked)
    if not options.examine_only:
        train(options.dataset)
    there = [each for each in CONTENDERS if _is_registered(each)]
    if not there:
        raise UserError("no method is in the registry; leave out --examine-only")
    held = [examine(each, options.dataset, options.limit) for each in there]
    exams = [joined([exam for exam, _ in each]) for each in held]
    shown = shown_of([report for each in held for _, report in each])
    written = write_results(options.output, exams, rule, shown)
    print("\n".join(map(str, written)))


if __name__ == "__main__":
    sys.exit(main())
