"""The composition root of an exam: options, then plan, run, assert.

The clone's conftest.py loads it; in another repository `pytest_plugins = ["bar_exam.plugin"]` does.

Every call that the selected tests need is made once, before the first test; the tests look
results up. State is one Examination under one stash key.
"""

import importlib.util
import itertools
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bar_exam.common.command import one_line
from bar_exam.common.errors import UserError, of_path
from bar_exam.common.paths import ROOT
from bar_exam.common.project import Project, find_project
from bar_exam.common.redaction import command_line
from bar_exam.evals.interruption import Interruption
from bar_exam.evals.options import add_options, option_names, read_options
from bar_exam.extensions import extended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bar_exam.evals.gate import Gate
    from bar_exam.evals.results import Result, Spending
    from bar_exam.fixtures.cases import Case
    from bar_exam.models.chat import Answer
    from bar_exam.reports.examination import Examination
    from bar_exam.reports.report import Performance, Verdict
    from bar_exam.reports.verdict.misses import CaseTest

EXAM = pytest.StashKey["Examination"]()
INTERRUPTION = pytest.StashKey[Interruption]()
PROJECT = pytest.StashKey[Project]()
SUITES = ROOT / "evals"
MARKERS = (
    "cases(kind): which cases a test is asked of: all, answerable or unanswerable",
    "metrics(*names): what a test looks up, so that only what is needed is asked",
    "suite(name): whose findings a test looks up: judge, robustness, safety or forgetting",
)
MISSED_CACHE = "exam/missed"
ERRORED_CACHE = "exam/errored"
ANSWERED = frozenset({"answer", "verdict", "performance"})
"""Fixtures that no test can use without answers, whatever its marker says."""
FULL = frozenset({"test_robustness.py", "test_safety.py", "test_forgetting.py"})
"""Suites that ask much more than the cases; `--full`, or their names, bring them in."""
JUDGED = frozenset({"test_correctness.py", "test_judge.py"})
"""Suites without a test where there is no judge."""


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
    typed = {word.partition("=")[0] for word in config.invocation_params.args}
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
    if not (config.option.collectonly or hasattr(config, "workerinput")):
        config.stash[INTERRUPTION] = interruption = Interruption()
        interruption.install()
        config.add_cleanup(interruption.restore)
    command_line(map(str, config.invocation_params.args))  # notes the passwords of its URLs
    from bar_exam.reports.examination import prepare

    with _usage_errors(), ExitStack() as stack:
        extensions = stack.enter_context(extended(project))
        config.add_cleanup(stack.pop_all().close)
        run_id = getattr(config, "workerinput", {}).get("exam_run")
        options = read_options(config)
        exam = config.stash[EXAM] = prepare(options, config.rootpath, run_id, extensions)
    exam.whole = _is_whole(config)


def _examines(config: pytest.Config) -> bool:
    """Whether an argument names a suite, something in it, or a folder around it."""
    suites = (SUITES, *_modules(config.stash[PROJECT].suites))
    return any(
        place.is_relative_to(suite) or suite.is_relative_to(place)
        for place in _places(config)
        for suite in suites
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
    exam = items[0].config.stash.get(EXAM, None) if items else None
    if exam is not None:
        exam.whole = False


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the suites out that ask much more; pytest does not ask this of files named to it."""
    exam = config.stash.get(EXAM, None)
    if exam is None or collection_path.parent.resolve() != SUITES:
        return None
    too_much = collection_path.name in FULL and not exam.options.full
    unjudged = collection_path.name in JUDGED and not exam.options.judges
    return True if too_much or unjudged else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize by model and case, by model and guarded metric, or by judge."""
    exam = metafunc.config.stash.get(EXAM, None)
    names = metafunc.fixturenames
    if exam is None:
        return
    models = exam.options.models
    if "judge" in names:
        metafunc.parametrize("judge", exam.options.judges)
    if "model" not in names:
        return
    if "case" in names:
        marker = metafunc.definition.get_closest_marker("cases")
        rows = [
            (pytest.param(model, case, id=_id(model, case.slug, len(models))))
            for model in models
            for case in exam.of_kind(marker.args[0] if marker else "all")
        ]
        metafunc.parametrize("model,case", rows)
    elif "metric" in names:
        rows = [
            pytest.param(model, metric, id=_id(model, metric, len(models)))
            for model in models
            for metric in exam.gate.gating
        ]
        metafunc.parametrize("model,metric", rows)
    else:
        metafunc.parametrize("model", models)


def _id(model: str, name: str, models: int) -> str:
    return name if models == 1 else f"{model}-{name}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that `--missed` and `--errored` ask for."""
    exam = config.stash.get(EXAM, None)
    if exam is not None and exam.options.errored:
        _keep_errored(config, items)
    if exam is None or not exam.options.missed:
        return
    cache = getattr(config, "cache", None)  # absent under -p no:cacheprovider
    missed = set(cache.get(MISSED_CACHE, [])) if cache else set()
    if not missed:
        why = "--missed: the last exam missed nothing, or there was none; leave it out"
        raise pytest.UsageError(why)
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in missed])
    items[:] = [item for item in items if item.nodeid in missed]
    if not items:
        why = "--missed: none of the missed tests is in this selection; leave it out"
        raise pytest.UsageError(why)


def _keep_errored(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests of cases that had an error when they were examined last."""
    cache = getattr(config, "cache", None)
    errored = {tuple(pair) for pair in cache.get(ERRORED_CACHE, [])} if cache else set()
    if not errored:
        why = "--errored: the last exam had no error, or there was none; leave it out"
        raise pytest.UsageError(why)
    chosen = [item for item in items if _pair(item) in errored]
    config.hook.pytest_deselected(items=[item for item in items if _pair(item) not in errored])
    items[:] = chosen
    if not items:
        why = "--errored: no case that had an error is in this selection; leave it out"
        raise pytest.UsageError(why)


def _pair(item: pytest.Item) -> tuple[str, str] | None:
    """The model and the case that a test is about."""
    params: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    case: Any = params.get("case")
    return (params["model"], case.id) if hasattr(case, "id") else None


def _remember_errored(config: pytest.Config, exam: "Examination") -> None:
    cache = getattr(config, "cache", None)
    if cache and exam.report is not None:
        examined = {(result.model, result.case.id) for result in exam.report.results}
        others = {tuple(pair) for pair in cache.get(ERRORED_CACHE, [])} - examined
        cache.set(ERRORED_CACHE, sorted(others | exam.errored))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Run the exam for the selected tests, before the first of them."""
    config = session.config
    asks = EXAM in config.stash and INTERRUPTION in config.stash
    if asks and session.items and not session.testsfailed:
        _examine(config, session.items)
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """After an exam that did not come to its end: what to type, as the last line."""
    yield
    exam = session.config.stash.get(EXAM, None)
    if exam is not None and exam.last_words:
        session.config.get_terminal_writer().line(exam.last_words)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist: tell the worker which run it asserts about."""
    exam = node.config.stash.get(EXAM, None)
    if exam is not None:
        node.workerinput["exam_run"] = exam.run_id


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """xdist: the controller runs the exam once, when the first worker knows what is selected."""
    exam = node.config.stash.get(EXAM, None)
    if exam is not None and exam.report is None and ids:
        session = node.config.pluginmanager.getplugin("session")
        items = session.perform_collect(genitems=True)
        selected = set(ids)
        _examine(node.config, [item for item in items if item.nodeid in selected])


def _examine(config: pytest.Config, items: list[pytest.Item]) -> None:
    exam = config.stash.get(EXAM, None)
    functions = [item for item in items if isinstance(item, pytest.Function)]
    asserted = [item for item in functions if hasattr(item, "callspec")]
    if exam is None or not asserted:
        return
    answers = False
    cases: set[str] = set()
    metrics: set[str] = set()
    suites: set[str] = set()
    for item in asserted:
        params: dict[str, Any] = item.callspec.params
        if not isinstance(params.get("model", params.get("judge")), str):
            continue  # pytest's stand-in for an empty parameter set
        if suite := item.get_closest_marker("suite"):
            suites.add(suite.args[0])
            if suite.args[0] in ("robustness", "safety"):
                cases.update(exam.varied)
                answers = True
            if suite.args[0] != "harm":
                continue
        cases.update([params["case"].id] if "case" in params else [case.id for case in exam.cases])
        marker = item.get_closest_marker("metrics")
        if "case" in params:
            exam.tests.append(_case_test(item))
        metrics.update([params["metric"]] if "metric" in params else marker.args if marker else ())
        answers = answers or not ANSWERED.isdisjoint(item.fixturenames)
    capture = config.pluginmanager.getplugin("capturemanager")
    with _usage_errors(), capture.global_and_fixture_disabled():
        try:
            exam.examine(
                cases,
                metrics,
                suites,
                answers=answers,
                interruption=config.stash.get(INTERRUPTION, None),
            )
        finally:
            _remember_errored(config, exam)


def _case_test(item: pytest.Function) -> "CaseTest":
    """What the opponents, who have no tests, are asked of a case as well."""
    from bar_exam.reports.verdict.misses import CaseTest

    marker = item.get_closest_marker("metrics")
    case: Case = item.callspec.params["case"]  # type: ignore[assignment]
    return CaseTest(case.id, item.originalname, marker.args if marker else ())


@pytest.fixture(scope="session")
def exam(pytestconfig: pytest.Config) -> "Examination":
    """The exam of this session."""
    return pytestconfig.stash[EXAM]


@pytest.fixture(scope="session")
def gate(exam: "Examination") -> "Gate":
    """The gate file."""
    return exam.gate


@pytest.fixture
def result(exam: "Examination", model: str, case: "Case") -> "Result":
    """What `model` made of `case`; a case that a stopped exam did not reach is unscored."""
    found = exam.results.get((model, case.id))
    if found is None:
        pytest.skip("unscored: not asked, the verdict was certain before")
    return found


@pytest.fixture
def answer(result: "Result") -> "Answer":
    """The answer of `model` to `case`; a case without one is unscored, not failed."""
    if result.answer.error is not None:
        pytest.skip(f"unscored: {result.answer.error}")
    return result.answer


class Scores:
    """Values by metric; asking for one that could not be computed makes the test unscored."""

    def __init__(self, result: "Result") -> None:
        self._scores = result.scores

    def __getitem__(self, metric: str) -> float:
        score = self._scores.get(metric)
        if score is None:
            pytest.skip(f"unscored: {metric}: no judge was given that scores it")
        if score.value is None:
            pytest.skip(f"unscored: {metric}: {score.reason}")
        return score.value


@pytest.fixture
def scores(result: "Result") -> Scores:
    """Every metric's value for `model` on `case`."""
    return Scores(result)


@pytest.fixture
def results(exam: "Examination", model: str) -> "list[Result]":
    """All results of `model`."""
    return [result for (name, _), result in exam.results.items() if name == model]


@pytest.fixture
def spending(exam: "Examination") -> "Spending":
    """What the run cost."""
    return exam.concluded.spending


@pytest.fixture
def performance(exam: "Examination", model: str) -> "Performance":
    """How fast `model` answered in this run."""
    return next(each for each in exam.concluded.performance if each.model == model)


@pytest.fixture
def holds(
    exam: "Examination",
    demand: "Callable[[str, str, Sequence[str]], None]",
    request: pytest.FixtureRequest,
) -> "Callable[[str, str], None]":
    """Assert that what the suite found of a subject is what the gate file asks."""
    suite = request.node.get_closest_marker("suite").args[0]
    named = any("test_judge" in arg for arg in request.config.args)

    def check(subject: str, measure: str) -> None:
        found = exam.finding(suite, subject, measure)
        if found is None or found.outcome is None:
            pytest.skip(f"unscored: {found.reason if found else 'nothing to measure it on'}")
        if (
            suite == "judge"
            and found.outcome != "PASS"
            and not (exam.gate.relies_on_judges or named)
        ):
            pytest.xfail(f"{found.line}; no metric of a judge gates here")
        demand(found.outcome, "PASS", [found.line])

    return check


class Unmet(pytest.fail.Exception):  # type: ignore[misc, name-defined]
    """A check that did not hold; its line stands in the exam's own part of the summary."""

    __module__ = "builtins"  # named without its path, as pytest's own


@pytest.fixture
def demand(exam: "Examination") -> "Callable[[str, str, Sequence[str]], None]":
    """Assert that an outcome is good; an inconclusive one as --inconclusive says."""

    def check(outcome: str, good: str, reasons: "Sequence[str]") -> None:
        if outcome == "INCONCLUSIVE" and exam.options.inconclusive == "skip":
            pytest.skip(f"inconclusive: {'; '.join(reasons)}")
        if outcome == "INCONCLUSIVE" and exam.options.inconclusive == "pass":
            return
        if outcome != good:
            raise Unmet("; ".join(reasons), pytrace=False)

    return check


@pytest.fixture
def verdict(exam: "Examination", model: str) -> "Verdict":
    """The verdict on `model`, with its checks."""
    return exam.verdict(model)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A case that fails its assertion is missed: shown like xfail, unless --strict-cases."""
    exam = item.config.stash.get(EXAM, None)
    params = getattr(item, "callspec", None) and item.callspec.params  # type: ignore[attr-defined]
    if exam is None or not params or "case" not in params or call.when != "call":
        if exam is not None:
            _shorten(item, call)
        report = yield
        if exam is not None and call.excinfo is not None and call.excinfo.errisinstance(Unmet):
            report._pdbshown = True  # type: ignore[attr-defined]  # the exam's part has the line
        return report
    missed = call.excinfo is not None and call.excinfo.errisinstance(AssertionError)
    if call.excinfo is not None and missed and not exam.options.strict_cases:
        # Before pytest renders the traceback, which in a large exam costs more than all the rest.
        line = f"missed: {call.excinfo.value}".splitlines()[0]
        call.excinfo = _raised(pytest.xfail.Exception(line, pytrace=False))
    _shorten(item, call)
    report = yield
    report.exam_case = True  # type: ignore[attr-defined]
    if missed:
        report.exam_missed = [params["model"], params["case"].id, item.originalname]  # type: ignore[attr-defined]
    return report


def _shorten(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Let an assertion that failed be its reason alone: no source, no examination's repr."""
    found = call.excinfo
    if found is not None and found.errisinstance(AssertionError) and not item.config.option.usepdb:
        line = (str(found.value) or "the assertion does not hold").splitlines()[0]
        call.excinfo = _raised(pytest.fail.Exception(line, pytrace=False))


def _raised(exception: BaseException) -> pytest.ExceptionInfo[BaseException]:
    """What `pytest.xfail` or `pytest.fail` raises, without a traceback to show."""
    try:
        raise exception
    except type(exception):
        return pytest.ExceptionInfo.from_current()


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, Any] | None:
    """Name what pytest would call xfailed and skipped by what it is."""
    if getattr(report, "exam_missed", None) and report.skipped:
        return "missed tests", "m", ("MISSED", {"yellow": True})
    if report.skipped and isinstance(report.longrepr, tuple) and "unscored: " in report.longrepr[2]:
        return "unscored", "u", ("UNSCORED", {"yellow": True})
    return None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Finish the report, remember what was missed, print the table and where the pages lie."""
    exam = config.stash.get(EXAM, None)
    if exam is None or exam.report is None:
        return
    from bar_exam.reports.page.terminal import print_report

    every = itertools.chain.from_iterable(terminalreporter.stats.values())
    taken = {report.nodeid: report for report in every if hasattr(report, "exam_case")}
    missed = [report for report in taken.values() if hasattr(report, "exam_missed")]
    for report in missed:
        model, case, test = report.exam_missed
        exam.missed.setdefault((model, case), []).append(test)
    if cache := getattr(config, "cache", None):
        others = set(cache.get(MISSED_CACHE, [])) - set(taken)
        cache.set(MISSED_CACHE, sorted(others.union(report.nodeid for report in missed)))
    with _usage_errors():
        pages = exam.finish()
    terminalreporter.section("exam")
    writer: Any = config.get_terminal_writer()
    print_report(
        exam.report, pages, writer, colour=writer.hasmarkup, verbose=config.option.verbose > 0
    )
