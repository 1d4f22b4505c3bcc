"""`python -m training.optimize`: every optimiser, from the recipe to a candidate."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import UserError
from evals.metrics.table import METRICS
from fixtures.cases import Case, Contract, Dataset, Span
from fixtures.datasets import load_dataset
from models.factory import open_models
from models.manifest import read_manifest
from models.registry import read_entry
from tests.builders.fake_server import Fault, fake_server
from tests.conftest import ROOT
from training.optimize.__main__ import main
from training.optimize.material import draw_material
from training.optimize.recipe import JudgeRecipe, Recipe, read_recipe

QUOTE = "Quote the clause, word for word."
SAMPLE = load_dataset("sample")
PREFLIGHT = 1
"""Calls by which a run finds out whether the server answers at all."""

THREADS = 3
KINDS = {
    "bootstrap": "max_bootstrapped_demos = 1\nmax_labeled_demos = 2",
    "bootstrap-search": "max_labeled_demos = 1\nnum_candidate_programs = 2",
    "mipro": "num_candidates = 2\nnum_trials = 3\nminibatch_size = 3\nmax_bootstrapped_demos = 1",
    "gepa": "max_metric_calls = 40",
}


def reply(messages):
    """Right where the prompt shows or says how to answer; else as often as the clause is short.

    A proposal of instructions is one that helps.
    """
    told, asked = messages[0]["content"], messages[-1]["content"]
    if "instruction" in asked or "passages" not in told:
        return QUOTE
    cases = [case for case in SAMPLE.cases if f"\n{case.question}\n" in asked]
    golds = [gold for case in cases for gold in case.golds if gold in asked]
    right = min(golds, key=len, default="Not found.")
    shown = len(messages) > 2 or QUOTE in told
    said = right if shown or len(right) % 3 == 0 else "It depends."
    return f"[[ ## reasoning ## ]]\nSee there.\n\n[[ ## answer ## ]]\n{said}"


@pytest.fixture
def server():
    with fake_server(reply=reply) as running:
        yield running


@pytest.fixture
def place(tmp_path, monkeypatch, server):
    """A registry with a program over the server, in a folder and a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("BAR_EXAM_CACHE", os.environ.get("BAR_EXAM_CACHE", str(tmp_path / "cache")))
    monkeypatch.chdir(tmp_path)
    registry = tmp_path / "registry"
    registry.mkdir()
    (registry / "remote.toml").write_text(
        f'kind = "endpoint"\nbase_url = "{server.url}"\nmodel = "m"\n'
    )
    (registry / "plain.toml").write_text(
        'kind = "program"\nprogram = "rag"\ngenerator = "remote"\nmost_passages = 3\n'
    )
    return tmp_path


def recipe_of(place, kind="bootstrap", name="better", **more):
    lines = {
        "name": name,
        "program": "plain",
        "train": 8,
        "validation": 6,
        "threads": THREADS,
    } | more
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())
    path = place / f"{name}-{kind}.toml"
    path.write_text(f'{text}[optimizer]\nkind = "{kind}"\n{KINDS[kind]}\n')
    return path


def typed(place, recipe, *more):
    places = ["--registry", str(place / "registry"), "--programs", str(place / "programs")]
    return [str(recipe), *places, "--store", str(place / "store.sqlite"), *more]


def program_of(place, name="better"):
    return (place / "programs" / name / "program.json").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_an_optimiser_leaves_a_candidate_that_is_a_model_like_any(place, server, capsys, kind):
    import dspy

    before = dict(dspy.settings.copy())
    assert main(typed(place, recipe_of(place, kind))) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "Next: pytest evals --model better --baseline plain" in said.out
    entry = read_entry("better", place / "registry")
    assert (entry.program, entry.generator, entry.status) == ("rag", "remote", "candidate")
    (model,) = open_models(["better"], place / "registry")
    (plain,) = open_models(["plain"], place / "registry")
    assert model.identity != plain.identity
    facts = read_manifest(place / "programs" / "better").model_dump()
    assert facts["scores"]["after"] > facts["scores"]["before"]
    assert facts["method"] == kind
    assert facts["start"]["name"] == "plain"
    assert facts["cost"]["calls"] == server.calls - PREFLIGHT
    assert facts["versions"]["dspy"] == dspy.__version__
    titles = {each["title"] for each in facts["contracts"]}
    assert titles
    assert not titles & SAMPLE.test_contracts
    assert list((place / "home").iterdir()) == []  # dspy keeps caches and logs in a home
    assert dict(dspy.settings.copy()) == before


@pytest.mark.parametrize("kind", KINDS)
def test_typed_again_it_pays_nothing_and_makes_the_same(place, server, kind):
    assert main(typed(place, recipe_of(place, kind))) == 0
    paid, made = server.calls, program_of(place)
    assert main(typed(place, recipe_of(place, kind))) == 0
    (place / "programs").rename(place / "first")
    (place / "registry" / "better.toml").unlink()
    assert main(typed(place, recipe_of(place, kind))) == 0
    assert (server.calls, program_of(place)) == (paid, made)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[] if kind in ("bootstrap-search", "gepa") else pytest.mark.heavy)
        for kind in KINDS
    ],
)
def test_a_killed_run_goes_on_and_ends_in_the_same_program(place, server, kind):
    assert main(typed(place, recipe_of(place, kind))) == 0
    whole, made = server.calls, program_of(place)
    (place / "store.sqlite").rename(place / "other.sqlite")
    (place / "programs").rename(place / "first")
    (place / "registry" / "better.toml").unlink()
    server.calls, server.latency = 0, 0.03
    line = typed(place, recipe_of(place, kind))
    command = [sys.executable, "-m", "training.optimize", *line]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while server.calls < whole // 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert server.calls < whole
    assert not (place / "programs" / "better").exists()
    assert not (place / "registry" / "better.toml").exists()
    server.latency = 0.0
    assert main(line) == 0
    assert program_of(place) == made
    assert server.calls <= whole + PREFLIGHT + THREADS  # what was under way when it was killed


def test_a_budget_ends_it_and_more_goes_on(place, server, mistake):
    recipe = recipe_of(place, "bootstrap-search")
    line = mistake(main(typed(place, recipe, "--max-calls", "5")))
    assert "--max-calls 5 reached" in line
    assert "goes on from there" in line
    assert server.calls == 5 + PREFLIGHT
    assert not (place / "programs").exists()
    assert main(typed(place, recipe)) == 0
    facts = read_manifest(place / "programs" / "better").model_dump()
    assert facts["cost"]["calls"] == server.calls - 2 * PREFLIGHT


def test_a_call_that_fails_ends_it_and_decides_nothing(place, server, mistake):
    server.faults = lambda number: Fault(status=401, message="no such key") if number > 3 else None
    line = mistake(main(typed(place, recipe_of(place))))
    assert "remote" in line
    assert not (place / "programs").exists()
    assert not (place / "registry" / "better.toml").exists()


def test_an_answer_that_the_server_refuses_for_good_is_worth_nothing(place, server):
    refused = Fault(status=400, message="content filter", code="content_filter")
    server.faults = lambda number: refused if number == 2 else None
    assert main(typed(place, recipe_of(place))) == 0


def test_another_candidate_of_the_name_is_left_alone(place, server, mistake):
    assert main(typed(place, recipe_of(place))) == 0
    made, calls = program_of(place), server.calls
    line = mistake(main(typed(place, recipe_of(place, seed=3))))
    assert "another recipe" in line
    assert "better-2" in line
    assert (program_of(place), server.calls) == (made, calls)
    (place / "programs" / "better" / "program.json").write_text("{}")
    line = mistake(main(typed(place, recipe_of(place))))
    assert "holds another program" in line


def test_an_entry_that_is_no_optimised_program_is_left_alone(place, server, mistake):
    (place / "registry" / "better.toml").write_text('kind = "echo"\n')
    assert "no optimised program" in mistake(main(typed(place, recipe_of(place))))
    assert "give another name" in mistake(main(typed(place, recipe_of(place, name="plain"))))
    assert server.calls == 0


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"metrc": "balanced"}, "did you mean 'metric'?"),
        ({"metric": "balancd"}, "did you mean balanced?"),
        ({"metric": "latency"}, "has no best value"),
        ({"program": "plan"}, "did you mean plain?"),
        ({"program": "remote"}, "is no dspy program"),
        ({"dataset": "nowhere"}, "no such file or folder"),
        ({"train": 1}, "greater than or equal to 2"),
        ({"teacher": "nobody"}, "not in"),
    ],
)
def test_a_mistake_in_a_recipe_is_one_line(place, server, mistake, more, line):
    assert line in mistake(main(typed(place, recipe_of(place, **more))))
    assert server.calls == 0
    assert not (place / "programs").exists()


def test_an_optimiser_that_does_not_exist_is_named(place, mistake):
    path = recipe_of(place)
    path.write_text(path.read_text().replace('"bootstrap"', '"miprov2"'))
    assert "did you mean mipro?" in mistake(main(typed(place, path)))


def test_a_judges_score_optimises_too(place, server):
    assert main(typed(place, recipe_of(place, metric="correctness"))) == 0
    facts = read_manifest(place / "programs" / "better").model_dump()
    assert facts["scores"]["metric"] == "correctness"
    assert facts["scores"]["after"] > facts["scores"]["before"]


def test_a_teachers_replies_become_demonstrations(place, server):
    with fake_server(reply=lambda messages: reply([*messages, *messages])) as teacher:
        (place / "registry" / "large.toml").write_text(
            f'kind = "endpoint"\nbase_url = "{teacher.url}"\nmodel = "large"\n'
        )
        assert main(typed(place, recipe_of(place, teacher="large"))) == 0
        assert teacher.calls > 0
    facts = read_manifest(place / "programs" / "better").model_dump()
    assert facts["teacher"] == "large"
    demos = json.loads(program_of(place))["answer.predict"]["demos"]
    assert any(demo.get("augmented") for demo in demos)


def test_demonstrations_show_passages_as_the_program_does(place, server):
    assert main(typed(place, recipe_of(place))) == 0
    demos = json.loads(program_of(place))["answer.predict"]["demos"]
    assert len(demos) == 2
    for demo in demos:
        assert demo["passages"].startswith("<passage 1>\n")
    asked = [turn["content"] for body in server.requests for turn in body["messages"]]
    assert not any("«" in text for text in asked)  # dspy's own form of a list


def test_a_program_that_quotes_an_exam_contract_is_refused(place, server, mistake):
    exam = next(c for c in SAMPLE.cases if c.contract.id in SAMPLE.test_contracts).contract
    quotation = " ".join(exam.text.split()[200:260])
    helpful = f"{quotation} {QUOTE}"
    server.reply = lambda messages: helpful if reply(messages) == QUOTE else reply(messages)
    line = mistake(main(typed(place, recipe_of(place, "gepa"))))
    assert f"repeats the wording of the exam's contract {exam.id!r}" in line
    assert not (place / "programs").exists()


def corpus(train, test):
    cases = [
        Case(f"{title}-{category}", "", Contract(title, text), category, "What?", spans)
        for title, text in (train | test).items()
        for category, spans in {"Parties": (), "Governing Law": (Span(text[:9], 0),)}.items()
    ]
    return Dataset("corpus", tuple(cases), frozenset(test))


def text(seed, count=400):
    import random

    draws = random.Random(seed)
    return " ".join("".join(draws.choices("abcdefghij", k=6)) for _ in range(count))


def test_material_is_of_the_train_split_and_chosen_by_other_contracts():
    texts = {f"train {n}": text(n) for n in range(8)}
    near = {"near a test contract": text(100)[:-60], "near another": text(3)[:-60]}
    data = corpus(texts | near, {"exam": text(100)})
    for seed in range(10):
        found = draw_material(data, METRICS["balanced"], 8, 8, seed)
        learnt = {case.contract.id for case in found.train}
        chose = {case.contract.id for case in found.validation}
        assert learnt
        assert chose
        assert not learnt & chose
        assert not (learnt | chose) & {"exam", "near a test contract"}
        assert not ("near another" in learnt and "train 3" in chose)
        assert not ("near another" in chose and "train 3" in learnt)


def test_a_metric_draws_the_cases_that_it_is_asked_of():
    data = corpus({f"t{n}": text(n) for n in range(4)}, {"exam": text(9)})
    found = draw_material(data, METRICS["token_f1"], 4, 4, 0)
    assert all(case.answerable for case in found.cases)


def test_one_contract_is_not_enough():
    data = corpus({"alone": text(1)}, {"exam": text(2)})
    with pytest.raises(UserError, match="two are needed"):
        draw_material(data, METRICS["balanced"], 4, 4, 0)


def test_every_shipped_recipe_is_read():
    shipped = sorted((ROOT / "training" / "recipes").glob("*.toml"))
    assert len(shipped) == 5
    for path in shipped:
        shape = JudgeRecipe if path.name.startswith("judge") else Recipe
        assert read_recipe(path, shape).name == path.stem


def test_what_dspy_says_is_kept_for_its_owner_alone(place, server):
    assert main(typed(place, recipe_of(place))) == 0
    log = place / ".exam" / "optimize" / "better.log"
    assert "Average Metric" in log.read_text()
    assert Path(log).stat().st_mode & 0o077 == 0


def test_ctrl_c_ends_it_in_one_line_and_keeps_what_was_paid(place, server):
    server.latency = 0.2
    line = typed(place, recipe_of(place, "bootstrap-search"))
    command = [sys.executable, "-m", "training.optimize", *line]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while server.calls < 6 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert said.strip().splitlines()[-1].startswith("stopped; what was paid for is kept")
    assert "Traceback" not in said
    assert not (place / "programs").exists()
    paid = server.calls
    server.latency = 0.0
    assert main(line) == 0
    facts = read_manifest(place / "programs" / "better").model_dump()
    assert server.calls - paid < facts["cost"]["calls"]
