"""The options of `python -m training.synthesize`, read once into one typed object."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.command import Parser, output_file, typed_command
from common.errors import UserError
from common.paths import STORE
from evals.calls.limits import Limits, read_limits
from evals.options import REFERENCE
from models.registry import SHIPPED

OUTPUT = Path(".exam/training/synthetic.jsonl")
RULES = "rules"
"""The name of `--model` that stands for the embedded writer."""


@dataclass(frozen=True, slots=True)
class SynthesisOptions:
    """Which pairs to write, from what, by whom.

    Attributes:
        dataset: name or path of the data set.
        cuad_dir: where CUAD lies; None looks where it is usually.
        model: who writes: RULES, or a chat model of `registry`.
        n: pairs to keep.
        per_seed: pairs asked for at a time.
        judge: who judges them: `reference`, a chat model, or `none`.
        threshold: the lowest score that is kept, in 0..1.
        limits: of the calls that are paid for.
        store: of the answers kept.
        seed: decides what is left to chance.
        output: where the pairs are written.
        command: the line that was typed, without where things lie on this machine.
    """

    dataset: str
    cuad_dir: Path | None
    model: str
    registry: Path
    n: int
    per_seed: int
    judge: str
    threshold: float
    limits: Limits
    store: str
    seed: int
    output: Path
    command: str


def read_options(typed: Sequence[str]) -> SynthesisOptions:
    """The options of a command line.

    Raises:
        UserError: it cannot be understood, or a number is impossible.
    """
    given = _parser().parse_args(typed)
    if given.n < 1 or not 1 <= given.per_seed <= 20:
        raise UserError("--n and --per-seed: give 1 pair or more, and 1 to 20 a seed")
    if not 0 <= given.threshold <= 1:
        raise UserError(f"--threshold {given.threshold}: give a score from 0 to 1")
    return SynthesisOptions(
        dataset=given.dataset,
        cuad_dir=given.cuad_dir,
        model=given.model,
        registry=given.registry,
        n=given.n,
        per_seed=given.per_seed,
        judge=given.judge,
        threshold=given.threshold,
        limits=read_limits(given.max_calls, given.max_cost),
        store=given.store,
        seed=given.seed,
        output=given.output,
        command=typed_command("training.synthesize", typed),
    )


def _parser() -> Parser:
    parser = Parser(
        prog="python -m training.synthesize",
        description="Write questions from the train split, with answers quoted from its contracts.",
    )
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
    add("--max-cost", metavar="USD", help="what they may cost at most, earlier runs included")
    add("--store", default=STORE, metavar="URL", help=f"of the answers kept ({STORE})")
    add("--seed", type=int, default=0, metavar="N", help="(0)")
    add("--output", type=output_file, default=OUTPUT, metavar="FILE", help=f"({OUTPUT})")
    return parser
