"""Every request that was answered, one line each, written before its answer is given.

Where a line cannot be written the answer is given all the same, and says so; so does the service's
health, until it is mended.
"""

import asyncio
import hashlib
import secrets
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import private_folder, write_whole
from common.redaction import outward
from fixtures.served import FOLDER, Served, append_served, writing

KEY = ".key"
TEXTS = ("question", "contract", "answer", "category", "error")


@dataclass
class Log:
    """The log of one service.

    Attributes:
        folder: where its days lie.
        written: lines since the service began.
        lost: lines that could not be written.
        why: what the system said of the last of those; empty once a line was written again.
    """

    folder: Path = FOLDER
    written: int = 0
    lost: int = 0
    why: str = ""
    _key: bytes = field(default=b"", repr=False)

    async def write(self, served: Served, user: str = "") -> bool:
        """Write one request; whether it is there.

        Args:
            served: the request, its texts as they came.
            user: who asked, as they are called; kept as a keyed digest.
        """
        try:
            await asyncio.to_thread(self._write, served, user)
        except (OSError, UserError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.lost += 1
            if reason != self.why:
                print(f"requests are answered and not logged: {reason}", file=sys.stderr)
            self.why = reason
            return False
        self.written += 1
        self.why = ""
        return True

    def _write(self, served: Served, user: str) -> None:
        texts: dict[str, Any] = {name: outward(getattr(served, name).strip()) for name in TEXTS}
        shown = (outward(text.strip()) for text in served.passages)
        row = replace(served, **texts, passages=tuple(filter(None, shown)), user=self._digest(user))
        append_served(row, self.folder)

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
        with writing(self.folder):
            if not path.is_file():
                write_whole(path, secrets.token_hex(32), private=True)
            return bytes.fromhex(path.read_text("ascii"))
