"""The options of `python -m training.sagemaker`, read once into one typed object."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.command import Parser, choice
from common.errors import UserError
from training.outcome.cost import Rates, add_rates, read_rates
from training.trainer.method import METHODS


@dataclass(frozen=True, slots=True)
class JobOptions:
    """Which job to submit, or to find.

    Attributes:
        method: one of METHODS.
        recipe: a file below the working directory; `settings` are KEY=VALUE on top of it.
        role: the role that the job runs as.
        bucket: the place in S3 for code, data and results, as it was typed.
        instance: the type of machine.
        image: its container; None takes AWS's for PyTorch.
        region: None takes what the AWS profile says.
        spot: whether it runs on spare capacity.
        hours: after which it is stopped.
        wait: whether to wait until it is done, and to install the adapter.
        force: whether an adapter of this name is replaced.
        every: seconds between looks.
        rates: what an hour of an instance costs, and storage.
    """

    method: str
    recipe: Path
    settings: tuple[str, ...]
    role: str
    bucket: str
    instance: str
    image: str | None
    region: str | None
    spot: bool
    hours: float
    wait: bool
    force: bool
    every: float
    rates: Rates


def read_options(typed: Sequence[str]) -> JobOptions:
    """The options of a command line.

    Raises:
        UserError: it cannot be understood, or the role or a number is impossible.
    """
    given = vars(_parser().parse_args(typed))
    rates = read_rates(given.pop("hourly_price"), given.pop("storage_price"))
    options = JobOptions(settings=tuple(given.pop("set")), rates=rates, **given)
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/.+", options.role):
        raise UserError(f"--role {options.role}: give arn:aws:iam::ACCOUNT:role/NAME")
    if not 0 < options.hours <= 24 * 28 or options.every < 0:
        raise UserError("--hours: more than 0, at most 672; --every: 0 or more")
    return options


def _parser() -> Parser:
    parser = Parser(
        prog="python -m training.sagemaker",
        description="Train by a recipe as a SageMaker job; the same line finds the job again.",
    )
    add = parser.add_argument
    add("method", type=choice(*METHODS), metavar="METHOD", help=", ".join(METHODS))
    add("recipe", type=Path, metavar="RECIPE", help="a recipe below the working directory")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe, changed")
    add("--role", required=True, metavar="ARN", help="the role that the job runs as")
    add("--bucket", required=True, metavar="S3", help="s3://BUCKET/PATH for code, data and results")
    add("--instance", default="ml.g5.2xlarge", metavar="TYPE", help="(ml.g5.2xlarge)")
    add("--image", metavar="URI", help="with Python 3.11 or newer (AWS's for PyTorch)")
    add("--region", metavar="NAME", help="(as your AWS profile says)")
    add("--spot", action="store_true", help="spare capacity: cheaper, and goes on when interrupted")
    add("--hours", type=float, default=24.0, metavar="N", help="stop after these (24)")
    add("--wait", action="store_true", help="until it is done, then install the adapter")
    add("--force", action="store_true", help="replace an adapter of this name")
    add("--every", type=float, default=30.0, metavar="S", help="seconds between looks (30)")
    add_rates(parser)
    return parser
