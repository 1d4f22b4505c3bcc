"""Runs of a contract's text, found in whatever bytes: every run of `WIDTH + STEP` bytes is.

Windows of `WIDTH` bytes are taken of the contract at every `STEP`, in each form in which a text is
written down. Bytes are searched for all of them at once by a rolling hash (Karp and Rabin 1987,
"Efficient randomized pattern-matching algorithms"); what the hash finds is compared byte by byte.
"""

import html
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.uint64]

WIDTH = 40
STEP = 20
CHUNK = 1 << 20
"""Bytes that are hashed at once."""

BASE = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse among the numbers below 2 ** 64."""

BITS = 20
"""Of a hash, by which most bytes are passed over."""


@dataclass(frozen=True)
class Windows:
    """Windows by their hashes; `first` says of the leading bits of a hash whether any has them."""

    by_hash: dict[int, bytes]
    first: "npt.NDArray[np.bool_]"

    def find(self, data: bytes) -> bytes | None:
        """The first window that stands in the data, None where none does."""
        return next(self._found(data), None) if self.by_hash else None

    def _found(self, data: bytes) -> Iterator[bytes]:
        import numpy as np

        for start in range(0, max(len(data) - WIDTH + 1, 0), CHUNK):
            part = data[start : start + CHUNK + WIDTH - 1]
            hashes = _hashes(part)
            for place in np.flatnonzero(self.first[hashes >> np.uint64(64 - BITS)]):
                window = self.by_hash.get(int(hashes[place]))
                if window is not None and part.startswith(window, place):
                    yield window


def windows_of(texts: Iterable[str], others: Iterable[str] = ()) -> Windows:
    """The windows of a contract's texts that stand in no other contract.

    >>> found = windows_of(["The Licensee shall pay forty dollars for every Seat, every year."])
    >>> found.find(b'{"answer": "shall pay forty dollars for every Seat, every year."}') is None
    False
    >>> found.find(b"The Licensee shall pay nothing for any Seat that is not in use.") is None
    True
    """
    import numpy as np

    kept: dict[int, bytes] = {}
    for form in {each for text in texts for each in forms(text)}:
        for place, number in enumerate(_hashes(form)[::STEP].tolist()):
            kept[number] = form[place * STEP : place * STEP + WIDTH]
    for form in {each for text in others for each in forms(text)} if kept else ():
        for number in kept.keys() & set(_hashes(form).tolist()):
            del kept[number]
    first = np.zeros(1 << BITS, dtype=bool)
    first[[number >> (64 - BITS) for number in kept]] = True
    return Windows(kept, first)


def forms(text: str) -> set[bytes]:
    r"""A text as files have it: plain, as JSON writes it, in HTML, each on one line too.

    >>> sorted(forms('a "b"\n\u00a7'))[0]
    b'a "b"\n\xc2\xa7'
    """
    from markupsafe import escape

    lines = {text, " ".join(text.split())}
    lines |= {html.escape(line) for line in lines} | {str(escape(line)) for line in lines}
    told = {json.dumps(line, ensure_ascii=bare)[1:-1] for line in lines for bare in (False, True)}
    return {each.encode("utf-8", "surrogatepass") for each in lines | told}


def _hashes(data: bytes) -> "Hashes":
    """Of every run of WIDTH bytes: sum of byte * BASE ** place, modulo 2 ** 64, shape (n,)."""
    import numpy as np

    if len(data) < WIDTH:
        return np.empty(0, dtype=np.uint64)
    inverse, powers = _powers(1 << (len(data) - 1).bit_length())
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    np.cumsum(np.frombuffer(data, np.uint8) * inverse[: len(data)], out=sums[1:])
    return (sums[WIDTH:] - sums[:-WIDTH]) * powers[: len(data) - WIDTH + 1]


@cache
def _powers(length: int) -> "tuple[Hashes, Hashes]":
    """Powers of BASE's inverse, and of BASE."""
    import numpy as np

    inverse = pow(BASE, -1, 1 << 64)
    made = [np.full(length, each, dtype=np.uint64) for each in (inverse, BASE)]
    for each in made:
        each[0] = 1
    return np.multiply.accumulate(made[0]), np.multiply.accumulate(made[1])
