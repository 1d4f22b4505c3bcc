"""The embedded judge of correctness: labelled pairs made its weights, and no model is asked."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from common.errors import UserError
from common.identity import digest, file_digest
from common.paths import ROOT
from evals.calls.calls import Calls
from evals.judges.embedded.embedding import Embeddings
from evals.judges.judge import Submission
from evals.judges.reference import names as parties
from evals.judges.reference import polarity
from evals.judges.reference.features import DIRECTIONS, Comparison, comparisons, nearest
from evals.judges.reference.trees import Trees
from evals.judges.reference.unjudged import unjudged
from evals.language.declining import abstains, declines
from evals.language.words import normalise
from evals.results import Score

PARAMETERS = ROOT / "evals" / "judges" / "data" / "reference.json"
VERSION = 3
"""Raised when a rule or a feature changes, so that stored scores are made again."""

HEDGE = re.compile(
    r"\b(?:likely|probably|typically|usually|generally|possib(?:le|ly)|presumably|may well|might|"
    r"could be|often|sometimes|usual|one may assume|under industry practice|would simply)\b"
)

OVERRULE = re.compile(
    r"\b(?:nevertheless|nonetheless|does (?:state|provide|say)|operates as|"
    r"but (?:the|it|section|clause|under) [^.]*[0-9])"
)

HEDGED, OVERRULED, OTHER_NAME, BARE = 0.7, 0.25, 0.1, 0.8


@dataclass
class ReferenceJudge:
    """Predicts the score that a careful reader would give.

    A case that the contract does not answer is decided by rules: an abstention is right. For the
    others boosted trees weigh the features of `features.py`; the embedder is asked only for words
    that it has not seen. Equal texts in, equal score out.
    """

    embeddings: Embeddings = field(default_factory=Embeddings)
    path: Path = PARAMETERS
    metric: str = "correctness"
    name: str = "reference"
    asks_model: bool = False

    @cached_property
    def identity(self) -> str:
        """SHA-256 over parameters, embedder and the version of the rules."""
        return digest("reference", file_digest(self.path), self.embeddings.identity, VERSION)

    @cached_property
    def _trees(self) -> Trees:
        return read_trees(self.path)

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """The score of one answer; the reason names what lowered it.

        Raises:
            UserError: the embedder is not installed, or the parameters are broken.
        """
        case, said = submission.case, submission.answer.text
        golds = [span.text for span in case.spans]
        score = unjudged(golds, said) or by_rule(case.question, golds, said)
        if score is not None:
            return score
        candidates = comparisons(case.question, golds, said)
        words = list(dict.fromkeys(word for each in candidates for word in each.wanted))
        rows = await self.embeddings.embed(words)
        nearest_one, values = nearest(candidates, dict(zip(words, rows, strict=True)))
        value = min(max(self._trees.value(values), 0.0), 1.0)
        return Score(value, "" if value > 0.95 else reason(nearest_one, values))

    async def close(self) -> None:
        """Nothing is held open."""


def by_rule(question: str, golds: Sequence[str], said: str) -> Score | None:  # noqa: PLR0911
    """The score where no weighing is needed: silence, the gold text, its opposite."""
    if all(abstains(gold) for gold in golds):
        # "No" answers a question of yes or no, unless the gold answer says the same.
        return _of_silence("" if golds else question, said)
    if not said.strip():
        return Score(0.0, "empty answer")
    if declines(said, question, golds):
        return Score(0.0, "declines though the contract answers")
    same = normalise(said)
    if any(same and same == normalise(gold) for gold in golds):
        return Score(1.0)
    stances = [polarity.stance(gold) * polarity.stance(said) for gold in golds]
    if stances and max(stances) < 0:
        return Score(0.0, "says yes for no, or no for yes")
    if same in ("yes", "no") and max(stances) > 0:
        return Score(BARE, f"a bare {same}")
    if golds and all(parties.is_other(gold, said, question) for gold in golds):
        named = ", ".join(parties.names(golds[0])[:3])
        return Score(OTHER_NAME, f"another name than {named}")
    return None


def _of_silence(question: str, said: str) -> Score:
    """The score where the contract does not answer."""
    if abstains(said, question) and len(said.split()) < 3:
        return Score(1.0)
    if polarity.stance(said) == 1 or not any(polarity.silences(said)):
        return Score(0.0, "answers what the contract does not answer")
    flat = " ".join(said.lower().split())
    if HEDGE.search(flat):
        return Score(HEDGED, "abstains and speculates")
    if OVERRULE.search(flat):
        return Score(OVERRULED, "abstains and answers all the same")
    return Score(1.0)


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
    if value["alike"] < 0.5:
        said.append(f"little of the expected answer ({value['alike']:.0%} of its words by meaning)")
    return "; ".join(said) or "worded otherwise than the expected answer"


def read_trees(path: Path) -> Trees:
    """The fitted parameters.

    Raises:
        UserError: they are of other features, or no JSON.
    """
    mend = "type: python -m evals.judges.reference.fit"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        features, trees = stored["features"], Trees(stored["base"], tuple(stored["trees"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: no parameters of the reference judge ({error}); {mend}"
        ) from error
    if features != list(DIRECTIONS):
        raise UserError(f"{path}: fitted for other features; {mend}")
    return trees
