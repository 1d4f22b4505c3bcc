"""A strong baseline that generates nothing: the sentence nearest to the question."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from common.identity import digest
from fixtures.cases import Case
from fixtures.retrieval.embedder import Embedder, load_embedder
from fixtures.retrieval.passages import Passage
from models.chat import Answer
from models.prompted import NOT_FOUND

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SENTENCE_END = re.compile(r"(?<=[.;:!?])\s+(?=[A-Z(\"“\d])|\n\s*\n")
_SHORTEST = 12


@dataclass(frozen=True)
class ExtractiveModel:
    """Answers with the sentence of the passages whose embedding is nearest to the question's.

    Below a cosine of `threshold` it says that the contract does not answer. Every passage is
    split and embedded once, however many questions see it.
    """

    name: str
    threshold: float
    uses_passages: bool = True
    free: bool = False
    _known: dict[Passage | str, tuple[tuple[str, ...], "NDArray[np.float32]"]] = field(
        default_factory=dict, repr=False
    )
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @cached_property
    def _embedder(self) -> Embedder:
        return load_embedder()

    @cached_property
    def identity(self) -> str:
        """Digest of the embedder and the threshold."""
        return digest("extractive", 1, self._embedder.identity, self.threshold)

    async def preflight(self) -> None:
        """Load the embedder."""
        await asyncio.to_thread(self._embedder.embed, ["preflight"])

    def most_tokens(self, case: Case, passages: Sequence[Passage]) -> int:
        """None: it counts no tokens."""
        return 0

    def shown(self, case: Case, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """See Model: all of them."""
        return tuple(passages)

    async def answer(self, case: Case, passages: Sequence[Passage]) -> Answer:
        """The nearest sentence, or "Not found."."""
        async with self._lock:
            started = time.perf_counter()
            text = await asyncio.to_thread(self._best_sentence, case.question, passages)
        return Answer(text, latency=time.perf_counter() - started, passages=tuple(passages))

    def _best_sentence(self, question: str, passages: Sequence[Passage]) -> str:
        import numpy as np

        wanted: tuple[Passage | str, ...] = (question, *passages)
        new = [key for key in dict.fromkeys(wanted) if key not in self._known]
        split = [(key,) if isinstance(key, str) else sentences(key.text) for key in new]
        vectors = self._embedder.embed([text for texts in split for text in texts])
        ends = np.cumsum([len(texts) for texts in split])
        for key, texts, end in zip(new, split, ends, strict=True):
            self._known[key] = texts, vectors[end - len(texts) : end]
        found = [self._known[passage] for passage in passages if self._known[passage][0]]
        if not found:
            return NOT_FOUND
        cosines = np.concatenate([rows for _, rows in found]) @ self._known[question][1][0]
        best = int(cosines.argmax())
        if cosines[best] < self.threshold:
            return NOT_FOUND
        return [text for texts, _ in found for text in texts][best]

    async def logprobs(self, case: Case, passages: Sequence[Passage], reply: str) -> None:
        """It has none."""

    def drawn(self, temperature: float, seed: int) -> None:
        """It always says the same."""

    async def close(self) -> None:
        """Nothing is held open."""


def sentences(text: str) -> tuple[str, ...]:
    """Split contract prose into sentences and clauses of at least a few words."""
    parts = (" ".join(part.split()) for part in _SENTENCE_END.split(text))
    return tuple(part for part in parts if len(part) >= _SHORTEST)
