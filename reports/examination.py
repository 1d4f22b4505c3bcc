"""One `pytest evals`, from its options to its report: plan, run, conclude."""

import contextlib
import os
import re
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bar_exam.common.doors import exam_words
from bar_exam.common.errors import UserError
from bar_exam.common.extensions import Extension
from bar_exam.common.files import replacing, write_whole
from bar_exam.common.provenance import provenance
from bar_exam.common.redaction import command_line
from bar_exam.evals.agenda import Agenda, check_judges, plan_agenda, varied_cases
from bar_exam.evals.exam import Run
from bar_exam.evals.gate import Gate, read_gate
from bar_exam.evals.interruption import Interruption
from bar_exam.evals.metrics.table import METRICS
from bar_exam.evals.options import JUDGED_BY_DEFAULT, ExamOptions
from bar_exam.evals.results import Result
from bar_exam.fixtures.cases import Case, Dataset
from bar_exam.fixtures.datasets import load_dataset
from bar_exam.fixtures.selection import Selection, select
from bar_exam.models.factory import Chats
from bar_exam.models.promotion.champion import read_champion
from bar_exam.models.promotion.evidence import SEAL, seal_of
from bar_exam.models.promotion.record import read_records
from bar_exam.models.registry import read_entry
from bar_exam.reports.archive import AGAIN, as_json, read_report, write_json
from bar_exam.reports.header import (
    dataset_facts,
    fingerprint,
    gate_facts,
    identity_facts,
    retriever_facts,
)
from bar_exam.reports.report import Check, Finding, Header, Opponent, Report, Verdict
from bar_exam.reports.sections.collect import sections
from bar_exam.reports.sections.judge_exams import judge_section, untrusted
from bar_exam.reports.verdict.bars import Bars, inapplicable
from bar_exam.reports.verdict.conclude import conclude, judge_candidates
from bar_exam.reports.verdict.misses import CaseTest, opponents_missed
from bar_exam.reports.verdict.opponents import (
    check_registered,
    name_opponents,
    open_with_opponents,
    unpromoted,
)
from bar_exam.reports.verdict.planning import (
    judge_costs,
    minimum_detectable_effects,
    several,
    too_few,
)
from bar_exam.reports.verdict.preconditions import (
    fault_checks,
    fault_notes,
    leak_checks,
    leaking,
    left_out,
    partial_check,
)

RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
if TYPE_CHECKING:
    from bar_exam.evals.calls.store import Row

Kind = Literal["all", "answerable", "unanswerable"]
NOT_ASKED = "not asked: "
"""How the error of a case begins that nobody was asked about."""


@dataclass
class Examination:
    """What one session examines. Cheap to make: nothing is embedded, loaded or asked yet.

    `whole` is False where tests were left out or the exam was interrupted: `latest` stays then.
    """

    options: ExamOptions
    root: Path
    gate: Gate
    dataset: Dataset
    cases: tuple[Case, ...]
    opponents: tuple[Opponent, ...]
    run_id: str
    extensions: tuple[Extension, ...] = ()
    report: Report | None = None
    missed: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    tests: list[CaseTest] = field(default_factory=list)
    whole: bool = True
    _agenda: Agenda | None = None
    _leaks: dict[str, list[Check]] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)
    _stopped: bool = False
    _left: str | None = None
    _faults: frozenset[tuple[str, str]] = frozenset()

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
        interruption: Interruption | None = None,
    ) -> None:
        """Run everything that these suites and `metrics` of these case ids need.

        With `answers` the models are asked also where the metrics read passages alone. Writes
        `report.json`; whatever ends the run is raised again after the report of what is there was
        written. `interruption` is what signals do meanwhile.

        Raises:
            UserError: a model cannot answer, the store or the disk cannot be written.
        """
        from bar_exam.common.paths import cache_dir
        from bar_exam.evals.calls.store import Store
        from bar_exam.fixtures.retrieval.retrieval import Retriever
        from bar_exam.reports.page.terminal import progress_bar

        options = self.options
        chats = Chats(options.registry)
        models, self.opponents = open_with_opponents(
            options.models, self.opponents, options.registry, chats
        )
        self._agenda = agenda = plan_agenda(
            options,
            self.gate,
            self.cases,
            [each.name for each in self.opponents],
            metrics,
            suites,
            chats,
        )
        retriever = Retriever(options.retriever, self.dataset.name, cache_dir() / "passages")
        planned = tuple(case for case in self.cases if case.id in cases)
        stages, levels = self._looks(planned)
        needs_answers = answers or any(METRICS[name].needs == "answer" for name in metrics)
        plan = agenda.plan(
            models, planned, stages, (options.max_calls, options.max_tokens), needs_answers
        )
        interruption = interruption or Interruption()
        store = Store(options.store)
        run = Run(
            plan, retriever, store, on_wait=_say if options.wait else None, again=options.errored
        )
        if options.sequential:
            run.settled = lambda run, number: self._is_settled(run, levels[number])
        self._leaks = {name: self._leak_checks(name, planned) for name in options.models}
        self._notes = self._say_beforehand(planned)
        identities = {model.name: identity_facts(model) for model in models}
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

        def report() -> None:
            self._faults = frozenset(run.faults)
            with interruption.finishing():
                header = self._header(run, retriever.identity, identities, started)
                self._conclude(run, header, levels)

        try:
            with progress_bar(run, len(plan.models) * len(plan.cases), chats.longest_wait):
                interruption.run(run.execute())
        except BaseException as error:
            self._left = self._what_is_left(run)
            self.whole = False
            if run.answered or isinstance(error, KeyboardInterrupt):
                report()
                self.finish()
            if isinstance(error, UserError) and run.unkept:
                raise UserError(f"{error}; {_unkept(run)}") from error
            raise
        finally:
            store.close()
        report()

    @property
    def errored(self) -> set[tuple[str, str]]:
        """Model and case id wherever a call failed or an exception was raised.

        What was not asked, because of a limit or an interruption, had no error.
        """
        results = self.concluded.results
        failed = {
            (result.model, result.case.id)
            for result in results
            if result.answer.error is not None and not result.answer.error.startswith(NOT_ASKED)
        }
        of_cases = {(result.model, result.case.id) for result in results}
        return failed | (of_cases & self._faults)

    @property
    def last_words(self) -> str | None:
        """What to type after an exam that did not come to its end; None after one that did."""
        return self._left

    def _what_is_left(self, run: Run) -> str:
        kept = run.answered - run.unkept
        left = len(run.plan.models) * len(run.plan.cases) - run.answered
        return f"type the same line again: {kept} answers are kept, {left} are left"

    def _say_beforehand(self, cases: tuple[Case, ...]) -> list[str]:
        """What the exam can show and what will stand in its way, said before it costs anything.

        Returns:
            The lines that the report keeps.
        """
        assert self._agenda is not None
        foreseen = minimum_detectable_effects(self.gate, cases) if self.opponents else ()
        candidates = [m for m in self.options.models if m not in {o.name for o in self.opponents}]
        lost = [c.reason for checks in self._leaks.values() for c in checks if c.outcome != "PASS"]
        few = [line] if (line := too_few(self.gate, cases)) else []
        small = [each.line for each in foreseen if each.too_small]
        for line in (*few, *small, *lost):
            print(f"warning: {line}")
        for line in judge_costs(self._agenda.judge_exams):
            print(line)
        notes = [each.line for each in foreseen] or [self._floors_alone()]
        notes += [f"added by this repository: {each}" for each in self.extensions]
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
        from bar_exam.reports.statistics.sequential import plan_looks

        if not self.options.sequential:
            return (), (self.gate.alpha,)
        plan = plan_looks([case.contract.id for case in cases], self.gate.alpha)
        parts = [set(contracts) for contracts in plan.contracts]
        stages = tuple(tuple(c for c in cases if c.contract.id in part) for part in parts)
        return stages, plan.levels

    def _is_settled(self, run: Run, level: float) -> bool:
        """Whether every candidate's verdict is certain at the level of this look."""
        from bar_exam.reports.statistics.sequential import settled

        _, verdicts = judge_candidates(
            run.results, self._at(level), self.options.models, self.opponents,
            self._further(run), self._bars(run),
        )  # fmt: skip
        estimates = [c.estimate for v in verdicts for c in v.checks if c.estimate]
        self._stopped = settled([verdict.outcome for verdict in verdicts], estimates)
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
        asked, whole = run.plan.cases, self._partial(run)
        excepted = fault_checks(run.faults, len(asked), self.gate.attrition)
        return {
            model: whole + checks + [check for check in excepted if check.against in ("", model)]
            for model, checks in self._leaks.items()
        }

    def _partial(self, run: Run) -> list[Check]:
        return partial_check(len(run.plan.cases), len(self.cases), self.options.selection)

    def _conclude(self, run: Run, header: Header, levels: tuple[float, ...]) -> None:
        assert self._agenda is not None
        results = run.results
        found = sections(run, self._agenda, self.gate)
        bars = self._bars(run)
        notes = [*self._notes, *bars.untrusted.values(), *fault_notes(run.faults)]
        notes += [line for model in run.plan.models for line in getattr(model, "remarks", ())]
        if run.unkept:
            notes.append(_unkept(run))
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
            speeds=run.speeds,
        )
        self.report = replace(self.report, verdicts=self._in_service(self.report, run))
        written = as_json(self.report)
        change = self._data_change(written)
        if change:
            self.report = replace(self.report, notes=(*self.report.notes, *change))
            written = as_json(self.report)
        write_json(written, self.folder / "report.json")

    def _in_service(self, report: Report, run: Run) -> tuple[Verdict, ...]:
        """The verdicts, of which none promises a promotion that would be refused."""
        service = read_champion(self.options.registry.parent)
        models = {model.name: model for model in run.plan.models}
        return tuple(
            unpromoted(each, models[each.model], service, report.header.command)
            for each in report.verdicts
        )

    def _data_change(self, written: Mapping[str, Any]) -> tuple[str, ...]:
        """What changed in the data since the champion's last exam, and what that did."""
        from bar_exam.reports.archive import read_written
        from bar_exam.reports.compare.data_change import describe_change, find_earlier, lines

        if not any(opponent.role == "champion" for opponent in self.opponents):
            return ()
        earlier = find_earlier(self.options.runs, written)
        change = describe_change(read_written(earlier), written) if earlier else None
        return lines(change) if change else ()

    def _header(
        self, run: Run, retriever: str, identities: Mapping[str, Mapping[str, str]], started: str
    ) -> Header:
        options = self.options
        cases = list({result.case.id: result.case for result in run.results}.values())
        roles: dict[str, str] = {opponent.name: opponent.role for opponent in self.opponents}
        return Header(
            id=self.run_id,
            started=started,
            command=command_line(exam_words()),
            provenance=provenance(self.root)
            | {"extensions": [asdict(each) for each in self.extensions]},
            dataset=dataset_facts(self.dataset, options.selection, cases),
            retriever=retriever_facts(options.retriever, retriever),
            models=[
                {
                    "name": name,
                    **identity,
                    "role": roles.get(name, "candidate"),
                    **read_entry(name, options.registry).model_dump(mode="json"),
                }
                for name, identity in identities.items()
            ],
            gate=gate_facts(self.gate, options.gate, self.root),
            fingerprint=fingerprint(
                self.dataset, options.selection.split, cases, retriever, run.plan.judges
            ),
            part=bool(self._partial(run)) or not run.plan.needs_answers,
        )

    def finish(self) -> list[str]:
        """Write the final report with what was missed; returns the lines that say where it is.

        Raises:
            UserError: the disk is full or the folder cannot be written.
        """
        from bar_exam.evals.calls.store import run_row
        from bar_exam.reports.housekeeping import tidy
        from bar_exam.reports.page.html import render
        from bar_exam.reports.page.markdown import markdown

        if self.report is None:
            return []
        marks = self.gate.pass_marks.model_dump(by_alias=True)
        others = opponents_missed(self.report.results, self.options.models, self.tests, marks)
        missed = {key: tuple(tests) for key, tests in (others | self.missed).items()}
        self.report = replace(self.report, missed=missed)
        written = as_json(self.report)
        write_json(written, self.folder / "report.json")
        beside = {
            SEAL: seal_of((self.folder / "report.json").read_bytes()),
            "report.html": render(written),
            "report.md": markdown(written),
        }
        for name, text in beside.items():
            write_whole(self.folder / name, text, mend=AGAIN, private=True)
        lines = [f"report: {self.folder / 'report.html'}"]
        row = run_row(written, self.folder / "report.json")
        if self._left is not None:
            with contextlib.suppress(UserError):  # which may be why this exam did not end
                self._enter(row)
            return lines
        self._enter(row)
        if self.whole:
            self._point_latest()
        elif (latest := self.options.runs.parent / "latest").is_symlink():
            lines.append(f"{latest} stays with the last whole exam: this one was a part of one")
        promoted = {
            each.report.id for each in read_records(self.options.registry.parent) if each.report
        }
        tidy(self.options.runs, self.run_id, self.options.keep, promoted)
        return lines

    def _enter(self, row: "Row") -> None:
        """Note this run in the store."""
        from bar_exam.evals.calls.store import Store

        store = Store(self.options.store)
        try:
            store.add([row])
        finally:
            store.close()

    def _point_latest(self) -> None:
        """Make `latest`, beside the runs, lead to this run."""
        latest = check_latest(self.options.runs)
        mend = f"move what lies there; the report itself is written, in {self.folder}"
        with replacing(latest, mend=mend) as draft:
            draft.symlink_to(self.folder.relative_to(latest.parent))


def check_latest(runs: Path) -> Path:
    """Where `latest`, beside the runs, leads or will lead to one; only a link of ours is replaced.

    Raises:
        UserError: something else lies there.
    """
    latest = runs.parent / "latest"
    ours = latest.is_symlink() and RUN_ID.fullmatch(latest.readlink().name)
    if not ours and (latest.is_symlink() or latest.exists()):
        raise UserError(
            f"{latest} is no link to a run, and would be replaced by one; move it, or give --runs "
            "in another folder"
        )
    return latest


def check_writable(runs: Path) -> None:
    """Find out whether reports can be written, while nothing is asked and nothing is lost.

    Raises:
        UserError: the folder of runs cannot be made, or nothing can be written into it.
    """
    there = next(each for each in (runs, *runs.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = "cannot be written" if there.is_dir() else "is no folder"
        raise UserError(f"--runs {runs}: {there} {what}; name another folder, or mend this one")


def _say(line: str) -> None:
    print(line, flush=True)


def _unkept(run: Run) -> str:
    return f"the report holds {run.unkept} answers that the store does not"


def prepare(
    options: ExamOptions,
    root: Path,
    run_id: str | None = None,
    extensions: tuple[Extension, ...] = (),
) -> Examination:
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
    check_writable(options.runs)
    check_latest(options.runs)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    if options.sequential and not options.baseline:
        raise UserError("--sequential needs an opponent: give --baseline champion, or a model")
    opponents = name_opponents(options.baseline, options.registry.parent)
    check_registered(opponents, options.registry)
    run_id = run_id or f"{stamp}-{secrets.token_hex(2)}"
    return Examination(options, root, gate, dataset, cases, opponents, run_id, extensions)


def _without_trained(options: ExamOptions, dataset: Dataset, gate: Gate) -> Selection:
    """The selection without the contracts that a candidate was trained on."""
    every = select(dataset, replace(options.selection, limit=None, balanced=False))
    titles = {
        title
        for model in options.models
        for title in leaking(read_entry(model, options.registry), every, gate.leakage)
    }
    return replace(options.selection, left_out=tuple(sorted(titles)))
