"""The facts at the head of a report: what was examined, and what makes two exams comparable."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from common.doors import exam_words
from common.identity import digest, file_digest
from common.provenance import provenance
from common.redaction import command_line
from evals.gate import Gate
from evals.judges.judge import Judge
from evals.metrics.table import METRICS
from evals.options import ExamOptions
from fixtures.cases import Case, Dataset
from fixtures.datasets import DATASETS, IMPORTERS
from fixtures.retrieval.retrieval import RetrieverOptions
from fixtures.selection import Selection, unanswered
from models.chat import Model
from models.entry import Entry
from models.identity.identities import promotion_identity
from models.promotion.ledger.tries import Judged
from models.prompted import Template
from reports.examination.prepare import Prepared
from reports.report import (
    DatasetFacts,
    Fingerprint,
    GateFacts,
    Header,
    MetricRule,
    ModelFacts,
    RetrieverFacts,
    Role,
)


def make_header(
    prepared: Prepared,
    cases: Sequence[Case],
    retriever: str,
    models: tuple[ModelFacts, ...],
    judges: Sequence[Judge],
    started: str,
    alpha: float,
    *,
    judged: Judged | None,
    look: int | None,
    part: bool,
) -> Header:
    """The header of a report on this exam.

    Args:
        prepared: the exam; its opponents have their identities.
        cases: those that were reached.
        retriever: identity of what found the passages.
        models: those of the exam.
        judges: who judged.
        started: when, in UTC.
        alpha: risk of each bound, as it was used.
        judged: how often these contracts judged before.
        look: see Header.
        part: whether cases or answers were left out by choice.
    """
    options = prepared.options
    return Header(
        id=prepared.run_id,
        started=started,
        command=command_line(exam_words()),
        provenance=provenance(prepared.root)
        | {
            "extensions": [asdict(each) for each in prepared.extensions],
            "policy": prepared.policy.identity if prepared.policy else None,
        },
        dataset=dataset_facts(
            prepared.dataset,
            source_of(options, prepared.root),
            options.selection,
            cases,
            sealed=options.sealed,
        ),
        retriever=retriever_facts(options.retriever, retriever),
        models=models,
        gate=gate_facts(prepared.gate, options.gate, prepared.root, alpha),
        fingerprint=fingerprint(
            prepared.dataset, options.selection.split, cases, retriever, judges
        ),
        judges=options.judges,
        look=look,
        part=part,
        judged=judged,
    )


def source_of(options: ExamOptions, root: Path) -> str:
    """What loads the data set of an exam again, typed in the root of the checkout."""
    if options.dataset == "cuad" and options.cuad:
        return _seen_from(root, options.cuad)
    importer, _, place = options.dataset.partition(":")
    if importer in IMPORTERS:
        return f"{importer}:{_seen_from(root, Path(place))}"
    if options.dataset in DATASETS:
        return options.dataset
    return _seen_from(root, Path(options.dataset))


def dataset_facts(
    dataset: Dataset,
    source: str,
    selection: Selection,
    cases: Sequence[Case],
    *,
    sealed: bool = False,
) -> DatasetFacts:
    """The data set, what was selected of it, and how much of that was examined."""
    return DatasetFacts(
        name=dataset.name,
        identity=dataset.identity,
        split=selection.split,
        limit=selection.limit,
        balanced=selection.balanced,
        categories=tuple(selection.categories),
        contracts=tuple(selection.contracts),
        left_out=tuple(selection.left_out),
        source=source,
        open_questions=len(unanswered(dataset, selection)),
        repaired_offsets=dataset.repaired,
        sealed=sealed,
        examined_cases=len(cases),
        examined_contracts=len({case.contract.id for case in cases}),
    )


def model_facts(model: Model, entry: Entry, role: Role) -> ModelFacts:
    """What a model was: `identity` is promoted, answers are kept under the other."""
    further = entry.model_dump(mode="json")
    return ModelFacts(model.name, promotion_identity(model), model.identity, role, further)


def retriever_facts(options: RetrieverOptions, identity: str) -> RetrieverFacts:
    """How passages were found."""
    chunker = options.chunker
    return RetrieverFacts(
        options.kind,
        options.k,
        chunker.size,
        chunker.overlap,
        identity,
        options.passages,
        options.embedder,
    )


def gate_facts(gate: Gate, path: Path, root: Path, alpha: float) -> GateFacts:
    """The gate as it was; a promotion asks for the same bytes.

    `alpha` is what decided: less than the file's of several candidates, and at an early look.
    """
    rules = gate.model_dump(mode="json", by_alias=True)
    return GateFacts(
        file=_seen_from(root, path),
        sha256=file_digest(path),
        identity=gate.identity,
        alpha=alpha,
        nominal_alpha=rules.pop("alpha"),
        pass_marks=rules.pop("pass_marks"),
        metrics={name: MetricRule(**rule) for name, rule in rules.pop("metrics").items()},
        further=rules,
    )


def _seen_from(root: Path, path: Path) -> str:
    """The path from the root where it lies below, so that a report can move with its tree."""
    resolved = path.expanduser().resolve()
    return str(resolved.relative_to(root) if resolved.is_relative_to(root) else resolved)


def fingerprint(
    dataset: Dataset,
    split: str,
    cases: Sequence[Case],
    retriever: str,
    judges: Sequence[Judge] = (),
) -> Fingerprint:
    """What two exams must share for their numbers to be comparable."""
    return Fingerprint(
        dataset=dataset.name,
        split=split,
        cases=digest(sorted(case.identity for case in cases)),
        retriever=retriever,
        prompt=digest([[m.role, m.content] for m in Template().messages("", ())]),
        metrics={metric.name: metric.version for metric in METRICS.values()},
        judges=tuple(sorted((judge.metric, judge.name, judge.identity) for judge in judges)),
    )
