"""Who may say something of a candidate, and take it back: every reason why not."""

from collections.abc import Sequence
from pathlib import Path

from models.promotion.approval.standing import Question, Standing, not_listed, why_not
from models.promotion.record.line import Line, services
from models.promotion.record.people import are_same, folded
from models.promotion.record.statement import Statement
from models.promotion.refused import RefusedError
from models.promotion.signatures.signing import private_fingerprint


def check_speaker(said: Statement, question: Question, key: Path | None) -> None:
    """Refuse who may not approve, and a name without the key that the policy has for it."""
    doubt = why_not(said.by, said.who, question) if said.kind == "approval" else None
    if doubt or (doubt := not_listed(said.by, question)):
        raise RefusedError(doubt)
    if not question.people:
        return
    if key is None:
        raise RefusedError(f"{said.by} signs, by the policy; add --sign KEY, their private key")
    if private_fingerprint(key) != question.people[said.by]:
        raise RefusedError(f"{key} is not the key that [approval.people] has for {said.by}")


def check_first(said: Statement, found: Standing) -> None:
    """Refuse a name that another person uses, and a second name of one person.

    Where the policy has keys, these tell people apart.
    """
    for each in (*found.approvals, *found.expired, *found.rejections):
        named = folded(each.by) == folded(said.by)
        if not found.question.people and named != are_same(each.who, said.who):
            raise RefusedError(
                f"line {each.number} was said by {each.who.words} as {each.by}, and this is "
                f"{said.who.words} as {said.by}: a person counts once; let another one type it, "
                "from their account"
            )


def check_unused(lines: Sequence[Line], earlier: Statement, behind: str = "") -> None:
    """Refuse to take back what a promotion was made on; `behind` ends the line to type."""
    for record in services(lines):
        votes = record.approval.votes if record.approval else ()
        if any(vote.number == earlier.number for vote in votes):
            raise RefusedError(
                f"promotion {record.number} was made on line {earlier.number}; to take "
                f"{record.model} out of service type `python -m models.promote --rollback{behind}`"
            )


def whose(said: Statement) -> str:
    """Who alone can take something back, for a refusal."""
    if said.signed_by:
        return (
            f"line {said.number} is signed by the key {said.signed_by[:12]}, which alone can take "
            "it back; add --sign KEY"
        )
    return (
        f"line {said.number} was said by {said.who.words}, who alone can take it back, from that "
        "account"
    )
