"""`python -m training.data`: training examples from the train split of a data set."""

import random
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.command import run
from common.errors import UserError
from common.identity import digest
from common.paths import ROOT
from fixtures.cases import Dataset
from fixtures.datasets import load_dataset
from models.entry import Prompted
from models.factory import open_models
from models.manifest import TrainedContract
from models.prompted import PromptedModel
from models.registry import read_entry
from training.data.building import Builder
from training.data.drawing import Drawn, draw
from training.data.examples import (
    Example,
    Meta,
    forget_meta,
    meta_path,
    open_meta,
    read_general,
    validation_path,
    write_examples,
    write_meta,
)
from training.data.lineage import join_entries, text_entries
from training.data.material import Material, TrainedText, refuse_exam, training_material
from training.data.options import OUTPUT, DataOptions, read_options
from training.data.splitting import Split, general_wanted, mix, split

GENERAL = ROOT / "training" / "data" / "general.jsonl"
ENOUGH = 0.9
"""Share of the rows wanted of a kind below which it is said that there are too few."""


@dataclass(frozen=True)
class Sources:
    """What the rows are made from.

    Attributes:
        datasets: as they were named.
        material: their cases that may be trained on.
        model: whose prompt is built; `system` is the system prompt that its entry sets, if any.
        general: the instructions to mix in, by their places.
    """

    datasets: tuple[Dataset, ...]
    material: Material
    model: PromptedModel
    system: str | None
    general: Mapping[str, Example]


def make(options: DataOptions) -> dict[str, float]:
    """Draw, split, mix and write; returns the statistics.

    Raises:
        UserError: an option, a data set or the model is not usable, or nothing is left.
    """
    sources = open_sources(options)
    builder = Builder(sources.model, options.limits, random.Random(options.seed))
    cases = sources.material.cases
    drawn = draw(sources.datasets, cases, builder, options)
    rows = split(drawn, cases, builder, options)
    wanted = options.mixture.counts
    if options.mix:
        wanted["general"] = general_wanted(len(rows.train), options.mixture.general)
    rows = mix(rows, tuple(sources.general.values()), options)
    found = statistics(rows, builder, wanted)
    found["contracts refused"] = len(sources.material.refused)
    found["validation contracts refused"] = len(rows.refused)
    write(options.output, rows, describe(options, sources, drawn, rows, found))
    return found


def open_sources(options: DataOptions) -> Sources:
    """Read and check whatever the options name.

    Raises:
        UserError: something is missing, cannot be read, may not be trained on, or does not go with
            the rest.
    """
    general: Mapping[str, Example] = {}
    if options.mix:
        general = read_general(GENERAL if options.mix == "general" else Path(options.mix))
    datasets = tuple(load_dataset(name, options.cuad_dir) for name in options.datasets)
    model, system = _open_model(options)
    if not model.uses_passages and (options.mixture.counts["answerable"] or options.synthetic):
        raise UserError(
            f"--model {options.model} is shown no passages, so no answer can be quoted from them; "
            "add --unanswerable 1 without --synthetic, or name a model with passages"
        )
    refuse_exam([TrainedText(where, row.text) for where, row in general.items()], datasets)
    return Sources(datasets, training_material(datasets), model, system, general)


def _open_model(options: DataOptions) -> tuple[PromptedModel, str | None]:
    (model,) = open_models([options.model], options.registry)
    entry = read_entry(options.model, options.registry)
    if not isinstance(model, PromptedModel) or not isinstance(entry, Prompted):
        raise UserError(f"--model {options.model} has no prompt to learn; name a chat model")
    if options.most_passages:
        model = replace(model, most_passages=options.most_passages)
    return model, entry.system


def statistics(rows: Split, builder: Builder, wanted: Mapping[str, int]) -> dict[str, float]:
    """Rows by kind, wanted and made, contracts, tokens, and what was dropped why."""
    train, validation, count = rows.train, rows.validation, builder.model.chat.count
    prompts = [sum(count(turn.content) for turn in row.prompt) for row in train]
    completions = [count(row.completion) for row in train]
    kinds = Counter(row.kind for row in train)
    made = Counter[str](row.kind for row in (*train, *validation))
    return {
        **{f"wanted: {kind}": wanted[kind] for kind in sorted(wanted)},
        **{f"made: {kind}": made[kind] for kind in sorted(made.keys() | wanted.keys())},
        "rows": len(train),
        **{f"rows: {kind}": kinds[kind] for kind in sorted(kinds)},
        "validation rows": len(validation),
        "contracts": len({row.contract for row in train} - {""}),
        "validation contracts": len({row.contract for row in validation}),
        "categories": len({row.category for row in train} - {""}),
        "prompt tokens, mean": round(sum(prompts) / len(prompts), 1),
        "prompt tokens, most": max(prompts),
        "completion tokens, mean": round(sum(completions) / len(completions), 1),
        "completion tokens, most": max(completions),
        "tokens": sum(prompts) + sum(completions),
        **{f"dropped: {why}": builder.dropped[why] for why in sorted(builder.dropped)},
    }


def describe(
    options: DataOptions, sources: Sources, drawn: Drawn, rows: Split, found: Mapping[str, float]
) -> Meta:
    """What the rows were made of."""
    general = [row.text for row in rows.train if row.kind == "general"]
    return Meta(
        command=options.command,
        dataset=" + ".join(options.datasets),
        dataset_identity=digest([data.identity for data in sources.datasets]),
        model=options.model,
        passages=sources.model.uses_passages,
        most_passages=sources.model.most_passages,
        system=sources.system,
        seed=options.seed,
        statistics=dict(found),
        contracts=rows.contracts,
        cases=tuple(sorted({row.case for row in (*rows.train, *rows.validation)} - {""})),
        beside=join_entries(
            text_entries(f"--mix {options.mix}", general),
            text_entries(f"--synthetic {options.synthetic}", drawn.synthetic),
            _seen_by_writers(options.synthetic),
        ),
    )


def _seen_by_writers(synthetic: Path | None) -> Sequence[TrainedContract]:
    """What those have seen who wrote the synthetic questions, where the file says who they were."""
    if synthetic is None or not meta_path(synthetic).is_file():
        return ()
    return open_meta(synthetic).beside


def write(output: Path, rows: Split, meta: Meta) -> None:
    """Write the rows and what they were made of; until all is there nothing says that it is."""
    forget_meta(output)
    write_examples(output, rows.train)
    write_examples(validation_path(output), rows.validation)
    write_meta(output, meta)


def main(argv: list[str] | None = None) -> int:
    """Make training examples from the train split, with the exam's own prompt."""
    again = "interrupted; type the same command again"
    return run(read_options, _make_and_say, argv, stopped=again)


def _make_and_say(options: DataOptions) -> None:
    found = make(options)
    width = max(map(len, found))
    for name, value in found.items():
        print(f"{name:<{width}}  {value:,}")
    if line := shortage(found):
        print(line)
    print(f"{options.output}\n{validation_path(options.output)}")
    print(f"next: {next_command(options.output)}")


def shortage(found: Mapping[str, float]) -> str | None:
    """A line where far fewer rows of a kind were made than were wanted."""
    start = "wanted: "
    wanted = {name.removeprefix(start): n for name, n in found.items() if name.startswith(start)}
    few = [
        f"{found[f'made: {kind}']:,} of {count:,} {kind}"
        for kind, count in wanted.items()
        if found[f"made: {kind}"] < ENOUGH * count
    ]
    return f"too few rows: {', '.join(few)}; give more contracts, or ask for fewer" if few else None


def next_command(output: Path) -> str:
    """The command line that follows: the shipped recipe, under a name that is free."""
    line = "python -m training.sft training/recipes/sft-smollm2.yaml --set name=mine"
    if output == OUTPUT:
        return line
    rows, held = (shlex.quote(str(path)) for path in (output, validation_path(output)))
    return f"{line} --set data={rows} --set validation={held}"


if __name__ == "__main__":
    sys.exit(main())
