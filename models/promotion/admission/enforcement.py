"""A policy, enforced: who may promote, by which policy, and what an override may excuse."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.promotion.admission.committed import fitted, uncommitted
from models.promotion.admission.demands import broken_lines
from models.promotion.admission.evidence import ExamEvidence
from models.promotion.admission.policy import WRITE, Policy, read_policy
from models.promotion.admission.refusals import said
from models.promotion.record.line import Override
from models.promotion.refused import RefusedError


def policy_in_force(path: Path, account: str) -> Policy:
    """The policy of this file, which a commit holds, and by which this account may decide.

    Raises:
        UserError: it cannot be read.
        RefusedError: there is none, it is not committed, or somebody else has to type this.
    """
    policy = committed_policy(path)
    if policy.approvers and account not in policy.approvers:
        raise RefusedError(
            f"{path}: approvers are {', '.join(policy.approvers)}, and this is {account}; let one "
            "of them type it"
        )
    return policy


def committed_policy(path: Path) -> Policy:
    """The policy of this file, which a commit holds.

    Raises:
        UserError: it cannot be read.
        RefusedError: there is none, or it is not committed.
    """
    policy = read_policy(path)
    if policy is None:
        raise RefusedError(
            f"{path} is not there, and without a policy nothing is promoted; type `{WRITE}`, "
            "which writes one, read it and commit it"
        )
    if doubt := uncommitted(path, policy):
        raise RefusedError(doubt)
    return policy


def check_stood(
    exam: ExamEvidence, name: str, path: Path, policy: Policy, own: Sequence[Path]
) -> None:
    """Refuse an exam under another policy, or a policy that may be fitted to the candidate.

    No override excuses that: nobody could tell what it overrides.

    Args:
        exam: on the model.
        name: of the model.
        path: of the policy.
        policy: that is in force.
        own: files and folders of the model.

    Raises:
        RefusedError: it is so.
    """
    known = exam.facts.provenance.policy
    if known != policy.identity:
        found = "another policy" if known else "no policy"
        raise RefusedError(
            f"{exam.path} was examined under {found} than {path} is now; {_again(name)}"
        )
    if doubt := fitted(path, policy, exam.code.commit, own):
        raise RefusedError(doubt)


def excused(
    exams: Sequence[ExamEvidence],
    name: str,
    path: Path,
    policy: Policy,
    gate: Mapping[str, Any],
    reason: str | None,
    *,
    compared: bool,
) -> Override | None:
    """What is recorded of the lines that exams broke; None where they broke none.

    Args:
        exams: on the model, which hold otherwise, with their verdicts computed again; the first
            is of the contracts that are not sealed.
        name: of the model.
        path: of the policy.
        policy: that is in force.
        gate: the gate file's content.
        reason: why it is promoted all the same; None where nobody says so.
        compared: whether there is a champion.

    Raises:
        RefusedError: one broke a line, and nobody takes that upon themselves.
    """
    metrics = gate.get("metrics", {})
    exam = exams[0]
    broken = tuple(
        dict.fromkeys(
            f"on the sealed contracts: {line}" if each.facts.dataset.sealed else line
            for each in exams
            for line in broken_lines(
                policy, each.facts, each.gate.identity, metrics, compared=compared
            )
        )
    )
    if exam.verdict.outcome == "INCONCLUSIVE":
        broken = (f"{exam.path} says {said(exam, name)}", *broken)
    if not broken:
        return None
    if reason is None:
        raise RefusedError(f"{path} does not admit {name}: {'; '.join(broken)}; {_again(name)}")
    return Override(reason, broken)


def _again(name: str) -> str:
    return f"type `pytest evals --model {name} --baseline champion`"
