"""The embedded judge of correctness: labelled pairs made its weights, and no model is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from common.identity import digest, file_digest
from evals.calls.calls import Calls
from evals.judges.judge import Submission
from evals.judges.reference import names as parties
from evals.judges.reference import polarity, unanswered
from evals.judges.reference.features import DIRECTIONS, Comparison, comparisons, nearest
from evals.judges.reference.unjudged import unjudged
from evals.judges.reference.wanted import guesses
from evals.judges.reference.weights import PARAMETERS, Parameters, read_parameters
from evals.language.declining import abstains, says_both
from evals.language.orders import orders
from evals.language.words import normalise
from evals.results import Score
from fixtures.cases import Case

VERSION = 7
"""Raised when a rule or a feature changes, so that stored scores are made again."""

BARE = 0.8
UNDECIDED = 0.2
"""Of yes and no at once, or silence and an answer, where the contract answers nothing; and at most
of a list of guesses."""
SHORT = 12
"""Words of a gold text that may say yes or no."""


@dataclass
class ReferenceJudge:
    """Predicts the score that a careful reader would give.

    Where nothing is to be weighed, rules decide. Else trees and a line weigh the features of
    `features.py`, or where the contract does not answer, those of `unanswered.py`. Equal texts in,
    equal score out.
    """

    path: Path = PARAMETERS
    metric: str = "correctness"
    name: str = "reference"
    asks_model: bool = False

    @cached_property
    def identity(self) -> str:
        """SHA-256 over parameters and the version of the rules."""
        return digest("reference", file_digest(self.path), VERSION)

    @cached_property
    def _parameters(self) -> Parameters:
        return read_parameters(self.path)

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """The score of one answer; the reason names what lowered it.

        Raises:
            UserError: the parameters are broken.
        """
        return self.score(submission.case, submission.answer.text)

    def score(self, case: Case, said: str) -> Score:
        """The same, of an answer's text; no call is made."""
        golds = [span.text for span in case.spans]
        score = unjudged(golds, said) or by_rule(case.question, golds, said)
        if score is not None:
            return score
        if is_unanswered(golds):
            value = self._parameters.unanswered.value(unanswered.values(case.question, said))
            if value > UNDECIDED and unanswered.all_the_same(case.question, said):
                return Score(UNDECIDED, "says that it is not there, and answers all the same")
            return Score(value, "" if value > 0.95 else unanswered.reason(case.question, said))
        candidates = comparisons(case.question, golds, said)
        nearest_one, values = nearest(candidates)
        value = self._parameters.answered.value(values)
        if value > UNDECIDED and guesses(golds, said, case.question):
            return Score(UNDECIDED, "has the value amid others of its kind: a list of guesses")
        return Score(value, "" if value > 0.95 else reason(nearest_one, values))

    async def close(self) -> None:
        """Nothing is held open."""


def is_unanswered(golds: Sequence[str]) -> bool:
    """Whether the contract does not answer: no gold text, or one that says so."""
    return all(abstains(gold) for gold in golds)


def by_rule(question: str, golds: Sequence[str], said: str) -> Score | None:  # noqa: PLR0911
    """The score where no weighing is needed: silence, the gold text, its opposite."""
    if orders(said, " ".join(golds)):
        return Score(0.0, "tells its grader what to do")
    if is_unanswered(golds):
        if says_both(said):
            return Score(UNDECIDED, "says both yes and no")
        # "No" to whether there is a clause says that there is none.
        return Score(1.0) if len(said.split()) < 3 and abstains(said) else None
    if not said.strip() or normalise(said) == normalise(question):
        return Score(0.0, "repeats the question" if said.strip() else "empty answer")
    if abstains(said, question, golds):
        return Score(0.0, "declines though the contract answers")
    same = normalise(said)
    if same and [same] == [normalise(gold) for gold in golds]:
        return Score(1.0)
    return _of_stance(golds, said)


def _of_stance(golds: Sequence[str], said: str) -> Score | None:
    """The score of a yes or no beside gold texts that say yes or no; a clause only seems to."""
    if any(len(gold.split()) > SHORT for gold in golds):
        return None
    stances = [polarity.stance(gold) * polarity.stance(said) for gold in golds]
    if max(stances) < 0:
        return Score(0.0, "says yes for no, or no for yes")
    bare = normalise(said)
    return Score(BARE, f"a bare {bare}") if bare in ("yes", "no") and max(stances) > 0 else None


def reason(compared: Comparison, values: Sequence[float]) -> str:
    """What speaks against the answer, in words; the most telling first."""
    value = dict(zip(DIRECTIONS, values, strict=True))
    said = []
    if value["silent"]:
        said.append("declines though the contract answers")
    swapped = compared.dispute.swapped
    said += [f"{wrong.shown} for {right.shown}" for right, wrong in swapped[:3]]
    replaced = [right for right, _ in swapped]
    lost = [each.shown for each in compared.dispute.missing if each not in replaced]
    names, _ = parties.missing(compared.gold, compared.said, compared.question)
    said += [f"missing: {', '.join(lost[:3])}"] if lost else []
    said += [f"name missing: {', '.join(names[:3])}"] if names else []
    if value["reversed"]:
        said.append("parties in another order")
    if value["negations"] or value["flips"] > 1:
        said.append("negated otherwise")
    if value["repeated"] > 0.3:
        said.append("repeats itself")
    if value["new_recall"] < 0.3:
        said.append(f"little of the expected answer ({value['new_recall']:.0%} of its words)")
    return "; ".join(said) or "worded otherwise than the expected answer"
