"""What was fitted: how much each feature speaks for an answer, by trees and by a line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.paths import ROOT
from evals.judges.reference.features import DIRECTIONS
from evals.judges.reference.trees import Trees
from evals.judges.reference.unanswered import DIRECTIONS as UNANSWERED

SPREAD = 1.5
"""How much further from 0.5 a score is than what was predicted.

Least squares draws every prediction toward the mean, and readers give 0 and 1 most often. Of 1.0 to
1.8 on contracts never seen the mean absolute error was least from 1.4 on; ranks change only where 0
or 1 is reached."""

PARAMETERS = ROOT / "evals" / "judges" / "data" / "reference.json"


@dataclass(frozen=True, slots=True)
class Line:
    """A linear model of the features as they are, unscaled."""

    intercept: float
    slopes: tuple[float, ...]

    def value(self, features: Sequence[float]) -> float:
        """The prediction, unclipped."""
        return self.intercept + sum(
            slope * feature for slope, feature in zip(self.slopes, features, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Weights:
    """Two models of one score, whose mean is taken.

    Trees know that a wrong number sinks a good text; a line errs less on answers unlike those that
    it was fitted on.
    """

    trees: Trees
    line: Line

    def value(self, features: Sequence[float]) -> float:
        """The score, 0 to 1."""
        both = (self.trees.value(features), self.line.value(features))
        mean = sum(min(max(each, 0.0), 1.0) for each in both) / 2
        return min(max(0.5 + SPREAD * (mean - 0.5), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The judge's: for cases that the contract answers, and for those that it does not."""

    answered: Weights
    unanswered: Weights

    def json(self) -> str:
        """As they are stored."""
        stored = {
            "answered": {"features": list(DIRECTIONS), **asdict(self.answered)},
            "unanswered": {"features": list(UNANSWERED), **asdict(self.unanswered)},
        }
        return json.dumps(stored, separators=(",", ":")) + "\n"


def read_parameters(path: Path = PARAMETERS) -> Parameters:
    """The fitted parameters.

    Raises:
        UserError: they are of other features, or no JSON.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Parameters(
            _weights(stored["answered"], DIRECTIONS), _weights(stored["unanswered"], UNANSWERED)
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: no parameters of the reference judge ({error}); "
            "type: python -m evals.judges.reference.fit"
        ) from error


def _weights(stored: Mapping[str, Any], directions: Mapping[str, int]) -> Weights:
    if stored["features"] != list(directions):
        raise ValueError("fitted for other features")
    trees, line = stored["trees"], stored["line"]
    return Weights(
        Trees(trees["base"], tuple(trees["trees"])),
        Line(line["intercept"], tuple(line["slopes"])),
    )
