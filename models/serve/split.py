"""Which arm answers a request, where a candidate is tried beside the champion.

A request goes by who asks; by its contract and question where nobody says who. The same person
then always meets the same model, so that what they say of it is said of one, and their answers do
not contradict each other from one request to the next; the same question gets the same answer from
whom nobody knows. The hash knows the candidate's name: shares of two tries are independent, and a
larger share of one holds the smaller.
"""

import argparse
import hashlib
from dataclasses import dataclass
from typing import Literal

from common.identity import digest

Kind = Literal["split", "shadow"]


@dataclass(frozen=True, slots=True)
class Split:
    """A share of requests for a candidate: `split` gives them its answer, `shadow` asks it too."""

    kind: Kind
    candidate: str
    share: float

    def takes(self, user: str, contract: str, question: str) -> bool:
        """Whether the candidate is asked.

        >>> half = Split("split", "dpo-x", 0.5)
        >>> [half.takes(user, "", "Which law?") for user in ("ann", "ben", "cy", "dee", "eve")]
        [True, True, False, False, False]
        >>> half.takes("ann", "ACME", "Who signs?") == half.takes("ann", "", "Which law?")
        True
        """
        unit = ("user", user) if user else ("question", contract, question)
        drawn = hashlib.sha256(digest("arm", self.candidate, *unit).encode()).digest()
        return int.from_bytes(drawn[:8]) < self.share * 2**64

    def digest(self, champion: str, candidate: str) -> str:
        """What tells rows of one split from those of another: kind, share, and who is compared.

        Args:
            champion: what it is, as promoted.
            candidate: likewise.
        """
        return digest("split", 1, self.kind, self.share, champion, candidate)[:16]

    def __str__(self) -> str:
        """As it is typed."""
        return f"--{self.kind} {self.candidate}={self.share:g}"


def share_of(kind: Kind, text: str) -> Split:
    """`NAME=SHARE`, for argparse's `type`; of a shadow `NAME` alone is all of it.

    >>> str(share_of("shadow", "dpo-x"))
    '--shadow dpo-x=1'
    """
    name, mark, number = text.rpartition("=")
    if not mark:
        name, number = (text, "1") if kind == "shadow" else (text, "")
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    most = 1.0 if kind == "shadow" else 0.999
    if not name or not 0 < share <= most:  # nor is NaN
        raise argparse.ArgumentTypeError(
            f"{text!r} is no share of requests; write NAME=0.1 for a tenth of them"
        )
    return Split(kind, name, share)
