"""The options of `python -m training.data`, read once into one typed object."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.command import Parser, output_file, typed_command
from common.errors import UserError
from models.registry import SHIPPED
from training.data.building import WORDINGS, Limits

OUTPUT = Path(".exam/training/sft.jsonl")
GENERAL_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Mixture:
    """How many rows of what; shares lie between 0 and 1.

    Attributes:
        rows: examples about contracts.
        unanswerable: share of `rows` whose completion is "not found".
        hard_negatives: share of these that ask an answerable question of other passages.
        general: share of all rows that are general instructions.
        validation: share of the contracts whose examples validate.
        further: more questions about a passage of the training rows, answered ones and others each.
    """

    rows: int
    unanswerable: float = 0.5
    hard_negatives: float = 0.1
    general: float = 0.0
    validation: float = 0.1
    further: int = 0

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


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Which training examples to make.

    Attributes:
        datasets: names or paths of the data sets.
        cuad_dir: where CUAD lies; None looks where it is usually.
        model: whose prompt is built, by its name in `registry`.
        most_passages: how many passages a prompt shows at most; None leaves it to the model.
        mixture: how many rows of what.
        limits: what an example may look like.
        synthetic: the pairs that `training.synthesize` wrote, to be added.
        mix: the general instructions to be added: `general`, or a file.
        shuffle_answers: whether each prompt gets another's completion.
        seed: decides what is left to chance.
        output: where the rows are written.
        command: the line that was typed, without where things lie on this machine.
    """

    datasets: tuple[str, ...]
    cuad_dir: Path | None
    model: str
    registry: Path
    most_passages: int | None
    mixture: Mixture
    limits: Limits
    synthetic: Path | None
    mix: str | None
    shuffle_answers: bool
    seed: int
    output: Path
    command: str


def read_options(typed: Sequence[str]) -> DataOptions:
    """The options of a command line.

    Raises:
        UserError: it cannot be understood; a share or a number is impossible, or means nothing
            beside the others.
    """
    given = _parser().parse_args(typed)
    return DataOptions(
        datasets=tuple(given.dataset or ["sample"]),
        cuad_dir=given.cuad_dir,
        model=given.model,
        registry=given.registry,
        mixture=_mixture(given),
        limits=_limits(given),
        most_passages=given.most_passages,
        synthetic=given.synthetic,
        mix=given.mix,
        shuffle_answers=given.shuffle_answers,
        seed=given.seed,
        output=given.output,
        command=typed_command("training.data", typed),
    )


def _mixture(given: argparse.Namespace) -> Mixture:
    if given.mix_share is not None and not given.mix:
        raise UserError("--mix-share: a share of what? add --mix general, or --mix FILE")
    general = GENERAL_SHARE if given.mix_share is None else given.mix_share
    for option, value, whole in (
        ("--unanswerable", given.unanswerable, True),
        ("--hard-negatives", given.hard_negatives, True),
        ("--validation-share", given.validation_share, False),
        ("--mix-share", general, False),
    ):
        if not 0 <= value <= 1 or (value == 1 and not whole):
            most = "1" if whole else "below 1"
            raise UserError(f"{option} {value}: give a share from 0 to {most}")
    return Mixture(
        rows=_least("--n", given.n, 1),
        unanswerable=given.unanswerable,
        hard_negatives=given.hard_negatives,
        general=general if given.mix else 0.0,
        validation=given.validation_share,
        further=_least("--further", given.further, 0),
    )


def _limits(given: argparse.Namespace) -> Limits:
    if not 1 <= given.wordings <= len(WORDINGS):
        raise UserError(f"--wordings {given.wordings}: give 1 to {len(WORDINGS)}")
    if given.most_passages is not None:
        _least("--most-passages", given.most_passages, 1)
    return Limits(
        given.wordings,
        _least("--answer-tokens", given.answer_tokens, 8),
        _least("--prompt-tokens", given.prompt_tokens, 64),
    )


def _least(option: str, value: int, least: int) -> int:
    if value < least:
        raise UserError(f"{option} {value}: give {least} or more")
    return value


def _parser() -> Parser:
    parser = Parser(
        prog="python -m training.data",
        description="Make training examples from the train split, with the exam's own prompt.",
    )
    add = parser.add_argument
    number = partial(add, type=int, metavar="N")
    share = partial(add, type=float, metavar="SHARE")
    add(
        "--dataset", action="append", metavar="NAME",
        help="sample, cuad or a path; may be repeated (sample)",
    )  # fmt: skip
    add("--cuad-dir", type=Path, metavar="DIR", help="where CUAD lies (else $CUAD_DIR)")
    add("--model", default="smollm2", metavar="NAME", help="whose prompt is built (smollm2)")
    add("--registry", type=Path, default=SHIPPED, metavar="DIR", help="(models/registry)")
    number("--most-passages", help="show the best N (as the model's entry)")
    number("--n", default=1000, help="examples about contracts (1000)")
    share("--unanswerable", default=0.5, help='of them "not found" (0.5)')
    share(
        "--hard-negatives", default=0.1, help="of these, answerable elsewhere in the contract (0.1)"
    )
    number(
        "--further", default=0,
        help="more questions about each passage: N that it answers, and as many others (0)",
    )  # fmt: skip
    number("--wordings", default=4, help=f"of a question, 1 to {len(WORDINGS)} (4)")
    number("--answer-tokens", default=96, help="longest completion (96)")
    number("--prompt-tokens", default=1536, help="longest prompt (1536)")
    add("--synthetic", type=Path, metavar="FILE", help="add what training.synthesize wrote")
    add("--mix", metavar="FILE", help="add general instructions: `general`, or a file of examples")
    share("--mix-share", help=f"of all rows ({GENERAL_SHARE})")
    add(
        "--shuffle-answers", action="store_true",
        help="a control: each prompt gets another's completion, and the exam must notice",
    )  # fmt: skip
    share("--validation-share", default=0.1, help="of the contracts (0.1)")
    number("--seed", default=0, help="(0)")
    add("--output", type=output_file, default=OUTPUT, metavar="FILE", help=f"({OUTPUT})")
    return parser
