"""Whether an exam can lead to a promotion by the policy, as far as is known before it asks."""

from collections.abc import Sequence
from dataclasses import asdict

from common.provenance import provenance
from evals.judges.judge import Judge
from fixtures.cases import Case
from models.promotion.admission.committed import uncommitted
from models.promotion.admission.demands import ExamFacts, broken_lines
from models.promotion.admission.policy import WRITE, AskedOfPeople, policy_path
from models.promotion.approval.recorded import glass_words
from models.promotion.record.file import read_lines
from models.promotion.record.line import services
from reports.examination.header import dataset_facts, fingerprint, retriever_facts
from reports.examination.prepare import Prepared


def admissibility(
    prepared: Prepared, cases: Sequence[Case], retriever: str, judges: Sequence[Judge]
) -> str:
    """One line: whether a promotion may follow, or what of the policy stands against it.

    Args:
        prepared: the exam.
        cases: those that will be asked.
        retriever: its identity.
        judges: who will judge.
    """
    policy, path = prepared.policy, policy_path(prepared.options.registry)
    if policy is None:
        return f"this exam cannot promote: {path} is not there; type `{WRITE}`"
    split = prepared.options.selection.split
    facts = ExamFacts.model_validate(
        {
            "provenance": provenance(prepared.root),
            "dataset": asdict(
                dataset_facts(
                    prepared.dataset,
                    "",
                    prepared.options.selection,
                    cases,
                    sealed=prepared.options.sealed,
                )
            ),
            "retriever": asdict(retriever_facts(prepared.options.retriever, retriever)),
            "fingerprint": asdict(fingerprint(prepared.dataset, split, cases, retriever, judges)),
        }
    )
    broken = broken_lines(
        policy,
        facts,
        prepared.gate.identity,
        {name: rule.model_dump() for name, rule in prepared.gate.metrics.items()},
        compared=any(each.role == "champion" for each in prepared.opponents),
    )
    doubt = uncommitted(path, policy)
    lines = [doubt, *broken] if doubt else broken
    what = "count for a promotion" if prepared.options.sealed else "promote"
    if not lines:
        return f"this exam can {what}, by {path}{_then(policy.approval, prepared.options.models)}"
    return f"this exam cannot {what}, by {path}: {'; '.join(lines)}"


def _then(asked: AskedOfPeople, models: Sequence[str]) -> str:
    """What a promotion needs beside the exam, and who is to type what."""
    if not asked.needed:
        return ""
    people = f" of {', '.join(sorted(asked.people))}" if asked.people else ""
    return (
        f"; the promotion then needs {asked.needed} approvals{people}, none by who examines: "
        f"another person types python -m models.approve {models[0]} --by NAME"
    )


def passed_over(prepared: Prepared) -> tuple[str, ...]:
    """Lines where the champion of the exam is in service by an override, or without approvals."""
    lines = read_lines(prepared.options.registry.parent)
    records = services(lines)
    if not records or all(each.role != "champion" for each in prepared.opponents):
        return ()
    last, said = records[-1], []
    if override := last.override:
        said.append(
            f"the champion {last.model} was promoted by override: {override.reason} "
            f"({'; '.join(override.lines)})"
        )
    if glass := glass_words(lines, last):
        said.append(f"the champion {glass}")
    return tuple(said)
