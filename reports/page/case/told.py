"""Flips as a page tells them: the most telling of each side, with the words that differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.page.case.answered import Answered, answered, changed
from reports.report import Report
from reports.views.flips import Flip, Flips, Side, flips
from reports.views.word_difference import Piece

MOST = 20
"""Flips of each side that are told; the others are found among the cases."""


@dataclass(frozen=True, slots=True)
class Told:
    """A flip with both answers, and from the opponent's to the candidate's where they compare."""

    flip: Flip
    opponent: Answered
    candidate: Answered
    change: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class OneSide:
    """The flips that were won, or those that were lost: how many, and the most telling."""

    side: Side
    count: int
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Against:
    """What flipped between a candidate and its opponent, what it lost before what it won."""

    flips: Flips
    sides: tuple[OneSide, OneSide]


def told(report: Report) -> tuple[Against, ...]:
    """One a candidate that was compared."""
    return tuple(
        Against(found, (_side("lost", found.lost), _side("won", found.won)))
        for found in flips(report)
    )


def _side(side: Side, found: Sequence[Flip]) -> OneSide:
    return OneSide(side, len(found), tuple(map(_told, found[:MOST])))


def _told(flip: Flip) -> Told:
    return Told(
        flip,
        answered(flip.case, flip.opponent),
        answered(flip.case, flip.candidate),
        changed(flip.opponent, flip.candidate),
    )
