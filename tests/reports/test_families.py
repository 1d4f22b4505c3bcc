"""A judge of the candidate's own family is flagged, and measured where others judge too."""

from dataclasses import replace

import pytest

from common.errors import UserError
from evals.gate import Gate, MetricGate
from evals.judges.judge import weighed
from evals.results import Result, Score
from fixtures.cases import Case, Contract
from models.chat import Answer
from models.family import family_of
from models.local.entry import LocalEntry
from models.registry import EndpointEntry, ExtractiveEntry, read_entry
from reports.evidence.panel import preferring_again
from reports.sections.families import family_section, kinships, preferring
from reports.verdict.bars import Bars
from tests.builders.judging import entry
from tests.builders.report_data import written
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-opus-4-1-20250805", "claude"),
        ("anthropic/claude-3.5-sonnet", "claude"),
        ("us.anthropic.claude-haiku-4-5-v1:0", "claude"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "llama"),
        ("accounts/fireworks/models/llama-v3p1-70b-instruct", "llama"),
        ("gpt-4o-mini", "gpt"),
        ("o3", "gpt"),
        ("google/gemma-3n-E4B-it", "gemini"),
        ("cognitivecomputations/dolphin-2.9-mixtral-8x22b", "mistral"),
        ("microsoft/Phi-4", "phi"),
        ("acme/contracts-lm-7B", "contracts-lm"),
        ("our-deployment", "our-deployment"),
        ("7", "7"),
    ],
)
def test_the_name_of_a_model_tells_its_family(model, family):
    entry = EndpointEntry(kind="endpoint", base_url="http://h/v1", model=model)
    assert family_of(entry) == family
    told = EndpointEntry(kind="endpoint", base_url="http://h/v1", model=model, family=" Ours ")
    assert family_of(told) == "ours"


def test_an_adapter_is_of_its_bases_family_and_a_folder_of_its_own():
    registry = ROOT / "models" / "registry"
    names = ("smollm2", "sft-smollm2", "dpo-smollm2", "smollm2-closed-book")
    assert {family_of(read_entry(name, registry)) for name in names} == {"smollm"}
    assert family_of(LocalEntry(kind="local", base="/home/claude/runs/7/merged")) == (
        "/home/claude/runs/7/merged"
    )
    assert family_of(LocalEntry(kind="local", base="/data/Llama-3-8B")) == "llama"
    assert family_of(ExtractiveEntry(kind="extractive")) == ""


def results(model, votes, contracts=20, per=4):
    """A model's answers, each voted on by `votes(number)`."""
    found = []
    for number in range(contracts * per):
        contract = Contract(f"c{number // per}", "Text.")
        case = Case(str(number), str(number), contract, "Term", "How long?", ())
        score = weighed(Score(None, "", tuple(votes(number).items())), {})
        found.append(Result(model, case, Answer("x"), {"correctness": score}, True))
    return found


def panel(excess, harsh=0.0):
    """A claude judge that gives claude's answers `excess` more than a llama judge does."""
    noise = [0.0, 0.1, 0.05, -0.05, 0.02]
    return {
        "mine": results("mine", lambda n: {"c": 0.4 + excess + noise[n % 5] + harsh, "l": 0.4}),
        "theirs": results("theirs", lambda n: {"c": 0.5 + noise[n % 5] + harsh, "l": 0.5}),
    }


FAMILIES = {"mine": "claude", "theirs": "smollm"}
JUDGES = {"correctness": {"c": "claude", "l": "llama"}}
GATE = Gate(metrics={"correctness": MetricGate(role="guard", floor=0.1, margin=0.05)})


def found(of_model, weights=None, judges=JUDGES, families=FAMILIES):
    return [*kinships(of_model, families, judges, weights or {"c": 0.5, "l": 0.5}, 0.05)]


def test_self_preference_is_measured_and_bars_the_metric():
    (kin,) = found(panel(0.3))
    assert (kin.model, kin.judges, kin.weight) == ("mine", ("c",), 0.5)
    assert kin.preference.mean == pytest.approx(0.3)
    assert kin.preference.low < 0.3 < kin.preference.high
    assert kin.preference.clusters == 20
    assert kin.line.startswith(
        "correctness of mine is judged by its own family, claude (c): self-preference +0.300 [+0."
    )
    lines = preferring([kin], GATE)
    assert set(lines) == {"mine"}
    for pair in (("mine",), ("mine", "theirs"), ("theirs", "mine")):
        assert Bars(preferring=lines).of("correctness", *pair)[0] == "INCONCLUSIVE"
    assert Bars(preferring=lines).of("correctness", "theirs") is None
    (finding,) = family_section([kin]).findings
    assert finding.estimate == kin.preference
    assert "c of its own family (claude)" in finding.reason


@pytest.mark.parametrize("harsh", [-0.2, 0.0, 0.2])
def test_a_judge_that_is_as_kind_to_everybody_prefers_nobody(harsh):
    (kin,) = found(panel(0.0, harsh))
    assert kin.preference.mean == pytest.approx(0.0)
    assert preferring([kin], GATE) == {}


def test_what_it_counts_in_the_panel_decides_whether_it_is_too_much():
    (kin,) = found(panel(0.3), weights={"c": 0.05, "l": 0.95})
    assert kin.weight == 0.05
    assert preferring([kin], GATE) == {}


def test_a_judge_that_is_not_heard_prefers_nothing():
    assert found(panel(0.3), weights={"c": 0.0, "l": 1.0}) == []


def test_without_another_judge_or_another_model_it_is_flagged_and_not_measured():
    alone = {"correctness": {"c": "claude"}}
    (kin,) = found({"mine": results("mine", lambda n: {})}, judges=alone)
    assert kin.preference is None
    assert kin.line.endswith("not measured, for want of a judge and a model of another family")
    kin, twin = found(panel(0.3), families=dict.fromkeys(("mine", "theirs"), "claude"))
    assert kin.preference is twin.preference is None
    assert preferring([kin, twin], GATE) == {}


def test_families_that_nobody_knows_are_no_kin():
    judges = {"correctness": {"reference": "", "l": "llama"}}
    assert found(panel(0.3), judges=judges, families={"mine": "", "theirs": ""}) == []


def test_what_does_not_gate_is_shown_and_bars_nothing():
    (kin,) = found(panel(0.3))
    assert preferring([kin], Gate()) == {}


def test_a_promotion_finds_the_same_preference_in_the_votes_of_a_report(tmp_path):
    for name, family in FAMILIES.items():
        (tmp_path / f"{name}.toml").write_text(f'kind = "echo"\nfamily = "{family}"\n')
    (tmp_path / "c.toml").write_text(entry("http://h/v1", "claude-x"))
    made = written((), {})
    report = replace(made, header=replace(made.header, judges=("c", "l")), sections=())
    every = [row for rows in panel(0.3).values() for row in rows]
    with pytest.raises(UserError, match="--judge l: not in"):
        preferring_again(report, GATE, every, tmp_path)
    (tmp_path / "l.toml").write_text(entry("http://h/v1", "llama-3"))
    assert preferring_again(report, GATE, every, tmp_path) == preferring(found(panel(0.3)), GATE)
    assert set(preferring_again(report, GATE, every, tmp_path)) == {"mine"}
    assert preferring_again(report, Gate(), every, tmp_path) == {}, "nothing judged gates"
