"""One exam of a pytest session, from what its tests need to what came of it."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.clock import utc_now
from common.errors import UserError
from common.redaction import redacted
from common.storable import presentable
from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.exam.run import Run
from evals.interruption import Interruption
from evals.results import Result
from evals.selected import Selected
from models.egress import Egress, Sent, check_store
from models.factory import Chats
from models.remote.waiting import Wait
from reports.archive import write_report
from reports.examination.noting import note_exam
from reports.examination.planned import Planned, plan_exam
from reports.examination.prepare import Prepared
from reports.examination.publish import publish, with_misses
from reports.examination.reporting import report_on, results_of, settles, unkept_line
from reports.report import Report
from reports.terminal.progress import progress_bar

NOT_ASKED = "not asked: "
"""How the error of a case begins that nobody was asked about."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """What one exam came to: every result, and the report on them.

    Without results, and `report` None, where it ended before anything was answered. `error` is
    what ended it, for whoever has taken this to raise. `last_words` say what to type after an exam
    that did not come to its end; None after one that did. `entry` is its file in the ledger.
    """

    selected: Selected
    results: tuple[Result, ...]
    report: Report | None
    faults: frozenset[tuple[str, str]]
    error: BaseException | None
    last_words: str | None
    entry: Path

    @property
    def examined(self) -> set[tuple[str, str]]:
        """Model and case id of every result."""
        return {(result.model, result.case.id) for result in self.results}

    @property
    def errored(self) -> set[tuple[str, str]]:
        """Model and case id wherever a call failed or an exception was raised.

        What was not asked, because of a limit or an interruption, had no error.
        """
        failed = {
            (result.model, result.case.id)
            for result in self.results
            if result.answer.error is not None and not result.answer.error.startswith(NOT_ASKED)
        }
        return failed | (self.examined & self.faults)


def examine(prepared: Prepared, selected: Selected, interruption: Interruption) -> Concluded:
    """Ask everything that the selected tests need, and conclude from what came.

    Whatever ends the run is `error` of what is returned; the report of what is there was written.

    Args:
        prepared: the exam.
        selected: what its tests need.
        interruption: what signals do meanwhile.

    Raises:
        UserError: nothing can be asked: a model, a judge or the store cannot be opened.
    """
    options = prepared.options
    sent = (Sent(options.dataset, prepared.dataset.identity, options.cuad),)
    check_store(options.store, Egress(options.registry, sent))
    chats = Chats(options.registry, sent)
    planned = plan_exam(prepared, selected, chats)
    with closing(Store(options.store)) as store:
        planned, entry = note_exam(planned)
        for line in planned.beforehand.announced:
            print(presentable(redacted(line)))
        exam = Exam(
            planned.plan,
            planned.retriever,
            store,
            settled=partial(settles, planned),
            on_wait=partial(print, flush=True) if options.wait else None,
            on_foreseen=partial(print, flush=True),
            again=options.errored,
        )
        started = utc_now()
        error = _ended_by(exam, interruption, chats.longest_wait)
    return _conclude(planned, entry, selected, exam.run, started, error, interruption)


def _ended_by(
    exam: Exam, interruption: Interruption, waiting: Callable[[], Wait | None]
) -> BaseException | None:
    """Execute the exam; what ended it before its time, if anything did."""
    try:
        with progress_bar(exam.run, exam.run.total, waiting):
            interruption.run(exam.execute())
    except UserError as error:
        unkept = unkept_line(exam.run)
        return UserError(f"{error}; {unkept}") if unkept else error
    except BaseException as error:
        return error
    return None


def _conclude(
    planned: Planned,
    entry: Path,
    selected: Selected,
    run: Run,
    started: str,
    error: BaseException | None,
    interruption: Interruption,
) -> Concluded:
    """Write the report of a run that came to its end, or of what `error` left of it."""
    prepared, ended = planned.prepared, error is not None
    results: tuple[Result, ...] = ()
    report = None
    try:
        if not ended or run.answered or isinstance(error, KeyboardInterrupt):
            with interruption.finishing():
                results = results_of(planned, run)
                report = report_on(planned, run, results, started)
                write_report(report, prepared.folder / "report.json")
            if ended:  # at once: nobody may come to do it later
                report = with_misses(prepared, selected, results, report)
                publish(prepared, report, results, entry, ended=True, whole=False)
    except (UserError, KeyboardInterrupt) as failure:
        error = failure
    last_words = _last_words(run) if ended else None
    return Concluded(selected, results, report, frozenset(run.faults), error, last_words, entry)


def _last_words(run: Run) -> str:
    kept = run.answered - run.unkept
    left = run.total - run.answered
    return f"type the same line again: {kept} answers are kept, {left} are left"
