"""`python -m training.data`: training examples from the train split of a data set."""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fixtures.datasets import load_dataset
from fixtures.errors import UserError
from fixtures.identity import digest
from fixtures.retrieval import RetrieverOptions
from models.factory import open_models
from models.manifest import contract_entry
from models.prompted import PromptedModel
from models.registry import SHIPPED
from training.arranging import mixed, shuffled, split_by_contract
from training.building import Builder, Limits
from training.drawing import Mixture, contract_examples, synthetic_examples
from training.examples import (
    Example,
    Meta,
    read_examples,
    validation_path,
    write_examples,
    write_meta,
)
from training.material import training_material
from training.wordings import WORDINGS

GENERAL = Path(__file__).parent / "data" / "general.jsonl"
OUTPUT = Path(".exam/training/sft.jsonl")


def statistics(
    train: Sequence[Example], validation: Sequence[Example], builder: Builder
) -> dict[str, float]:
    """Rows by kind, contracts, tokens, and what was dropped why."""
    count = builder.model.chat.count
    prompts = [sum(count(turn.content) for turn in row.prompt) for row in train]
    completions = [count(row.completion) for row in train]
    kinds = Counter(row.kind for row in train)
    return {
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


def make(options: argparse.Namespace) -> dict[str, float]:
    """Build, split, mix and write; returns the statistics.

    Raises:
        UserError: an option, a data set or the model is not usable, or nothing is left.
    """
    mixture, limits = _read_mixture(options), Limits(options.wordings, options.answer_tokens)
    datasets = [load_dataset(name, options.cuad_dir) for name in options.dataset or ["sample"]]
    (model,) = open_models([options.model], options.registry)
    if not isinstance(model, PromptedModel):
        raise UserError(f"--model {options.model} has no prompt to learn; name a chat model")
    if options.most_passages:
        model = replace(model, most_passages=options.most_passages)
    material = training_material(datasets)
    builder = Builder(model, limits, random.Random(options.seed))
    retriever = RetrieverOptions(k=max(RetrieverOptions().k, options.most_passages or 0))
    rows = contract_examples(datasets, material.cases, builder, retriever, mixture)
    if options.synthetic:
        rows += synthetic_examples(options.synthetic, datasets, material.cases, builder, retriever)
    if not rows:
        raise UserError("no example is left; raise --n or --answer-tokens")
    train, validation = split_by_contract(rows, mixture.validation, options.seed)
    general = read_examples(GENERAL if options.mix == "general" else Path(options.mix or GENERAL))
    train = mixed(train, general, mixture.general, options.seed)
    if options.shuffle_answers:
        train = shuffled(train, options.seed)
    found = statistics(train, validation, builder)
    found["contracts refused"] = len(material.refused)
    used = {row.contract for row in rows}
    contracts = {c.contract.id: c.contract for c in material.cases if c.contract.id in used}
    meta = Meta(
        command=_command(options.typed),
        dataset=" + ".join(data.name for data in datasets),
        dataset_identity=digest([data.identity for data in datasets]),
        model=options.model,
        passages=model.uses_passages,
        most_passages=model.most_passages,
        system=None,
        seed=options.seed,
        statistics=found,
        contracts=tuple(map(contract_entry, contracts.values())),
        cases=tuple(sorted({row.case for row in rows})),
    )
    write_examples(options.output, train)
    write_examples(validation_path(options.output), validation)
    write_meta(options.output, meta)
    return found


def _command(typed: Sequence[str]) -> str:
    """What was typed, but for where things lie on this machine."""
    kept, skip = [], False
    for word in typed:
        here = word.startswith(("--cuad-dir", "--registry"))
        if not (skip or here):
            kept.append(word)
        skip = here and "=" not in word
    return " ".join(["python -m training.data", *kept])


def _read_mixture(options: argparse.Namespace) -> Mixture:
    for name in ("unanswerable", "hard_negatives", "validation_share", "mix_share"):
        value, option = getattr(options, name), f"--{name.replace('_', '-')}"
        if not 0 <= value <= 1 or (value == 1 and name in ("validation_share", "mix_share")):
            raise UserError(f"{option} {value}: give a share from 0 to 1")
    if options.n < 1 or options.answer_tokens < 8:
        raise UserError("--n and --answer-tokens: give 1 row and 8 tokens or more")
    if not 1 <= options.wordings <= len(WORDINGS):
        raise UserError(f"--wordings {options.wordings}: give 1 to {len(WORDINGS)}")
    return Mixture(
        rows=options.n,
        unanswerable=options.unanswerable,
        hard_negatives=options.hard_negatives,
        general=options.mix_share if options.mix else 0.0,
        validation=options.validation_share,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.data", description=main.__doc__)
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
        "--wordings",
        type=int,
        default=4,
        metavar="N",
        help=f"of a question, 1 to {len(WORDINGS)} (4)",
    )
    add("--answer-tokens", type=int, default=96, metavar="N", help="longest completion (96)")
    add("--synthetic", type=Path, metavar="FILE", help="add what training.synthesize wrote")
    add("--mix", metavar="FILE", help="add general instructions: `general`, or a file of examples")
    add("--mix-share", type=float, default=0.1, metavar="SHARE", help="of all rows (0.1)")
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
    add("--output", type=Path, default=OUTPUT, metavar="FILE", help=f"({OUTPUT})")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Make training examples from the train split, with the exam's own prompt."""
    typed = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(typed)
    options.typed = typed
    try:
        found = make(options)
    except UserError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        return 2
    width = max(map(len, found))
    for name, value in found.items():
        print(f"{name:<{width}}  {value:,}")
    print(f"{options.output}\n{validation_path(options.output)}")
    print(f"next: python -m training.sft RECIPE, with data: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
