"""`python -m training.preferences`: which of two replies is better, by judges, gold and people."""

import argparse
import asyncio
import math
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bar_exam.common.command import Parser, output_file, run, typed_command
from bar_exam.common.errors import UserError
from bar_exam.evals.calls.store import Store
from bar_exam.models.entry import Prompted
from bar_exam.models.factory import Chats
from bar_exam.models.registry import SHIPPED, read_entry
from bar_exam.training.data.examples import Example, Meta, validation_path
from bar_exam.training.data.lineage import Beside, refuse_exam, seen_by, text_entries
from bar_exam.training.preferences.answers import (
    Enquiry,
    Opinions,
    counted,
    draw_examples,
    enquire,
    paired,
    voices,
)
from bar_exam.training.preferences.appraisal import judge_models, open_appraisers
from bar_exam.training.preferences.assembly import distinct, length_balanced, unpair
from bar_exam.training.preferences.feedback import human_pairs, read_feedback, shown_prompts, thumbs
from bar_exam.training.preferences.opposites import opposites
from bar_exam.training.preferences.pairing import Rule
from bar_exam.training.preferences.pairs import PreferencePair, Unpaired, write_preferences
from bar_exam.training.preferences.prompts import (
    Prompts,
    read_prompts,
    validating,
    with_beside,
    with_cases,
)
from bar_exam.training.preferences.statistics import statistics, table

EXAMPLES = Path(".exam/training/sft.jsonl")
OUTPUT = Path(".exam/training/preferences.jsonl")
STORE = ".exam/store.sqlite"


def make(options: argparse.Namespace) -> tuple[dict[str, float], tuple[Path, ...]]:
    """Ask, judge, pair and write; returns what was counted, and the files.

    Raises:
        UserError: an option, a file or a model is not usable, or there is no pair.
    """
    rule = _rule(options)
    prompts = read_prompts(options.examples, options.dataset or (), options.cuad_dir)
    meta, pairs, labelled, counts = _of_people(options, prompts, rule)
    if options.model:
        asked = [options.model, *judge_models(options.judge)]
        meta = with_beside(meta, seen_by(asked, options.registry))
        opinions = _opinions(options, prompts)
        more, left_out = paired(opinions, rule)
        pairs, counts = [*pairs, *more], counts | counted(opinions) | left_out
    if options.opposites:
        pairs = [*pairs, *opposites(_not_asked(options, prompts))]
    rows = distinct(pairs)
    if options.length_balanced:
        kept = length_balanced(rows)
        counts["left out to balance lengths"] = len(rows) - len(kept)
        rows = kept
    singles = unpair(rows, labelled) if options.unpaired else ()
    if not rows and not singles:
        raise UserError(
            f"no pair was found ({_listed(counts)}); lower --margin, raise --n or --temperature, "
            "or add --unpaired for the sake of thumbs"
        )
    return _write(options, meta, rows, singles, counts)


def unpaired_path(path: Path) -> Path:
    """Where the replies with a label stand.

    >>> unpaired_path(Path("preferences.jsonl")).name
    'preferences.unpaired.jsonl'
    """
    return path.with_suffix(f".unpaired{path.suffix}")


def _of_people(
    options: argparse.Namespace, prompts: Prompts, rule: Rule
) -> tuple[Meta, list[PreferencePair], list[Unpaired], dict[str, float]]:
    """(the meta with their cases, pairs, labelled replies, counts) of `--feedback`."""
    if not options.feedback:
        return prompts.meta, [], [], {}
    given = read_feedback(options.feedback, prompts.cases, prompts.refused())
    held = validating(options.examples)
    feedback = [each for each in given if each.case.contract.id not in held]
    said = [
        Beside(f"{options.feedback}, an answer to {each.case.id!r}", text, each.case.contract)
        for each in feedback
        for text in (each.answer, each.corrected)
        if text
    ]
    refuse_exam(said, prompts.datasets)
    shown = shown_prompts(feedback, prompts.datasets, prompts.meta, options.registry)
    pairs, unchanged = human_pairs(feedback, shown, rule)
    labelled = thumbs(feedback, shown)
    counts: dict[str, float] = {
        "answers that people scored": sum(each.score is not None for each in feedback),
        "answers that people corrected": sum(each.corrected is not None for each in feedback),
        "corrections that change nothing": unchanged,
        "answers left out, of contracts that validate": len(given) - len(feedback),
    }
    meta = with_cases(prompts.meta, [each.case for each in feedback])
    texts = text_entries(f"--feedback {options.feedback}", [each.text for each in said])
    return with_beside(meta, texts), pairs, labelled, counts


def _asked(options: argparse.Namespace, prompts: Prompts) -> tuple[Example, ...]:
    """The examples that the model answers; none without a model."""
    most = options.cases if options.model else 0
    return draw_examples(prompts.examples, most, options.seed)


def _not_asked(options: argparse.Namespace, prompts: Prompts) -> tuple[Example, ...]:
    """The examples that `--opposites` pairs."""
    asked = {each.prompt for each in _asked(options, prompts)}
    rest = [each for each in prompts.examples if each.prompt not in asked]
    return draw_examples(rest, options.opposites, options.seed)


def _opinions(options: argparse.Namespace, prompts: Prompts) -> tuple[Opinions, ...]:
    """The model's answers with their scores."""
    entry, meta = read_entry(options.model, options.registry), prompts.meta
    asks = (meta.passages, meta.most_passages, meta.system)
    if isinstance(entry, Prompted) and asks != (entry.passages, entry.most_passages, entry.system):
        print(
            f"note: in the exam {options.model} is shown other passages, or another system prompt, "
            f"than {options.examples} shows; `python -m training.data --model {options.model}` "
            "makes its own",
            file=sys.stderr,
        )
    examples = _asked(options, prompts)
    if not examples:
        raise UserError(f"{options.examples} holds no example of a contract; make it again")
    chats = Chats(options.registry)
    judges, metrics = open_appraisers(options.judge, chats, options.registry)
    models = voices(chats.open(options.model), options.n, options.temperature, options.seed)
    enquiry = Enquiry(examples, models, judges, metrics, prompts.cases)
    store = Store(options.store)
    try:
        with _progress(options.model, len(examples) * len(models)) as advance:
            return asyncio.run(enquire(enquiry, store, advance))
    finally:
        store.close()


def _write(
    options: argparse.Namespace,
    meta: Meta,
    rows: Sequence[PreferencePair],
    singles: Sequence[Unpaired],
    counts: dict[str, float],
) -> tuple[dict[str, float], tuple[Path, ...]]:
    found = counts | (statistics(rows) if rows else {})
    if singles:
        found["unpaired rows"] = len(singles)
    command = typed_command("training.preferences", options.typed)
    meta = meta.model_copy(update={"command": command, "seed": options.seed, "statistics": found})
    files: dict[Path, Sequence[PreferencePair | Unpaired]]
    files = {options.output: rows, unpaired_path(options.output): singles}
    written = {path: each for path, each in files.items() if each}
    for path, each in written.items():
        write_preferences(path, each, meta)
    return found, tuple(written)


def _rule(options: argparse.Namespace) -> Rule:
    for name, good, wanted in (
        ("n", options.n >= 1, "1 or more"),
        ("cases", options.cases >= 1, "1 or more"),
        ("opposites", options.opposites >= 0, "0 or more"),
        ("pairs_per_case", options.pairs_per_case >= 1, "1 or more"),
        ("temperature", 0 < options.temperature < math.inf, "a number above 0, such as 0.8"),
        ("margin", 0 <= options.margin <= 1, "a difference of scores, 0 to 1"),
        ("least_chosen", 0 <= options.least_chosen <= 1, "a score, 0 to 1"),
    ):
        if not good:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{option} {getattr(options, name)}: give {wanted}")
    if not options.model and not options.feedback and not options.opposites:
        raise UserError("whose answers? give --model NAME, --feedback FILE or --opposites N")
    return Rule(options.margin, options.pairs_per_case, options.gold, options.least_chosen)


def _listed(counts: dict[str, float]) -> str:
    return ", ".join(f"{name}: {value:.4g}" for name, value in counts.items())


@contextmanager
def _progress(model: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    columns = (TextColumn("asking {task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, Remaining(), console=console, disable=not console.is_terminal)
    with bar:
        task = bar.add_task(model, total=total)
        yield lambda: bar.advance(task)


def _parser() -> Parser:
    parser = Parser(prog="python -m training.preferences", description=main.__doc__)
    add = parser.add_argument
    add("--model", metavar="NAME", help="whose answers are compared, by its name in the registry")
    add("--examples", type=Path, default=EXAMPLES, metavar="FILE", help=f"prompts ({EXAMPLES})")
    add(
        "--dataset", action="append", metavar="NAME",
        help="what they were made from: sample, cuad or a path; may be repeated (as in their meta)",
    )  # fmt: skip
    add("--cuad-dir", type=Path, metavar="DIR", help="where CUAD lies (else $CUAD_DIR)")
    add("--cases", type=int, default=400, metavar="N", help="prompts, half to be declined (400)")
    add("--n", type=int, default=4, metavar="N", help="answers drawn, beside the exam's own (4)")
    add("--temperature", type=float, default=0.8, metavar="T", help="of the draws (0.8)")
    add(
        "--judge", default="reference", metavar="NAMES",
        help="reference, metrics, chat models; with commas for their mean (reference)",
    )  # fmt: skip
    add("--margin", type=float, default=0.2, metavar="D", help="least difference of scores (0.2)")
    add("--pairs-per-case", type=int, default=1, metavar="N", help="of sampled answers (1)")
    add("--least-chosen", type=float, default=0.5, metavar="S", help="lowest score chosen (0.5)")
    add(
        "--gold", action=argparse.BooleanOptionalAction, default=True,
        help="also pair the ground truth with the worst answer (yes)",
    )  # fmt: skip
    add(
        "--opposites", type=int, default=0, metavar="N",
        help="also pair the ground truth of N more prompts with the opposite decision (0)",
    )  # fmt: skip
    add("--length-balanced", action="store_true", help="chosen longer as often as shorter")
    add("--feedback", type=Path, metavar="FILE", help="JSON lines of what people said of answers")
    add("--output", type=output_file, default=OUTPUT, metavar="FILE", help=f"({OUTPUT})")
    add("--unpaired", action="store_true", help="also write replies with a label, for KTO")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="(models/registry)")
    add("--store", default=STORE, metavar="URL", help=f"of answers and scores ({STORE})")
    add("--seed", type=int, default=0, metavar="N", help="(0)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Write pairs of a better and a worse reply, for DPO, ORPO, reward models and KTO."""
    again = "interrupted; the same command goes on"
    return run(_make_and_say, _parser(), argv, stopped=again)


def _make_and_say(options: argparse.Namespace) -> None:
    found, written = make(options)
    print(table(found))
    print(*written, sep="\n")
    print(f"next: {next_command(options, written)}")


def next_command(options: argparse.Namespace, written: Sequence[Path]) -> str:
    """The command line that follows: the shipped recipe, under a name that is free."""
    paired = "dpo" if options.model else "orpo"  # without a model there is no adapter to start from
    method = paired if options.output in written else "kto"
    name = f"{options.model or 'mine'}-{method}"
    words = ["python", "-m", f"training.{method}", f"training/recipes/{method}-smollm2.yaml"]
    settings = [f"data={written[0]}", f"name={name}"]
    if options.model and method != "orpo":
        settings.append(f"adapter={options.model}")
    if options.examples != EXAMPLES:
        settings.append(f"validation={validation_path(options.examples)}")
    return shlex.join([*words, *(word for each in settings for word in ("--set", each))])


if __name__ == "__main__":
    sys.exit(main())
