"""The reference judge, aligned with a team's own people: the file of it, and the judge."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from common.errors import UserError
from common.identity import digest, file_digest
from common.reading import file_text, parse_json
from common.settings import validated
from evals.calls.calls import Calls
from evals.judges.align.monotone import KNOTS, Monotone
from evals.judges.judge import Submission
from evals.judges.pairs import Pair
from evals.judges.reference.judge import ReferenceJudge
from evals.options import ALIGNED
from evals.results import Score

AGAIN = "type: python -m evals.judges.align --labels FILE --name NAME"


class Alignment(BaseModel):
    """What `python -m evals.judges.align` writes.

    `reference` is the identity of the reference judge that was aligned; `rubric` digests the rules
    that people scored by, `labels` the file of their scores; `values` are what they would give at
    the steps of the rubric. `held_out` are labels that nothing was fitted on: the judge's exam.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: str
    rubric: str
    labels: str
    values: tuple[float, ...] = Field(min_length=len(KNOTS), max_length=len(KNOTS))
    held_out: tuple[Pair, ...] = ()

    @field_validator("values")
    @classmethod
    def _rise(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 <= value <= 1 for value in values) or list(values) != sorted(values):
            raise ValueError("scores from 0 to 1, none below the one before")
        return values

    @property
    def identity(self) -> str:
        """SHA-256 of all that the file says."""
        return digest("alignment", self.model_dump(mode="json"))


def read_alignment(name: str) -> Alignment:
    """The alignment that a judge's name, `reference:FILE`, says.

    Raises:
        UserError: there is no such file, or it is no alignment.
    """
    path = Path(name.removeprefix(ALIGNED)).expanduser()
    if not path.is_file():
        raise UserError(f"--judge {name}: no such file; {AGAIN}")
    found: Alignment = validated(
        str(path), parse_json(str(path), file_text(path), AGAIN), Alignment
    )
    return found


@dataclass
class AlignedJudge:
    """The reference judge's score, as a team would give it.

    Where the contract does not answer, nothing is aligned.
    """

    name: str
    reference: ReferenceJudge
    alignment: Alignment
    metric: str = "correctness"
    asks_model: bool = False
    _map: Monotone = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse another reference judge than the one that was aligned."""
        if self.alignment.reference != self.reference.identity:
            raise UserError(
                f"--judge {self.name}: it was aligned with another version of the reference judge; "
                f"align it again, {AGAIN}"
            )
        self._map = Monotone(self.alignment.values)

    @cached_property
    def identity(self) -> str:
        """SHA-256 over the reference judge, the map, and the labels that made it."""
        return digest("aligned", self.reference.identity, self.alignment.identity)

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """See ReferenceJudge."""
        score = await self.reference.judge(submission, calls)
        if score.value is None or not submission.case.answerable:
            return score
        told = f"{score.value:.2f} before alignment"
        return Score(
            self._map.of(score.value), f"{score.reason} ({told})" if score.reason else told
        )

    async def close(self) -> None:
        """See ReferenceJudge."""
        await self.reference.close()


def open_aligned(name: str, reference: ReferenceJudge) -> AlignedJudge:
    """The judge that `reference:FILE` names.

    Raises:
        UserError: the file is none of this reference judge.
    """
    return AlignedJudge(name, reference, read_alignment(name))


def check_use(judge: AlignedJudge, rubric: str, labels: Path | None) -> None:
    """Refuse an exam that this judge does not fit.

    Args:
        judge: of the exam.
        rubric: digest of the rules that the exam goes by.
        labels: file of people's scores that sharpen the exam's estimates, if any.

    Raises:
        UserError: the judge goes by other rules, or was aligned by those scores: what it errs by
            would show smaller on them than it is.
    """
    if judge.alignment.rubric != rubric:
        raise UserError(
            f"--judge {judge.name}: aligned by the rubric {judge.alignment.rubric}, and this exam "
            f"goes by {rubric}; name the file of those rules in the gate file, "
            '[judge] rubric = "FILE"'
        )
    if labels is not None and labels.is_file() and file_digest(labels) == judge.alignment.labels:
        raise UserError(
            f"--labels {labels}: {judge.name} was aligned by these, so they cannot tell what it "
            "errs by; give labels of other answers, or --judge reference"
        )
