"""The one exam that reads sealed contracts: for whom, how often, and what it tells."""

from collections.abc import Sequence
from dataclasses import replace

from common.errors import UserError
from models.promotion.admission.policy import Sealed, policy_path, read_policy
from models.promotion.ledger.entry import Begun, Entry
from models.promotion.ledger.tries import same_contracts
from reports.examination.planned import Planned
from reports.report import Report

TELLS = "sealed contracts: the report tells the verdict and its numbers, and nothing of any case"


def check_opening(planned: Planned, begun: Begun, entries: Sequence[Entry]) -> None:
    """Refuse to open what may not be opened: for whom, or so often.

    Raises:
        UserError: the exam is a part, a candidate passed no exam before, or no opening is left.
    """
    if planned.partial or not planned.plan.needs_answers:
        raise UserError("--sealed examines whole: type pytest evals, without -k or a single suite")
    for each in begun.candidates:
        line = f"pytest evals --model {each.name} --dataset {planned.prepared.options.dataset}"
        found = [e for e in entries if _develops(e, begun) and e.judged(each.identity)]
        said = found[-1].judged(each.identity) if found else "nothing"
        if said != "PROMOTE":
            raise UserError(
                f"--sealed: the last exam of {each.name} on the contracts that are not sealed says "
                f"{said}; first type `{line} --baseline champion`"
            )
    policy = read_policy(policy_path(planned.prepared.options.registry))
    most = (policy.sealed if policy else Sealed()).openings
    times = sum(entry.begun.chosen.sealed == begun.chosen.sealed for entry in entries)
    if times >= most:
        raise UserError(
            f"--sealed: the sealed contracts of {begun.dataset.name} were opened {times} times, of "
            f"{most} that the policy allows; their verdict is worn out: remove the seal, which "
            "makes them contracts like others, add new ones under another name, and seal of those"
        )


def _develops(entry: Entry, begun: Begun) -> bool:
    """Whether an entry is of a whole exam that ended, on the data set's other contracts."""
    chosen = replace(begun.chosen, sealed=None)
    return (
        entry.ended is not None
        and not entry.begun.chosen.part
        and same_contracts(entry.begun, replace(begun, chosen=chosen))
    )


def blanked(report: Report, notes: Sequence[str]) -> Report:
    """A report without questions, answers, passages and whatever tells one case from another."""
    return replace(
        report,
        notes=(TELLS, *notes),
        categories=(),
        contracts=(),
        passages=(),
        cases=(),
        results=(),
        differences=(),
        contract_differences=(),
        sections=(),
        turns=(),
        texts=(),
    )
