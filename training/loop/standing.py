"""Where a loop stands, what it would do next, and why: for people and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from training.loop.journal import Round, as_json, folder_of
from training.loop.process import is_working
from training.loop.rounds import LOCK, Loop
from training.loop.steps import Step
from training.loop.triggers import Trigger


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a loop stands.

    Attributes:
        state: "idle", "due", "open", "working" or "waits".
        next: the first line of the round that has no exit code yet; "" where there is none. Where
            what it stands on was edited or lost, `run` does that again before it.
        why: a sentence each.
        round: the last one; None where none was ever begun.
        champion: the model in service; "" where none is.
    """

    state: str
    next: str
    why: tuple[str, ...]
    round: Round | None
    champion: str

    @property
    def json(self) -> dict[str, Any]:
        """As one JSON object."""
        return {
            "state": self.state,
            "next": self.next,
            "why": list(self.why),
            "champion": self.champion,
            "round": as_json(self.round) if self.round else None,
        }


def standing(
    loop: Loop, last: Round | None, coming: Round, found: Sequence[Trigger], champion: str
) -> Standing:
    """Where it stands.

    Args:
        loop: whose policy counts.
        last: round; None where none was ever begun.
        coming: the round that is open, or would begin now.
        found: the triggers, which count where none is open.
        champion: the model in service.
    """
    if last is not None and last.ended is None:
        return _open(loop, last, champion)
    due = [each.why for each in found if each.due]
    if not due:
        return Standing("idle", "", tuple(each.why for each in found), last, champion)
    return Standing("due", loop.steps(coming)[0].line, tuple(due), last, champion)


def _open(loop: Loop, round_: Round, champion: str) -> Standing:
    step = first_undone(loop, round_)
    working = is_working(folder_of(round_.number, loop.state) / LOCK)
    waits = step is not None and step.kind == "approval" and step.name in round_.steps
    state = "working" if working else "waits" if waits else "open"
    return Standing(state, step.line if step else "", round_.why, round_, champion)


def first_undone(loop: Loop, round_: Round) -> Step | None:
    """The first step of a round that has no exit code yet; None where all have."""
    every = loop.steps(round_)
    made = round_.steps
    return next((s for s in every if s.name not in made or made[s.name].code is None), None)


def lines_of(stands: Standing) -> Iterator[str]:
    """The same for people."""
    last = stands.round
    if last is None:
        yield "no round was ever begun"
    else:
        yield f"round {last.number} ({_day(last.began)}): {last.candidate}, {_outcome(last)}"
        yield from (f"  because {why}" for why in last.why)
        yield from (_step_line(name, last) for name in last.steps)
        hours, calls, dollars = last.spent
        yield f"  spent: {hours:.2f} hours, {calls:,} calls, {dollars:.2f} dollars"
    yield f"champion: {stands.champion or 'none'}"
    yield f"state: {stands.state}"
    if stands.state in ("idle", "due"):
        yield from (f"  {why}" for why in stands.why)
    if stands.next:
        yield f"next: {stands.next}"


def _outcome(round_: Round) -> str:
    return f"{round_.outcome}: {round_.reason}" if round_.ended is not None else "open"


def _step_line(name: str, round_: Round) -> str:
    made = round_.steps[name]
    cut = "cut off" if round_.ended is not None else "cut off, or at work"
    state = cut if made.code is None else made.said or "done"
    more = f", {made.attempts} attempts" if made.attempts > 1 else ""
    return f"  {name}: {state} ({made.seconds:,.0f} s{more})"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
