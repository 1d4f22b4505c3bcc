"""The command beside a case takes that very case again, as a shell types it."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reports.archive import read_report
from reports.page.case.rerun import lacks_secret, rerun_command
from tests.builders.run_data import reported, written
from tests.conftest import ROOT

CLAUSES = {
    "License": "The Licensor grants a licence for $5,000.",
    "License Grant": "The grant is non-exclusive & perpetual.",
    "`Grant`": "Nothing is granted beyond this Agreement.",
}


def dataset(folder):
    """Two contracts of odd titles, with categories of which one begins another."""
    data = []
    for title in ('O\'Neil & "Söhne" $HOME; echo *', "-k not (x)"):
        context, qas = "", []
        for category, clause in CLAUSES.items():
            answers = [{"text": clause, "answer_start": len(context)}]
            context += f"{clause} "
            qas.append(
                {
                    "id": f"{title}__{category}",
                    "question": f'Highlight the parts (if any) related to "{category}"',
                    "answers": answers,
                    "is_impossible": False,
                }
            )
        data.append({"title": title, "paragraphs": [{"context": context, "qas": qas}]})
    path = folder / "it's $odd" / "data set.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"version": "1", "data": data}))
    return path


@pytest.fixture
def shell(tmp_path):
    """Types a line in the root of the checkout; gives the report that it leaves."""
    registry = tmp_path / "models" / "registry"
    registry.mkdir(parents=True)
    for name in ("one", "two", "old"):
        (registry / f"{name}.toml").write_text('kind = "echo"\n')
    places = {
        "registry": registry,
        "store": tmp_path / "store.sqlite",
        "runs": tmp_path / "runs",
        "dataset": dataset(tmp_path),
    }

    def typed(line):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["/bin/sh", "-c", line], cwd=ROOT, env={**os.environ, "PATH": path},
            capture_output=True, text=True, check=False, timeout=170,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stdout + done.stderr
        newest = max((tmp_path / "runs").glob("*/report.json"), key=lambda p: p.parent.name)
        return read_report(newest)

    options = [f"--{name}={place}" for name, place in places.items()]
    base = shlex.join(["pytest", "evals", *options, "--retriever", "bm25", "--judge", "none"])
    typed.base = f"{base} --split all --inconclusive pass -p no:cacheprovider"
    return typed


def test_one_case_of_several_models_is_taken_again(shell):
    first = shell(f"{shell.base} --model one --model two --baseline old --k 3")
    assert len(first.cases) == 6
    for case in (first.cases[0], first.cases[-1]):
        again = shell(rerun_command(first, case))
        assert [each.identity for each in again.cases] == [case.identity]
        assert [model.name for model in again.header.models] == ["one", "two", "old"]
        assert again.header.retriever == first.header.retriever
        wanted = [row for row in first.results if first.cases[row.case].id == case.id]
        assert [row.answer for row in again.results] == [row.answer for row in wanted]


def test_one_case_of_a_choice_is_taken_again(shell):
    first = shell(f"{shell.base} --model one --limit 5 -k 'answer or retrieved'")
    case = next(each for each in first.cases if each.category == "License")
    again = shell(rerun_command(first, case))
    assert [each.identity for each in again.cases] == [case.identity]


def report(folder, command, roles):
    scores = {model: {"a__q": {"token_f1": 1.0}} for model in roles}
    value = written("20260101-000000-0001", scores, {"a__q": "x"}, roles=roles)
    found = reported(folder, value)
    return replace(found, header=replace(found.header, command=command))


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        ("pytest evals", "pytest evals --model new -k '[a--q]'"),
        ("bar-exam exam --model new", "bar-exam exam --model new -k '[a--q]'"),
        ("pytest evals --model=new -kx --lf", "pytest evals --model=new -k '(x) and [a--q]'"),
        (
            "pytest evals -k 'a or b' -v --missed",
            "pytest evals -v --model new -k '(a or b) and [a--q]'",
        ),
    ],
)
def test_what_was_typed_stays_but_for_what_chose_cases(tmp_path, typed, again):
    found = report(tmp_path, typed, {"new": "candidate"})
    assert rerun_command(found, found.cases[0]) == again


def test_the_champion_of_then_is_named(tmp_path):
    typed = "pytest evals --model new --baseline=champion --sequential"
    roles = {"new": "candidate", "old": "champion", "best": "anchor"}
    found = report(tmp_path, typed, roles)
    assert rerun_command(found, found.cases[0]) == (
        "pytest evals --model new --baseline old -k '[a--q]'"
    )


def test_a_model_that_no_expression_can_name_is_left_to_the_case(tmp_path):
    typed = "pytest evals --model 'recorded:a b.csv' --model new"
    found = report(tmp_path, typed, {"recorded:a b.csv": "candidate", "new": "candidate"})
    assert rerun_command(found, found.cases[0]) == f"{typed} -k 'a--q]'"


def test_a_secret_is_not_known_any_more(tmp_path):
    typed = "pytest evals --store 'postgresql://me:***@host/exam' --model new"
    found = report(tmp_path, typed, {"new": "candidate"})
    assert lacks_secret(rerun_command(found, found.cases[0]))
