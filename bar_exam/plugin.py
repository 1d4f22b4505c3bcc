"""The composition root of an exam: options, then plan, run, assert.

The clone's conftest.py loads it; in another repository `pytest_plugins = ["bar_exam.plugin"]` does.

Every call that the selected tests need is made once, before the first test; the tests look
results up. State is one object under one stash key.
"""

import importlib.util
import itertools
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bar_exam.extensions import extended
from common.command import one_line
from common.errors import UserError, of_path
from common.paths import ROOT
from common.project import Project, find_project
from common.redaction import command_line
from evals import outcomes, reruns, suites
from evals.interruption import Interruption
from evals.options import add_options, option_names, read_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evals.gate import Gate
    from evals.results import Result, Spending
    from fixtures.cases import Case
    from models.chat import Answer
    from reports.examination.examine import Concluded
    from reports.examination.prepare import Prepared
    from reports.report import Performance, Report, Verdict


@dataclass
class State:
    """What this session examines, and what came of it once it was examined here.

    `interruption` is None where nothing is: in a worker of xdist, and with `--collect-only`.
    `whole` says that no test was left out: `latest` leads to whole exams alone.
    """

    prepared: "Prepared"
    interruption: Interruption | None
    whole: bool
    concluded: "Concluded | None" = None


STATE = pytest.StashKey[State]()
PROJECT = pytest.StashKey[Project]()
SUITES = ROOT / "evals"
MARKERS = (
    "cases(kind): which cases a test is asked of: all, answerable or unanswerable",
    "metrics(*names): what a test looks up, so that only what is needed is asked",
    "suite(name): whose findings a test looks up; evals/suites.py names them",
)


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Show a user's mistake as pytest shows its own: one line, exit 4."""
    try:
        yield
    except UserError as error:
        raise pytest.UsageError(one_line(error)) from error
    except OSError as error:
        raise pytest.UsageError(one_line(of_path(error))) from error


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Options of an exam ask for one, also where no path was typed, from any folder."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    with _usage_errors():
        project = config.stash[PROJECT] = find_project(config.rootpath)
    typed = _typed(config)
    if config.args_source is not config.ArgsSource.ARGS and typed & option_names():
        config.args[:] = [str(SUITES), *map(str, _modules(project.suites))]
    for option, value in project.places.items():
        if f"--{option}" in option_names() - typed:
            setattr(config.option, option, value)


def pytest_report_header(config: pytest.Config) -> str | None:
    """A hint for whoever types `pytest` alone in a clone."""
    alone = config.args_source is config.ArgsSource.TESTPATHS and config.rootpath == ROOT
    if not alone or _examines(config):
        return None
    return "these are the tests of the tool itself; to examine a model type: pytest evals"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Check options and data before anything else, if this session examines."""
    config = session.config
    if not _examines(config):
        return
    project = config.stash[PROJECT]
    interruption = None
    if not (config.option.collectonly or hasattr(config, "workerinput")):
        interruption = Interruption()
        interruption.install()
        config.add_cleanup(interruption.restore)
    command_line(map(str, config.invocation_params.args))  # notes the passwords of its URLs
    from reports.examination.prepare import prepare

    with _usage_errors(), ExitStack() as stack:
        extensions = stack.enter_context(extended(project))
        config.add_cleanup(stack.pop_all().close)
        run_id = getattr(config, "workerinput", {}).get("exam_run")
        options = read_options(config)
        prepared = prepare(options, config.rootpath, run_id, extensions)
    config.stash[STATE] = State(prepared, interruption, _is_whole(config))


def _typed(config: pytest.Config) -> set[str]:
    return {word.partition("=")[0] for word in config.invocation_params.args}


def _examines(config: pytest.Config) -> bool:
    """Whether a suite was typed, something in it, a folder around it, or an option of an exam.

    `pytest` alone runs the tests of a repository, and asks no model.
    """
    if hasattr(config, "workerinput"):
        return "exam_run" in config.workerinput
    if config.args_source is not config.ArgsSource.ARGS and not _typed(config) & option_names():
        return False
    folders = (SUITES, *_modules(config.stash[PROJECT].suites))
    return any(
        place.is_relative_to(folder) or folder.is_relative_to(place)
        for place in _places(config)
        for folder in folders
    )


def _is_whole(config: pytest.Config) -> bool:
    """Whether every suite is named; what is then deselected makes the exam a part again."""
    again = any(config.getoption(name, False) for name in ("lf", "stepwise"))
    return not again and any(SUITES.is_relative_to(place) for place in _places(config))


def _places(config: pytest.Config) -> list[Path]:
    folder = config.invocation_params.dir
    names = [arg.split("::")[0] for arg in config.args]
    modules = _modules(name for name in names if config.option.pyargs)
    return [Path(folder, name).resolve() for name in names] + modules


def _modules(names: Iterable[str]) -> list[Path]:
    """The files of modules and the folders of packages, of those that are importable."""
    places: list[Path] = []
    for name in names:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            continue
        found = (spec.submodule_search_locations or [spec.origin or ""]) if spec else ()
        places += [Path(place).resolve() for place in found]
    return places


def pytest_deselected(items: "Sequence[pytest.Item]") -> None:
    """What `-k`, `-m`, `--missed` and the like leave out is missing from the exam."""
    state = items[0].config.stash.get(STATE, None) if items else None
    if state is not None:
        state.whole = False


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the suites out that ask much more; pytest does not ask this of files named to it."""
    state = config.stash.get(STATE, None)
    if state is None:
        return collection_path.resolve() in _modules(config.stash[PROJECT].suites) or None
    if collection_path.parent.resolve() != SUITES:
        return None
    options = state.prepared.options
    left_out = suites.is_left_out(collection_path.name, full=options.full, judges=options.judges)
    return left_out or None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize by model and case, by model and guarded metric, or by judge."""
    state = metafunc.config.stash.get(STATE, None)
    if state is None:
        return
    prepared, names = state.prepared, metafunc.fixturenames
    models = prepared.options.models
    if "judge" in names:
        metafunc.parametrize("judge", prepared.options.judges)
    if "model" not in names:
        return
    if "case" in names:
        marker = metafunc.definition.get_closest_marker("cases")
        rows = [
            (pytest.param(model, case, id=_id(model, case.slug, len(models))))
            for model in models
            for case in prepared.of_kind(marker.args[0] if marker else "all")
        ]
        metafunc.parametrize("model,case", rows)
    elif "metric" in names:
        rows = [
            pytest.param(model, metric, id=_id(model, metric, len(models)))
            for model in models
            for metric in prepared.gate.gating
        ]
        metafunc.parametrize("model,metric", rows)
    else:
        metafunc.parametrize("model", models)


def _id(model: str, name: str, models: int) -> str:
    return name if models == 1 else f"{model}-{name}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that `--missed` and `--errored` ask for."""
    state = config.stash.get(STATE, None)
    if state is None:
        return
    with _usage_errors():
        chosen = reruns.again(items, state.prepared.options, _cache(config))
    if len(chosen) < len(items):
        kept = set(chosen)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = chosen


def _cache(config: pytest.Config) -> pytest.Cache | None:
    return getattr(config, "cache", None)  # absent under -p no:cacheprovider


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Run the exam for the selected tests, before the first of them."""
    state = session.config.stash.get(STATE, None)
    if state is not None and session.items and not session.testsfailed:
        _examine(session.config, state, session.items)
        if state.prepared.options.sealed:
            _pass_over_cases(session)
    return (yield)


def _pass_over_cases(session: pytest.Session) -> None:
    """Leave out the tests of single cases: what sealed contracts say of one is told to nobody."""
    session.items[:] = [item for item in session.items if "case" not in _params(item)]
    session.testscollected = len(session.items)


def _params(item: pytest.Item) -> "Mapping[str, Any]":
    return item.callspec.params if hasattr(item, "callspec") else {}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """After an exam that did not come to its end: what to type, as the last line."""
    yield
    state = session.config.stash.get(STATE, None)
    if state is not None and state.concluded is not None and state.concluded.last_words:
        session.config.get_terminal_writer().line(state.concluded.last_words)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist: tell the worker which run it asserts about."""
    state = node.config.stash.get(STATE, None)
    if state is not None:
        node.workerinput["exam_run"] = state.prepared.run_id


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """xdist: the controller runs the exam once, when the first worker knows what is selected."""
    state = node.config.stash.get(STATE, None)
    if state is not None and state.concluded is None and ids:
        session = node.config.pluginmanager.getplugin("session")
        items = session.perform_collect(genitems=True)
        selected = set(ids)
        _examine(node.config, state, [item for item in items if item.nodeid in selected])


def _examine(config: pytest.Config, state: State, items: list[pytest.Item]) -> None:
    """Examine what these tests need; whatever ended that is raised once it was taken."""
    if state.interruption is None:
        return
    from evals.selected import read_selected
    from reports.examination.examine import examine

    prepared = state.prepared
    selected = read_selected(items, prepared.cases, prepared.options.variants)
    if selected is None:
        return
    capture = config.pluginmanager.getplugin("capturemanager")
    with _usage_errors(), capture.global_and_fixture_disabled():
        state.concluded = done = examine(prepared, selected, state.interruption)
        if not prepared.options.sealed:
            reruns.remember(_cache(config), reruns.ERRORED, done.examined, done.errored)
        if done.error is not None:
            raise done.error


@pytest.fixture(scope="session")
def exam(pytestconfig: pytest.Config) -> "Prepared":
    """The exam of this session: its options, its cases, its gate."""
    return pytestconfig.stash[STATE].prepared


@pytest.fixture(scope="session")
def gate(exam: "Prepared") -> "Gate":
    """The gate file."""
    return exam.gate


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config, exam: "Prepared") -> "Report":
    """The report; a worker of xdist, which examines nothing itself, reads the controller's."""
    from reports.archive import read_report

    concluded = pytestconfig.stash[STATE].concluded
    return (concluded and concluded.report) or read_report(exam.folder / "report.json")


@pytest.fixture(scope="session")
def by_case(
    pytestconfig: pytest.Config, exam: "Prepared", report: "Report"
) -> "Mapping[tuple[str, str], Result]":
    """Results by (model, case id); a worker of xdist joins the report's with its own cases."""
    from reports.listing import joined

    concluded = pytestconfig.stash[STATE].concluded
    results = concluded.results if concluded is not None else joined(report, exam.cases)
    return {(result.model, result.case.id): result for result in results}


@pytest.fixture
def result(by_case: "Mapping[tuple[str, str], Result]", model: str, case: "Case") -> "Result":
    """What `model` made of `case`; a case that a stopped exam did not reach is unscored."""
    found = by_case.get((model, case.id))
    if found is None:
        outcomes.unscored("not asked, the verdict was certain before")
    return found


@pytest.fixture
def answer(result: "Result") -> "Answer":
    """The answer of `model` to `case`; a case without one is unscored, not failed."""
    if result.answer.error is not None:
        outcomes.unscored(result.answer.error)
    return result.answer


@pytest.fixture
def scores(result: "Result") -> outcomes.Scores:
    """Every metric's value for `model` on `case`."""
    return outcomes.Scores(result)


@pytest.fixture
def results(by_case: "Mapping[tuple[str, str], Result]", model: str) -> "list[Result]":
    """All results of `model`."""
    return [result for (name, _), result in by_case.items() if name == model]


@pytest.fixture
def spending(report: "Report") -> "Spending":
    """What the run cost."""
    return report.spending


@pytest.fixture
def performance(report: "Report", model: str) -> "Performance":
    """How fast `model` answered in this run."""
    return next(each for each in report.performance if each.model == model)


@pytest.fixture
def verdict(report: "Report", model: str) -> "Verdict":
    """The verdict on `model`, with its checks."""
    return next(each for each in report.verdicts if each.model == model)


@pytest.fixture
def holds(
    report: "Report",
    gate: "Gate",
    demand: "Callable[[str, str, Sequence[str]], None]",
    request: pytest.FixtureRequest,
) -> "Callable[[str, str], None]":
    """Assert that what the suite found of a subject is what the gate file asks."""
    suite = request.node.get_closest_marker("suite").args[0]
    section = report.section(suite)
    named = any(Path(suites.SUITES[suite].file).stem in arg for arg in request.config.args)
    guarded = {
        suites.JUDGE.name: gate.relies_on_judges,
        suites.FAIRNESS.name: gate.fairness.role == "guard",
        suites.CONTAMINATION.name: False,
    }
    reported_alone = not (guarded.get(suite, True) or named)

    def check(subject: str, measure: str) -> None:
        found = section.of(subject, measure) if section else None
        if found is None or found.outcome is None:
            outcomes.unscored(found.reason if found else "nothing to measure it on")
        if reported_alone and found.outcome != "PASS":
            pytest.xfail(f"{found.line}; it is reported and gates nothing here")
        demand(found.outcome, "PASS", [found.line])

    return check


@pytest.fixture
def demand(exam: "Prepared") -> "Callable[[str, str, Sequence[str]], None]":
    """Assert that an outcome is good; an inconclusive one as --inconclusive says."""

    def check(outcome: str, good: str, reasons: "Sequence[str]") -> None:
        if outcome == "INCONCLUSIVE" and exam.options.inconclusive == "skip":
            pytest.skip(f"inconclusive: {'; '.join(reasons)}")
        if outcome == "INCONCLUSIVE" and exam.options.inconclusive == "pass":
            return
        if outcome != good:
            raise outcomes.Unmet("; ".join(reasons), pytrace=False)

    return check


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A case that fails its assertion is missed: shown like xfail, unless --strict-cases."""
    state = item.config.stash.get(STATE, None)
    if state is None:
        return (yield)
    params = _params(item)
    of_case = "case" in params and call.when == "call"
    missed = of_case and outcomes.is_missed(call)
    if missed and not state.prepared.options.strict_cases:
        outcomes.as_missed(call)
    if not item.config.option.usepdb:
        outcomes.shorten(call)
    report = yield
    if of_case:
        report.exam_case = True  # type: ignore[attr-defined]
    elif call.excinfo is not None and call.excinfo.errisinstance(outcomes.Unmet):
        report._pdbshown = True  # type: ignore[attr-defined]  # the exam's part has the line
    if missed:
        report.exam_missed = [params["model"], params["case"].id, item.originalname]  # type: ignore[attr-defined]
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, Any] | None:
    """Name what pytest would call xfailed and skipped by what it is."""
    return outcomes.status(report)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Finish the report, remember what was missed, print the table and where the pages lie."""
    state = config.stash.get(STATE, None)
    concluded = state.concluded if state is not None else None
    if state is None or concluded is None or concluded.report is None:
        return
    from reports.examination.publish import publish, with_misses
    from reports.terminal.look import look_of
    from reports.terminal.terminal import print_report

    every = itertools.chain.from_iterable(terminalreporter.stats.values())
    taken = {report.nodeid: report for report in every if hasattr(report, "exam_case")}
    tests = [report for report in taken.values() if hasattr(report, "exam_missed")]
    reruns.remember(_cache(config), reruns.MISSED, taken, [report.nodeid for report in tests])
    prepared, missed = state.prepared, [report.exam_missed for report in tests]
    report = with_misses(prepared, concluded.selected, concluded.results, concluded.report, missed)
    ended = concluded.last_words is not None
    with _usage_errors():
        whole = state.whole and not prepared.options.sealed
        page, remarks = publish(
            prepared, report, concluded.results, concluded.entry, ended=ended, whole=whole
        )
    terminalreporter.section("exam")
    writer: Any = config.get_terminal_writer()
    look = look_of(os.environ, colour=writer.hasmarkup)
    print_report(report, page, remarks, writer, look, verbose=config.option.verbose > 0)
