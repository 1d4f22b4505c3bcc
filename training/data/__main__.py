"""`python -m training.data`: training examples from the train split of a data set."""

import argparse
import random
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bar_exam.common.command import Parser, output_file, run, typed_command
from bar_exam.common.errors import UserError
from bar_exam.common.identity import digest
from bar_exam.common.paths import ROOT
from bar_exam.fixtures.datasets import load_dataset
from bar_exam.fixtures.retrieval.retrieval import RetrieverOptions
from bar_exam.models.entry import Prompted
from bar_exam.models.factory import open_models
from bar_exam.models.manifest import TrainedContract
from bar_exam.models.prompted import PromptedModel
from bar_exam.models.registry import SHIPPED, read_entry
from bar_exam.training.data.building import WORDINGS, Builder, Limits, further_questions
from bar_exam.training.data.drawing import (
    Mixture,
    contract_examples,
    general_wanted,
    mixed,
    shuffled,
    split_by_contract,
    synthetic_cases,
    synthetic_examples,
)
from bar_exam.training.data.examples import (
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
from bar_exam.training.data.lineage import Beside, joined, refuse_exam, text_entries
from bar_exam.training.data.material import contract_entries, seen_contracts, training_material

GENERAL = ROOT / "training" / "data" / "general.jsonl"
ENOUGH = 0.9
"""Share of the rows wanted of a kind below which it is said that there are too few."""


def statistics(
    train: Sequence[Example],
    validation: Sequence[Example],
    builder: Builder,
    wanted: Mapping[str, int],
) -> dict[str, float]:
    """Rows by kind, wanted and made, contracts, tokens, and what was dropped why."""
    count = builder.model.chat.count
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


def shortage(found: Mapping[str, float]) -> str | None:
    """A line where far fewer rows of a kind were made than were wanted."""
    few = [
        f"{found[f'made: {kind}']:,} of {count:,} {kind}"
        for kind, count in _wanted(found)
        if found[f"made: {kind}"] < ENOUGH * count
    ]
    return f"too few rows: {', '.join(few)}; give more contracts, or ask for fewer" if few else None


def _wanted(found: Mapping[str, float]) -> list[tuple[str, float]]:
    start = "wanted: "
    return [(name.removeprefix(start), n) for name, n in found.items() if name.startswith(start)]


def make(options: argparse.Namespace) -> dict[str, float]:
    """Build, split, mix and write; returns the statistics.

    Raises:
        UserError: an option, a data set or the model is not usable, or nothing is left.
    """
    mixture, limits = read_mixture(options), read_limits(options)
    general = read_general(_mix_path(options.mix)) if options.mix else {}
    names = options.dataset or ["sample"]
    datasets = [load_dataset(name, options.cuad_dir) for name in names]
    model, system = _open(options)
    if not model.uses_passages and (mixture.counts["answerable"] or options.synthetic):
        raise UserError(
            f"--model {options.model} is shown no passages, so no answer can be quoted from them; "
            "add --unanswerable 1 without --synthetic, or name a model with passages"
        )
    refuse_exam([Beside(where, row.text) for where, row in general.items()], datasets)
    material = training_material(datasets)
    builder = Builder(model, limits, random.Random(options.seed))
    retriever = RetrieverOptions(k=max(RetrieverOptions().k, options.most_passages or 0))
    rows, asked = contract_examples(datasets, material.cases, builder, retriever, mixture)
    questions: list[str] = []
    if options.synthetic:
        written = synthetic_cases(options.synthetic, datasets, material.cases)
        questions = [case.question for case in written]
        rows += synthetic_examples(written, datasets, builder, retriever)
    if not rows:
        raise UserError("no example is left; raise --n or --answer-tokens")
    train, validation = split_by_contract(rows, mixture.validation, options.seed)
    used, held = ({row.contract for row in each} for each in (rows, validation))
    cases = [case for case in material.cases if case.contract.id in used]
    entries = contract_entries(cases)
    seen = seen_contracts(
        [case for case in cases if case.contract.id in held],
        [entry for entry in entries if entry.title not in held],
    )
    validation = [row for row in validation if row.contract not in seen]
    if mixture.further:  # not of what validates, which stays as the exam asks it
        open_to = [each for each in asked if each[0].contract.id not in held]
        others = [case for case in material.cases if case.contract.id not in held]
        train += further_questions(open_to, others, builder, mixture.further)
    wanted = mixture.counts
    if options.mix:
        wanted["general"] = general_wanted(len(train), mixture.general)
    train = mixed(train, tuple(general.values()), mixture.general, options.seed)
    if options.shuffle_answers:
        train = shuffled(train, options.seed)
    found = statistics(train, validation, builder, wanted)
    found["contracts refused"] = len(material.refused)
    found["validation contracts refused"] = len(seen)
    meta = Meta(
        command=typed_command("training.data", options.typed),
        dataset=" + ".join(names),
        dataset_identity=digest([data.identity for data in datasets]),
        model=options.model,
        passages=model.uses_passages,
        most_passages=model.most_passages,
        system=system,
        seed=options.seed,
        statistics=found,
        contracts=entries,
        cases=tuple(sorted({row.case for row in (*train, *validation)} - {""})),
        beside=joined(
            text_entries(f"--mix {options.mix}", [r.text for r in train if r.kind == "general"]),
            text_entries(f"--synthetic {options.synthetic}", questions),
            _written_by(options),
        ),
    )
    forget_meta(options.output)
    write_examples(options.output, train)
    write_examples(validation_path(options.output), validation)
    write_meta(options.output, meta)
    return found


def _written_by(options: argparse.Namespace) -> Sequence[TrainedContract]:
    """What those have seen who wrote the synthetic questions, where the file says who they were."""
    if options.synthetic is None or not meta_path(options.synthetic).is_file():
        return ()
    return open_meta(options.synthetic).beside


def _mix_path(named: str) -> Path:
    return GENERAL if named == "general" else Path(named)


def _open(options: argparse.Namespace) -> tuple[PromptedModel, str | None]:
    """The model whose prompt is built, and the system prompt that its entry sets, if any."""
    (model,) = open_models([options.model], options.registry)
    entry = read_entry(options.model, options.registry)
    if not isinstance(model, PromptedModel) or not isinstance(entry, Prompted):
        raise UserError(f"--model {options.model} has no prompt to learn; name a chat model")
    if options.most_passages:
        model = replace(model, most_passages=options.most_passages)
    return model, entry.system


def main(argv: list[str] | None = None) -> int:
    """Make training examples from the train split, with the exam's own prompt."""
    again = "interrupted; type the same command again"
    return run(_make_and_say, data_parser(main.__doc__), argv, stopped=again)


def _make_and_say(options: argparse.Namespace) -> None:
    found = make(options)
    width = max(map(len, found))
    for name, value in found.items():
        print(f"{name:<{width}}  {value:,}")
    if line := shortage(found):
        print(line)
    print(f"{options.output}\n{validation_path(options.output)}")
    print(f"next: {next_command(options)}")


def next_command(options: argparse.Namespace) -> str:
    """The command line that follows: the shipped recipe, under a name that is free."""
    line = "python -m training.sft training/recipes/sft-smollm2.yaml --set name=mine"
    if options.output == OUTPUT:
        return line
    rows, held = (
        shlex.quote(str(path)) for path in (options.output, validation_path(options.output))
    )
    return f"{line} --set data={rows} --set validation={held}"


OUTPUT = Path(".exam/training/sft.jsonl")
GENERAL_SHARE = 0.1


def read_mixture(options: argparse.Namespace) -> Mixture:
    """How many rows of what.

    Raises:
        UserError: a share or a number is impossible, or means nothing beside the others.
    """
    if options.mix_share is not None and not options.mix:
        raise UserError("--mix-share: a share of what? add --mix general, or --mix FILE")
    general = GENERAL_SHARE if options.mix_share is None else options.mix_share
    for option, value, whole in (
        ("--unanswerable", options.unanswerable, True),
        ("--hard-negatives", options.hard_negatives, True),
        ("--validation-share", options.validation_share, False),
        ("--mix-share", general, False),
    ):
        if not 0 <= value <= 1 or (value == 1 and not whole):
            most = "1" if whole else "below 1"
            raise UserError(f"{option} {value}: give a share from 0 to {most}")
    return Mixture(
        rows=_least("--n", options.n, 1),
        unanswerable=options.unanswerable,
        hard_negatives=options.hard_negatives,
        general=general if options.mix else 0.0,
        validation=options.validation_share,
        further=_least("--further", options.further, 0),
    )


def read_limits(options: argparse.Namespace) -> Limits:
    """What an example may look like.

    Raises:
        UserError: a number is impossible.
    """
    if not 1 <= options.wordings <= len(WORDINGS):
        raise UserError(f"--wordings {options.wordings}: give 1 to {len(WORDINGS)}")
    if options.most_passages is not None:
        _least("--most-passages", options.most_passages, 1)
    return Limits(
        options.wordings,
        _least("--answer-tokens", options.answer_tokens, 8),
        _least("--prompt-tokens", options.prompt_tokens, 64),
    )


def _least(option: str, value: int, least: int) -> int:
    if value < least:
        raise UserError(f"{option} {value}: give {least} or more")
    return value


def data_parser(about: str | None) -> Parser:
    """The command line of `python -m training.data`."""
    parser = Parser(prog="python -m training.data", description=about)
    add = parser.add_argument
    add(
        "--dataset",
        action="append",
        metavar="NAME",
        help="sample, cuad or a path; may be repeated (sample)",
    )
    add("--cuad-dir", type=Path, metavar="DIR", help="where CUAD lies (else $CUAD_DIR)")
    add("--model", default="smollm2", metavar="NAME", help="whose prompt is built (smollm2)")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="(models/registry)")
    add("--most-passages", type=int, metavar="N", help="show the best N (as the model's entry)")
    add("--n", type=int, default=1000, metavar="N", help="examples about contracts (1000)")
    add(
        "--unanswerable", type=float, default=0.5, metavar="SHARE", help='of them "not found" (0.5)'
    )
    add(
        "--hard-negatives",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="of these, answerable elsewhere in the contract (0.1)",
    )
    add(
        "--further",
        type=int,
        default=0,
        metavar="N",
        help="more questions about each passage: N that it answers, and as many others (0)",
    )
    add(
        "--wordings",
        type=int,
        default=4,
        metavar="N",
        help=f"of a question, 1 to {len(WORDINGS)} (4)",
    )
    add("--answer-tokens", type=int, default=96, metavar="N", help="longest completion (96)")
    add("--prompt-tokens", type=int, default=1536, metavar="N", help="longest prompt (1536)")
    add("--synthetic", type=Path, metavar="FILE", help="add what training.synthesize wrote")
    add("--mix", metavar="FILE", help="add general instructions: `general`, or a file of examples")
    add("--mix-share", type=float, metavar="SHARE", help=f"of all rows ({GENERAL_SHARE})")
    add(
        "--shuffle-answers",
        action="store_true",
        help="a control: each prompt gets another's completion, and the exam must notice",
    )
    add(
        "--validation-share",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="of the contracts (0.1)",
    )
    add("--seed", type=int, default=0, metavar="N", help="(0)")
    add("--output", type=output_file, default=OUTPUT, metavar="FILE", help=f"({OUTPUT})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
