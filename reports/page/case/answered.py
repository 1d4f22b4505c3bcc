"""An answer beside what was expected, and beside another answer: the words in which they differ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from evals.language.words import f1, normalise
from reports.report import ReportedCase, ReportedResult
from reports.views.word_difference import Piece, word_difference

LONGEST = 20_000
"""Characters of an answer whose differences are shown; a reader of a longer one is not helped."""

ALIKE = 0.3
"""Share of the shorter text's words below which what two texts share, they share by chance."""

SHOWN = 12
"""Words of a longer piece that is missing; the whole stands beside it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer in pieces.

    Attributes:
        result: whose answer.
        pieces: of it and of the expected answer that is most like it; one piece, alike, where
            nothing is to be compared: no answer is expected, none was given, or few words are
            shared.
    """

    result: ReportedResult
    pieces: tuple[Piece, ...]

    @property
    def differs(self) -> bool:
        """Whether words are marked."""
        return any(piece.kind != "same" for piece in self.pieces)


def answered(case: ReportedCase, result: ReportedResult) -> Answered:
    """The answer with what it has and what it lacks of the nearest expected one."""
    said = result.answer
    plain = (Piece("same", said),) if said else ()
    near = _nearest(said, [span.text for span in case.expected])
    return Answered(result, _compared(near, said) or plain)


def changed(before: ReportedResult, after: ReportedResult) -> tuple[Piece, ...]:
    """From one answer to another; empty where they say the same, or share few words."""
    pieces = _compared(before.answer, after.answer)
    return pieces if any(each.kind != "same" for each in pieces) else ()


def _compared(before: str, after: str) -> tuple[Piece, ...]:
    """The difference, long gaps shortened; empty where nothing is to be shown."""
    if not (before.strip() and after.strip()) or max(len(before), len(after)) > LONGEST:
        return ()
    pieces = word_difference(before, after)
    shared = sum(len(each.text.split()) for each in pieces if each.kind == "same")
    if shared < ALIKE * min(len(before.split()), len(after.split())):
        return ()
    return tuple(replace(each, text=_brief(each)) for each in pieces)


def _brief(piece: Piece) -> str:
    words = piece.text.split()
    if piece.kind != "removed" or len(words) <= 2 * SHOWN:
        return piece.text
    half = SHOWN // 2
    return f"{' '.join(words[:half])} … {len(words) - SHOWN:,} words … {' '.join(words[-half:])}"


def _nearest(said: str, expected: Sequence[str]) -> str:
    """The expected answer that shares most words with what was said; empty without any."""
    words = normalise(said).split()
    return max(expected, key=lambda gold: f1(words, normalise(gold).split()), default="")
