"""Recipes of optimisers: `training/recipes/NAME.toml`, parsed into a typed object."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from common.settings import read_toml
from models.registry import NAME

MOST = 10**6
Count = Annotated[int, Field(strict=True, ge=1, le=MOST)]
Some = Annotated[int, Field(strict=True, ge=0, le=100)]
Shape = TypeVar("Shape", bound="Settings")
Seed = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Demonstrations(_Strict):
    """What dspy's optimisers say of demonstrations, by dspy's own names.

    Attributes:
        max_bootstrapped_demos: replies of the teacher that the metric accepts.
        max_labeled_demos: demonstrations in all, filled up with expected answers.
        metric_threshold: from which score on a reply is accepted.
    """

    max_bootstrapped_demos: Some = 2
    max_labeled_demos: Some = 2
    metric_threshold: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.5


class Bootstrap(Demonstrations):
    """BootstrapFewShot: the first replies that the metric accepts become demonstrations."""

    kind: Literal["bootstrap"]
    max_rounds: Count = 1


class BootstrapSearch(Demonstrations):
    """BootstrapFewShotWithRandomSearch: of several such programs the best on validation cases."""

    kind: Literal["bootstrap-search"]
    max_rounds: Count = 1
    num_candidate_programs: Some = 6


class Mipro(Demonstrations):
    """MIPROv2: instructions that a model proposes, with demonstrations, by Bayesian search."""

    kind: Literal["mipro"]
    num_candidates: Annotated[int, Field(strict=True, ge=2, le=100)] = 4
    num_trials: Count = 8
    minibatch_size: Count = 20
    init_temperature: Annotated[float, Field(strict=True, ge=0, le=2)] = 1.0


class Gepa(_Strict):
    """GEPA: instructions that a model rewrites after reading why answers were wrong."""

    kind: Literal["gepa"]
    max_metric_calls: Count = 150
    reflection_minibatch_size: Count = 3


Optimizer = Annotated[Bootstrap | BootstrapSearch | Mipro | Gepa, Field(discriminator="kind")]


class Settings(_Strict):
    """What is said of any optimisation.

    Attributes:
        name: of what comes of it.
        description: one line of it.
        teacher: the entry of a chat model whose replies become demonstrations, and that proposes
            instructions; None is the model itself.
        train: examples that demonstrations and proposals are made from.
        validation: examples of other contracts, which choose between candidates.
        seed: decides what is left to chance.
        threads: examples that are asked at once.
        max_calls: calls that are paid for at most; None sets no limit.
        max_tokens: their tokens, in and out.
        max_cost: what they may cost, in US dollars, earlier runs of the recipe included.
        optimizer: which, and its settings.
    """

    name: Annotated[str, Field(pattern=NAME)]
    description: str = ""
    teacher: str | None = None
    train: Annotated[int, Field(strict=True, ge=2, le=MOST)] = 60
    validation: Annotated[int, Field(strict=True, ge=2, le=MOST)] = 60
    seed: Seed = 0
    threads: Annotated[int, Field(strict=True, ge=1, le=1000)] = 4
    max_calls: Count | None = None
    max_tokens: Annotated[int, Field(strict=True, ge=1)] | None = None
    max_cost: Annotated[Decimal, Field(ge=0, decimal_places=6)] | None = None
    optimizer: Optimizer


class Recipe(Settings):
    """How a program is optimised.

    Attributes:
        program: the registry entry of the program.
        metric: of the exam's table, which decides what is better.
        judge: `reference` or a chat model, for a metric that a judge scores.
        dataset: name or path; only its train split is read.
    """

    program: str
    metric: str = "balanced"
    judge: str = "reference"
    dataset: str = "sample"


class JudgeRecipe(Settings):
    """How a judge's prompt is optimised.

    Attributes:
        held_out: labels of contracts of their own that decide whether the prompt is written.
    """

    held_out: Annotated[int, Field(strict=True, ge=2, le=MOST)] = 200


def read_recipe(path: Path, shape: type[Shape]) -> Shape:
    """The recipe in a TOML file.

    Raises:
        UserError: no such file, not TOML, an unknown key (the nearest is named), a wrong value.
    """
    recipe: Shape = read_toml(path, shape)
    return recipe
