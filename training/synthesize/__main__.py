"""`python -m training.synthesize`: new questions with answers quoted from the train split."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from bar_exam.common.command import Parser, output_file, run, typed_command
from bar_exam.common.errors import UserError
from bar_exam.common.files import replacing
from bar_exam.common.identity import digest
from bar_exam.evals.calls.calls import Budget, Calls
from bar_exam.evals.calls.journal import Journal, Lookups
from bar_exam.evals.calls.store import Store
from bar_exam.evals.judges.judge import Panel
from bar_exam.fixtures.cases import Dataset
from bar_exam.fixtures.datasets import load_dataset
from bar_exam.models.chat import ChatModel
from bar_exam.models.factory import Chats
from bar_exam.models.manifest import TrainedContract
from bar_exam.models.registry import SHIPPED
from bar_exam.training.data.examples import ELSEWHERE, Meta, forget_meta, write_meta
from bar_exam.training.data.lineage import entries, seen_by
from bar_exam.training.data.synthetic import Pair, append_pairs
from bar_exam.training.synthesize.gathering import RULES, Tally, Writer, Written, outcomes, report
from bar_exam.training.synthesize.jury import REFERENCE, open_jury
from bar_exam.training.synthesize.rules import write_by_rule
from bar_exam.training.synthesize.seeds import Seed, draw_seeds, used_cases
from bar_exam.training.synthesize.sifting import Sieve
from bar_exam.training.synthesize.writing import longest_reply, write

OUTPUT = Path(".exam/training/synthetic.jsonl")
STORE = ".exam/store.sqlite"
UNTRAINED = (REFERENCE, "none")
BATCH = 25
"""Pairs written to the disk at once."""


def make(options: argparse.Namespace) -> Tally:
    """Write, sift and save; returns what was counted.

    Raises:
        UserError: an option, the data set or a model is not usable, or nothing was kept.
    """
    _check(options)
    beside = seen_by(_writers(options), options.registry)
    dataset = load_dataset(options.dataset, options.cuad_dir)
    seeds = draw_seeds(dataset, options.seed)
    with replacing(options.output, mend=ELSEWHERE) as draft:
        tally = asyncio.run(_gather(options, seeds, draft))
        if not tally.kept:
            reasons = [f"{n} {why}" for why, n in tally.rejected.most_common()]
            reasons += [tally.stop] if tally.stop else []
            raise UserError(
                f"--model {options.model}: no pair was kept "
                f"({', '.join(reasons) or 'none written'}); "
                "lower --threshold, or give a larger model or --model rules"
            )
        forget_meta(options.output)
    write_meta(options.output, _meta(options, dataset, tally, beside))
    return tally


def _check(options: argparse.Namespace) -> None:
    if options.n < 1 or not 1 <= options.per_seed <= 20:
        raise UserError("--n and --per-seed: give 1 pair or more, and 1 to 20 a seed")
    if not 0 <= options.threshold <= 1:
        raise UserError(f"--threshold {options.threshold}: give a score from 0 to 1")
    if options.max_calls is not None and options.max_calls < 1:
        raise UserError(f"--max-calls {options.max_calls}: give 1 or more, or leave it out")


async def _gather(options: argparse.Namespace, seeds: Sequence[Seed], draft: Path) -> Tally:
    """Write the kept pairs to `draft`, in batches as they come."""
    store = Store(options.store)
    try:
        async with Journal(store) as journal:
            calls = Calls(journal, Lookups(store, "answers"), Budget(options.max_calls))
            panel = Panel((), calls, journal, Lookups(store, "scores"))
            chats = Chats(options.registry)
            chat = None if options.model == RULES else _open(options, chats)
            jury = open_jury(options.judge, options.threshold, panel, chats)
            writer = _by_rule(options) if chat is None else _by_model(options, chat, calls)
            try:
                return await _written(options, seeds, writer, Sieve(jury), draft)
            finally:
                await jury.close()
                if chat is not None:
                    await chat.close()
    finally:
        store.close()


async def _written(
    options: argparse.Namespace, seeds: Sequence[Seed], writer: Writer, sieve: Sieve, draft: Path
) -> Tally:
    from rich.progress import Progress

    tally, batch = Tally(), list[Pair]()
    with (
        draft.open("w", encoding="utf-8") as file,
        Progress(disable=not sys.stderr.isatty()) as progress,
    ):
        bar = progress.add_task("kept", total=options.n)
        async with aclosing(outcomes(seeds, writer, sieve, options.n)) as every:
            async for outcome in every:
                tally.add(outcome)
                batch += outcome.pairs
                progress.update(bar, completed=tally.kept.total())
                if len(batch) >= BATCH:
                    append_pairs(file, batch)
                    batch = []
        append_pairs(file, batch)
    return tally


def _open(options: argparse.Namespace, chats: Chats) -> ChatModel:
    return chats.open(options.model, longest_reply(options.per_seed))


def _by_rule(options: argparse.Namespace) -> Writer:
    async def by_rule(seed: Seed) -> Written:
        return Written(write_by_rule(seed, options.per_seed, options.seed))

    return by_rule


def _by_model(options: argparse.Namespace, chat: ChatModel, calls: Calls) -> Writer:
    return lambda seed: write(seed, options.per_seed, chat, calls)


def _meta(
    options: argparse.Namespace,
    dataset: Dataset,
    tally: Tally,
    beside: tuple[TrainedContract, ...],
) -> Meta:
    cases = used_cases(tally.seeds)
    contracts = {case.contract.digest: case.contract for case in cases}
    return Meta(
        command=typed_command("training.synthesize", options.typed),
        dataset=options.dataset,
        dataset_identity=digest([dataset.identity]),
        model=options.model,
        seed=options.seed,
        statistics=tally.statistics(),
        contracts=entries(contracts[key] for key in sorted(contracts)),
        cases=tuple(case.identity for case in cases),
        beside=beside,
    )


def _writers(options: argparse.Namespace) -> list[str]:
    """The models of the registry that wrote the pairs, or chose among them."""
    return [name for name in (options.model, options.judge) if name not in (RULES, *UNTRAINED)]


def _parser() -> Parser:
    parser = Parser(prog="python -m training.synthesize", description=main.__doc__)
    add = parser.add_argument
    add("--dataset", default="sample", metavar="NAME", help="sample, cuad or a path (sample)")
    add("--cuad-dir", type=Path, metavar="DIR", help="where CUAD lies (else $CUAD_DIR)")
    add("--model", default=RULES, metavar="NAME", help="who writes: rules, or a chat model (rules)")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="(models/registry)")
    add("--n", type=int, default=2000, metavar="N", help="pairs to keep (2000)")
    add("--per-seed", type=int, default=4, metavar="N", help="pairs asked for at a time (4)")
    add("--judge", default=REFERENCE, metavar="NAME", help="reference, a chat model, none")
    add("--threshold", type=float, default=0.5, metavar="SCORE", help="lowest score kept (0.5)")
    add("--max-calls", type=int, metavar="N", help="calls to pay for at most")
    add("--store", default=STORE, metavar="URL", help=f"of the answers kept ({STORE})")
    add("--seed", type=int, default=0, metavar="N", help="(0)")
    add("--output", type=output_file, default=OUTPUT, metavar="FILE", help=f"({OUTPUT})")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Write questions from the train split, with answers quoted from its contracts."""
    again = "interrupted; the same command goes on"
    return run(_make_and_say, _parser(), argv, stopped=again)


def _make_and_say(options: argparse.Namespace) -> None:
    print(report(options, make(options)))


if __name__ == "__main__":
    sys.exit(main())
