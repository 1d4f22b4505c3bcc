"""The facts at the head of a report: what was examined, and what makes two exams comparable."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common.doors import exam_words
from common.identity import digest, file_digest
from common.provenance import provenance
from common.redaction import command_line
from evals.gate import Gate
from evals.judges.judge import Judge
from evals.metrics.table import METRICS
from fixtures.cases import Case, Dataset
from fixtures.retrieval.retrieval import RetrieverOptions
from fixtures.selection import Selection
from models.chat import Model
from models.identity.identities import promotion_identity
from models.prompted import Template
from models.registry import read_entry
from reports.examination.prepare import Prepared
from reports.report import Header


def make_header(
    prepared: Prepared,
    cases: Sequence[Case],
    retriever: str,
    identities: Mapping[str, Mapping[str, str]],
    judges: Sequence[Judge],
    started: str,
    *,
    part: bool,
) -> Header:
    """The header of a report on this exam.

    Args:
        prepared: the exam; its opponents have their identities.
        cases: those that were reached.
        retriever: identity of what found the passages.
        identities: by model, as `identity_facts` gives them.
        judges: who judged.
        started: when, in UTC.
        part: whether cases or answers were left out by choice.
    """
    options = prepared.options
    return Header(
        id=prepared.run_id,
        started=started,
        command=command_line(exam_words()),
        provenance=provenance(prepared.root)
        | {"extensions": [asdict(each) for each in prepared.extensions]},
        dataset=dataset_facts(prepared.dataset, options.selection, cases),
        retriever=retriever_facts(options.retriever, retriever),
        models=_models(prepared, identities),
        gate=gate_facts(prepared.gate, options.gate, prepared.root),
        fingerprint=fingerprint(
            prepared.dataset, options.selection.split, cases, retriever, judges
        ),
        part=part,
    )


def _models(
    prepared: Prepared, identities: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Each model's name, identities and role, and what its registry entry says."""
    roles: dict[str, str] = {opponent.name: opponent.role for opponent in prepared.opponents}
    return [
        {
            "name": name,
            **identity,
            "role": roles.get(name, "candidate"),
            **read_entry(name, prepared.options.registry).model_dump(mode="json"),
        }
        for name, identity in identities.items()
    ]


def dataset_facts(dataset: Dataset, selection: Selection, cases: Sequence[Case]) -> dict[str, Any]:
    """The data set, what was selected of it, and how much of that was examined."""
    return {
        "name": dataset.name,
        "identity": dataset.identity,
        "split": selection.split,
        "limit": selection.limit,
        "balanced": selection.balanced,
        "categories": selection.categories,
        "contracts": selection.contracts,
        "left_out": selection.left_out,
        "repaired_offsets": dataset.repaired,
        "examined_cases": len(cases),
        "examined_contracts": len({case.contract.id for case in cases}),
    }


def identity_facts(model: Model) -> dict[str, str]:
    """What a model was: `identity` is promoted, `answers` are kept under the other."""
    return {"identity": promotion_identity(model), "answers": model.identity}


def retriever_facts(options: RetrieverOptions, identity: str) -> dict[str, Any]:
    """How passages were found."""
    return {
        "kind": options.kind,
        "k": options.k,
        "chunk_size": options.chunker.size,
        "chunk_overlap": options.chunker.overlap,
        "identity": identity,
    }


def gate_facts(gate: Gate, path: Path, root: Path) -> dict[str, Any]:
    """The gate as it was; a promotion asks for the same bytes.

    The path is as seen from `root` where it lies below, so that a report can move with its tree.
    """
    resolved = path.resolve()
    below = resolved.is_relative_to(root)
    return {
        "file": str(resolved.relative_to(root) if below else resolved),
        "sha256": file_digest(path),
        "identity": gate.identity,
        **gate.model_dump(mode="json", by_alias=True),
    }


def fingerprint(
    dataset: Dataset,
    split: str,
    cases: Sequence[Case],
    retriever: str,
    judges: Sequence[Judge] = (),
) -> dict[str, Any]:
    """What two exams must share for their numbers to be comparable.

    `prompt` is the template that all models share; a system prompt of a model's own is part of
    that model's identity.
    """
    return {
        "dataset": dataset.name,
        "split": split,
        "cases": digest(sorted(case.identity for case in cases)),
        "retriever": retriever,
        "prompt": digest([[m.role, m.content] for m in Template().messages("", ())]),
        "metrics": {metric.name: metric.version for metric in METRICS.values()},
        "judges": sorted([judge.metric, judge.name, judge.identity] for judge in judges),
    }
