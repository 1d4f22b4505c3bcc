"""What promotions that are recorded say of approvals, and whether it is so."""

from collections.abc import Sequence

from models.promotion.admission.policy import Policy
from models.promotion.approval.standing import Question, Subject, people_of, standing
from models.promotion.record.line import Line, Record, services
from models.promotion.record.statement import Approved, Statement, Vote
from models.promotion.refused import RefusedError

RESTORE = "restore the record from the repository's history"


def check_approved(lines: Sequence[Line], policy: Policy | None) -> None:
    """Refuse a promotion on approvals that the record did not hold then, or that asked too few.

    Args:
        lines: of the record.
        policy: that is in force; it says what promotions under it had to ask.

    Raises:
        RefusedError: there is one.
    """
    for record in services(lines):
        question, said = question_behind(record), record.approval
        if record.kind != "promotion" or question is None:
            continue
        name = f"line {record.number}, the promotion of {record.model}"
        if policy and policy.identity == record.policy and policy.approval.needed:
            asked = policy.approval
            if said is None or (said.needed, dict(said.people)) != (asked.needed, asked.people):
                raise RefusedError(
                    f"{name}, was not asked the {asked.needed} approvals of its policy; {RESTORE}"
                )
        if said is None or said.break_glass:
            continue
        found = standing(lines[: record.number - 1], question, record.when)
        votes = tuple(Vote(each.by, each.number) for each in found.approvals)
        if found.against or (votes, found.conditions) != (said.votes, said.conditions):
            raise RefusedError(
                f"{name}, stands on approvals or conditions that are not those of the lines "
                f"before it; {RESTORE}"
            )


def check_speakers(lines: Sequence[Line], policy: Policy | None) -> None:
    """Refuse what was said under this policy in a name, and not signed by the key that it has.

    Raises:
        RefusedError: there is such a line.
    """
    if policy is None or not policy.approval.people:
        return
    people = policy.approval.people
    for line in lines:
        if not isinstance(line, Statement) or line.policy != policy.identity:
            continue
        if people.get(line.by) is None or people[line.by] != line.signed_by:
            raise RefusedError(
                f"line {line.number} is not signed by the key that [approval.people] has for "
                f"{line.by}; {RESTORE}"
            )


def question_behind(record: Record) -> Question | None:
    """What was asked before a promotion that is recorded; after it, where the glass was broken.

    Then whoever broke it cannot approve either, and one approval at least is asked. None of a line
    that is no promotion.
    """
    asked, exam = record.approval or Approved(0, {}, (), ()), record.report
    if exam is None:
        return None
    gate, policy = record.gate or "", record.policy or ""
    subject = Subject(record.model, record.identity, exam.id, exam.sha256, gate, policy)
    glass = asked.break_glass
    if glass is None:
        return Question(subject, asked.needed, asked.people, asked.examined_by)
    barred = (*asked.examined_by, glass.who)
    return Question(subject, max(asked.needed, 1), asked.people, barred, record.number)


def ratified(lines: Sequence[Line], promotion: Record) -> tuple[str, ...]:
    """Who approved of a promotion after the glass was broken for it; nobody where too few did.

    That does not expire.
    """
    question = question_behind(promotion)
    if question is None:
        return ()
    found = standing(lines, question, max(line.when for line in lines))
    said = (*found.approvals, *found.expired)
    if found.rejections or people_of(said) < question.needed:
        return ()
    return tuple(each.by for each in sorted(said, key=lambda each: each.number))


def promotion_behind(lines: Sequence[Line], record: Record) -> Record | None:
    """The promotion that put a champion into service, which a rollback or an anchor restates."""
    for each in reversed(services(lines[: record.number])):
        is_it = each.kind == "promotion" and each.named == record.named
        if is_it and (each is record or each.approval == record.approval or not record.approval):
            return each
    return None


def glass_words(lines: Sequence[Line], record: Record) -> str | None:
    """What is said for ever of a champion for whom the glass was broken; None of others."""
    glass = record.approval.break_glass if record.approval else None
    promotion = promotion_behind(lines, record)
    if glass is None or promotion is None:
        return None
    by = ratified(lines, promotion)
    after = f"ratified by {', '.join(by)}" if by else "not ratified"
    return (
        f"{record.model} was promoted by break-glass of {glass.who.words}: {glass.reason} "
        f"({'; '.join(glass.lines)}); {after}"
    )
