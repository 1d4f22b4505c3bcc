"""`python -m training.data`: training examples from the train split of a data set."""

import argparse
import math
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fixtures.cases import Case
from fixtures.datasets import Dataset, load_dataset
from fixtures.errors import UserError
from fixtures.identity import digest
from fixtures.passages import Passage
from fixtures.paths import cache_dir
from fixtures.retrieval import Retriever, RetrieverOptions
from fixtures.selection import sample
from models.factory import open_models
from models.manifest import contract_entry
from models.prompted import PromptedModel
from models.registry import SHIPPED
from training.building import Builder, Limits
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
SPARE = 3  # cases looked at for each that is wanted: some answers are not found, or too long


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many rows of what; shares lie between 0 and 1.

    Attributes:
        rows: examples about contracts.
        unanswerable: share of `rows` whose completion is "not found".
        hard_negatives: share of these that ask an answerable question of other passages.
        general: share of all rows that are general instructions.
        validation: share of the contracts whose examples validate.
    """

    rows: int
    unanswerable: float = 0.5
    hard_negatives: float = 0.1
    general: float = 0.0
    validation: float = 0.1

    @property
    def counts(self) -> dict[str, int]:
        """Rows wanted of each kind that is about a contract."""
        declined = round(self.rows * self.unanswerable)
        hard = round(declined * self.hard_negatives)
        return {
            "answerable": self.rows - declined,
            "unanswerable": declined - hard,
            "hard negative": hard,
        }


def contract_examples(
    datasets: Sequence[Dataset],
    cases: Sequence[Case],
    builder: Builder,
    retriever: RetrieverOptions,
    mixture: Mixture,
) -> list[Example]:
    """Examples of the wanted kinds, spread evenly over contracts and categories."""
    counts = mixture.counts
    answerable = [case for case in cases if case.answerable]
    drawn = sample(answerable, SPARE * (counts["answerable"] + counts["hard negative"]))
    found = _passages(datasets, drawn, retriever)
    built = {case.id: builder.answered(case, found[case.id]) for case in drawn}
    fitting = [case for case in drawn if built[case.id]]
    chosen = {case.id for case in sample(fitting, counts["answerable"])}
    rows = [row for id_ in chosen if (row := built[id_]) is not None]
    others = [case for case in drawn if case.id not in chosen]
    for case in sample(others, counts["hard negative"]):
        row = builder.declined(case, found[case.id], "hard negative")
        rows += [row] if row else []
    silent = [case for case in cases if not case.answerable]
    asked = sample(silent, counts["unanswerable"])
    found = _passages(datasets, asked, retriever)
    for case in asked:
        row = builder.declined(case, found[case.id], "unanswerable")
        rows += [row] if row else []
    return sorted(rows, key=lambda row: digest(row.case, row.kind))


def synthetic_examples(
    path: Path,
    datasets: Sequence[Dataset],
    cases: Sequence[Case],
    builder: Builder,
    retriever: RetrieverOptions,
) -> list[Example]:
    """Examples of the pairs that `training.synthesize` wrote, of contracts that may be used."""
    from training.synthetic import as_case, read_pairs

    contracts = {case.contract.id: case.contract for case in cases}
    pairs = [pair for pair in read_pairs(path) if pair.contract in contracts]
    if not pairs:
        raise UserError(
            f"--synthetic {path}: no pair is about a contract of the train split; "
            "name the --dataset that the pairs were written from"
        )
    asked = [as_case(pair, contracts[pair.contract], pair.category) for pair in pairs]
    found = _passages(datasets, asked, retriever)
    rows = [builder.answered(case, found[case.id], "synthetic") for case in asked]
    return [row for row in rows if row is not None]


def split_by_contract(
    examples: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """(train, validation): whole contracts, at least one on each side where there are two.

    Examples without a contract train.
    """
    titles = sorted(
        {row.contract for row in examples if row.contract}, key=lambda title: digest(seed, title)
    )
    most = len(titles) - 1
    held = set(titles[: min(most, max(1, math.floor(share * len(titles))))] if share else ())
    train = [row for row in examples if row.contract not in held]
    return train, [row for row in examples if row.contract in held]


def mixed(
    rows: Sequence[Example], general: Sequence[Example], share: float, seed: int
) -> list[Example]:
    """The rows with general instructions among them, in an order that the seed decides.

    General rows are not repeated: where there are too few of them, their share is smaller.
    """
    chance = random.Random(seed)
    wanted = round(len(rows) * share / (1 - share))
    together = [*rows, *chance.sample(list(general), min(wanted, len(general)))]
    chance.shuffle(together)
    return together


def shuffled(rows: Sequence[Example], seed: int) -> list[Example]:
    """The rows with their completions at each other's places: what a harness must catch."""
    completions = [row.completion for row in rows]
    random.Random(seed).shuffle(completions)
    return [replace(row, completion=said) for row, said in zip(rows, completions, strict=True)]


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


def _passages(
    datasets: Sequence[Dataset], cases: Sequence[Case], options: RetrieverOptions
) -> dict[str, tuple[Passage, ...]]:
    """The passages that the exam retrieves, by case id."""
    found: dict[str, tuple[Passage, ...]] = {}
    for data in datasets:
        titles = {case.contract.id for case in data.cases}
        own = [case for case in cases if case.contract.id in titles and case.id not in found]
        retriever = Retriever(options, data.name, cache_dir())
        found.update(zip((case.id for case in own), retriever.retrieve(own), strict=True))
    return found


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
