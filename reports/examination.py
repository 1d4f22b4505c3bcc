"""One `pytest evals`, from its options to its report: plan, run, conclude."""

import asyncio
import secrets
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from evals.exam import Plan, Result, Run
from evals.gate import Gate, read_gate
from evals.metrics.table import METRICS
from evals.options import ExamOptions
from fixtures.cases import Case
from fixtures.datasets import Dataset, load_dataset
from fixtures.selection import select
from models.registry import read_entry
from reports.provenance import provenance
from reports.report import (
    Header,
    Report,
    as_json,
    conclude,
    read_report,
    write_json,
    write_whole,
)
from reports.verdict import FloorVerdict

Kind = Literal["all", "answerable", "unanswerable"]


@dataclass
class Examination:
    """What one session examines. Cheap to make: nothing is embedded, loaded or asked yet."""

    options: ExamOptions
    root: Path
    gate: Gate
    dataset: Dataset
    cases: tuple[Case, ...]
    run_id: str
    report: Report | None = None
    missed: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where this run's report lies."""
        return self.options.runs / self.run_id

    def of_kind(self, kind: Kind) -> list[Case]:
        """The selected cases that the contract answers, does not answer, or all."""
        return [
            case
            for case in self.cases
            if kind == "all" or case.answerable == (kind == "answerable")
        ]

    @cached_property
    def concluded(self) -> Report:
        """The report; an xdist worker, which examines nothing itself, reads the controller's."""
        by_id = {case.id: case for case in self.cases}
        return self.report or read_report(self.folder / "report.json", by_id)

    @cached_property
    def results(self) -> Mapping[tuple[str, str], Result]:
        """Results by (model, case id)."""
        return {(result.model, result.case.id): result for result in self.concluded.results}

    def verdict(self, model: str, metric: str) -> FloorVerdict:
        """The gate's verdict on one model by one metric."""
        return next(
            verdict
            for verdict in self.concluded.verdicts
            if (verdict.model, verdict.metric) == (model, metric)
        )

    def examine(self, cases: Collection[str], metrics: Collection[str]) -> None:
        """Run everything that `metrics` of these case ids need, and write `report.json`.

        An interruption is raised again after the report of what is there was written.

        Raises:
            UserError: a model cannot answer, the store or the disk cannot be written.
        """
        from evals.store import Store
        from fixtures.paths import cache_dir
        from fixtures.retrieval import Retriever
        from models.factory import open_models
        from reports.terminal import progress_bar

        options = self.options
        models = open_models(options.models, options.registry)
        retriever = Retriever(options.retriever, self.dataset.name, cache_dir() / "passages")
        plan = Plan(
            models=models,
            cases=tuple(case for case in self.cases if case.id in cases),
            max_calls=options.max_calls,
            max_tokens=options.max_tokens,
            needs_answers=any(METRICS[name].needs == "answer" for name in metrics),
        )
        store = Store(options.store)
        run = Run(plan, retriever, store)
        identities = {model.name: model.identity for model in models}
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            with progress_bar(run, len(plan.models) * len(plan.cases)):
                asyncio.run(run.execute())
        except KeyboardInterrupt:
            self._conclude(run, retriever.identity, identities, started)
            self.finish()
            raise
        finally:
            store.close()
        self._conclude(run, retriever.identity, identities, started)

    def _conclude(
        self, run: Run, retriever: str, identities: Mapping[str, str], started: str
    ) -> None:
        header = self._header(run, retriever, identities, started)
        self.report = conclude(header, run.results, run.spending, self.gate)
        write_json(as_json(self.report), self.folder / "report.json")

    def _header(
        self, run: Run, retriever: str, identities: Mapping[str, str], started: str
    ) -> Header:
        options = self.options
        selection = options.selection
        chunker = options.retriever.chunker
        cases = run.plan.cases
        return Header(
            id=self.run_id,
            started=started,
            command=" ".join(["pytest", *sys.argv[1:]]),
            provenance=provenance(self.root),
            dataset={
                "name": self.dataset.name,
                "identity": self.dataset.identity,
                "split": selection.split,
                "limit": selection.limit,
                "categories": selection.categories,
                "contracts": selection.contracts,
                "repaired_offsets": self.dataset.repaired,
                "examined_cases": len(cases),
                "examined_contracts": len({case.contract.id for case in cases}),
            },
            retriever={
                "kind": options.retriever.kind,
                "k": options.retriever.k,
                "chunk_size": chunker.size,
                "chunk_overlap": chunker.overlap,
                "identity": retriever,
            },
            models=[
                {"name": name, "identity": identity, **self._entry(name)}
                for name, identity in identities.items()
            ],
            gate={"path": options.gate.name, **self.gate.model_dump(mode="json", by_alias=True)},
        )

    def _entry(self, name: str) -> dict[str, Any]:
        return read_entry(name, self.options.registry).model_dump(mode="json")

    def finish(self) -> list[str]:
        """Write the final report with what was missed; returns the lines that say where it is.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        from reports.page import render
        from reports.summary import markdown

        if self.report is None:
            return []
        missed = {key: tuple(tests) for key, tests in self.missed.items()}
        self.report = replace(self.report, missed=missed)
        written = as_json(self.report)
        write_json(written, self.folder / "report.json")
        write_whole(self.folder / "report.html", render(written))
        write_whole(self.folder / "report.md", markdown(written))
        self._point_latest()
        return [f"report: {self.folder / 'report.html'}"]

    def _point_latest(self) -> None:
        """Make `latest`, beside the runs, lead to this run."""
        latest = self.options.runs.parent / "latest"
        draft = latest.with_name(f".latest.{self.run_id}")
        draft.unlink(missing_ok=True)
        draft.symlink_to(self.folder.relative_to(latest.parent))
        draft.replace(latest)


def prepare(options: ExamOptions, root: Path, run_id: str | None = None) -> Examination:
    """Read gate, registry and data set; everything a user may have got wrong shows here.

    Raises:
        UserError: any of them is missing or malformed, or no case is selected.
    """
    gate = read_gate(options.gate)
    for name in options.models:
        read_entry(name, options.registry)
    dataset = load_dataset(options.dataset, options.cuad)
    cases = select(dataset, options.selection)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return Examination(
        options, root, gate, dataset, cases, run_id or f"{stamp}-{secrets.token_hex(2)}"
    )
