"""Who is in service: the champion of the record, kept up to date, and a candidate beside it."""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from common.command import Say
from common.errors import UserError
from common.loading import first_line
from fixtures.served import Arm
from models.factory import Chats
from models.promotion.record.line import Record
from models.registry import read_entry
from models.serve.asked import CHAMPION, Asked
from models.serve.opened import Voice, open_promoted, open_voice, pointer, promoted
from models.serve.split import Split

AGAIN = 30.0
"""Seconds until a promotion that was refused is looked at again."""


def _shown(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who answers one request, and who is asked beside it; fixed when it comes."""

    voice: Voice
    arm: Arm | None = None
    split: str = ""
    shadow: Voice | None = None


@dataclass
class Roster:
    """The champion of a folder, and a candidate where one is tried.

    Attributes:
        folder: of `champion.toml` and the record.
        registry: whose models are served.
        split: which requests a candidate gets; None where none is tried.
        say: shows a line.
        refused: why the champion of the record is not the one in service; empty where it is.
        record: the line of the record that put the one in service there.
    """

    folder: Path
    registry: Path
    split: Split | None = None
    say: Say = _shown
    refused: str = ""
    _record: Record | None = field(default=None, repr=False)
    _champion: Voice | None = None
    _candidate: Voice | None = None
    _chats: Chats | None = field(default=None, repr=False)
    _seen: tuple[bytes, float] = (b"", 0.0)

    async def start(self) -> None:
        """Open the champion, and the candidate where one is tried.

        Raises:
            UserError: one of them cannot be opened, or they are one.
            RefusedError: the champion is not what was promoted.
        """
        if self.split:
            read_entry(self.split.candidate, self.registry, f"--{self.split.kind}")
        self._chats = Chats(self.registry)
        self._seen = (pointer(self.folder), time.monotonic())
        self._record = promoted(self.folder)
        self._champion = await open_promoted(self._record, self.registry, self._chats)
        if self.split:
            self._candidate = await open_voice(self.split.candidate, self.registry, self._chats)
            if self._candidate.content == self._champion.content:
                raise UserError(f"{self.split}: that is the champion; name another model")

    @property
    def champion(self) -> Voice:
        """Who answers."""
        assert self._champion, "it was started"
        return self._champion

    @property
    def record(self) -> Record:
        """By which line of the record."""
        assert self._record, "it was started"
        return self._record

    @property
    def split_digest(self) -> str:
        """Of the split in force; empty where there is none."""
        if not self.split or not self._candidate:
            return ""
        return self.split.digest(self.champion.identity, self._candidate.identity)

    def voices(self) -> dict[str, Voice]:
        """Who can be asked, by name."""
        found = {each.name: each for each in (self._candidate, self._champion) if each}
        return found | {CHAMPION: self.champion}

    def cast(self, asked: Asked) -> Cast:
        """Who answers a request.

        Raises:
            KeyError: its model is not served.
        """
        voice = self.voices()[asked.model]
        if asked.model != CHAMPION or not self.split or not self._candidate:
            return Cast(voice)
        if asked.messages and not self._candidate.chat:
            return Cast(voice)  # a candidate that answers cases alone is tried on these
        taken = self.split.takes(asked.user, asked.contract, asked.question)
        if self.split.kind == "shadow":
            beside = self._candidate if taken else None
            return Cast(voice, "champion", self.split_digest, beside)
        if taken:
            return Cast(self._candidate, "candidate", self.split_digest)
        return Cast(voice, "champion", self.split_digest)

    async def look(self) -> None:
        """Put the champion of the record into service, where it is another by now.

        Requests that are under way are answered by whoever has them. Where the new one is refused
        the old one goes on, and `refused` says why.
        """
        now, (before, when) = pointer(self.folder), self._seen
        again = self.refused and time.monotonic() - when >= AGAIN
        if now == before and not again:
            return
        self._seen = (now, time.monotonic())
        try:
            await self._swap(await asyncio.to_thread(promoted, self.folder))
        except Exception as error:  # whatever it is, the old one goes on
            reason = first_line(error)
            if reason != self.refused:
                self.say(f"{self.champion.name} goes on: {reason}")
            self.refused = reason
        else:
            self.refused = ""

    async def _swap(self, record: Record) -> None:
        old, before = self.champion, self.record
        if record.named == before.named:
            self._record = record
            return
        assert self._chats
        new = await open_promoted(record, self.registry, self._chats)
        self._record, self._champion = record, new
        self.say(f"{new.name} answers from now on ({record.kind} {record.number}); was {old.name}")
        if self._candidate and self._candidate.content == new.content:
            self.say(f"{self.split} ends: {new.name} is the champion")
            self.split = self._candidate = None
        held = [each.base for each in (new, self._candidate) if each]
        if old.base is not None and not any(base is old.base for base in held):
            self._chats = Chats(self.registry)  # its weights go with the requests that need them
