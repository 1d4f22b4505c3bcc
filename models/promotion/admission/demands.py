"""Which lines of a policy an exam breaks: known before it asks, and when it is to promote."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from fixtures.retrieval.embedder import MINILM
from models.promotion.admission.policy import AllowedLimit, AllowedRetriever, Policy

SHOWN = 5
"""Names that a line repeats."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class CodeFacts(_Facts):
    """The checkout that examines, and the policy beside its registry; None where there is none."""

    commit: str | None
    dirty: bool
    policy: str | None = None


class DataFacts(_Facts):
    """What is asked of which data set; see `reports/report.py`."""

    name: str
    identity: str
    split: str
    limit: int | None = None
    balanced: bool = False
    categories: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    examined_cases: int = 0
    examined_contracts: int = 0
    sealed: bool = False


class RetrieverFacts(_Facts):
    """How passages are found."""

    kind: str = "unknown"
    k: int = 0
    chunk_size: int = 0
    chunk_overlap: int = 0
    identity: str = ""
    passages: str = "retrieved"
    embedder: str = MINILM


class JudgeFacts(_Facts):
    """(metric, name, identity) of each judge; early reports noted the identity alone."""

    judges: tuple[tuple[str, str, str] | str, ...] | None = None


class ExamFacts(_Facts):
    """An exam as the header of its report has it."""

    provenance: CodeFacts
    dataset: DataFacts
    retriever: RetrieverFacts = RetrieverFacts()
    fingerprint: JudgeFacts = JudgeFacts()


def broken_lines(
    policy: Policy, exam: ExamFacts, gate: str, metrics: Mapping[str, Any], *, compared: bool
) -> tuple[str, ...]:
    """The lines of a policy that an exam does not keep: line, what was found, what to type.

    Args:
        policy: of the registry.
        exam: what is asked, how, and by which code.
        gate: identity of the gate file.
        metrics: of the gate file: name -> role, goal and margin, as the file has them.
        compared: whether there is a champion to be compared with.
    """
    return (
        *_of_code(exam.provenance),
        *_of_gate(policy, gate, metrics, compared=compared),
        *_of_data(policy, exam.dataset),
        *_of_selection(policy, exam.dataset),
        *_of_passages(exam.retriever),
        *_of_retriever(policy.exam.retrievers, exam.retriever),
        *_of_judges(policy.exam.judges, exam.fingerprint.judges or (), metrics),
    )


def _of_code(code: CodeFacts) -> Iterator[str]:
    if code.dirty or not code.commit:
        yield (
            "a promotion needs code that a commit holds, and this is of none; commit or undo what "
            "`git status` shows of it"
        )


def _of_gate(
    policy: Policy, gate: str, metrics: Mapping[str, Any], *, compared: bool
) -> Iterator[str]:
    if gate not in policy.gates:
        yield f'[gates] does not list the gate file; add the line "{gate}" = "WHY"'
    if not compared:
        return
    bare = [name for name, rule in metrics.items() if _gates(rule) and not _is_compared(rule)]
    named = [name for name in bare if name not in policy.exam.without_margin]
    if named:
        yield (
            f"[exam.without_margin] does not list {_listed(named)}, which gate by a floor alone "
            "though there is a champion; give them a margin in the gate file, or add a line "
            'NAME = "WHY"'
        )


def _gates(rule: Mapping[str, Any]) -> bool:
    return bool(rule.get("role", "report") != "report")


def _is_compared(rule: Mapping[str, Any]) -> bool:
    return rule.get("margin") is not None or rule.get("goal") == "superior"


def _of_data(policy: Policy, data: DataFacts) -> Iterator[str]:
    asked = policy.exam
    if data.identity not in asked.datasets:
        yield (
            f"[exam.datasets] does not list {data.name} as it is; add the line "
            f'"{data.identity}" = "{data.name}"'
        )
    if data.split != asked.split:
        yield f'split is "{asked.split}", and {data.split} was asked; leave out --split'
    if data.sealed:  # all of them were asked, however few: the other exam is large enough
        return
    if data.examined_contracts < asked.least_contracts:
        yield (
            f"least_contracts is {asked.least_contracts}, and {data.examined_contracts} are asked; "
            "leave out what leaves contracts out, or examine on more"
        )
    if data.examined_cases < asked.least_cases:
        yield (
            f"least_cases is {asked.least_cases}, and {data.examined_cases} are asked; leave out "
            "--limit, or examine on more"
        )


def _of_selection(policy: Policy, data: DataFacts) -> Iterator[str]:
    if data.limit is not None:
        typed = AllowedLimit(cases=data.limit, balanced=data.balanced)
        if typed not in policy.exam.limits:
            words = f"--limit {data.limit}{' --balanced' if data.balanced else ''}"
            listed = ", ".join(_limit(each) for each in policy.exam.limits) or "none"
            yield f"limits are {listed}, and {words} was typed; leave it out"
    for option, titles in (("--category", data.categories), ("--contract", data.contracts)):
        if titles:
            yield f"a promotion needs an exam of all cases, and {option} picked some; leave it out"
    if data.left_out and not policy.exam.leave_out_trained:
        yield (
            f"leave_out_trained is false, and {len(data.left_out)} contracts were left out; leave "
            "out --leave-out-trained"
        )


def _limit(allowed: AllowedLimit) -> str:
    return f"{allowed.cases}{' balanced' if allowed.balanced else ''}"


def _of_retriever(allowed: Sequence[AllowedRetriever], retriever: RetrieverFacts) -> Iterator[str]:
    found = retriever.model_dump(exclude={"passages"})
    for each in allowed:
        named = retriever.embedder == MINILM or each.identity is not None
        if named and each.model_dump(exclude_none=True).items() <= found.items():
            return
    listed = " or ".join(_words(each.model_dump(exclude_none=True)) for each in allowed)
    del found["identity"]
    yield (
        f"retrievers are {listed}, and this is {_words(found)}; leave out --retriever, "
        "--k and --embedder (another embedder is allowed where `identity` is named)"
    )


def _of_passages(retriever: RetrieverFacts) -> Iterator[str]:
    if retriever.passages != "retrieved":
        yield (
            f"a promotion needs the passages that were retrieved, and --passages "
            f"{retriever.passages} was typed; leave it out"
        )


def _words(facts: Mapping[str, Any]) -> str:
    return " ".join(f"{key} {value}" for key, value in facts.items())


def _of_judges(
    allowed: Sequence[str], judges: Sequence[tuple[str, str, str] | str], metrics: Mapping[str, Any]
) -> Iterator[str]:
    gating = {name for name, rule in metrics.items() if _gates(rule)}
    named = [each for each in judges if not isinstance(each, str) and each[0] in gating]
    others = {name for _, name, identity in named if not {name, identity} & {*allowed}}
    if others:
        yield (
            f"judges does not list {_listed(sorted(others))}, who score what gates; add the name "
            "to judges, or take the metric out of the gate"
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
