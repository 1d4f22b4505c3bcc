"""Embeddings for judges: whoever asks within a few milliseconds shares one batch."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from fixtures.retrieval.embedder import Embedder, load_embedder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


GATHERED_SECONDS = 0.01
KEPT = 100_000
"""Texts whose vectors are kept, of 1.5 KiB each."""


@dataclass
class Embeddings:
    """Embeds texts for any number of concurrent judgements, each text once.

    Texts that are asked for within 10 ms are embedded together, in a thread, so that the exam goes
    on meanwhile; the vectors of the latest 100,000 texts are kept. Give one object to all judges of
    an exam, and they share the model too. It belongs to the event loop in which it is first used.

        embeddings = Embeddings()
        answer, *spans = await embeddings.embed([answer.text, *golds])  # rows of length 1
        cosines = [float(answer @ span) for span in spans]

    `embedder` is all-MiniLM-L6-v2 unless another is given; nothing is loaded before it is needed.
    """

    embedder: Embedder | None = None
    _vectors: "dict[str, asyncio.Future[npt.NDArray[np.float32]]]" = field(
        default_factory=dict, repr=False
    )
    _wanted: list[str] = field(default_factory=list, repr=False)
    _worker: asyncio.Task[None] | None = field(default=None, repr=False)

    @cached_property
    def identity(self) -> str:
        """SHA-256 of what makes the vectors."""
        return self._embedder.identity

    @cached_property
    def _embedder(self) -> Embedder:
        return self.embedder or load_embedder()

    async def embed(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """Vectors of length 1, shape (len(texts), 384); of shape (0, 384) for no texts.

        Raises:
            UserError: the embedder is not installed.
        """
        import numpy as np

        if not texts:
            return np.empty((0, 384), dtype=np.float32)
        vectors = [self._vector(text) for text in texts]
        await asyncio.wait(set(vectors))
        return np.stack([vector.result() for vector in vectors])

    def _vector(self, text: str) -> "asyncio.Future[npt.NDArray[np.float32]]":
        if text not in self._vectors:
            self._vectors[text] = asyncio.get_running_loop().create_future()
            self._wanted.append(text)
            if self._worker is None or self._worker.done():
                self._worker = asyncio.create_task(self._work())
        return self._vectors[text]

    async def _work(self) -> None:
        while self._wanted:
            await asyncio.sleep(GATHERED_SECONDS)
            texts, self._wanted = self._wanted, []
            vectors = [self._vectors[text] for text in texts]
            try:
                rows = await asyncio.to_thread(self._embed, texts)
            except Exception as error:
                for text, vector in zip(texts, vectors, strict=True):
                    vector.set_exception(error)
                    del self._vectors[text]
                continue
            for vector, row in zip(vectors, rows, strict=True):
                vector.set_result(row)
            for text in list(self._vectors)[: max(0, len(self._vectors) - KEPT)]:
                del self._vectors[text]

    def _embed(self, texts: list[str]) -> "npt.NDArray[np.float32]":
        return self._embedder.embed(texts)  # whose first use, in a thread, loads it
