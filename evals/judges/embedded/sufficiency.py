"""Can the expected answer be derived from the passages? Told by rule and embedding, without a call.

Each gold answer is cut into claims, and a claim is there where

1. its words stand in the passages in runs of `RUN` or more, a span that chunks cut included, and no
   number, date or name of it is missing;
2. or it is a date, and the passages have a date and a period that come to it;
3. or sentences of the passages support it as `claim_support` has it: by words and embedding, every
   number, date and name there, nothing contradicted. A short answer is read with its question, for
   "EUR 36,000" alone is near to no sentence.

The score of a gold answer is the share of its words whose claims are there. Gold answers that say
the same are one; of different ones the mean is taken, since all of them belong to the answer.

`THRESHOLD` and `VALUED` were chosen on the sets of `data/sufficiency` that are not held out.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise

from common.identity import digest
from evals.calls.calls import Calls
from evals.judges.embedded.claim_support import ClaimSupport
from evals.judges.embedded.contradictions import denied
from evals.judges.embedded.embedding import Embeddings
from evals.judges.embedded.sentences import sentences
from evals.judges.judge import Submission, lacking
from evals.judges.reference.facts import Particular, dispute, particulars
from evals.language.words import f1, normalise
from evals.metrics.grounding import Evidence, claims, plainly, shorten, stitched
from evals.results import Score
from fixtures.retrieval.passages import Passage

THRESHOLD = 0.55
"""Support from which a claim that does not stand in the passages word by word is there."""

VALUED = 0.3
"""The same of a claim with a number, amount, period or date that a sentence of the passages has."""

RUN, COVERED = 3, 0.9
"""Words in a row that count as quoted, and the share of a claim's words that must be."""

WITHIN = 6
"""Words after a quoted run in which a negation is one of what is quoted."""

SHORT = 8
"""Words of an answer that is read with its question."""

ALIKE = 0.6
"""Token F1 from which two gold answers say the same."""

SLACK = 3
"""Days by which a computed date may be off: the last day of a term is the day before."""


@dataclass(frozen=True)
class RetrievalJudge:
    """The share of the expected answer that the passages hold."""

    embeddings: Embeddings = field(default_factory=Embeddings, repr=False)
    metric: str = "sufficiency"
    name: str = "reference"
    asks_model: bool = False

    @property
    def identity(self) -> str:
        """Digest of the embedder and the rules' version."""
        return digest("sufficiency", 1, self.embeddings.identity, THRESHOLD)

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """The share, with up to three claims that are not there."""
        lacks = lacking(submission, self.metric, passages=True)
        if lacks is not None:
            return lacks
        case, passages = submission.case, submission.answer.passages
        golds = list(dict.fromkeys(span.text for span in case.spans if sentences(span.text)))
        if not golds:
            return Score(None, "the expected answer has no word")
        found = [await self._there(gold, case.question, passages) for gold in golds]
        groups: list[list[int]] = []
        for place, gold in enumerate(golds):
            same = next((g for g in groups if any(_alike(gold, golds[n]) for n in g)), None)
            groups.append([place]) if same is None else same.append(place)
        share = sum(max(found[n][0] for n in group) for group in groups) / len(groups)
        missing = [claim for _, lost in found for claim in lost]
        said = "; ".join(shorten(claim) for claim in missing[:3])
        return Score(share, f"not in the passages: {said}" if said and share < 1 else "")

    async def _there(
        self, gold: str, question: str, passages: Sequence[Passage]
    ) -> tuple[float, list[str]]:
        """The share of a gold answer that is there, and its claims that are not."""
        parts = sentences(gold)
        evidence = Evidence(passages, question)
        text = normalise(" ".join(stitched(passages))).split()
        held = [_quoted(part, text, evidence) or _computed(part, passages) for part in parts]
        asked = [part for part, there in zip(parts, held, strict=True) if not there]
        if asked:
            said = [f"{question} {each}" if len(each.split()) <= SHORT else each for each in asked]
            support = ClaimSupport(self.embeddings)
            values = await support.supports(said, passages, question)
            near = {
                part
                for part, value in zip(asked, values, strict=True)
                if value >= (VALUED if _same_values(part, passages, question) else THRESHOLD)
            }
        else:
            near = set()
        there = [each or part in near for part, each in zip(parts, held, strict=True)]
        sizes = [len(part.split()) for part in parts]
        share = sum(n for n, each in zip(sizes, there, strict=True) if each) / sum(sizes)
        return share, [part for part, each in zip(parts, there, strict=True) if not each]

    async def close(self) -> None:
        """Nothing is held open."""


def _alike(one: str, two: str) -> bool:
    return f1(normalise(one).split(), normalise(two).split()) >= ALIKE


def _quoted(claim: str, text: Sequence[str], evidence: Evidence) -> bool:
    """Whether the claim's words stand in the text in runs, and its particulars too."""
    words = normalise(claim).split()
    if not words:
        return False
    blocks = SequenceMatcher(None, words, text, autojunk=False).get_matching_blocks()
    least = min(RUN, len(words))
    runs = [block for block in blocks if block.size >= least]
    covered = {place for run in runs for place in range(run.a, run.a + run.size)}
    rest = [word for place, word in enumerate(words) if place not in covered]
    between = [text[one.b + one.size : other.b][:WITHIN] for one, other in pairwise(runs)]
    if len(rest) > (1 - COVERED) * len(words) or any(map(denied, (rest, *between))):
        return False
    return all(evidence.holds(detail) for detail in claims(plainly(claim)))


def _same_values(claim: str, passages: Sequence[Passage], question: str) -> bool:
    """Whether a sentence of the passages has every value of a claim that has some."""
    for text in stitched(passages):
        for sentence in (row for part in sentences(text) for row in part.split("\n")):
            found = dispute(claim, sentence, question)
            if found.gold and not found.missing:
                return True
    return False


def _computed(claim: str, passages: Sequence[Passage]) -> bool:
    """Whether every date of a claim is a date of the passages and a period later or earlier."""
    wanted = [each for each in particulars(claim) if each.kind == "date"]
    days = [day for each in wanted for day in _days(each)]
    if not wanted or len(days) < len(wanted):
        return False
    known = particulars(" ".join(stitched(passages)))
    begins = [day for each in known if each.kind == "date" for day in _days(each)]
    periods = [float(str(each.values[0])) for each in known if each.kind == "days"]
    return all(
        any(
            abs((day - begin).days - sign * period) <= SLACK
            for begin in begins
            for period in periods
            for sign in (1, -1)
        )
        for day in days
    )


def _days(date: Particular) -> Iterator[datetime.date]:
    """The days that a date may mean; none of one without a day, month and year."""
    for value in date.values:
        if isinstance(value, tuple) and all(value):
            try:
                yield datetime.date(*value)
            except ValueError:  # the thirty-first of June
                continue
