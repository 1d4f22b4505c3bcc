"""One `pytest evals`, from its options to its report: plan, run, conclude."""

import asyncio
import secrets
import shlex
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from evals.exam import Run
from evals.gate import Gate, read_gate
from evals.metrics.table import METRICS
from evals.options import JUDGED_BY_DEFAULT, ExamOptions
from evals.plan import Result
from evals.store import masked
from fixtures.cases import Case
from fixtures.datasets import Dataset, load_dataset
from fixtures.errors import UserError
from fixtures.selection import Selection, select
from models.factory import Chats
from models.registry import read_entry
from reports.agenda import Agenda, check_judges, plan_agenda, varied_cases
from reports.applying import inapplicable
from reports.bars import Bars
from reports.findings import Finding
from reports.header import dataset_facts, fingerprint, gate_facts, retriever_facts
from reports.judging import judge_section, untrusted
from reports.leaks import leak_checks, leaking, partial_check
from reports.opponents import name_opponents, open_with_opponents
from reports.planning import foresee, judge_costs, left_out, several
from reports.provenance import provenance
from reports.record import as_json, read_report, write_json, write_whole
from reports.report import Header, Report, conclude, judge_candidates
from reports.sections import sections
from reports.verdict import Check, Opponent, Verdict

Kind = Literal["all", "answerable", "unanswerable"]


@dataclass
class Examination:
    """What one session examines. Cheap to make: nothing is embedded, loaded or asked yet."""

    options: ExamOptions
    root: Path
    gate: Gate
    dataset: Dataset
    cases: tuple[Case, ...]
    opponents: tuple[Opponent, ...]
    run_id: str
    report: Report | None = None
    missed: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _agenda: Agenda | None = None
    _leaks: dict[str, list[Check]] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)
    _stopped: bool = False

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

    @cached_property
    def varied(self) -> frozenset[str]:
        """The ids of the cases that safety and robustness vary."""
        return varied_cases(self.cases, self.options.variants)

    def finding(self, section: str, subject: str, measure: str) -> Finding | None:
        """What was found beside the metrics, if it was looked for."""
        sections = (each for each in self.concluded.sections if each.name == section)
        return next((each.of(subject, measure) for each in sections), None)

    def verdict(self, model: str) -> Verdict:
        """The verdict on one candidate."""
        return next(verdict for verdict in self.concluded.verdicts if verdict.model == model)

    def examine(
        self,
        cases: Collection[str],
        metrics: Collection[str],
        suites: Collection[str] = (),
        *,
        answers: bool = True,
    ) -> None:
        """Run everything that these suites and `metrics` of these case ids need.

        With `answers` the models are asked also where the metrics read passages alone. Writes
        `report.json`; an interruption is raised again after the report of what is there was
        written.

        Raises:
            UserError: a model cannot answer, the store or the disk cannot be written.
        """
        from evals.store import Store
        from fixtures.paths import cache_dir
        from fixtures.retrieval import Retriever
        from reports.terminal import progress_bar

        options = self.options
        chats = Chats(options.registry)
        models, self.opponents = open_with_opponents(
            options.models, self.opponents, options.registry, chats
        )
        self._agenda = agenda = plan_agenda(
            options, self.gate, self.cases, self.opponents, metrics, suites, chats
        )
        retriever = Retriever(options.retriever, self.dataset.name, cache_dir() / "passages")
        planned = tuple(case for case in self.cases if case.id in cases)
        stages, levels = self._looks(planned)
        needs_answers = answers or any(METRICS[name].needs == "answer" for name in metrics)
        plan = agenda.plan(
            models, planned, stages, (options.max_calls, options.max_tokens), needs_answers
        )
        store = Store(options.store)
        run = Run(plan, retriever, store)
        if options.sequential:
            run.settled = lambda run, number: self._is_settled(run, levels[number])
        self._leaks = {name: self._leak_checks(name, planned) for name in options.models}
        self._notes = self._say_beforehand(planned)
        identities = {model.name: model.identity for model in models}
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            with progress_bar(run, len(plan.models) * len(plan.cases)):
                asyncio.run(run.execute())
        except (KeyboardInterrupt, UserError):
            if not run.done:
                raise
            self._conclude(run, self._header(run, retriever.identity, identities, started), levels)
            self.finish()
            raise
        finally:
            store.close()
        self._conclude(run, self._header(run, retriever.identity, identities, started), levels)

    def _say_beforehand(self, cases: tuple[Case, ...]) -> list[str]:
        """What the exam can show and what will stand in its way, said before it costs anything.

        Returns:
            The lines that the report keeps.
        """
        assert self._agenda is not None
        foreseen = foresee(self.gate, cases) if self.opponents else ()
        candidates = [m for m in self.options.models if m not in {o.name for o in self.opponents}]
        lost = [c.reason for checks in self._leaks.values() for c in checks if c.outcome != "PASS"]
        for line in (*(each.line for each in foreseen if each.too_small), *lost):
            print(f"warning: {line}")
        for line in judge_costs(self._agenda.judge_exams):
            print(line)
        notes = [each.line for each in foreseen] or [self._floors_alone()]
        if self.options.selection.left_out:
            notes.append(left_out(self.options.selection.left_out))
        if len(candidates) > 1:
            notes.append(several(len(candidates), self.gate.alpha))
        return notes

    def _leak_checks(self, model: str, cases: Sequence[Case]) -> list[Check]:
        entry = read_entry(model, self.options.registry)
        return leak_checks(entry, cases, self.gate.leakage, model)

    def _floors_alone(self) -> str:
        why = "there is no champion yet" if self.options.baseline else "no --baseline was given"
        if self.opponents:
            why = "the gate file gives no margin"
        return f"{why}: measured against the gate's floors alone"

    def _looks(
        self, cases: tuple[Case, ...]
    ) -> tuple[tuple[tuple[Case, ...], ...], tuple[float, ...]]:
        """The cases that each look adds, and its level; one look at everything by default."""
        from reports.sequential import plan_looks

        if not self.options.sequential:
            return (), (self.gate.alpha,)
        plan = plan_looks([case.contract.id for case in cases], self.gate.alpha)
        parts = [set(contracts) for contracts in plan.contracts]
        stages = tuple(tuple(c for c in cases if c.contract.id in part) for part in parts)
        return stages, plan.levels

    def _is_settled(self, run: Run, level: float) -> bool:
        """Whether every candidate's verdict is certain at the level of this look.

        As in `reports.sequential.look`, few contracts settle nothing. A guard must hold at the
        look itself, not only at one before it.
        """
        from reports.sequential import FEWEST_CONTRACTS

        _, verdicts = judge_candidates(
            run.results, self._at(level), self.options.models, self.opponents,
            self._further(run), self._bars(run),
        )  # fmt: skip
        estimates = [c.estimate for v in verdicts for c in v.checks if c.estimate]
        enough = all(estimate.clusters >= FEWEST_CONTRACTS for estimate in estimates)
        self._stopped = enough and all(v.outcome != "INCONCLUSIVE" for v in verdicts)
        return self._stopped

    def _at(self, level: float) -> Gate:
        return self.gate.model_copy(update={"alpha": level})

    def _bars(self, run: Run) -> Bars:
        """What keeps gated metrics from speaking: their judges, or the kind of model or exam."""
        assert self._agenda is not None
        options, gate = self.options, self.gate
        exams = judge_section(self._agenda.judge_exams, gate.judge, gate.alpha, gate.attrition)
        skipped = options.judge_exam == "skip"
        names = [*options.models, *(opponent.name for opponent in self.opponents)]
        return Bars(
            untrusted(gate, exams, options.judges, skipped=skipped),
            {
                name: inapplicable(
                    read_entry(name, options.registry), run.plan.cases, options.retriever
                )
                for name in names
            },
        )

    def _further(self, run: Run) -> dict[str, list[Check]]:
        """Checks that do not come from results: is it the whole exam, and was it trained on?"""
        whole = partial_check(len(run.plan.cases), len(self.cases), self.options.selection)
        return {model: whole + checks for model, checks in self._leaks.items()}

    def _conclude(self, run: Run, header: Header, levels: tuple[float, ...]) -> None:
        assert self._agenda is not None
        results = run.results
        found = sections(run, self._agenda, self.gate)
        bars = self._bars(run)
        notes = [*self._notes, *bars.untrusted.values()]
        reached = {result.case.id for result in results}
        left = len(run.plan.cases) - len(reached)
        looks = sum(1 for stage in run.plan.stages if stage and stage[0].id in reached)
        if left and self._stopped:
            notes.append(
                f"stopped after look {looks} of {len(levels)}: the verdict was certain, and "
                f"{left * len(run.plan.models)} of {len(run.plan.cases) * len(run.plan.models)} "
                "answers were not asked for; the estimates are those of a stopped exam, whose "
                "intervals hold at all looks together"
            )
        self.report = conclude(
            header,
            results,
            run.spending,
            self._at(levels[max(looks - 1, 0)]),
            candidates=self.options.models,
            opponents=self.opponents,
            further=self._further(run),
            notes=notes,
            sections=found,
            bars=bars,
        )
        written = as_json(self.report)
        change = self._data_change(written)
        if change:
            self.report = replace(self.report, notes=(*self.report.notes, *change))
            written = as_json(self.report)
        write_json(written, self.folder / "report.json")

    def _data_change(self, written: Mapping[str, Any]) -> tuple[str, ...]:
        """What changed in the data since the champion's last exam, and what that did."""
        from reports.data_change import describe_change, find_earlier, lines
        from reports.page import read_report as read_written

        if not any(opponent.role == "champion" for opponent in self.opponents):
            return ()
        earlier = find_earlier(self.options.runs, written)
        change = describe_change(read_written(earlier), written) if earlier else None
        return lines(change) if change else ()

    def _header(
        self, run: Run, retriever: str, identities: Mapping[str, str], started: str
    ) -> Header:
        options = self.options
        cases = list({result.case.id: result.case for result in run.results}.values())
        roles: dict[str, str] = {opponent.name: opponent.role for opponent in self.opponents}
        return Header(
            id=self.run_id,
            started=started,
            command=masked(shlex.join(["pytest", *sys.argv[1:]])),
            provenance=provenance(self.root),
            dataset=dataset_facts(self.dataset, options.selection, cases),
            retriever=retriever_facts(options.retriever, retriever),
            models=[
                {
                    "name": name,
                    "identity": identity,
                    "role": roles.get(name, "candidate"),
                    **read_entry(name, options.registry).model_dump(mode="json"),
                }
                for name, identity in identities.items()
            ],
            gate=gate_facts(self.gate, options.gate, self.root),
            fingerprint=fingerprint(
                self.dataset, options.selection.split, cases, retriever, run.plan.judges
            ),
        )

    def finish(self) -> list[str]:
        """Write the final report with what was missed; returns the lines that say where it is.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        from evals.store import Store, run_row
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
        store = Store(self.options.store)
        store.add([run_row(written, self.folder / "report.json")])
        store.close()
        self._point_latest()
        return [f"report: {self.folder / 'report.html'}"]

    def _point_latest(self) -> None:
        """Make `latest`, beside the runs, lead to this run."""
        latest = self.options.runs.parent / "latest"
        draft = latest.with_name(f".latest.{self.run_id}")
        try:
            draft.unlink(missing_ok=True)
            draft.symlink_to(self.folder.relative_to(latest.parent))
            draft.replace(latest)
        except OSError as error:
            raise UserError(
                f"{latest} cannot be made to lead to {self.folder} ({error.strerror}); move what "
                "lies there; the report itself is written"
            ) from error


def prepare(options: ExamOptions, root: Path, run_id: str | None = None) -> Examination:
    """Read gate, registry and data set; everything a user may have got wrong shows here.

    Raises:
        UserError: any of them is missing or malformed, or no case is selected.
    """
    gate = read_gate(options.gate)
    for name in options.models:
        read_entry(name, options.registry)
    dataset = load_dataset(options.dataset, options.cuad)
    if options.leave_out_trained:
        options = replace(options, selection=_without_trained(options, dataset, gate))
    cases = select(dataset, options.selection)
    if options.judged_by_default and len(cases) * len(options.models) > JUDGED_BY_DEFAULT:
        options = replace(options, judges=())
    check_judges(options.judges, options.registry)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    if options.sequential and not options.baseline:
        raise UserError("--sequential needs an opponent: give --baseline champion, or a model")
    opponents = name_opponents(options.baseline, options.registry.parent)
    for opponent in opponents:
        read_entry(opponent.name, options.registry)
    run_id = run_id or f"{stamp}-{secrets.token_hex(2)}"
    return Examination(options, root, gate, dataset, cases, opponents, run_id)


def _without_trained(options: ExamOptions, dataset: Dataset, gate: Gate) -> Selection:
    """The selection without the contracts that a candidate was trained on."""
    every = select(dataset, replace(options.selection, limit=None, balanced=False))
    titles = {
        title
        for model in options.models
        for title in leaking(read_entry(model, options.registry), every, gate.leakage)
    }
    return replace(options.selection, left_out=tuple(sorted(titles)))
