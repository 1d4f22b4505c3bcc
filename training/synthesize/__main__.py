"""`python -m training.synthesize`: new questions with answers quoted from the train split."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from common.command import run
from common.errors import UserError
from common.files import replacing
from common.identity import digest
from evals.calls.calls import Calls
from evals.calls.journal import Journal, Lookups
from evals.calls.store import Store
from evals.judges.judge import Panel
from evals.options import REFERENCE
from fixtures.cases import Dataset
from fixtures.datasets import load_dataset
from models.chat import ChatModel
from models.egress import Egress, Sent, check_store
from models.factory import Chats
from models.local.entry import LocalEntry
from models.manifest import TrainedContract
from models.prices import Prices
from models.registry import read_entry
from training.data.examples import ELSEWHERE, Meta, forget_meta, write_meta
from training.data.lineage import contract_entries, seen_by
from training.data.synthetic import SyntheticPair, append_pairs
from training.synthesize.drafts import Writer, Written
from training.synthesize.gathering import Tally, outcomes
from training.synthesize.jury import NOBODY, open_jury
from training.synthesize.options import RULES, SynthesisOptions, read_options
from training.synthesize.rules import write_by_rule
from training.synthesize.seeds import Seed, draw_seeds, used_cases
from training.synthesize.sifting import Sieve
from training.synthesize.writing import longest_reply, write

BATCH = 25
"""Pairs written to the disk at once."""

POOR = 0.5
"""Share of kept pairs below which the writer is called poor."""


def make(options: SynthesisOptions) -> Tally:
    """Write, sift and save; returns what was counted.

    Raises:
        UserError: an option, the data set or a model is not usable, or nothing was kept.
    """
    beside = seen_by(_writers(options), options.registry)
    dataset = load_dataset(options.dataset, options.cuad_dir)
    seeds = draw_seeds(dataset, options.seed)
    sent = (Sent(options.dataset, dataset.identity, options.cuad_dir),)
    check_store(options.store, Egress(options.registry, sent))
    with replacing(options.output, mend=ELSEWHERE) as draft:
        tally = asyncio.run(_gather(options, seeds, sent, draft))
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


async def _gather(
    options: SynthesisOptions, seeds: Sequence[Seed], sent: Sequence[Sent], draft: Path
) -> Tally:
    """Write the kept pairs to `draft`, in batches as they come."""
    store = Store(options.store)
    try:
        async with Journal(store) as journal:
            prices, purpose = Prices(options.registry), _purpose(options, sent)
            calls = options.limits.opened(store, journal, prices, _writers(options), purpose)
            panel = Panel((), calls, journal, Lookups(store, "scores"))
            chats = Chats(options.registry, sent)
            chat = None if options.model == RULES else _open(options, chats)
            jury = open_jury(options.judge, options.threshold, panel, chats)
            writer = _by_rule(options) if chat is None else _by_model(options, chat, calls)
            try:
                return await _collect(options, seeds, writer, Sieve(jury), draft)
            finally:
                await jury.close()
                if chat is not None:
                    await chat.close()
    finally:
        store.close()


def _purpose(options: SynthesisOptions, sent: Sequence[Sent]) -> str:
    """What is paid for, however often the line is typed, and for how many pairs."""
    datasets = [each.identity for each in sent]
    asked = (options.model, options.judge, options.seed)
    return digest("synthesis", datasets, asked, str(options.output.resolve()))


async def _collect(
    options: SynthesisOptions, seeds: Sequence[Seed], writer: Writer, sieve: Sieve, draft: Path
) -> Tally:
    from rich.progress import Progress

    tally, batch = Tally(), list[SyntheticPair]()
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


def _open(options: SynthesisOptions, chats: Chats) -> ChatModel:
    return chats.open(options.model, longest_reply(options.per_seed))


def _by_rule(options: SynthesisOptions) -> Writer:
    async def by_rule(seed: Seed) -> Written:
        return Written(write_by_rule(seed, options.per_seed, options.seed))

    return by_rule


def _by_model(options: SynthesisOptions, chat: ChatModel, calls: Calls) -> Writer:
    return lambda seed: write(seed, options.per_seed, chat, calls)


def _meta(
    options: SynthesisOptions,
    dataset: Dataset,
    tally: Tally,
    beside: tuple[TrainedContract, ...],
) -> Meta:
    cases = used_cases(tally.seeds)
    contracts = {case.contract.digest: case.contract for case in cases}
    return Meta(
        command=options.command,
        dataset=options.dataset,
        dataset_identity=digest([dataset.identity]),
        model=options.model,
        seed=options.seed,
        statistics=tally.statistics(),
        contracts=contract_entries(contracts[key] for key in sorted(contracts)),
        cases=tuple(case.identity for case in cases),
        beside=beside,
    )


def _writers(options: SynthesisOptions) -> list[str]:
    """The models of the registry that wrote the pairs, or chose among them."""
    return [
        name for name in (options.model, options.judge) if name not in (RULES, REFERENCE, NOBODY)
    ]


def main(argv: list[str] | None = None) -> int:
    """Write questions from the train split, with answers quoted from its contracts."""
    again = "interrupted; the same command goes on"
    return run(read_options, _make_and_say, argv, stopped=again)


def _make_and_say(options: SynthesisOptions) -> None:
    print(format_report(options, make(options)))


def format_report(options: SynthesisOptions, tally: Tally) -> str:
    """The table of counts, and the lines that the user should know about."""
    rows = tally.statistics()
    width = max(map(len, rows))
    lines = [f"{name:<{width}}  {value:>7,}" for name, value in rows.items()]
    lines.append(str(options.output))
    if tally.stop:
        lines.append(f"stopped early ({tally.stop}); the same command with more goes on")
    elif tally.kept.total() < options.n:
        lines.append(
            f"{tally.kept.total():,} of --n {options.n:,}: every seed was used; raise --per-seed, "
            "or give more contracts"
        )
    if options.model != RULES:
        lines.append(_format_writer(options, tally))
    lines.append(
        f"next: python -m training.data --dataset {options.dataset} --synthetic {options.output}"
    )
    return "\n".join(lines)


def _format_writer(options: SynthesisOptions, tally: Tally) -> str:
    entry = read_entry(options.model, options.registry)
    embedded = isinstance(entry, LocalEntry) and entry.base.startswith("embedded:")
    line = f"model {options.model}: {tally.share:.0%} of what it wrote was kept"
    if embedded or tally.share < POOR:
        small = "the embedded model is too small to write well" if embedded else "that is poor"
        return f"{line}; {small}: give a larger model, or --model rules"
    return line


if __name__ == "__main__":
    sys.exit(main())
