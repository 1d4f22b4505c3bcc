"""Metrics that could be gamed, or called the right answer wrong."""

import asyncio
import json
import subprocess
import sys

import pytest

from evals.calls.store import Store
from evals.exam.exam import Exam
from evals.metrics.abstention import abstains
from evals.metrics.cuad import Prediction, one_best, operating_point
from evals.metrics.grounding import grounded_quote
from evals.metrics.table import METRICS, score
from evals.plan import Plan
from evals.results import Result
from fixtures.cases import Case, Contract, Span
from fixtures.imports.imported import imported_dataset
from fixtures.imports.source import Source
from fixtures.retrieval.passages import Passage
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.chat import Answer
from models.prompted import Template
from models.recorded import RecordedModel
from reports.compare.__main__ import main as compare
from reports.sections.corpus import corpus_section
from tests.builders.run_data import contents, put, written
from tests.conftest import ROOT

LAW = "This Agreement shall be governed by the laws of the State of Delaware"
EARNS = (
    "exact_match",
    "token_f1",
    "containment",
    "jaccard",
    "balanced",
    "bleu",
    "rouge1",
    "rougeL",
)
HEDGES = (
    f"Not found. {LAW}",
    f"Not found: {LAW}",
    f"Not found - {LAW}",
    f"Not found\n\n{LAW}",
    f"**Not found** ({LAW})",
    f"No clause. {LAW}",
    f"The passages do not mention it, but {LAW}",
    f"I cannot find this in the contract. However, {LAW}",
)


def case_of(*golds, question="What is the governing law?"):
    contract = Contract("c", LAW)
    return Case("i", "s", contract, "Law", question, tuple(Span(gold, None) for gold in golds))


def values(case, said, *names):
    return {name: each.value for name, each in score(case, Answer(said), names).items()}


def grounded(said, text):
    contract = Contract("c", text)
    shown = (Passage("c", 0, len(text), text),)
    return grounded_quote(Case("i", "s", contract, "Cap", "?", ()), Answer(said, passages=shown))


@pytest.mark.fault("MET-1")
@pytest.mark.parametrize("said", HEDGES)
def test_a_quotation_after_not_found_earns_nothing(said):
    assert set(values(case_of(LAW), said, *EARNS).values()) == {0.0}
    assert values(case_of(LAW), said, "laziness") == {"laziness": 1.0}
    assert values(case_of(), said, "abstention", "balanced") == {"abstention": 0.0, "balanced": 0.0}


@pytest.mark.fault("MET-1")
@pytest.mark.parametrize("said", HEDGES)
def test_training_is_stopped_and_rewarded_by_what_the_exam_pays(said):
    from training.data.examples import Example
    from training.rl.rewards import Weights, reward_function
    from training.trainer.validation import scores_of

    turns = Template().messages("What is the governing law?", [Passage("c", 0, len(LAW), LAW)])
    rows = [
        Example(turns, LAW, "answerable", gold=(LAW,)),
        Example(turns, "Not found.", "unanswerable"),
    ]
    found = scores_of(rows, [Answer(said)] * 2)
    assert (found.balanced, found.token_f1, found.abstention) == (0.0, 0.0, 0.0)
    assert found.false_refusals == 1.0
    paid = reward_function(Weights())(
        prompts=[row.prompt[-1].content for row in rows],
        completions=[said] * 2,
        gold=[row.gold for row in rows],
        kind=[row.kind for row in rows],
    )
    assert paid == [0.0, 0.0]


NEGATIVE = [
    ("May the Licensee sublicense the Software?", "No.", "No."),
    ("May the Licensee sublicense?", "The Licensee shall not sublicense the Software.", "No."),
    ("Are taxes included in the fee?", "Taxes are not included.", "Taxes are not included."),
    ("Are taxes included?", "No, taxes are not included.", "Taxes are not included in the fee."),
    ("Is consent needed?", "No such consent is required.", "No such consent is required."),
    ("Which exceptions apply?", "None.", "None"),
    ("How is assignment restricted?", "There are no restrictions on assignment.", "None."),
]


@pytest.mark.fault("MET-2")
@pytest.mark.parametrize(("question", "gold", "said"), NEGATIVE)
def test_a_right_answer_that_is_negative_refuses_nothing(question, gold, said):
    case = case_of(gold, question=question)
    assert values(case, said, "laziness") == {"laziness": 0.0}
    if gold == said:
        assert set(values(case, said, *EARNS).values()) == {1.0}
    (laziness,) = (
        found.estimate.mean
        for found in corpus_section({"m": [Result("m", case, Answer(said), {}, True)]}).findings
        if found.measure == "ContractEval laziness"
    )
    assert laziness == 0.0


@pytest.mark.fault("MET-2")
def test_cuads_recall_counts_a_right_no():
    case = case_of("No.", question="May the Licensee sublicense?")
    found = corpus_section({"m": [Result("m", case, Answer("No."), {}, True)]}).findings
    recall = {each.measure: each.estimate.mean for each in found if "recall" in each.measure}
    assert set(recall.values()) == {1.0}
    declined = Prediction("c__Law", "Law", ("Ohio",), one_best("Not found."))
    assert operating_point([declined]).recall == 0.0


@pytest.mark.fault("MET-5")
@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("$1,000", "a fee capped at $1,000,000."),
        ("100", "at most 100,000 units"),
        ("1,000,000", "a sum of 1,000,000,000"),
        ("Section 5.10", "see section 5.1"),
        ("Section 5.1", "see section 5.10"),
        ("$2", "a fee of up to $2 million"),
        ("one hundred", "one hundred thousand units"),
        ("twenty", "twenty-five days"),
        ("The cap is $1,000,000.", "a cap of $2 million"),
    ],
)
def test_a_part_of_a_number_is_another_number(said, text):
    assert grounded(said, text).value == 0.0


@pytest.mark.fault("MET-6")
@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("The cap is $2 million.", "a cap of $2,000,000"),
        ("It is 5 thousand.", "a sum of 5,000"),
        ("The rate is 0.5%.", "interest at .5% per annum"),
        ("The rate is .5%.", "interest at 0.50 per cent"),
        ("It is five percent.", "a rate of five (5) percent"),
        ("It is 5%.", "a rate of five (5) percent"),
        ("2.5%", "two and one-half percent"),
        ("It is 50 basis points.", "a rate of 0.5%"),
        ("It is 1'000'000.", "a sum of $1,000,000"),
    ],
)
def test_a_number_in_another_form_is_the_same_number(said, text):
    assert grounded(said, text).value == 1.0


@pytest.mark.fault("MET-7")
@pytest.mark.parametrize("gold", ["[***]", "The", "A.", "____"])
def test_a_gold_without_words_is_no_match_for_an_empty_answer(gold):
    for said in ("", " ", "an", "[ ]", "..."):
        assert set(values(case_of(gold), said, "exact_match", "token_f1").values()) == {0.0}
    assert values(case_of(gold), gold, "exact_match", "token_f1") == {
        "exact_match": 1.0,
        "token_f1": 1.0,
    }


@pytest.mark.fault("MET-8")
@pytest.mark.parametrize(
    "said",
    ["Not found\u3002", "\uff2e\uff4f\uff54 \uff46\uff4f\uff55\uff4e\uff44",
     "<answer>Not found.</answer>", '{"answer": "Not found."}', "«Not found»", "Not\u200b found",
     "**Answer:** Not found…", "&quot;Not found&quot;", "\\boxed{Not found.}", "NOT_FOUND"],
)  # fmt: skip
def test_not_found_in_other_letters_and_in_markup_is_an_abstention(said):
    assert abstains(said)


@pytest.mark.fault("MET-8")
@pytest.mark.parametrize(
    "said",
    ["Nothing in this Agreement gives any person any right.",
     "This Agreement gives no person any right.",
     "This Agreement does not give any person any right.",
     "Yes, there is a mutual non-solicitation provision with exceptions."],
)  # fmt: skip
def test_the_language_of_contracts_is_no_abstention(said):
    assert not abstains(said)


def examined(path, store, retriever, **options):
    data = imported_dataset("recorded", path)
    model = RecordedModel("m", Source("recorded", path))
    exam = Exam(Plan((model,), data.cases, **options), retriever, store)
    asyncio.run(exam.execute())
    return exam.run.results


@pytest.mark.fault("USE-20")
def test_an_answer_recorded_without_passages_has_no_grounding_score(tmp_path):
    path = tmp_path / "answers.jsonl"
    rows = [
        {"question": f"Fee {n}?", "answer": f"It is ${n},000.", "expected": f"${n},000"}
        for n in (1, 2)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    store = Store(str(tmp_path / "store.sqlite"))
    retriever = Retriever(RetrieverOptions("none"), "recorded", tmp_path)
    scores = [each.scores["grounded_quote"] for each in examined(path, store, retriever)]
    store.close()
    assert [(each.value, each.reason) for each in scores] == [(None, "no passages shown")] * 2


@pytest.mark.fault("USE-21")
def test_the_baselines_misses_are_marked_like_the_candidates(tmp_path):
    registry = tmp_path / "registry"
    registry.mkdir()
    for name, passages in (("one", 1), ("two", 2)):
        (registry / f"{name}.toml").write_text(f'kind = "echo"\nmost_passages = {passages}\n')

    def missed(name, *words):
        folder = tmp_path / name
        command = [
            sys.executable, "-m", "pytest", "evals", "-p", "no:cacheprovider", "-q",
            "--registry", str(registry), "--store", str(folder / "store.sqlite"),
            "--runs", str(folder / "runs"), "--retriever", "bm25", "--judge", "none",
            "--limit", "8", *words,
        ]  # fmt: skip
        subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)
        report = json.loads((folder / "latest" / "report.json").read_text())
        found = {}
        for row in report["results"]:
            found.setdefault(row["model"], {})[row["case"]] = sorted(row["missed"])
        return found

    together = missed("together", "--model", "one", "--baseline", "two")
    alone = missed("alone", "--model", "two")
    assert any(together["one"].values())
    assert together["two"] == alone["two"]


@pytest.mark.fault("USE-15")
def test_runs_are_compared_in_the_metrics_that_both_have(tmp_path, capsys):
    runs = tmp_path / "runs"
    a, b = "20260101-010000-aaaa", "20260102-010000-bbbb"
    old = {name: {"token_f1": 0.4} for name in contents()}
    new = {name: {"token_f1": 0.6, "mine": 1.0} for name in contents()}
    put(runs, written(a, {"m": old}))
    put(runs, written(b, {"m": new}, fingerprint={"metrics": {"token_f1": 1, "mine": 1}}))
    assert compare([a, b, "--runs", str(runs)]) == 0
    said = capsys.readouterr().out
    assert "+0.200" in said
    assert "left out" in said
    assert "mine" in said


def test_every_metric_of_likeness_is_among_those_tried():
    likeness = {
        name
        for name, each in METRICS.items()
        if each.rule and each.needs == "answer" and each.direction == "higher"
        if each.of != "unanswerable" and not each.sees.endswith("passages")
    }
    assert likeness - {"rouge2"} == set(EARNS)
