"""A round: begun for a reason, its steps done one after the other, ended with an outcome."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.clock import utc_now
from common.command import Say
from common.errors import UserError
from common.identity import digest, file_digest
from common.paths import ROOT
from models.local.entry import LocalEntry
from models.promotion.champion import read_champion
from models.promotion.refused import RefusedError
from models.published.following import LAGS
from models.registry import is_registered, read_entry
from training.loop.approval import WaitsError, rejection
from training.loop.budget import left_of, paid
from training.loop.done import (
    exams_of,
    has_left,
    is_of_round,
    promotion_of,
    sealed_candidates,
    verdict_of,
)
from training.loop.journal import STATE, Made, Round, folder_of, holds, states, write_round
from training.loop.policy import LoopPolicy
from training.loop.process import OverTimeError, captured, is_working, wait_until_idle, work
from training.loop.steps import Step, module_command, start_of, steps_of
from training.loop.triggers import Seen

LOCK = "step.lock"
ROOMS = ("common", "fixtures", "models", "evals", "training")
PROMOTED = "PROMOTED"
FREE = ("approval", "promotion")
"""Kinds of steps that cost nothing, and are asked anew by every `run`."""


@dataclass(frozen=True, slots=True)
class Loop:
    """Where a loop stands: its policy, the file of it, and the folder of its journals."""

    policy: LoopPolicy
    file: Path
    state: Path = STATE

    def steps(self, round_: Round) -> tuple[Step, ...]:
        """The steps of a round."""
        people = bool(round_.feedback)
        return steps_of(
            self.policy, round_.number, self.state, people=people, champion=round_.champion
        )


def code_digest() -> str:
    """SHA-256 over the code of the rooms that steps are made of."""
    paths = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return digest([(each.relative_to(ROOT).as_posix(), file_digest(each)) for each in paths])


def begin(loop: Loop, rounds: Sequence[Round], seen: Seen, why: Sequence[str]) -> Round:
    """The next round, begun and written down.

    Raises:
        UserError: it cannot be written, or the adapter that it starts from is gone.
    """
    round_ = replace(upcoming(loop, rounds, seen), began=time.time(), why=tuple(why))
    if round_.champion and not (start := start_of(loop.policy, round_.champion)).exists():
        raise UserError(
            f"{loop.file}: sft.start: {round_.champion} is in service, and its adapter {start} is "
            'gone; restore it, or write start = "base"'
        )
    write_round(round_, loop.state)
    return round_


def upcoming(loop: Loop, rounds: Sequence[Round], seen: Seen) -> Round:
    """The round that would begin now: what `begin` writes down, and a plan is of."""
    number = rounds[-1].number + 1 if rounds else 1
    while _is_taken(loop.policy, loop.policy.candidate(number)):
        number += 1  # the journals were lost, and the models were not
    return Round(
        number=number,
        began=0.0,
        why=(),
        candidate=loop.policy.candidate(number),
        policy=file_digest(loop.file),
        dataset=seen.dataset,
        contracts=seen.contracts,
        feedback=seen.sifted.digests,
        refused=seen.sifted.refused,
        champion=adapter_in_service(loop.policy),
    )


def _is_taken(policy: LoopPolicy, model: str) -> bool:
    names = (model, f"{model}-sft")
    return any(is_registered(name, policy.registry) for name in names) or bool(
        promotion_of(policy, model)
    )


def adapter_in_service(policy: LoopPolicy) -> str:
    """The champion, where SFT is to go on from it and it is an adapter; empty otherwise.

    Raises:
        UserError: its entry cannot be read.
    """
    if policy.sft is None or policy.sft.start != "champion":
        return ""
    champion = read_champion(policy.models)
    if champion is None or not is_registered(champion.model, policy.registry):
        return ""
    entry = read_entry(champion.model, policy.registry)
    return champion.model if isinstance(entry, LocalEntry) and entry.adapter else ""


def abandoned(loop: Loop, round_: Round, reason: str) -> Round:
    """The round, ended by a person; one whose candidate was promoted has ended otherwise.

    Raises:
        WaitsError: a step works that outlived its loop.
        RefusedError: the record is not as it was.
    """
    if is_working(folder_of(round_.number, loop.state) / LOCK):
        raise WaitsError(
            f"a step of round {round_.number} works on, though its loop was killed; wait until it "
            "has ended, or end it, and type the same line again"
        )
    if promotion_of(loop.policy, round_.candidate):
        return _promoted(loop, round_)
    return ended(loop, round_, "ABANDONED", reason)


def ended(loop: Loop, round_: Round, outcome: str, reason: str) -> Round:
    """The round with its outcome, written down."""
    done = replace(round_, ended=time.time(), outcome=outcome, reason=" ".join(reason.split()))
    write_round(done, loop.state)
    return done


def key_of(step: Step, dataset: str, code: str) -> tuple[str, dict[str, str]]:
    """What a step's work is known by, and the SHA-256 of what it takes.

    Raises:
        UserError: something that it takes is not there.
    """
    takes = states(step.takes)
    gone = [path for path, state in takes.items() if not state]
    if gone:
        raise UserError(
            f"{step.name}: {gone[0]} is gone, and a step of the round needs it; restore it and "
            'type the same line again, or end the round with --abandon "REASON"; the champion stays'
        )
    return digest(step.module, step.arguments, takes, dataset, code), takes


def go_on(loop: Loop, round_: Round, dataset: str, say: Say) -> Round:
    """Do what is left of a round; what was done, and did not change, is not done again.

    Raises:
        WaitsError: a person has to approve first.
        UserError: a step cannot be done; what was done before is kept.
        RefusedError: ledger or record was tampered with.
    """
    if round_.candidate != loop.policy.candidate(round_.number):
        raise UserError(
            f"{loop.file}: `name` is {loop.policy.name!r} now, and round {round_.number} makes "
            f'{round_.candidate}; put it back, or end the round with --abandon "REASON"'
        )
    waiting = f"a step that was begun before works on; waiting for it (round {round_.number})"
    waited = wait_until_idle(folder_of(round_.number, loop.state) / LOCK, lambda: say(waiting))
    if promotion_of(loop.policy, round_.candidate):
        return _promoted(loop, round_)
    code_now = code_digest()
    for step in loop.steps(round_):
        round_ = _after_wait(round_, waited)
        waited = 0.0
        key, takes = key_of(step, dataset, code_now)
        made = round_.steps.get(step.name)
        if made and _is_done(step, made, key):
            say(f"done before: {step.line}")
        else:
            round_ = _done(loop, round_, step, _begun(loop, round_, step, key, takes, made), say)
        if round_.ended is None:
            round_ = _judged(loop, round_, step)
        if round_.ended is not None:
            return round_
    return ended(loop, round_, PROMOTED, f"{round_.candidate} is the champion")


def _promoted(loop: Loop, round_: Round) -> Round:
    """The round of a candidate that the record says was promoted, ended.

    Raises:
        RefusedError: the record is not as it was.
    """
    # Pointers that a crash left behind are completed.
    code, _ = captured(module_command("models.promote", ("--verify", *loop.policy.places)))
    if code not in (0, LAGS):
        raise RefusedError(f"{round_.candidate} is promoted, and the record is not as it was")
    champion = read_champion(loop.policy.models)
    if champion is None or champion.model != round_.candidate:
        gone = f"{round_.candidate} was promoted, and is no longer in service"
        return ended(loop, round_, "REFUSED", gone)
    for name, made in round_.steps.items():  # what was cut off between the deed and its note
        if made.code is None:
            round_ = round_.with_step(name, replace(made, code=0))
    return ended(loop, round_, PROMOTED, f"{round_.candidate} is the champion")


def _is_done(step: Step, made: Made, key: str) -> bool:
    """Whether a step need not be done again.

    Approvals expire, and what was refused may have been mended: both are asked anew.
    """
    same = made.key == key and made.code is not None and holds(made.leaves)
    return same and step.kind not in FREE


def _after_wait(round_: Round, seconds: float) -> Round:
    """Time that a step worked on without its loop is time of the budget."""
    open_ = [name for name, made in round_.steps.items() if made.code is None]
    if not (open_ and seconds):
        return round_
    made = round_.steps[open_[-1]]
    return round_.with_step(open_[-1], replace(made, seconds=made.seconds + seconds))


def _begun(
    loop: Loop, round_: Round, step: Step, key: str, takes: dict[str, str], made: Made | None
) -> Made:
    """The note of a step before an attempt: one that was cut off goes on, another begins anew."""
    calls, dollars = paid(loop.policy.store)
    if made and made.key == key and made.code is None:
        return _counted(step, replace(made, attempts=made.attempts + 1), calls, dollars)
    exams = exams_of(loop.policy, round_.candidate) if step.kind == "exam" else ()
    new = Made(key, step.line, utc_now(), before=(calls, dollars), takes=takes, exams=exams)
    if made is None:
        return new
    return replace(
        new, attempts=made.attempts + 1, seconds=made.seconds, calls=made.calls,
        dollars=made.dollars, before=(calls - made.calls, dollars - made.dollars),
        carried=made.dollars,
    )  # fmt: skip


def _counted(step: Step, made: Made, calls: int, dollars: float) -> Made:
    """What a step has cost, when the store holds so many calls and dollars.

    Waiting for a person costs nothing, whatever others put into the store meanwhile.
    """
    if step.kind in FREE:
        return made
    before = made.before
    return replace(made, calls=max(0, calls - before[0]), dollars=max(0.0, dollars - before[1]))


def _done(loop: Loop, round_: Round, step: Step, made: Made, say: Say) -> Round:
    """The round with a step done, or ended because the budget does not allow it."""
    before = round_.steps.get(step.name)
    cut = before is not None and before.code is None and before.key == made.key
    again = step.kind == "training" and (before is not None or is_of_round(step))
    round_ = round_.with_step(step.name, made)
    left = left_of(loop.policy.budget, round_)
    costs = step.kind not in FREE
    over = (left.used_up if costs else "") or over_candidates(loop.policy, step)
    if over:
        return ended(loop, round_, "BUDGET", f"{over} before the step {step.name}")
    write_round(round_, loop.state)
    if cut and has_left(step, loop.policy, made):
        say(f"done before it was cut off: {step.line}")
        return _noted(loop, round_, step, 0)

    def beat(seconds: float) -> None:
        nonlocal round_
        round_ = round_.with_step(step.name, replace(made, seconds=made.seconds + seconds))
        write_round(round_, loop.state)

    say(f"now: {step.line}")
    if step.kind == "approval":
        no = rejection(loop.policy, round_, step)
        return _noted(loop, round_, step, int(bool(no)), no)
    lock = folder_of(round_.number, loop.state) / LOCK
    further = left.words(step.capped, step.arguments, made.dollars - made.carried)
    if again:
        further = (*further, "--force")
    try:
        code = work(step.command(further), lock, beat, left.seconds if costs else None)
    except OverTimeError as error:
        return ended(loop, round_, "BUDGET", f"{error} in the step {step.name}")
    return _noted(loop, round_, step, code)


def over_candidates(policy: LoopPolicy, step: Step) -> str:
    """Whether another candidate may meet the sealed contracts, in words if not."""
    most = policy.budget.candidates
    if most is None or "--sealed" not in step.arguments:
        return ""
    met = sealed_candidates(policy) - {step.arguments[1]}
    return f"{len(met)} candidates have met sealed contracts already" if len(met) >= most else ""


def _noted(loop: Loop, round_: Round, step: Step, code: int, said: str = "") -> Round:
    """The round with what a step left, and what it said.

    Raises:
        KeyboardInterrupt: the step was interrupted.
        UserError: it failed, or left nothing.
    """
    made = _counted(step, round_.steps[step.name], *paid(loop.policy.store))
    round_ = round_.with_step(step.name, made)
    write_round(round_, loop.state)
    if code in (2, -2):
        raise KeyboardInterrupt
    if step.kind == "promotion" and code == LAGS:
        code = 0  # it is promoted; what lags outside was said, and is no business of the round
    over = left_of(loop.policy.budget, round_).used_up
    if code and step.kind == "rows" and over:
        return ended(loop, round_, "BUDGET", f"{over} in the step {step.name}")
    if code not in ((0,) if step.kind in ("rows", "training") else (0, 1)):
        raise UserError(
            f"`{step.line}` ended with exit code {code}; mend what it says, and type the same line"
        )
    leaves = step.leaves
    if step.kind == "exam":
        sealed = "--sealed" in step.arguments
        verdict = verdict_of(loop.policy, round_.candidate, made.exams, sealed=sealed)
        if verdict is None:
            raise UserError(
                f"`{step.line}` ended, and the ledger has no new whole exam of "
                f"{round_.candidate}; mend what it says, and type the same line"
            )
        leaves, said = (verdict.file,), verdict.outcome
    found = states(leaves)
    if gone := [path for path, state in found.items() if not state]:
        raise UserError(f"`{step.line}` ended, and {gone[0]} is not there; type the same line")
    round_ = round_.with_step(step.name, replace(made, code=code, leaves=found, said=said))
    write_round(round_, loop.state)
    return round_


def _judged(loop: Loop, round_: Round, step: Step) -> Round:
    """The round, ended where a step says that its candidate goes no further."""
    made = round_.steps[step.name]
    if step.kind == "exam" and made.said != "PROMOTE":
        left = left_of(loop.policy.budget, round_)
        if left.used_up and made.said != "REJECT":
            return ended(loop, round_, "BUDGET", f"{left.used_up}, and the exam is {made.said}")
        return ended(loop, round_, made.said, f"the step {step.name} says {made.said}")
    if made.code == 1 and step.kind == "approval":
        return ended(loop, round_, "REFUSED", made.said)
    if made.code == 1 and step.kind == "promotion":
        _check_stands(loop, round_)
        return ended(loop, round_, "REFUSED", f"{round_.candidate} was not promoted; see above")
    return round_


def _check_stands(loop: Loop, round_: Round) -> None:
    """Refuse to end a round whose exam was of another champion or policy than there is now.

    Raises:
        RefusedError: it is so; it is examined again.
    """
    for step in loop.steps(round_):
        made = round_.steps.get(step.name)
        if made and step.kind == "exam" and made.takes != states(step.takes):
            raise RefusedError(
                f"{round_.candidate} was examined against what is no longer in force: champion, "
                "policy or its weights changed meanwhile; type the same line, and it is examined "
                "again"
            )
