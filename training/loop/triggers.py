"""What would start a round now, and what would not, each with its reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.errors import UserError
from common.reading import parse_json
from fixtures.cases import Dataset
from training.loop.journal import Round
from training.loop.policy import LoopPolicy
from training.loop.process import captured
from training.loop.sifting import Sifted
from training.loop.steps import module_command

DAY = 86_400.0
DRIFT = {
    0: "no drift was found",
    1: "drift was found",
    3: "too little was served to speak of drift",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to see before a round.

    Attributes:
        dataset: its identity.
        contracts: digests of the contracts of its train split.
        sifted: the feedback.
    """

    dataset: str
    contracts: tuple[str, ...]
    sifted: Sifted


@dataclass(frozen=True, slots=True)
class Trigger:
    """One thing that may start a round: whether it does, and the sentence that says why."""

    name: str
    due: bool
    why: str


def train_contracts(dataset: Dataset) -> tuple[str, ...]:
    """Digests of the contracts that may be trained on, in their order."""
    every = (case.contract for case in dataset.cases)
    own = {each.digest: None for each in every if each.id not in dataset.test_contracts}
    return tuple(own)


def triggers(
    policy: LoopPolicy, rounds: Sequence[Round], seen: Seen, now: float, *, watch: bool = True
) -> tuple[Trigger, ...]:
    """Everything that the policy names, the cheapest first; drift is looked for last.

    Args:
        policy: says what starts a round.
        rounds: those there were.
        seen: what there is.
        now: seconds since 1970.
        watch: whether drift is looked for, which asks `python -m reports.drift`.

    Raises:
        UserError: `reports.drift` found a mistake.
    """
    last = rounds[-1] if rounds else None
    paused = _pause(policy, last, now)
    if paused:
        return (paused,)
    found = [*_counted(policy, rounds, seen), *_calendar(policy, last, now)]
    if policy.start.drift is not None and watch and not any(each.due for each in found):
        found.append(_drift(policy.start.drift))
    elif policy.start.drift is not None:
        found.append(Trigger("drift", False, "drift was not looked for"))
    return tuple(found)


def _pause(policy: LoopPolicy, last: Round | None, now: float) -> Trigger | None:
    """A clock that went back makes no second round of one day: it is as if no time had passed."""
    if last is None:
        return None
    if now < last.began:
        behind = (last.began - now) / DAY
        why = f"the clock is {behind:.1f} days before the beginning of round {last.number}"
        return Trigger("clock", False, f"{why}; nothing starts until it is past that")
    passed = (now - last.began) / DAY
    if passed < policy.start.pause:
        why = f"round {last.number} began {passed:.1f} days ago, and `pause` is"
        return Trigger("pause", False, f"{why} {policy.start.pause:g}")
    return None


def _counted(policy: LoopPolicy, rounds: Sequence[Round], seen: Seen) -> Iterator[Trigger]:
    start = policy.start
    if start.feedback is not None:
        known = {each for round_ in rounds for each in round_.feedback}
        new = len(set(seen.sifted.digests) - known)
        why = f"{new:,} new rows of feedback, of {start.feedback:,} that start a round"
        refused = seen.sifted.refused
        more = f"; {refused:,} about contracts of the test split are refused" if refused else ""
        yield Trigger("feedback", new >= start.feedback, why + more)
    if start.contracts is not None:
        known = {each for round_ in rounds for each in round_.contracts}
        new = len(set(seen.contracts) - known)
        why = f"{new:,} new contracts in the train split, of {start.contracts:,}"
        yield Trigger("contracts", new >= start.contracts, f"{why} that start a round")


def _calendar(policy: LoopPolicy, last: Round | None, now: float) -> Iterator[Trigger]:
    if policy.start.days is None:
        return
    if last is None:
        yield Trigger("calendar", True, "no round was ever begun")
        return
    passed = (now - last.began) / DAY
    why = f"{passed:.1f} days since round {last.number} began, of {policy.start.days:g}"
    yield Trigger("calendar", passed >= policy.start.days, f"{why} that start a round")


def _drift(arguments: tuple[str, ...]) -> Trigger:
    code, printed = captured(module_command("reports.drift", (*arguments, "--json")))
    if code not in DRIFT or not _is_object(printed):  # what crashes ends with 1, too
        raise UserError(
            f"`python -m reports.drift` ended with exit code {code} and no finding; mend what it "
            "says, or take `drift` out of [start]"
        )
    return Trigger("drift", code == 1, DRIFT[code])


def _is_object(printed: str) -> bool:
    try:
        return isinstance(parse_json("reports.drift", printed), dict)
    except UserError:
        return False
