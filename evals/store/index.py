"""The passage index: vectors of a contract's passages, of a folder or of a server.

Chroma marks what is deleted and keeps it in its files, and files that it writes anew may hold
whatever stood in memory before. So a folder that holds something of the contract goes as a whole;
whoever needs its vectors next embeds them again.
"""

import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from evals.store.search import search
from evals.store.wanted import Wanted
from fixtures.layout import is_titled
from fixtures.retrieval.chroma import EmbeddedChroma

BATCH = 1000
"""Vectors in a request."""


class Server(Protocol):
    """A Chroma server, as `models/retrieval/opening.py` opens it."""

    def client(self) -> AbstractContextManager[Any]:
        """Chroma's own client."""


def look(chroma: EmbeddedChroma, wanted: Wanted) -> int:
    """Files of a folder that hold something of the contract: opening them would change them.

    Raises:
        UserError: another process holds the index.
    """
    place = Path(chroma.place)
    if not place.is_dir():
        return 0
    with chroma.locked():
        return len(search([place], wanted).traces)


def erase(chroma: EmbeddedChroma) -> None:
    """Remove the folder.

    Raises:
        UserError: another process holds the index.
    """
    with chroma.locked():
        shutil.rmtree(chroma.place)


def look_at(server: Server, wanted: Wanted) -> int:
    """Vectors of the contract at a server; ids and titles are asked for, and nothing is sent.

    Raises:
        UserError: the server cannot be reached.
    """
    with server.client() as client:
        return sum(len(_ids(each, wanted)) for each in client.list_collections())


def erase_at(server: Server, wanted: Wanted) -> None:
    """Delete them there; the server's files are its own.

    Raises:
        UserError: the server cannot be reached.
    """
    with server.client() as client:
        for each in client.list_collections():
            ids = _ids(each, wanted)
            for start in range(0, len(ids), BATCH):
                each.delete(ids=ids[start : start + BATCH])


def _ids(collection: Any, wanted: Wanted) -> list[str]:
    """Of the vectors of the contract: by its title, or by the digest of its text."""
    found = collection.get(include=["metadatas"])
    return [
        id_
        for id_, about in zip(found["ids"], found["metadatas"], strict=True)
        if is_titled(str((about or {}).get("contract", "")), wanted.title)
        or id_.partition(":")[0] in wanted.names
    ]
