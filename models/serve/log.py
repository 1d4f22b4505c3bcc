"""Every request that was answered, one line each, written before its answer is given.

Where a line cannot be written the answer is given all the same, and says so; so does the service's
health, until it is mended.
"""

import asyncio
import hashlib
import secrets
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import private_folder, write_whole
from common.reading import file_text
from common.redaction import outward
from fixtures.served import FOLDER, Served, append_served, writing

KEY, KEY_BYTES = ".key", 32
TEXTS = ("question", "contract", "answer", "category", "error")

PATIENCE = 5.0
"""Seconds that an answer waits for its line, as where a purge writes a file anew."""


@dataclass
class Log:
    """The log of one service.

    Attributes:
        folder: where its days lie.
        written: lines since the service began.
        lost: lines that are not there: they could not be written, or still wait for it.
        why: what the system said of the last of those; empty once a line was written again.
    """

    folder: Path = FOLDER
    written: int = 0
    lost: int = 0
    why: str = ""
    _key: bytes = field(default=b"", repr=False)
    _writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1), repr=False)
    _late: "set[asyncio.Future[None]]" = field(default_factory=set, repr=False)
    _over: threading.Event = field(default_factory=threading.Event, repr=False)

    async def write(self, served: Served, user: str = "") -> bool:
        """Write one request; whether it is there.

        Where others hold the log its line is written when they let go, and nobody waits for that.

        Args:
            served: the request, its texts as they came.
            user: who asked, as they are called; kept as a keyed digest.
        """
        loop = asyncio.get_running_loop()
        line = loop.run_in_executor(self._writer, self._write, served, user)
        await asyncio.wait({line}, timeout=0 if self._late else PATIENCE)
        if line.done():
            return self._is_there(line)
        self._late.add(line)
        self._missing(f"{self.folder} is held by another process; lines wait for it")
        line.add_done_callback(self._came)
        return False

    async def finish(self, seconds: float) -> None:
        """Wait for lines that are late, but no longer than so many seconds; say what is lost."""
        for over in (False, True):
            if over:
                self._over.set()
            if self._late:
                await asyncio.wait(self._late, timeout=None if over else seconds)
        if self.lost:
            print(f"{self.lost:,} answered requests are not in the log", file=sys.stderr)

    def _is_there(self, line: "asyncio.Future[None]") -> bool:
        error = line.exception()
        if error is None:
            self.written += 1
            self.why = ""
        elif isinstance(error, OSError | UserError):
            self._missing(getattr(error, "strerror", None) or str(error))
        else:
            raise error
        return error is None

    def _came(self, line: "asyncio.Future[None]") -> None:
        """A line that was waited for no longer has come about, or has not."""
        self._late.discard(line)
        self.lost -= 1
        self._is_there(line)

    def _missing(self, why: str) -> None:
        self.lost += 1
        if why != self.why:
            print(f"requests are answered and not logged: {why}", file=sys.stderr)
        self.why = why

    def _write(self, served: Served, user: str) -> None:
        texts: dict[str, Any] = {name: outward(getattr(served, name).strip()) for name in TEXTS}
        shown = (outward(text.strip()) for text in served.passages)
        row = replace(served, **texts, passages=tuple(filter(None, shown)), user=self._digest(user))
        append_served(row, self.folder, self._over.is_set)

    def _digest(self, user: str) -> str:
        """Who asked two requests is the same, and nobody reads who: keyed, since names are guessed.

        The key lies beside the rows, for their owner alone; with another, people are others.
        """
        if not user:
            return ""
        if not self._key:
            self._key = self._read_key()
        return hashlib.blake2b(user.encode(), key=self._key, digest_size=8).hexdigest()

    def _read_key(self) -> bytes:
        path = private_folder(self.folder) / KEY
        with writing(self.folder, self._over.is_set):
            if not path.exists():
                write_whole(path, secrets.token_hex(KEY_BYTES), private=True)
            try:
                key = bytes.fromhex(file_text(path))
            except ValueError:
                key = b""
        if len(key) != KEY_BYTES:  # an empty one would digest names so that anybody can guess them
            raise UserError(
                f"{path} is not the key that was written; put it back, or remove it, and people "
                f"are others from then on: rm {path}"
            )
        return key
