"""A sweep: what it tries, on which contracts, and what it makes of differences."""

import json
import shlex
from random import Random
from xml.etree import ElementTree

import pytest

from fixtures.datasets import load_dataset
from fixtures.retrieval.fitting import fit
from fixtures.retrieval.log_odds import Priors
from fixtures.retrieval.passages import Chunker
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.egress import Egress
from models.registry import SHIPPED, read_entry
from training.data.material import training_material
from training.sweep.__main__ import main, rows_of, validation_cases
from training.sweep.answers import read_answers, variants, write_variants
from training.sweep.page import Sweep, conclusion, draw, table
from training.sweep.retrieval import grid, priors_without, try_retrieval
from training.sweep.tried import Tried, recommended

SAMPLE = load_dataset("sample")
TRAIN = training_material([SAMPLE]).cases


def tried(typed, scores, cost):
    return Tried(typed, "s", tuple(scores), cost)


def contracts(cases, many):
    return [f"contract {case % many}" for case in range(cases)]


def drawn(share, seed, cases=600):
    rng = Random(seed)
    return [float(rng.random() < share) for _ in range(cases)]


def test_the_cheapest_of_those_that_cannot_be_told_from_the_best():
    base = drawn(0.8, 1)
    near = [1 - score if number in (0, 7) else score for number, score in enumerate(base)]
    worse = [0.0 if number % 5 == 0 else score for number, score in enumerate(base)]
    rows = rows_of(
        [tried("best", base, 9), tried("near", near, 5), tried("worse", worse, 1)],
        contracts(600, 40),
    )
    assert {row.tried.typed: row.told for row in rows} == {
        "best": False, "near": False, "worse": True,
    }  # fmt: skip
    assert recommended(rows).tried.typed == "near"
    said = table(Sweep("T", "hit@k", "characters shown", 600, 40, rows))
    assert "noise" in next(line for line in said.splitlines() if "`near`" in line)
    assert "noise" not in next(line for line in said.splitlines() if "`worse`" in line)
    assert "That they are alike is not shown" in said


def test_settings_that_are_the_same_are_rarely_told_apart():
    told = 0
    for seed in range(40):
        pair = [tried("a", drawn(0.7, seed), 1), tried("b", drawn(0.7, seed + 999), 2)]
        told += sum(row.told for row in rows_of(pair, contracts(600, 40)))
    assert told <= 8  # the better of two is looked at: 10 % of them at most, and chance


def test_one_contract_tells_nothing():
    rows = rows_of([tried("a", [1, 1, 1], 2), tried("b", [0, 0, 0], 1)], ["x"] * 3)
    assert not any(row.told for row in rows)
    assert rows[0].less.low is None
    assert draw(Sweep("T", "hit@k", "cost", 3, 1, rows)).startswith(b"<?xml")


def test_no_exam_contract_is_looked_at():
    held = validation_cases(TRAIN, 5)
    titles = {case.contract.id for case in held}
    assert len(titles) == 5
    assert not titles & SAMPLE.test_contracts
    assert titles <= {case.contract.id for case in validation_cases(TRAIN, 8)}


def test_priors_have_not_seen_what_validates():
    held = validation_cases(TRAIN, 3)
    titles = {case.contract.id for case in held}
    rest = [case for case in TRAIN if case.contract.id not in titles]
    assert priors_without(TRAIN, held).weights == fit(rest)
    assert priors_without(TRAIN, TRAIN).weights == {}


def test_one_ranking_serves_every_k(tmp_path):
    held = validation_cases(TRAIN, 4)
    priors = Priors({case.category: {"the": 1.0, "of": -0.5} for case in held}, {})
    settings = grid(["graph", "bm25"], [400], [0, 50], 6, "minilm")
    found = list(
        try_retrieval(
            held, settings, [2, 4, 6], "sample", tmp_path, Egress(SHIPPED), priors, lambda _: None
        )
    )
    assert len(found) == 2 * 2 * 3
    options = RetrieverOptions("graph", 4, Chunker(400, 50))
    alone = Retriever(options, "sample", tmp_path, priors=priors).retrieve(held)
    hits = tuple(
        float(any(p.start <= s.start < p.end for s in case.spans for p in shown
                  if s.start is not None))
        for case, shown in zip(held, alone, strict=True)
    )  # fmt: skip
    (same,) = (
        each for each in found
        if each.typed == "--retriever graph --chunk-size 400 --chunk-overlap 50 --k 4"
    )  # fmt: skip
    assert same.scores == hits
    assert same.cost == sum(len(p.text) for each in alone for p in each) / len(held)


def test_an_overlap_of_more_than_half_is_left_out():
    assert [each.chunker for each in grid(["bm25"], [100, 400], [0, 100], 5, "minilm")] == [
        Chunker(100, 0), Chunker(400, 0), Chunker(400, 100),
    ]  # fmt: skip


def test_the_page_recommends_options_that_an_exam_takes(tmp_path, capsys, pytester):
    line = ["--dataset", "sample", "--contracts", "4", "--retriever", "bm25", "--k", "2,4",
            "--chunk-size", "400,800", "--output", str(tmp_path)]  # fmt: skip
    assert main(line) == 0
    page = (tmp_path / "sweep.md").read_text()
    assert page.count("| `--retriever") == 4
    picture = ElementTree.parse(tmp_path / "characters-shown.svg").getroot()
    said = "".join(picture.itertext())
    assert "Retrieval: hit@k against characters shown of 4 settings" in said
    assert f"]({'characters-shown.svg'})" in page
    options = shlex.split(page.partition("Recommended: `")[2].partition("`")[0])
    config = pytester.parseconfig("-p", "bar_exam.plugin", *options)
    assert config.getoption("--k") in ("2", "4")
    first = (tmp_path / "characters-shown.svg").read_bytes()
    assert main(line) == 0
    assert (tmp_path / "characters-shown.svg").read_bytes() == first


def test_variants_change_what_they_say_and_nothing_else(tmp_path):
    registry = tmp_path / "registry"
    registry.mkdir()
    (registry / "m.toml").write_text(
        'kind = "endpoint"\nbase_url = "http://localhost:1/v1"\nmodel = "x"\n'
        'status = "retired"\n[decoding]\nmax_tokens = 50\n'
    )
    made = write_variants("m", variants("m", [1, 3], [0.7]), registry, tmp_path / "out")
    assert sorted(path.stem for path in made.glob("*.toml")) == [
        "m-passages1-temperature0.7", "m-passages3-temperature0.7",
    ]  # fmt: skip
    one, own = read_entry("m-passages3-temperature0.7", made), read_entry("m", registry)
    assert (one.most_passages, one.decoding.temperature, one.decoding.max_tokens) == (3, 0.7, 50)
    changed = {"most_passages", "decoding", "status"}
    assert one.model_dump(exclude=changed) == own.model_dump(exclude=changed)
    again = write_variants("m", variants("m", [2], []), registry, tmp_path / "out")
    assert [path.stem for path in again.glob("*.toml")] == ["m-passages2"]


@pytest.mark.heavy  # two exams
def test_answers_go_through_the_exam_and_are_taken_up_again(tmp_path, capfd):
    registry = tmp_path / "registry"
    registry.mkdir()
    (registry / "echo.toml").write_text('kind = "echo"\n')
    line = ["--dataset", "sample", "--contracts", "3", "--retriever", "bm25", "--k", "3",
            "--chunk-size", "400", "--model", "echo", "--most-passages", "1,2", "--limit", "6",
            "--registry", str(registry), "--store", str(tmp_path / "s.sqlite"),
            "--output", str(tmp_path / "out")]  # fmt: skip
    assert main([*line, "--max-calls", "9"]) == 0
    said = capfd.readouterr().out
    assert "3 cases are left: type the same line again" in said
    assert "promote" not in said and "warning" not in said
    assert main([*line, "--max-calls", "9"]) == 0
    said = capfd.readouterr().out
    assert "are left" not in said.partition("## Answers")[2]
    assert "`most_passages = 2`" in said
    reports = sorted((tmp_path / "out" / "answers" / "runs").glob("*/report.json"))
    calls = [json.loads(path.read_text())["spending"]["calls"] for path in reports]
    assert sorted(calls) == [3, 9]
    assert all(json.loads(path.read_text())["dataset"]["split"] == "train" for path in reports)
    changes = variants("echo", [1, 2], [])
    found, titles, lost = read_answers(reports[-1], changes)
    assert len(titles) + lost == 6
    assert [each.typed for each in found] == ["most_passages = 1", "most_passages = 2"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--retriever bm26", "--retriever bm26: sweep dense, bm25, hybrid, graph"),
        ("--retriever none", "--retriever none: sweep"),
        ("--k 0", "give values of 1 or more"),
        ("--k five", "give values of 1 or more"),
        ("--chunk-size 10 --chunk-overlap 0", "too small"),
        ("--chunk-size 100 --chunk-overlap 90", "more than half"),
        ("--contracts 1", "2 or more"),
        ("--most-passages 2", "give --model NAME"),
        ("--model smollm2", "--most-passages 1,2 or --temperature"),
        ("--model nobody --most-passages 1", "not in"),
        ("--model extractive --most-passages 1", "shown nothing that could be varied"),
        ("--embedder nobody --retriever dense", "not in"),
        ("--retriever bm25 --embedder nobody", "embeds nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_one_line(tmp_path, capsys, words, said):
    line = f"--dataset sample --contracts 3 --output {tmp_path}".split()
    more = [] if "--retriever" in words else ["--retriever", "bm25"]
    assert main([*line, *more, *words.split()]) == 4
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_conclusion_says_what_it_does_not_rest_on():
    rows = rows_of([tried("only", drawn(0.5, 3), 1)], contracts(600, 30))
    assert (
        conclusion(Sweep("T", "hit@k", "cost", 600, 30, rows)) == "Recommended: `only`, the best."
    )
