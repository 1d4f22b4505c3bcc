"""The benchmark of the methods: what its page says is what its exams found."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from importlib.util import find_spec

import pytest

from common.errors import UserError
from models.manifest import Manifest, write_manifest
from tests.builders.run_data import contents, reported, written
from tests.builders.training_data import examples, meta
from tests.conftest import ROOT
from training.benchmark.__main__ import CONTENDERS, GATE, main, shown_of, steps
from training.benchmark.category_rule import CategoryRule, category_rule
from training.benchmark.contenders import (
    Contender,
    MeanInterval,
    Refusals,
    VerdictAgainst,
    joined,
    read_exam,
)
from training.benchmark.page import Shown, write_results
from training.data.examples import write_examples, write_meta

ENDS = {"n": 4, "clusters": 2}
SHOWN, HIDDEN = {"mrr": 0.5, "laziness": 0.0}, {"mrr": 0.0, "laziness": 1.0}


def report(model, balanced=0.6, outcome="PROMOTE"):
    """As much of a report.json as the page reads."""
    means = {"correctness": 0.5, "balanced": balanced, "token_f1": 0.4, "abstention": 0.8}
    means |= {"laziness": 0.2, "grounded_quote": 0.9, "mrr": 0.7}
    estimates = {
        name: {"mean": mean, "low": mean - 0.05, "high": mean + 0.05, **ENDS}
        for name, mean in means.items()
    }
    gain = {"mean": 0.1, "low": 0.05, "high": 0.15, **ENDS}
    return {
        "summary": [
            {"model": "other", "estimates": {}},
            {"model": model, "estimates": estimates},
        ],
        "verdicts": [
            {
                "model": model,
                "outcome": outcome,
                "reasons": [] if outcome == "PROMOTE" else ["token_f1 fell"],
                "checks": [
                    {"metric": "balanced", "against": "floor", "estimate": None},
                    {"metric": "balanced", "against": "baseline x", "estimate": gain},
                ],
            }
        ],
        "dataset": {"name": "cuad", "split": "test", "examined_cases": 4, "examined_contracts": 2},
        "results": [
            {"model": model, "tokens_in": 300, "tokens_out": 20, "scores": SHOWN},
            {"model": model, "tokens_in": 100, "tokens_out": 20, "scores": HIDDEN},
            {"model": model, "tokens_in": 200, "tokens_out": 20, "scores": {"abstention": 1.0}},
            {"model": "other", "tokens_in": 9000, "tokens_out": 20, "scores": SHOWN},
        ],
        "provenance": {"cores": 2, "processor": "a processor"},
    }


def exam(tmp_path, contender, **changes):
    path = tmp_path / f"{contender.model}.json"
    path.write_text(json.dumps(report(contender.model, **changes)))
    return joined([read_exam(path, contender, each) for each in contender.before or (None,)])


def candidate(tmp_path, name, start=None, **facts):
    """An adapter of the registry with a manifest."""
    folder = tmp_path / "adapters" / name
    own = {"steps": 10, "tokens": 1000, "seconds": 60.0, "start": start, **facts}
    write_manifest(folder, Manifest(contracts=(), cases=(), **own))
    entry = f'kind = "local"\nbase = "embedded:smollm2"\nadapter = "{folder}"\n'
    (tmp_path / f"{name}.toml").write_text(entry)


def test_an_exam_is_read_as_it_was_written(tmp_path):
    found = exam(tmp_path, Contender("SFT", "sft", before=("smollm2",)))
    assert found.verdicts == (
        VerdictAgainst("PROMOTE", "smollm2", MeanInterval(0.1, 0.05, 0.15), ()),
    )
    assert found.refusals == Refusals(shown=0.5, seen=0.0, unseen=1.0)


def test_what_has_no_opponent_has_no_verdict(tmp_path):
    assert exam(tmp_path, Contender("base", "base")).verdicts == ()


@pytest.mark.parametrize("text", ["", "{}", "[]", json.dumps(report("another"))])
def test_what_is_no_report_of_the_model_is_refused(tmp_path, text):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(UserError, match="no report of sft"):
        read_exam(path, Contender("SFT", "sft"))


def test_the_page_holds_every_method_and_the_record_no_wording(tmp_path):
    names = {"smollm2-closed-book", "smollm2"}
    for contender in CONTENDERS:
        if contender.model in names:
            (tmp_path / f"{contender.model}.toml").write_text(
                'kind = "local"\nbase = "embedded:smollm2"'
            )
        else:
            candidate(tmp_path, contender.model)
    exams = [
        exam(
            tmp_path,
            contender,
            balanced=0.3 + 0.1 * place,
            outcome="REJECT" if contender.control else "PROMOTE",
        )
        for place, contender in enumerate(CONTENDERS)
    ]
    shown = Shown(
        "SCORES", ("BY ACCURACY", "BY BALANCED"), "NEEDS", ("WHAT IT SAYS",), b"<svg/>", "WORDS"
    )
    written = write_results(
        tmp_path / "docs" / "results.md", exams, CategoryRule(0.75, 0.25), shown, tmp_path
    )
    page = written[0].read_text()
    for contender, found in zip(CONTENDERS, exams, strict=True):
        rows = [line for line in page.splitlines() if line.startswith(f"| {contender.title} |")]
        for verdict in found.verdicts:
            beside = (
                f"| {contender.title} | {verdict.against} | {verdict.outcome} | {verdict.gain} |"
            )
            assert beside in rows
    said = (
        "SCORES",
        "BY ACCURACY",
        "BY BALANCED",
        "NEEDS",
        "- WHAT IT SAYS",
        "![WORDS](results.svg)",
    )
    assert all(each in page for each in said)
    assert "abstention 0.750 and false refusals" in page
    assert "shuffled answers: token_f1 fell" in page
    assert written[1].read_bytes() == b"<svg/>"
    record = json.loads((tmp_path / "docs" / "results" / "sft-smollm2.json").read_text())
    assert record["tokens"] == 1000


def test_what_is_shown_is_every_benchmarks_by_the_contenders_titles(tmp_path):
    scores = {
        model: {name: {"token_f1": f1, "abstention": f1, "balanced": f1} for name in contents()}
        for model, f1 in {"sft-smollm2": 0.6, "smollm2": 0.4}.items()
    }
    versions = {"metrics": dict.fromkeys(("token_f1", "abstention", "balanced"), 1)}
    shown = shown_of(
        [reported(tmp_path, written("20260101-010000-aaaa", scores, fingerprint=versions))]
    )
    assert "| standard RAG (baseline) | 0.400" in shown.scores
    assert all("| SFT | +50 % |" in table for table in shown.against)
    assert "improvement in balanced" in shown.against[1]
    ElementTree.fromstring(shown.chart)


def test_the_rule_that_reads_nothing_declines_what_is_rarely_answered(sample):
    by_category = {}
    for case in sample.cases:
        by_category.setdefault((case.category, case.answerable), case)
    law, expiry = by_category["Governing Law", True], by_category["Expiration Date", True]
    silent = next(case for (_, answerable), case in by_category.items() if not answerable)
    unknown = replace(law, category="Unheard Of")
    train = [law, law, expiry, silent, silent, replace(expiry, category=silent.category)]
    rule = category_rule(train, [law, expiry, unknown, silent])
    assert rule == CategoryRule(abstention=1.0, false_refusals=0.0)
    rare = replace(law, category=silent.category)
    assert category_rule(train, [law, rare, silent]).false_refusals == 0.5


def test_every_step_of_the_pipeline_is_there():
    found = steps("cuad")
    assert len(found) == 12
    for step in found:
        assert find_spec(step.module)
        for argument in step.arguments:
            assert not argument.endswith(".yaml") or (ROOT / argument).is_file()
    left = {step.leaves.name for step in found}
    assert {f"{each.model}.toml" for each in CONTENDERS if "-smollm2" in each.model} <= left


def test_rows_of_other_data_are_made_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    step = steps("cuad")[0]
    assert not step.done("a")
    step.leaves.parent.mkdir(parents=True)
    write_examples(step.leaves, examples(2))
    write_meta(step.leaves, meta(command=step.line, dataset_identity="a"))
    assert step.done("a") and not step.done("b")


def test_an_adapter_that_was_in_service_is_examined_as_it_is_shipped(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    step = next(each for each in steps("cuad") if each.leaves.stem == "sft-smollm2")
    data = tmp_path / ".exam/training/sft.jsonl"
    data.parent.mkdir(parents=True)
    data.write_text("rows of other contracts\n")
    assert step.done("")
    assert "sft-smollm2 is, or was, in service" in capsys.readouterr().out


def test_the_gate_demands_a_better_balanced_score():
    from evals.gate import read_gate

    assert read_gate(GATE).metrics["balanced"].goal == "superior"


def test_a_data_set_that_is_not_there_is_one_line(tmp_path, capsys):
    assert main(["--dataset", "cuad", "--cuad-dir", str(tmp_path)]) == 4
    assert capsys.readouterr().err.startswith("ERROR: --dataset cuad")
