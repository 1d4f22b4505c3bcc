"""The options of `python -m training.optimize`, read once into one typed object."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from common.command import Parser
from common.errors import UserError
from common.paths import STORE
from evals.options import asks_nobody
from models.price import read_dollars
from models.registry import SHIPPED
from training.optimize.delivery import PROGRAMS, Places

LOGS = Path(".exam/optimize")


@dataclass(frozen=True, slots=True)
class OptimizeOptions:
    """What is optimised, and where things are found and left.

    Attributes:
        recipe: a TOML file.
        judge: the chat model whose prompt is optimised, in place of a program.
        labels: what people scored, for that.
        rubric: what they scored by, if not our rubric.
        output: where the judge's prompt is written.
        max_calls: in place of the recipe's.
        max_tokens: in place of the recipe's.
        max_cost: in place of the recipe's, in US dollars.
        store: of the replies kept.
        cuad_dir: where CUAD lies; None looks where it is usually.
        places: registry and programs.
        logs: folder of what dspy says.
    """

    recipe: Path
    judge: str | None
    labels: Path | None
    rubric: Path | None
    output: Path | None
    max_calls: int | None
    max_tokens: int | None
    max_cost: Decimal | None
    store: str
    cuad_dir: Path | None
    places: Places
    logs: Path


def read_options(typed: Sequence[str]) -> OptimizeOptions:
    """The options of a command line.

    Raises:
        UserError: it cannot be understood, or options do not go together.
    """
    given = _parser().parse_args(typed)
    if (given.judge is None) != (given.labels is None):
        raise UserError("--judge NAME and --labels FILE go together: whose prompt, and by whom")
    if given.judge and asks_nobody(given.judge):
        raise UserError(
            f"--judge {given.judge} has no prompt: name a chat model; "
            "`python -m evals.judges.align` fits the reference judge to your people's scores"
        )
    for name in ("max_calls", "max_tokens"):
        value = getattr(given, name)
        if value is not None and value < 1:
            option = name.replace("_", "-")
            raise UserError(f"--{option} {value}: give 1 or more, or leave it out")
    return OptimizeOptions(
        recipe=given.recipe,
        judge=given.judge,
        labels=given.labels,
        rubric=given.rubric,
        output=given.output,
        max_calls=given.max_calls,
        max_tokens=given.max_tokens,
        max_cost=read_dollars("--max-cost", given.max_cost),
        store=given.store,
        cuad_dir=given.cuad_dir,
        places=Places(given.registry, given.programs or given.registry.parent / PROGRAMS),
        logs=given.logs,
    )


def _parser() -> Parser:
    parser = Parser(
        prog="python -m training.optimize",
        description="Optimise a dspy program, or a judge's prompt, by the exam's own metrics.",
    )
    add = parser.add_argument
    add("recipe", type=Path, metavar="RECIPE", help="a TOML file, as in training/recipes")
    add("--judge", metavar="NAME", help="optimise this chat model's prompt as a judge")
    add("--labels", type=Path, metavar="FILE", help="what people scored: contract, question, "
        "expected, answer, score")  # fmt: skip
    add("--rubric", type=Path, metavar="FILE", help="what they scored by, if not our rubric")
    add("--output", type=Path, metavar="FILE", help="of the judge's prompt (judges/NAME.md)")
    add("--max-calls", type=int, metavar="N", help="calls to pay for at most (the recipe's)")
    add("--max-tokens", type=int, metavar="N", help="their tokens at most (the recipe's)")
    add("--max-cost", metavar="USD", help="what they may cost at most (the recipe's)")
    add("--store", default=STORE, metavar="URL", help=f"of the replies kept ({STORE})")
    add("--cuad-dir", type=Path, metavar="DIR", help="where CUAD lies (else $CUAD_DIR)")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="(models/registry)")
    add("--programs", type=Path, metavar="DIR", help="(programs, beside the registry)")
    add("--logs", type=Path, default=LOGS, metavar="DIR", help=f"what dspy says ({LOGS})")
    return parser
