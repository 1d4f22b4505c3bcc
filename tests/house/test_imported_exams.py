"""Answers of other harnesses, examined and promoted as typed."""

import asyncio
import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from common.files import read_jsonl
from fixtures.datasets import load_dataset
from fixtures.imports.source import Source
from models.recorded import RecordedModel
from tests.builders.world import World
from tests.conftest import ROOT

PINNED = ROOT / "tests" / "data" / "imports"
QUICK = ("-q", "-p", "no:cacheprovider", "--judge", "none", "--retriever", "bm25")


def typed(folder, *words, module="pytest"):
    """The line, typed in a folder that holds a registry without models."""
    (folder / "models" / "registry").mkdir(parents=True, exist_ok=True)
    line = [sys.executable, "-m", module, str(ROOT / "evals"), "--rootdir", str(folder), *QUICK,
            "-c", str(ROOT / "pyproject.toml"), "-p", "bar_exam.plugin",
            "--registry", "models/registry", *words]  # fmt: skip
    done = subprocess.run(
        line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300
    )
    assert "Traceback" not in done.stdout, done.stdout
    return done


def reported(folder):
    (path,) = folder.glob("reports/runs/*/report.json")
    return json.loads(path.read_text())


def section(report, name):
    found = [each for each in report["sections"] if each["name"] == name]
    return {each["measure"]: each for each in found[0]["findings"]} if found else {}


def test_a_log_is_examined_beside_an_output_of_another_harness(tmp_path):
    shutil.copy(PINNED / "inspect.eval", tmp_path / "lease.eval")
    shutil.copy(PINNED / "promptfoo.json", tmp_path / "lease.json")
    other = "promptfoo:lease.json,provider=tuned"
    done = typed(tmp_path, "--model", "inspect:lease.eval", "--model", other, "--repeats", "2")
    assert done.returncode == 1, done.stdout
    for words in (
        "inspect:lease.eval was imported (inspect_ai 0.3.285: contract_qa, mockllm/model, 20",
        "nothing shows which weights, prompt and decoding gave the answers",
        "samples that a limit stopped: 2",
        f"{other} was imported (promptfoo 0.121.20: contract QA, tuned, 20",
        "inspect:lease.eval holds 2 answers a case, of which the mean of 2 counts",
    ):
        assert words in done.stdout, words
    report = reported(tmp_path)
    scores = section(report, "imports")
    assert {"origin", "inspect:includes", "inspect:shares/recall", "promptfoo:quotes"} <= set(
        scores
    )
    shown = scores["inspect:includes"]["estimate"]
    assert (shown["n"], round(shown["mean"], 3)) == (7, 0.571)
    answered = [row for row in report["results"] if not row["error"]]
    assert len({row["case"] for row in answered}) == 6
    wrong = next(row["error"] for row in report["results"] if "retriever" in (row["error"] or ""))
    assert wrong.endswith("ValueError('the retriever was away') (repeat 1 of 2)")
    leaks = [c for v in report["verdicts"] for c in v["checks"] if c["metric"] == "leakage"]
    assert len(leaks) == 2 and all(check["outcome"] == "INCONCLUSIVE" for check in leaks)
    assert all("which weights, prompt and decoding" in check["reason"] for check in leaks)


def as_log(world, name, path, left_out=0):
    """The answers of a model of a world, as inspect_ai lays them out; samples count from 1."""
    cases = {case.id: case for case in load_dataset(str(world.folder / "contracts")).cases}
    answers = world.models / "answers" / f"{name}.jsonl"
    rows = [row for _, row in read_jsonl(answers) if row["answer"] is not None][left_out:]
    header = json.loads((PINNED / "inspect.json").read_text())
    samples = [
        {
            "id": number,
            "epoch": 1,
            "input": cases[row["case_id"]].question,
            "target": "",
            "metadata": {"contract": cases[row["case_id"]].contract.id},
            "output": {"choices": [{"stop_reason": "stop"}], "completion": row["answer"]},
            "scores": {"includes": {"value": "C" if number % 3 else "I"}},
        }
        for number, row in enumerate(rows, start=1)
    ]
    config = {**header["eval"], "dataset": {"samples": len(samples)}}
    path.write_text(json.dumps({**header, "eval": config, "samples": samples}))
    return rows


def test_what_an_import_cannot_prove_needs_the_policys_excuse(tmp_path, checkout):
    mine = World.written(tmp_path / "world", contracts=80)
    mine.checkout = checkout
    log = mine.folder / "nightly.json"
    rows = as_log(mine, "incumbent", log)
    name = f"inspect:{log}"
    doubted = mine.examine("--model", name)
    assert doubted.returncode == 1 and "which weights, prompt and decoding" in doubted.stdout
    assert len(mine.report["results"]) <= len(rows)
    refused = mine.promote(name)
    assert refused.returncode == 1, refused.stderr
    policy = mine.models / "policy.toml"
    policy.write_text(f'{policy.read_text()}"{name}" = "weights pinned in its repository"\n')
    admitted = mine.examine("--model", name)
    assert admitted.returncode == 0, admitted.stdout[-3000:]
    done = mine.promote(name)
    assert done.returncode == 0, done.stderr
    assert f"champion: {name}" in done.stdout
    log.write_text(log.read_text().replace('"version": 2', '"version":  2', 1))
    changed = mine.promote("--verify")
    assert changed.returncode == 1, changed.stdout


def test_samples_that_answer_nothing_are_listed_and_none_that_do_is_one_line(tmp_path):
    header = json.loads((PINNED / "inspect.json").read_text())
    odd = {**header["samples"][0], "id": "q-of-another", "input": "Who pays?"}
    log = tmp_path / "log.json"
    task = {**header["eval"], "task": "lease \u202e\x1b[31m</script>"}
    log.write_text(json.dumps({**header, "eval": task, "samples": [*header["samples"], odd]}))
    done = typed(tmp_path, "--model", "inspect:log.json", "--limit", "20")
    assert "\u202e" not in done.stdout and "\x1b" not in done.stdout
    assert "inspect:log.json: rows that answer no case of sample: 1, q-of-another" in done.stdout
    assert any("q-of-another" in note for note in reported(tmp_path)["notes"])
    log.write_text(json.dumps({**header, "samples": [odd]}))
    done = typed(tmp_path, "--model", "inspect:log.json")
    errors = [line for line in done.stdout.splitlines() if "answers no case of sample" in line]
    assert done.returncode == 4 and len(errors) == 1, done.stdout
    assert "q-of-another" in errors[0] and "docs/importers.md" in errors[0]


def test_answers_of_no_contract_are_asked_what_belongs_together(tmp_path):
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", "output", "gold", "deal"])
        writer.writerows([f"Question {n}?", "1 May", "1 May", f"deal {n % 6}"] for n in range(36))
    data = "recorded:rows.csv,question=prompt,answer=output,expected=gold"
    asked = typed(tmp_path, "--dataset", data)
    assert asked.returncode == 4, asked.stdout
    assert "--cluster COLUMN" in asked.stdout and "--cluster question" in asked.stdout
    for column, clusters, words in (
        ("deal", 6, "count as one contract what is alike under 'deal'"),
        ("question", 36, "count each question as a contract of its own"),
    ):
        done = typed(tmp_path, "--dataset", data, "--cluster", column)
        assert words in done.stdout, done.stdout
        report = reported(tmp_path)
        assert report["dataset"]["examined_contracts"] == clusters
        assert report["dataset"]["source"] == f"{data},contract={column}"
        assert any(words in note for note in report["notes"])
        rows = [row for row in report["results"] if row["scores"].get("token_f1") == 1.0]
        assert len(rows) == 36
        shutil.rmtree(tmp_path / "reports")
    for column, words in (("deals", "no column 'deals'"), ("question=x", "no column")):
        done = typed(tmp_path, "--dataset", data, "--cluster", column)
        assert done.returncode == 4 and words in done.stdout, done.stdout
    done = typed(tmp_path, "--cluster", "deal")
    assert done.returncode == 4 and "goes with --dataset recorded:PATH" in done.stdout


PAGE = (ROOT / "docs" / "importers.md").read_text(encoding="utf-8")


def test_the_lines_of_the_page_are_typed(tmp_path):
    """Each on the answers that this repository has, in place of a user's own."""
    typed_there = re.findall(r"^    pytest evals (.+?)(?: +#.*)?$", PAGE, re.MULTILINE)
    lines = [shlex.split(line.replace("your-model", "tuned")) for line in typed_there]
    logs = next(each for line in lines for each in line if each.startswith("inspect:logs/"))
    (tmp_path / "logs").mkdir()
    shutil.copy(PINNED / "inspect.eval", tmp_path / logs.removeprefix("inspect:"))
    shutil.copy(PINNED / "inspect.eval", tmp_path / "lease.eval")
    shutil.copy(PINNED / "promptfoo.json", tmp_path / "lease.json")
    cases = load_dataset("sample").cases
    with (tmp_path / "answers.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["contract", "prompt", "output"])
        rows.writerows([case.contract.id, case.question, "Not found."] for case in cases)
    assert len(lines) == 6
    on_cuad = [line for line in lines if "cuad" in line]
    together = [word for line in on_cuad for word in line if word not in ("--dataset", "cuad")]
    for line in (together, lines[3]):
        done = typed(tmp_path, *line)
        assert done.returncode == 1, done.stdout
        answered = {row["model"] for row in reported(tmp_path)["results"] if not row["error"]}
        assert answered == {each for each in line if ":" in each}
        shutil.rmtree(tmp_path / "reports")


def test_the_snippets_of_the_page_write_files_that_are_read(tmp_path, monkeypatch):
    from deepeval.evaluate.types import EvaluationResult, TestResult
    from ragas.dataset_schema import EvaluationDataset, SingleTurnSample
    from ragas.dataset_schema import EvaluationResult as RagasResult

    monkeypatch.chdir(tmp_path)
    sample = next(case for case in load_dataset("sample").cases if case.answerable)
    asked, contract, text = sample.question, sample.contract.id, sample.golds[0]
    harness = Path("out/model/samples_lease_qa_2026-01-01.jsonl")
    harness.parent.mkdir(parents=True)
    harness.write_text(json.dumps({"doc": {"id": sample.id}, "filtered_resps": [text]}) + "\n")
    test = TestResult("t", True, None, False, input=asked, actual_output=text,
                      metadata={"contract": contract})  # fmt: skip
    turn = SingleTurnSample(user_input=asked, response=text)
    of_ragas = SimpleNamespace(scores=[{"f": 1.0}], dataset=EvaluationDataset([turn]))
    scored = SimpleNamespace(to_pandas=partial(RagasResult.to_pandas, of_ragas))
    given = [
        {},
        {"found": EvaluationResult(test_results=[test], confident_link=None, test_run_id=None)},
        {"found": scored, "contracts": [contract]},
    ]
    snippets = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for names, snippet in zip(given, snippets, strict=True):
        exec(snippet, names)
        more = ",question=user_input,answer=response" if "contracts" in names else ""
        model = RecordedModel("m", Source.typed(f"recorded:answers.csv{more}"))
        assert asyncio.run(model.answer(sample, ())).text == text.strip()
        Path("answers.csv").unlink()
