"""The world of known qualities: what it says is true of its models is, and promotions run in it."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from evals.gate import read_gate
from evals.metrics.table import METRICS, score
from evals.results import Result
from fixtures.datasets import load_dataset
from fixtures.selection import Selection, select
from fixtures.world.__main__ import GATED, build, main
from fixtures.world.candidates import CANDIDATES, CHAMPION, answers, beside, lucks, possible
from fixtures.world.clauses import CRITICAL, TYPES
from models.chat import Answer
from models.factory import open_models
from models.promotion.admission.policy import policy_path, read_policy
from reports.report import Opponent
from reports.verdict.bars import Bars
from reports.verdict.conclude import judge_candidates
from tests.builders.world import World
from tests.conftest import ROOT

NAMES = [one.name for one in CANDIDATES]


@pytest.fixture(scope="module")
def dataset(world):
    return load_dataset(str(world.folder / "contracts"))


def test_two_hundred_contracts_of_unequal_size(dataset):
    sizes = Counter(case.contract.id for case in dataset.cases)
    assert len(sizes) == 200 and len(dataset.test_contracts) == 140
    assert min(sizes.values()) <= 4 and max(sizes.values()) >= 12
    assert {title.rpartition("_")[2] for title in sizes} == {f"{kind} Agreement" for kind in TYPES}
    kinds = Counter((case.category in CRITICAL, case.answerable) for case in select_test(dataset))
    assert min(kinds.values()) > 100


def test_what_is_read_back_is_what_was_generated(dataset):
    made = build(200, 1)
    assert dataset.identity == made.identity
    assert {case.id: case.identity for case in dataset.cases} == {
        case.id: case.identity for case in made.cases
    }
    assert dataset.repaired == 0


def test_every_process_writes_the_same(world, tmp_path):
    line = [sys.executable, "-m", "fixtures.world", str(tmp_path / "again")]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run(line, cwd=ROOT, check=True, timeout=120, env=environment)
    for path in sorted(path for path in world.folder.rglob("*") if path.is_file()):
        if path.name != "exam.args" and not {"runs", "latest"} & {*path.parts}:
            there = tmp_path / "again" / path.relative_to(world.folder)
            assert there.read_bytes() == path.read_bytes(), path


def test_the_registry_opens_and_answers_what_is_not_missing(world, dataset):
    opened = open_models(NAMES, world.registry)
    rows = {
        each.name: sum(each._row(case) is not None for case in dataset.cases) for each in opened
    }
    gaps = {name for name, found in rows.items() if found < len(dataset.cases)}
    assert gaps == {"gaps-at-random", "gaps-where-it-fails"}
    assert all(found > 0.97 * len(dataset.cases) for found in rows.values())


@pytest.mark.parametrize("one", CANDIDATES, ids=NAMES)
def test_chances_add_up_and_the_right_answer_is_right(one):
    cases = build(20, 3).cases
    for case, clauses in beside(cases):
        chances = possible(one, case, clauses)
        assert sum(chances.values()) == pytest.approx(1)
        if one.says == "{}":
            right = next(iter(chances))
            assert chances[right] == one.right(case)
            assert right == (case.golds[0] if case.answerable else "Not found.")


def test_the_policy_names_this_gate_these_contracts_and_these_models(world, dataset):
    policy = read_policy(policy_path(world.registry))
    assert policy.gates.keys() == {read_gate(world.gate).identity}
    assert policy.exam.datasets.keys() == {dataset.identity}
    assert policy.excused.keys() == set(NAMES)
    assert policy.exam.least_contracts <= len({case.contract.id for case in select_test(dataset)})
    assert policy.exam.least_cases <= len(select_test(dataset))


def select_test(dataset):
    return select(dataset, Selection())


@pytest.fixture(scope="module")
def tested():
    made = build(200, 1)
    return [case for case in made.cases if case.contract.id in made.test_contracts]


@pytest.mark.parametrize("one", CANDIDATES, ids=NAMES)
def test_drawn_anew_each_is_right_as_often_as_it_is_said_to_be(tested, one):
    rights = Counter()
    for seed in range(100, 120):
        for case, luck in lucks(one, tested, seed):
            rights[one.right(case)] += luck < one.right(case)
    cases = Counter(one.right(case) for case in tested)
    for chance, count in cases.items():
        assert rights[chance] / (20 * count) == pytest.approx(chance, abs=0.025)


def test_the_means_of_many_draws_are_those_that_are_said_to_be_true(world, tested):
    one = next(each for each in CANDIDATES if each.name == "better")
    means = {name: [] for name in GATED}
    for seed in range(100, 108):
        said = {case.id: text for case, text in answers(one, tested, seed)}
        for name, rule in GATED.items():
            of = [case for case in tested if METRICS[name].is_of(case)]
            scores = [rule(case, Answer(said[case.id])).value for case in of]
            means[name].append(sum(scores) / len(scores))
    for name, found in means.items():
        assert sum(found) / 8 == pytest.approx(world.truth["better"][name]["mean"], abs=0.02)


def test_models_are_paired_and_the_luck_of_a_contract_is_shared(tested):
    """As real models are: right on the same cases more often than by chance."""
    incumbent, equal = CANDIDATES[:2]
    one, other = (dict(_rights(each, tested)) for each in (incumbent, equal))
    discordant = sum(one[name] != other[name] for name in one) / len(one)
    assert 0.04 < discordant < 0.15  # apart by chance: 0.32
    assert incumbent.right(tested[0]) == equal.right(tested[0])


def _rights(one, cases):
    return [(case.id, luck < one.right(case)) for case, luck in lucks(one, cases, 1)]


@pytest.fixture(scope="module")
def several(world, tmp_path_factory):
    """The verdicts of one exam of two candidates against the incumbent, each at alpha / 2."""
    mine = world.copied(tmp_path_factory.mktemp("several") / "world")
    names = ("careless", "gaps-where-it-fails")
    done = mine.examine("--baseline", CHAMPION, *(f"--model={name}" for name in names))
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr
    assert mine.report["gate"]["alpha"] == pytest.approx(0.05 / 2)
    return {each["model"]: each for each in mine.report["verdicts"]}


def test_an_exam_promotes_none_that_deserves_it_not(several, world):
    assert {name: each["outcome"] for name, each in several.items()} == {
        "careless": "REJECT",
        "gaps-where-it-fails": "INCONCLUSIVE",
    }
    assert {world.truth[name]["deserves"] for name in several} == {"REJECT", "no PROMOTE"}


def test_a_better_average_buys_no_critical_category(several, world):
    assert world.truth["careless"]["token_f1"]["gain"] > 0
    checks = several["careless"]["checks"]
    assert {each["outcome"] for each in checks if " in " not in each["metric"]} == {"PASS"}
    lost = [each for each in checks if each["outcome"] != "PASS"]
    assert len(lost) == len(CRITICAL)
    assert all(each["estimate"]["mean"] < -0.1 for each in lost)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_verdict_is_the_opposite_of_what_is_true(world, seed):
    """Of each candidate alone. Luck may leave a verdict open, of those that are near a line."""
    cases = select_test(build(200, seed))
    gate, opponent = read_gate(world.gate), Opponent("champion", CHAMPION, "of the incumbent")
    incumbent, *candidates = CANDIDATES
    opponents = results_of(incumbent, cases, seed)
    open_ = set()
    for one in candidates:
        results = [*results_of(one, cases, seed), *opponents]
        _, (verdict,) = judge_candidates(
            results, gate, [one.name], [opponent], {one.name: []}, Bars({}, {})
        )
        if verdict.outcome == "INCONCLUSIVE":
            open_.add(one.name)
        else:
            assert verdict.outcome == one.deserves.replace("no PROMOTE", "REJECT"), one.name
    assert open_ <= {"equal", "slightly-worse", "careless", "gaps-where-it-fails"}


def results_of(one, cases, seed):
    """What an exam makes of a candidate's answers."""
    said = {case.id: Answer(text) for case, text in answers(one, cases, seed)}
    found = [(case, said.get(case.id, Answer("", error="no answer"))) for case in cases]
    return [Result(one.name, case, each, score(case, each, GATED), True) for case, each in found]


def test_from_the_first_champion_to_a_successor_and_back(world, checkout, tmp_path):
    """The README's tour."""
    mine = world.copied(tmp_path / "a world", checkout)
    for name, against in (("incumbent", ()), ("better", ("--baseline=champion",))):
        examined = mine.examine(f"--model={name}", *against)
        assert examined.returncode == 0, examined.stdout[-3000:] + examined.stderr
        promoted = mine.promote(name)
        assert promoted.returncode == 0, promoted.stderr
        assert f"\nchampion: {name} " in promoted.stdout
    assert mine.promote("--verify").returncode == 0
    refused = mine.promote("worse")
    assert refused.returncode == 1 and "worse was not examined" in refused.stderr
    assert "\nchampion: incumbent " in mine.promote("--rollback").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "the following arguments are required: DIR"),
        (["here", "--contracts", "9"], "--contracts: give a whole number, 10 to 200"),
        (["here", "--contracts", "²"], "--contracts: give a whole number, 10 to 200"),
        (["here", "--seed", "-1"], "--seed"),
        (["file"], "file: Not a directory"),
        (["full"], "full holds something else than a world; name an empty folder"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_touched(tmp_path, monkeypatch, capsys, words, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    assert main(words) == 4
    error = capsys.readouterr().err
    assert error.startswith("ERROR: ") and error.count("\n") == 1 and says in error
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter.txt"]


def test_a_small_world_is_written_over_the_one_before(tmp_path, capsys):
    for seed in (1, 2):
        assert main([str(tmp_path / "small"), "--contracts", "10", "--seed", str(seed)]) == 0
    assert "10 contracts and 10 models in" in capsys.readouterr().out
    small = World(tmp_path / "small")
    assert load_dataset(str(small.folder / "contracts")).identity == build(10, 2).identity
