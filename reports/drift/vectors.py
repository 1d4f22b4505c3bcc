"""Embeddings, made once: one private SQLite file, by digest of embedder and text.

It holds no words; it goes whole where a contract is erased (`evals.store purge`), and whatever is
needed again is embedded again.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError
from common.files import FREE, private_file, private_folder
from common.identity import digest
from common.sqlite import transaction, usable
from fixtures.retrieval.embedder import Embedder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FOLDER = Path(".exam/drift")
FILE = "vectors.sqlite"
TABLE = "create table if not exists vectors (key text primary key, vector blob not null)"
BATCH = 512
"""Texts that are embedded before they are written: what a kill may cost."""

WAIT = 30.0
"""Seconds for another process that writes."""


class Vectors:
    """An embedder that remembers. Errors of the file are UserErrors."""

    def __init__(self, embedder: Embedder, folder: Path = FOLDER) -> None:
        """Open or create the file.

        Raises:
            UserError: it cannot be opened.
        """
        self._embedder = embedder
        self.path = folder / FILE
        with self._told():
            private_folder(folder)
            private_file(self.path)
            self._file = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)
            self._file.execute(TABLE)

    def questions(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """Vectors of length 1 of questions, shape (len(texts), dimensions)."""
        return self._of("question", texts, self._embedder.embed_queries)

    def passages(self, texts: Sequence[str]) -> "npt.NDArray[np.float32]":
        """The same of passages."""
        return self._of("passage", texts, self._embedder.embed)

    def _of(
        self,
        kind: str,
        texts: Sequence[str],
        embed: "Callable[[Sequence[str]], npt.NDArray[np.float32]]",
    ) -> "npt.NDArray[np.float32]":
        import numpy as np

        keys = [digest("drift", self._embedder.identity, kind, text) for text in texts]
        missing = {
            key: text for key, text in zip(keys, texts, strict=True) if self._read(key) is None
        }
        names = list(missing)
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            made = embed([missing[key] for key in batch])
            with self._told(), transaction(self._file):
                self._file.executemany(
                    "insert or replace into vectors values (?, ?)",
                    [
                        (key, vector.astype("<f4").tobytes())
                        for key, vector in zip(batch, made, strict=True)
                    ],
                )
        if not keys:
            return np.zeros((0, 1), dtype=np.float32)
        found = [self._read(key) for key in keys]
        try:
            return np.stack([np.frombuffer(each or b"", dtype="<f4") for each in found])
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{self.path} is not what was written; remove it, and texts are embedded anew: "
                f"rm {self.path}"
            ) from error

    def _read(self, key: str) -> bytes | None:
        with self._told():
            row = self._file.execute("select vector from vectors where key = ?", (key,)).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _told(self) -> AbstractContextManager[None]:
        return usable(self.path, f"{FREE}, or remove it: it is made again")


def held(folder: Path = FOLDER) -> int:
    """Files that `erase` removes."""
    return sum(path.is_file() for path in _files(folder))


def erase(folder: Path = FOLDER) -> None:
    """Remove the vectors of every text."""
    for path in _files(folder):
        path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return [folder / f"{FILE}{end}" for end in ("", "-journal", "-wal", "-shm")]
