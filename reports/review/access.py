"""Who may open the desk: whoever has a link of the terminal, as the reviewer that it is for.

A link holds a token; its browser gets a cookie in exchange, of this run of the server alone. What
changes something must come from a form of that session, and, as everywhere here, from a page of
this very address (common/local_server.py).
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Doorkeeper:
    """Tokens of links and of sessions, made when the server begins and written nowhere."""

    reviewers: Sequence[str]
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def token(self, reviewer: str) -> str:
        """What the reviewer's link holds."""
        return self._sealed("link", reviewer)

    def enter(self, token: str) -> str | None:
        """The cookie of whoever brings a link's token; None where it is none."""
        reviewer = self._whose("link", token)
        return None if reviewer is None else self._sealed("session", reviewer)

    def reviewer(self, session: str) -> str | None:
        """Whose session a cookie is; None where it is of nobody."""
        return self._whose("session", session)

    def form(self, reviewer: str) -> str:
        """What every form of the reviewer's session holds."""
        return self._sealed("form", reviewer)

    def is_form(self, reviewer: str, token: str) -> bool:
        """Whether a form is of that session."""
        return hmac.compare_digest(token.encode(), self.form(reviewer).encode())

    def _whose(self, purpose: str, given: str) -> str | None:
        for name in self.reviewers:
            if hmac.compare_digest(given.encode(), self._sealed(purpose, name).encode()):
                return name
        return None

    def _sealed(self, purpose: str, reviewer: str) -> str:
        return hmac.new(self.key, f"{purpose} {reviewer}".encode(), hashlib.sha256).hexdigest()
