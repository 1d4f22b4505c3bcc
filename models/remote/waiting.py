"""Whom an exam waits for: calls that a server has not answered yet."""

import time
from dataclasses import dataclass


@dataclass(slots=True)
class Wait:
    """A call that has been sent; `since` is None until it was, `tries` counts the sendings."""

    name: str
    most: int
    tries: int = 0
    since: float | None = None

    def sent(self) -> None:
        """The call goes out, for the first time or again."""
        self.tries += 1
        self.since = self.since or time.monotonic()

    @property
    def seconds(self) -> float:
        """How long ago it was first sent."""
        return time.monotonic() - self.since if self.since else 0.0

    def __str__(self) -> str:
        """What a user is told.

        >>> str(Wait("llama", 7, tries=2))
        'waiting for llama, 0 s, 2 of 7 tries'
        """
        return f"waiting for {self.name}, {self.seconds:.0f} s, {self.tries} of {self.most} tries"
