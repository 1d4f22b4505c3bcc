"""`python -m training.preferences`: which of two replies is better, by judges, gold and people."""

import asyncio
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from common.command import run
from common.errors import UserError
from common.identity import digest
from evals.calls.store import Store
from fixtures.cases import Case
from models.egress import Egress, Sent, check_store
from models.entry import Prompted
from models.factory import Chats
from models.manifest import TrainedContract
from models.prices import Prices
from models.registry import read_entry
from training.data.examples import Example, Meta, validation_path
from training.data.lineage import seen_by, text_entries
from training.data.material import TrainedText, refuse_exam
from training.preferences.appraisal import judge_models, open_appraisers
from training.preferences.assembly import distinct, length_balanced, unpair
from training.preferences.composition import format_table, statistics
from training.preferences.feedback import (
    human_pairs,
    read_feedback,
    shown_prompts,
    unpaired_rows,
)
from training.preferences.formats import PreferencePair, Unpaired, write_preferences
from training.preferences.opposites import opposites
from training.preferences.options import EXAMPLES, PreferenceOptions, read_options
from training.preferences.prompts import (
    Prompts,
    read_prompts,
    validating,
    with_beside,
    with_cases,
)
from training.preferences.sampling import (
    count_answers,
    draw_examples,
    pair_answers,
    samplers,
)
from training.preferences.scoring import Sampled, Sampling, sample_and_judge
from training.preferences.served import exam_wording, of_exam


@dataclass(frozen=True)
class Gathered:
    """What came of one source of preferences.

    Attributes:
        pairs: a better and a worse reply each.
        labelled: replies that were scored alone.
        counts: what was asked and left out, by name.
        cases: what the pairs are about, where the examples' meta does not say it.
        beside: what else reaches the adapter with them.
        stop: which limit of calls or money ended it; "" where none did.
    """

    pairs: Sequence[PreferencePair]
    labelled: Sequence[Unpaired] = ()
    counts: Mapping[str, float] = field(default_factory=dict)
    cases: Sequence[Case] = ()
    beside: Sequence[TrainedContract] = ()
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What was counted, the files that were written, and which limit ended it, "" if none."""

    found: Mapping[str, float]
    written: tuple[Path, ...]
    stop: str = ""


def make(options: PreferenceOptions) -> Preferences:
    """Ask, judge, pair and write.

    Raises:
        UserError: a file or a model is not usable, or there is no pair.
    """
    prompts = read_prompts(options.examples, options.datasets, options.cuad_dir)
    gathered = tuple(gather(options, prompts))
    counts = {name: count for each in gathered for name, count in each.counts.items()}
    rows = distinct(pair for each in gathered for pair in each.pairs)
    if options.length_balanced:
        kept = length_balanced(rows)
        counts["left out to balance lengths"] = len(rows) - len(kept)
        rows = kept
    labelled = [row for each in gathered for row in each.labelled]
    singles = unpair(rows, labelled) if options.unpaired else ()
    stop = next((each.stop for each in gathered if each.stop), "")
    if not rows and not singles:
        limited = f", {stop}" if stop else ""
        raise UserError(
            f"no pair was found ({_format_counts(counts)}{limited}); lower --margin, raise --n or "
            "--temperature, or add --unpaired for the sake of thumbs"
        )
    found = counts | (statistics(rows) if rows else {})
    if singles:
        found["unpaired rows"] = len(singles)
    meta = describe(options, prompts, gathered).model_copy(update={"statistics": found})
    return Preferences(found, write(options.output, meta, rows, singles), stop)


def unpaired_path(path: Path) -> Path:
    """Where the replies with a label stand.

    >>> unpaired_path(Path("preferences.jsonl")).name
    'preferences.unpaired.jsonl'
    """
    return path.with_suffix(f".unpaired{path.suffix}")


def gather(options: PreferenceOptions, prompts: Prompts) -> Iterator[Gathered]:
    """Pairs of every source that the options name."""
    if options.feedback:
        yield from_people(options, options.feedback, prompts)
    if options.model:
        yield from_model(options, options.model, prompts)
    if options.opposites:
        yield Gathered(opposites(_not_asked(options, prompts)))


def from_people(options: PreferenceOptions, path: Path, prompts: Prompts) -> Gathered:
    """What people said of answers in the file `path`, but for contracts that validate."""
    given = read_feedback(path, prompts.cases, prompts.refused())
    held = validating(options.examples)
    exam = exam_wording(prompts.datasets) if any(each.shown for each in given) else set()
    mine = [each for each in given if not of_exam(each.shown, exam)]
    feedback = [each for each in mine if each.case.contract.id not in held]
    texts = [
        TrainedText(f"{path}, an answer to {each.case.id!r}", text, each.case.contract)
        for each in feedback
        for text in (each.answer, each.corrected)
        if text
    ]
    refuse_exam(texts, prompts.datasets)
    shown = shown_prompts(feedback, prompts.datasets, prompts.meta, options.registry)
    pairs, unchanged = human_pairs(feedback, shown, options.rule)
    return Gathered(
        pairs,
        unpaired_rows(feedback, shown),
        {
            "answers that people scored": sum(each.score is not None for each in feedback),
            "answers that people corrected": sum(each.corrected is not None for each in feedback),
            "corrections that change nothing": unchanged,
            "answers left out, of contracts that validate": len(mine) - len(feedback),
            "answers left out, of contracts of the exam": len(given) - len(mine),
        },
        cases=[each.case for each in feedback],
        beside=text_entries(f"--feedback {path}", [each.text for each in texts]),
    )


def from_model(options: PreferenceOptions, name: str, prompts: Prompts) -> Gathered:
    """What judges think of several answers of the model `name` to the same prompts."""
    beside = seen_by([name, *judge_models(options.judge)], options.registry)
    scored = _scored_answers(options, name, prompts)
    pairs, left_out = pair_answers(scored.examples, options.rule)
    counts = count_answers(scored.examples) | left_out
    if scored.stop:
        counts["cases not asked to their end"] = len(_asked(options, prompts)) - len(
            scored.examples
        )
    return Gathered(pairs, counts=counts, beside=beside, stop=scored.stop)


def _asked(options: PreferenceOptions, prompts: Prompts) -> tuple[Example, ...]:
    """The examples that the model answers; none without a model."""
    most = options.cases if options.model else 0
    return draw_examples(prompts.examples, most, options.seed)


def _not_asked(options: PreferenceOptions, prompts: Prompts) -> tuple[Example, ...]:
    """The examples that `--opposites` pairs."""
    asked = {each.prompt for each in _asked(options, prompts)}
    rest = [each for each in prompts.examples if each.prompt not in asked]
    return draw_examples(rest, options.opposites, options.seed)


def _scored_answers(options: PreferenceOptions, name: str, prompts: Prompts) -> Sampled:
    entry, meta = read_entry(name, options.registry), prompts.meta
    asks = (meta.passages, meta.most_passages, meta.system)
    if isinstance(entry, Prompted) and asks != (entry.passages, entry.most_passages, entry.system):
        print(
            f"note: in the exam {name} is shown other passages, or another system prompt, "
            f"than {options.examples} shows; `python -m training.data --model {name}` "
            "makes its own",
            file=sys.stderr,
        )
    examples = _asked(options, prompts)
    if not examples:
        raise UserError(f"{options.examples} holds no example of a contract; make it again")
    names = options.datasets or prompts.meta.dataset.split(" + ")
    sent = tuple(
        Sent(named, data.identity, options.cuad_dir)
        for named, data in zip(names, prompts.datasets, strict=True)
    )
    check_store(options.store, Egress(options.registry, sent))
    chats = Chats(options.registry, sent)
    judges, metrics = open_appraisers(options.judge, chats, options.registry)
    models = samplers(chats.open(name), options.n, options.temperature, options.seed)
    asked = (name, *judge_models(options.judge))
    opened = partial(
        options.limits.opened,
        prices=Prices(options.registry),
        asked=asked,
        purpose=digest("preferences", asked, options.seed, str(options.output.resolve())),
    )
    sampling = Sampling(examples, models, judges, metrics, prompts.cases, opened)
    store = Store(options.store)
    try:
        with _progress(name, len(examples) * len(models)) as advance:
            return asyncio.run(sample_and_judge(sampling, store, advance))
    finally:
        store.close()


def describe(options: PreferenceOptions, prompts: Prompts, gathered: Sequence[Gathered]) -> Meta:
    """What the pairs were made of: the examples' meta, with what the sources add."""
    cases = [case for each in gathered for case in each.cases]
    meta = with_cases(prompts.meta, cases) if cases else prompts.meta
    meta = with_beside(meta, [entry for each in gathered for entry in each.beside])
    return meta.model_copy(update={"command": options.command, "seed": options.seed})


def write(
    output: Path,
    meta: Meta,
    pairs: Sequence[PreferencePair],
    singles: Sequence[Unpaired],
) -> tuple[Path, ...]:
    """Write each sort of rows that there is into a file of its own; returns the files."""
    files: dict[Path, Sequence[PreferencePair | Unpaired]]
    files = {output: pairs, unpaired_path(output): singles}
    written = {path: rows for path, rows in files.items() if rows}
    for path, rows in written.items():
        write_preferences(path, rows, meta)
    return tuple(written)


def _format_counts(counts: Mapping[str, float]) -> str:
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


def main(argv: list[str] | None = None) -> int:
    """Write pairs of a better and a worse reply, for DPO, ORPO, reward models and KTO."""
    again = "interrupted; the same command goes on"
    return run(read_options, _make_and_say, argv, stopped=again)


def _make_and_say(options: PreferenceOptions) -> None:
    made = make(options)
    print(format_table(made.found))
    print(*made.written, sep="\n")
    if made.stop:
        print(f"stopped early ({made.stop}); the same command with more goes on")
    print(f"next: {next_command(options, made.written)}")


def next_command(options: PreferenceOptions, written: Sequence[Path]) -> str:
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
