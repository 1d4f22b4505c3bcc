"""Claim by claim: does a sentence of the passages shown say what the answer says?

No model call. The claims of an answer are its sentences and clauses. Each is held against every
window of one to three sentences of the passages:

    support = max over windows(coverage / 4 + cosine * 3 / 4 - missing / 2) - contradicted

coverage: share of the claim's words in the window, rare words weighing more. cosine: of the
embeddings. missing: 1 where a number or date of the claim is not in the window, or a name or
quotation in no passage. contradicted: 1 where the nearest window has another number, party or
negation in the same place (`contradictions.py`). The metric is the share of claims whose support
is `THRESHOLD` or more.

Calibration: `python -m bench hallucination` plants true and false answers in the sample's
contracts. On its train contracts (1,769 answers) the AUROC of support is 0.997, and thresholds from
0.5 to 0.8 are within one point of the best balanced accuracy, 0.995; the lowest was taken, because
free answers depart further from a contract's words than planted ones. On the labelled answers of
`evals/judges/data`, the expected answer as the passage, it is 0.83, and true paraphrases are often
called unsupported: the metric asks for the contract's own words, or nearly so.
"""

import asyncio
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from common.identity import digest
from evals.calls.calls import Calls
from evals.judges.embedded.contradictions import contradiction
from evals.judges.embedded.embedding import Embeddings
from evals.judges.embedded.sentences import claims, sentences
from evals.judges.judge import Submission
from evals.language.declining import abstains
from evals.metrics.grounding import Claim, Evidence, plainly, shorten, stitched
from evals.metrics.grounding import claims as particulars
from evals.results import Score
from fixtures.retrieval.passages import Passage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


THRESHOLD = 0.5
WIDEST = 3
"""Sentences of a window."""

CLOSE = 4
"""Windows that are read closely, the nearest by words and embedding."""

WORD = re.compile(r"\w+(?:[.,]\w+)*")
ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s|ly)$")


@dataclass(frozen=True)
class ClaimSupport:
    """The share of an answer's claims that the passages shown support."""

    embeddings: Embeddings = field(default_factory=Embeddings, repr=False)
    metric: str = "claim_support"
    name: str = "embedded"
    asks_model: bool = False

    @property
    def identity(self) -> str:
        """Digest of the embedder and the rules' version."""
        return digest("claim_support", 2, self.embeddings.identity, THRESHOLD)

    async def judge(self, submission: Submission, calls: Calls) -> Score:
        """The share, with up to three claims that no window supports."""
        answer, case = submission.answer, submission.case
        if not answer.passages:
            return Score(None, "no passages shown")
        if abstains(answer.text, case.question, case.golds):
            return Score(1.0, "abstained: nothing is claimed")
        said = claims(answer.text)
        if not said:
            return Score(None, "the answer claims nothing")
        found = await self.supports(said, answer.passages, f"{case.question} {case.category}")
        unsupported = [claim for claim, value in zip(said, found, strict=True) if value < THRESHOLD]
        reason = "; ".join(shorten(claim) for claim in unsupported[:3])
        share = 1 - len(unsupported) / len(said)
        return Score(share, f"not supported: {reason}" if reason else "")

    async def supports(
        self, said: Sequence[str], passages: Sequence[Passage], question: str
    ) -> list[float]:
        """The support of each claim, at most 1; names may also come from the question."""
        source = Source(tuple(passages), question)
        rows = await self.embeddings.embed([*said, *source.sentences])
        return await asyncio.to_thread(source.supports, said, rows)

    async def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True)
class Source:
    """The passages in windows of sentences."""

    passages: tuple[Passage, ...]
    question: str

    @cached_property
    def _blocks(self) -> list[tuple[str, ...]]:
        return [sentences(text) for text in stitched(self.passages)]

    @cached_property
    def sentences(self) -> list[str]:
        """Every sentence, passages that touch made one."""
        return [sentence for block in self._blocks for sentence in block]

    @cached_property
    def windows(self) -> list[tuple[int, int]]:
        """One to three sentences of a block each: first and last + 1, in `sentences`."""
        return list(_windows([len(block) for block in self._blocks]))

    @cached_property
    def _stems(self) -> list[set[str]]:
        return [stems(sentence) for sentence in self.sentences]

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(word for words in self._stems for word in words)

    @cached_property
    def _everything(self) -> Evidence:
        return Evidence(self.passages, self.question)

    def supports(self, said: Sequence[str], rows: "npt.NDArray[np.float32]") -> list[float]:
        """The support of each claim.

        Args:
            said: the claims.
            rows: unit vectors of the claims, then of `sentences`, (claims + sentences, d).
        """
        windows = self._of_windows(rows[len(said) :])
        return [self._support(claim, windows @ row) for claim, row in zip(said, rows, strict=False)]

    def _of_windows(self, rows: "npt.NDArray[np.float32]") -> "npt.NDArray[np.float32]":
        """Unit vectors of windows, (windows, d), as means of those of the sentences."""
        import numpy as np

        sums = np.zeros((len(self.windows), rows.shape[1]), dtype=np.float32)
        for row, (first, end) in zip(sums, self.windows, strict=True):
            row += rows[first:end].sum(axis=0)
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        return sums

    def _support(self, claim: str, cosines: "npt.NDArray[np.float32]") -> float:
        if not self.windows:
            return 0.0
        near = [
            coverage / 4 + float(cosine) * 3 / 4
            for coverage, cosine in zip(self._coverages(claim), cosines, strict=True)
        ]
        order = sorted(range(len(near)), key=lambda n: -near[n])[:CLOSE]
        details = list(particulars(plainly(claim)))
        quoted = [detail for detail in details if detail.kind in ("name", "quote")]
        counted = [detail for detail in details if detail.kind in ("number", "reference", "date")]
        if all(self._everything.holds(detail) for detail in quoted):
            best = max(near[n] - 0.5 * self._lacks(n, counted) for n in order)
        else:
            best = near[order[0]] - 0.5
        return best - (contradiction(claim, self._text(order[0])) is not None)

    def _text(self, window: int) -> str:
        first, end = self.windows[window]
        return " ".join(self.sentences[first:end])

    def _lacks(self, window: int, details: Sequence[Claim]) -> bool:
        text = self._text(window)
        here = Evidence((Passage("", 0, len(text), text),), self.question)
        return not all(here.holds(detail) for detail in details)

    def _coverages(self, claim: str) -> Iterator[float]:
        """Share of the claim's words in each window, weighted by how few sentences hold them."""
        wanted = {
            word: math.log1p(len(self.sentences) / (self._counts[word] + 0.5))
            for word in stems(claim)
        }
        total = math.fsum(wanted.values()) or 1.0
        for first, end in self.windows:
            held = wanted.keys() & set().union(*self._stems[first:end])
            yield math.fsum(wanted[word] for word in held) / total


def _windows(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of up to `WIDEST` sentences within blocks of these lengths."""
    begin = 0
    for length in lengths:
        for first in range(begin, begin + length):
            for end in range(first + 1, min(first + WIDEST, begin + length) + 1):
                yield first, end
        begin += length


def stems(text: str) -> set[str]:
    """Words in lower case without their commonest endings."""
    return {ENDING.sub("", word) for word in WORD.findall(text.lower())}
