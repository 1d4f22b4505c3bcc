"""The options of `python -m training.preferences`, read once into one typed object."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.command import Parser, output_file, typed_command
from common.errors import UserError
from common.paths import STORE
from evals.calls.limits import Limits, read_limits
from models.registry import SHIPPED
from training.preferences.pairing import Rule

EXAMPLES = Path(".exam/training/sft.jsonl")
OUTPUT = Path(".exam/training/preferences.jsonl")


@dataclass(frozen=True, slots=True)
class PreferenceOptions:
    """Which pairs to make, of whose answers.

    Attributes:
        model: whose answers are compared, by its name in `registry`; None asks nobody.
        examples: the file whose prompts are asked.
        datasets: what they were made from; none where their meta says it.
        cuad_dir: where CUAD lies; None looks where it is usually.
        cases: how many prompts are asked at most.
        n: answers drawn for a prompt, beside the exam's own; at `temperature`.
        judge: who scores them: names with commas between.
        rule: when two answers make a pair.
        opposites: how many more prompts are paired with the opposite decision.
        length_balanced: whether chosen is to be longer as often as shorter.
        feedback: what people said of answers.
        output: where the pairs are written.
        limits: of the calls that are paid for.
        unpaired: whether replies with a label are written too.
        store: of answers and scores.
        seed: decides what is left to chance.
        command: the line that was typed, without where things lie on this machine.
    """

    model: str | None
    examples: Path
    datasets: tuple[str, ...]
    cuad_dir: Path | None
    cases: int
    n: int
    temperature: float
    judge: str
    rule: Rule
    opposites: int
    length_balanced: bool
    feedback: Path | None
    output: Path
    limits: Limits
    unpaired: bool
    registry: Path
    store: str
    seed: int
    command: str


def read_options(typed: Sequence[str]) -> PreferenceOptions:
    """The options of a command line.

    Raises:
        UserError: it cannot be understood, a number is impossible, or nobody's answers are named.
    """
    given = _parser().parse_args(typed)
    _check(given)
    return PreferenceOptions(
        model=given.model,
        examples=given.examples,
        datasets=tuple(given.dataset or ()),
        cuad_dir=given.cuad_dir,
        cases=given.cases,
        n=given.n,
        temperature=given.temperature,
        judge=given.judge,
        rule=Rule(given.margin, given.pairs_per_case, given.gold, given.least_chosen),
        opposites=given.opposites,
        length_balanced=given.length_balanced,
        feedback=given.feedback,
        output=given.output,
        limits=read_limits(given.max_calls, given.max_cost),
        unpaired=given.unpaired,
        registry=given.registry,
        store=given.store,
        seed=given.seed,
        command=typed_command("training.preferences", typed),
    )


def _check(given: argparse.Namespace) -> None:
    for name, good, wanted in (
        ("n", given.n >= 1, "1 or more"),
        ("cases", given.cases >= 1, "1 or more"),
        ("opposites", given.opposites >= 0, "0 or more"),
        ("pairs_per_case", given.pairs_per_case >= 1, "1 or more"),
        ("temperature", 0 < given.temperature < math.inf, "a number above 0, such as 0.8"),
        ("margin", 0 <= given.margin <= 1, "a difference of scores, 0 to 1"),
        ("least_chosen", 0 <= given.least_chosen <= 1, "a score, 0 to 1"),
    ):
        if not good:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{option} {getattr(given, name)}: give {wanted}")
    if not given.model and not given.feedback and not given.opposites:
        raise UserError("whose answers? give --model NAME, --feedback FILE or --opposites N")


def _parser() -> Parser:
    parser = Parser(
        prog="python -m training.preferences",
        description="Write pairs of a better and a worse reply, for DPO, ORPO, reward models and "
        "KTO.",
    )
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
    add("--max-calls", type=int, metavar="N", help="calls to pay for at most")
    add("--max-cost", metavar="USD", help="what they may cost at most, earlier runs included")
    add("--store", default=STORE, metavar="URL", help=f"of answers and scores ({STORE})")
    add("--seed", type=int, default=0, metavar="N", help="(0)")
    return parser
