"""Whether people approved of a round's candidate, as `models.approve --status --json` tells."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from common.doors import as_typed
from common.errors import UserError
from common.reading import parse_json
from common.redaction import outward
from models.promotion.refused import RefusedError
from training.loop.journal import Round
from training.loop.policy import LoopPolicy
from training.loop.process import captured
from training.loop.steps import Step

WAITS = 3
"""The exit code of `--status` where approvals are missing."""


class WaitsError(UserError):
    """The round waits for a person: exit 3."""


def rejection(policy: LoopPolicy, round_: Round, step: Step) -> str:
    """Who says no to a candidate, and why; "" where it may be promoted.

    Raises:
        WaitsError: somebody has to approve, once more where an approval expired, or to confirm
            the conditions of who did.
        RefusedError: nobody said no, and it cannot be promoted as things stand.
        UserError: the command said nothing.
    """
    code, printed = captured(step.command())
    said = _read(step, code, printed)
    model, number = round_.candidate, round_.number
    if said.get("state") == "expired" or code == WAITS:
        late = [f"{each.get('by')} at {each.get('expires')}" for each in _all(said, "expired")]
        why = f"approvals of {model} expired ({', '.join(late)})" if late else f"{model} passed"
        line = _typed("models.approve", model, "--by", "NAME", *policy.places, *policy.reports)
        raise WaitsError(
            f"round {number} waits: {outward(why)}, and somebody else than who ran the exam "
            f"approves of it: `{line}`"
        )
    conditions = [str(each) for each in said.get("conditions") or ()]
    if code == 0 and conditions:
        words = (model, "--conditions-met", *policy.places, *policy.reports)
        raise WaitsError(
            f"round {number} waits: {model} is approved on conditions "
            f"({outward('; '.join(conditions))}); whoever sees that they are met types "
            f"`{_typed('models.promote', *words)}`, and the same line here notes it"
        )
    if code == 0:
        return ""
    if no := _all(said, "rejections"):
        people = (f"{each.get('by')} rejected it: {each.get('reason')}" for each in no)
        return outward("; ".join(people))
    reason = outward(str(said.get("reason") or f"`{step.line}` ended with exit code {code}"))
    raise RefusedError(
        f"{reason}; mend that, and type the same line again, or end round {number} with "
        '--abandon "REASON"; the champion stays'
    )


def _read(step: Step, code: int, printed: str) -> Mapping[str, Any]:
    try:
        said = parse_json("models.approve", printed)
    except UserError:
        said = None
    if not isinstance(said, dict):
        raise UserError(
            f"`{step.line}` ended with exit code {code} and no status; mend what it says, and type "
            "the same line"
        )
    return said


def _all(said: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    return [each for each in said.get(name) or () if isinstance(each, dict)]


def _typed(module: str, *words: str) -> str:
    return as_typed(f"python -m {module} {shlex.join(words)}")
