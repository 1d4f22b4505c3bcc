"""What `python -m training.data` may be told."""

import argparse
from pathlib import Path

from fixtures.command import Parser, output_file
from fixtures.errors import UserError
from models.registry import SHIPPED
from training.building import Limits
from training.drawing import Mixture
from training.wordings import WORDINGS

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
