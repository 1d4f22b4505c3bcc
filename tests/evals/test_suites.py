"""Suites: one table says what each asks, and what their tests need is read from the tests."""

import ast
from types import SimpleNamespace

import pytest

from common.errors import UserError
from evals import reruns
from evals.selected import CaseTest, Selected, read_selected
from evals.suites import SUITES, is_left_out, varied_suites
from tests.evals.test_exam import cases_of
from tests.seams import ROOMS, ROOT

CASES = cases_of(contracts=2, questions=2)
EVERY = frozenset(case.id for case in CASES)


def item(name="test_it", fixtures=(), markers=None, **params):
    """As much of a parametrized test as the exam reads."""
    found = {marker: SimpleNamespace(args=args) for marker, args in (markers or {}).items()}
    return SimpleNamespace(
        nodeid=f"{name}{sorted(params)}",
        originalname=name,
        fixturenames=fixtures,
        callspec=SimpleNamespace(params=params),
        get_closest_marker=found.get,
    )


def words(tree):
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}


def test_the_table_has_the_suite_of_every_marker_and_its_file():
    marked = {}
    for path in (ROOT / "evals").glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.suite":
                marked[node.args[0].value] = path.name
    assert marked
    assert marked == {name: SUITES[name].file for name in marked}
    assert all((ROOT / "evals" / suite.file).is_file() for suite in SUITES.values())


def test_no_module_but_the_table_names_a_suite():
    named = {"robustness", "harm", "fairness", "forgetting", "contamination"}
    files = {suite.file for suite in SUITES.values()} | named
    rooms = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    package = (ROOT / "bar_exam").glob("*.py")
    naming = {
        str(path.relative_to(ROOT))
        for path in (*package, *rooms)
        if not path.name.startswith("test_") and files & words(ast.parse(path.read_text()))
    }
    assert naming == {"evals/suites.py"}


def test_suites_that_ask_much_more_or_need_a_judge_are_left_out_without():
    def left_out(**options):
        return {suite.file for suite in SUITES.values() if is_left_out(suite.file, **options)}

    full = {
        f"test_{name}.py"
        for name in (
            "robustness",
            "safety",
            "fairness",
            "forgetting",
            "contamination",
            "sufficiency",
        )
    }
    judged = {"test_correctness.py", "test_judge.py", "test_sufficiency.py"}
    assert left_out(full=False, judges=()) == full | judged
    assert left_out(full=True, judges=()) == judged
    assert left_out(full=False, judges=("reference",)) == full
    assert not is_left_out("test_answers.py", full=False, judges=())
    assert varied_suites({"safety", "forgetting", "robustness"}) == ("robustness", "safety")


def test_a_test_of_a_case_needs_that_case_and_what_its_marker_names():
    tested = item(fixtures=("scores",), markers={"metrics": ("hit@5",)}, model="m", case=CASES[1])
    found = read_selected([tested], CASES, 2)
    tests = (CaseTest(CASES[1].id, "test_it", ("hit@5",)),)
    assert found == Selected(frozenset([CASES[1].id]), frozenset(["hit@5"]), tests=tests)


def test_a_test_of_a_verdict_needs_answers_to_every_case():
    found = read_selected([item(fixtures=("verdict",), model="m", metric="token_f1")], CASES, 2)
    assert found == Selected(EVERY, frozenset(["token_f1"]), answers=True)


def test_suites_need_variants_or_no_case_at_all():
    def of(suite, **markers):
        return read_selected([item(markers={"suite": (suite,), **markers}, model="m")], CASES, 2)

    varied = of("robustness")
    assert (len(varied.cases), varied.answers, varied.suites) == (2, True, {"robustness"})
    assert of("forgetting") == Selected(suites=frozenset(["forgetting"]))
    harm = of("harm", metrics=("deepeval:bias",))
    assert (harm.cases, harm.metrics) == (EVERY, {"deepeval:bias"})


def test_what_several_tests_need_is_needed_together():
    items = [item(model="m", case=case) for case in CASES[:2]] + [item(judge=object())]
    found = read_selected(items, CASES, 2)
    assert found.cases == {case.id for case in CASES[:2]}
    assert len(found.tests) == 2
    assert read_selected([SimpleNamespace()], CASES, 2) is None, "nothing to examine"


class Cache(dict):
    def set(self, key, value):
        self[key] = value


def test_what_was_not_examined_now_is_remembered_from_before():
    cache = Cache()
    reruns.remember(cache, reruns.MISSED, ["a", "b", "c"], ["a", "b"])
    reruns.remember(cache, reruns.MISSED, ["b", "c"], ["c"])
    assert cache[reruns.MISSED] == ["a", "c"]
    reruns.remember(cache, reruns.ERRORED, [], [("m", "1")])
    cache[reruns.ERRORED] = [list(pair) for pair in cache[reruns.ERRORED]]  # as JSON brings it
    reruns.remember(cache, reruns.ERRORED, [("m", "1"), ("m", "2")], [("m", "2")])
    assert cache[reruns.ERRORED] == [("m", "2")]


def test_tests_are_taken_again_by_what_missed_and_by_what_had_an_error():
    def again(cache, **options):
        return reruns.again(items, SimpleNamespace(**{"missed": 0, "errored": 0, **options}), cache)

    items = [item(f"test_{n}", model="m", case=case) for n, case in enumerate(CASES)]
    cache = Cache({reruns.MISSED: [items[2].nodeid], reruns.ERRORED: [["m", CASES[0].id]]})
    assert again(cache) == items
    assert again(cache, missed=True) == [items[2]]
    assert again(cache, errored=True) == [items[0]]
    with pytest.raises(UserError, match="none of the missed tests is in this selection"):
        again(cache, errored=True, missed=True)
    with pytest.raises(UserError, match="--errored: the last exam had no error"):
        again(None, errored=True)
