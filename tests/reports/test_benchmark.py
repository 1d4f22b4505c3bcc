"""The benchmark: methods of any exams on the cases that all took, tested and drawn."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from common.errors import UserError
from common.identity import file_digest
from models.manifest import FILE, Manifest, write_manifest
from models.promotion.admission.evidence import SEAL, seal_line
from reports.benchmark.__main__ import main
from reports.benchmark.benchmark import benchmark, improvement
from reports.benchmark.chart import alternative, chart_of, png_of
from reports.benchmark.field import field_of
from reports.benchmark.measures import measure_by, measures_of
from reports.benchmark.needs import needs_of, training_of
from reports.benchmark.tables import legend, markdown, needs_table, scores_table
from reports.statistics.estimates import holm
from reports.statistics.intervals import cluster_mean
from reports.statistics.paired import compare_means, two_sided
from tests.builders.run_data import GATE, contents, put, reported, written

A, B, C = "20260101-010000-aaaa", "20260102-010000-bbbb", "20260103-010000-cccc"
METRICS = {"fingerprint": {"metrics": {"token_f1": 1, "abstention": 1, "laziness": 1}}}


def f1(value, cases=None):
    """Scores of token_f1, by case."""
    return {name: {"token_f1": value(number)} for number, name in enumerate(cases or contents())}


def weak(number):
    return 0.2 + 0.1 * (number % 3)


def strong(number):
    return 0.7 + 0.1 * (number % 2)


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    put(folder, written(A, {"rag": f1(weak), "sft": f1(strong)}, roles={"rag": "baseline"}))
    put(folder, written(B, {"dpo": f1(lambda n: weak(n) + 0.05)}))
    return folder


def typed(runs, *words):
    return main([*words, "--runs", str(runs), "--registry", str(runs.parent / "registry")])


def found_of(*reports, by=None, baseline=None):
    field = field_of(reports, baseline)
    measures = measures_of(field)
    return benchmark(field, measures, measure_by(by, measures))


def read(tmp_path, value):
    return reported(tmp_path / "read", value)


def refused(runs, capsys, *words):
    assert typed(runs, *words) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    errors = [line for line in captured.err.splitlines() if not line.startswith("note: ")]
    assert len(errors) == 1 and errors[0].startswith("ERROR: ")
    return errors[0]


def test_numbers_are_those_of_the_statistics_and_holm_is_over_the_methods(tmp_path):
    one = read(tmp_path, written(A, {"rag": f1(weak), "sft": f1(strong)}))
    two = read(tmp_path, written(B, {"dpo": f1(lambda n: weak(n) + 0.05 * (n % 4))}))
    found = found_of(one, two)
    clusters = [name.split("__")[0] for name in contents()]
    base = [weak(n) for n in range(24)]
    raw = {}
    for label, say in {"sft": strong, "dpo": lambda n: weak(n) + 0.05 * (n % 4)}.items():
        values = [say(n) for n in range(24)]
        row = next(row for row in found.rows if row.entrant.label == label)
        gain, loss = compare_means(values, base, clusters), compare_means(base, values, clusters)
        assert row.means["token_f1"] == cluster_mean(values, clusters)
        assert row.versus.difference == gain.difference
        assert row.versus.percent == pytest.approx(100 * gain.difference.mean / (sum(base) / 24))
        raw[label] = two_sided(gain.p_value, loss.p_value)
    corrected = dict(zip(raw, holm(list(raw.values())), strict=True))
    assert {row.entrant.label: row.versus.p_value for row in found.rows if row.versus} == corrected
    assert found.tests == 2 and corrected["dpo"] >= raw["dpo"]


def test_the_baseline_is_the_opponent_of_an_exam_or_the_one_that_is_named(tmp_path):
    one = read(
        tmp_path, written(A, {"sft": f1(strong), "rag": f1(weak)}, roles={"rag": "champion"})
    )
    assert field_of([one]).baseline.label == "rag"
    assert field_of([one], "sft").baseline.label == "sft"
    with pytest.raises(UserError, match="--baseline raq: in none of these runs"):
        field_of([one], "raq")


def test_improvement_is_undefined_where_the_baseline_has_nothing(tmp_path):
    one = read(tmp_path, written(A, {"rag": f1(lambda n: 0.0), "sft": f1(strong)}))
    assert found_of(one).rows[1].versus.percent is None
    assert improvement(0.1, -0.2) is None
    assert "| undefined |" in markdown(found_of(one), tmp_path, "", "")


def test_less_is_better_where_it_is(tmp_path):
    lazy = {
        model: {name: {"laziness": value} for name in contents()}
        for model, value in {"rag": 0.5, "sft": 0.25}.items()
    }
    found = found_of(read(tmp_path, written(A, lazy, **METRICS)))
    assert found.by.name == "laziness"
    assert found.rows[1].versus.percent == pytest.approx(50)
    assert found.rows[1].versus.difference.mean == pytest.approx(0.25)
    assert "false refusals ↓" in scores_table(found).heads


def test_other_cases_are_compared_on_those_that_are_shared_and_the_table_says_so(tmp_path):
    few = dict(list(contents().items())[:12])
    one = read(tmp_path, written(A, {"rag": f1(weak)}))
    two = read(tmp_path, written(B, {"sft": f1(strong, few)}, cases=few))
    found = found_of(one, two)
    assert [row.means["token_f1"].n for row in found.rows] == [12, 12]
    assert any("on the 12 cases that all models took" in line for line in legend(found))
    changed = dict.fromkeys(contents(), "new")
    three = read(tmp_path, written(C, {"sft": f1(strong)}, cases=changed))
    with pytest.raises(UserError, match="share no case"):
        field_of([one, three])


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": {"retriever": "other"}, "retriever": {"passages": "gold"}},
        {"fingerprint": {"prompt": "other"}},
        {"fingerprint": {"metrics": {"token_f1": 2}}},
    ],
)
def test_what_was_asked_otherwise_is_refused_in_a_line(runs, capsys, changes):
    put(runs, written(C, {"other": f1(strong)}, **changes))
    assert f"{A} and {C} are not comparable" in refused(runs, capsys, A, C)


def test_an_exam_of_sealed_contracts_and_an_empty_one_are_refused(runs, capsys):
    put(runs, written(C, {"x": f1(strong)}, dataset={"sealed": True}))
    assert "sealed contracts" in refused(runs, capsys, A, C)
    put(runs, written(C, {}))
    assert "examined nothing" in refused(runs, capsys, A, C)
    assert "no run nobody" in refused(runs, capsys, "nobody")


def test_each_judge_has_a_column_and_judges_are_told_apart_by_identity(tmp_path):
    def judged(value, judges, votes=None):
        return {
            **written(
                value["id"],
                {
                    m: {name: {"correctness": v} for name in contents()}
                    for m, v in value["m"].items()
                },
                fingerprint={"judges": judges, "metrics": {"correctness": 1}},
            )
        }

    small, large = ["correctness", "small", "s1"], ["correctness", "large", "l1"]
    both = judged({"id": A, "m": {"rag": 0.5}}, [large, small])
    for row in both["results"]:
        row["votes"] = {"correctness": {"small": 0.25, "large": 0.75}}
    one = read(tmp_path, both)
    two = read(tmp_path, judged({"id": B, "m": {"sft": 1.0}}, [small]))
    other = read(tmp_path, judged({"id": C, "m": {"dpo": 1.0}}, [["correctness", "small", "s2"]]))
    found = found_of(one, two, other)
    means = {
        (row.entrant.label, measure.title): row.means[measure.name] and row.means[measure.name].mean
        for row in found.rows
        for measure in found.measures
    }
    assert means["rag", "accuracy (large)"] == 0.75
    assert means["rag", "accuracy (small s1)"] == 0.25
    assert means["sft", "accuracy (small s1)"] == 1.0
    assert means["sft", "accuracy (large)"] is means["dpo", "accuracy (small s1)"] is None
    assert found.by.title == "accuracy (large)" and found.rows[1].versus is None
    assert "not measured" in alternative(found)


def test_a_model_of_two_runs_stands_once_and_another_of_its_name_beside_it(tmp_path):
    one = read(tmp_path, written(A, {"m": f1(weak), "rag": f1(weak)}))
    two = read(tmp_path, written(B, {"m": f1(strong)}))
    field = field_of([two, one])
    assert [each.label for each in field.entrants] == ["m", "rag"]
    assert field.entrants[0].report.header.id == B
    assert f"m is shown as in {B}, the newest; not as in {A}" in field.notes
    other = read(tmp_path, written(C, {"m": f1(strong)}, identities={"m": "another"}))
    labels = [each.label for each in field_of([one, other]).entrants]
    assert labels == [f"m ({A})", "rag", f"m ({C})"]
    with pytest.raises(UserError, match="--baseline m: give one of"):
        field_of([one, other], "m")


def test_failed_answers_are_in_no_mean_and_are_said(tmp_path):
    value = written(A, {"rag": f1(weak), "sft": f1(strong)})
    lost = [row for row in value["results"] if row["model"] == "sft"][:3]
    for row in lost:
        row |= {"error": "HTTP 503", "answer": "", "scores": {"token_f1": None}}
    found = found_of(read(tmp_path, value))
    assert found.rows[1].means["token_f1"].n == found.rows[1].versus.difference.n == 21
    assert any("sft has no answer to 3 of 24 cases" in line for line in legend(found))


@pytest.mark.parametrize(
    ("costs", "says"),
    [(["0.25", "0.75"], "$0.50"), (["0", "0"], "$0"), (["0.25", None], "—")],
)
def test_a_cost_that_is_not_known_is_not_nothing(tmp_path, costs, says):
    value = written(A, {"rag": f1(weak)})
    for number, row in enumerate(value["results"]):
        row["cost"] = costs[number % 2]
    table = needs_table(found_of(read(tmp_path, value)), tmp_path)
    assert table.rows[0][table.heads.index("cost a case")] == says


def test_gates_of_one_file_are_one_however_the_risk_was_divided(tmp_path):
    def notes(**gate):
        other = written(B, {"sft": f1(strong)}, gate={**GATE, "identity": "g", **gate})
        one = written(A, {"rag": f1(weak)}, gate={**GATE, "identity": "g"})
        return field_of([read(tmp_path, one), read(tmp_path, other)]).notes

    assert notes(alpha=0.025) == ()
    assert "another gate file" in notes(identity="h")[0]


def test_a_run_that_is_a_part_is_said_to_be_one(runs, capsys):
    path = put(runs, written(C, {"x": f1(strong)}))
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | {"part": True}))
    assert typed(runs, A, C) == 0
    assert f"Note: {C} is a part of an exam" in capsys.readouterr().out


def test_an_edited_report_is_refused_and_one_without_a_seal_is_noted(runs, capsys):
    assert typed(runs, A) == 0
    assert f"note: {A} has no {SEAL}" in capsys.readouterr().err
    path = runs / A / "report.json"
    path.with_name(SEAL).write_text(seal_line(file_digest(path)))
    assert typed(runs, A) == 0
    assert capsys.readouterr().err == ""
    path.write_text(path.read_text().replace('"token_f1":0.2', '"token_f1":0.9', 1))
    assert "is not what its exam wrote" in refused(runs, capsys, A)


def test_it_prints_and_writes_page_and_chart(runs, capsys):
    assert typed(runs, A, B, A) == 0
    out = capsys.readouterr().out
    for word in (
        "sft",
        "rag (baseline)",
        "improvement in F1",
        "p (Holm)",
        "24 cases of 8 contracts",
    ):
        assert word in out
    place = runs.parent / "benchmark.md"
    assert out.splitlines()[-4:] == [
        str(place.with_suffix(each)) for each in (".md", ".html", ".svg", ".png")
    ]
    page = place.with_suffix(".html").read_text()
    assert "<script" not in page and page.count("<svg") == 1 and "improvement in F1" in page
    assert "](benchmark.svg)" in place.read_text()
    assert place.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--by", "accuracy"), "--by accuracy: no column"),
        (("--metric", "rougeL"), "--metric rougeL: scored in none of these runs"),
        (("--metric", "latency"), "--metric latency: not a share of 0..1"),
    ],
)
def test_a_column_that_is_not_there_is_a_line(runs, capsys, words, says):
    assert says in refused(runs, capsys, A, *words)


def twelve(tmp_path, names=None):
    names = names or [f'a-model-with-a-rather-long-name-{n}-$x^{n}$<&"' for n in range(12)]
    scores = {name: f1(lambda n, m=m: (m + n) % 10 / 10) for m, name in enumerate(names)}
    return found_of(read(tmp_path, written(A, scores)))


def test_the_chart_is_the_same_bytes_and_says_what_it_draws(tmp_path):
    found = twelve(tmp_path)
    svg = chart_of(found).alone
    assert svg == chart_of(found).alone and png_of(found) == png_of(found)
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img" and root.get("aria-label") == alternative(found)
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    shown = [text for text in texts if text and text.startswith("a-m")]
    assert len(shown) == 12 and all("$" in text for text in shown)
    assert "://" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "", 1)


ODD = [
    "$x_1$ and $",
    "a|b\n<script>&",
    "\u5951\u7d04\u66f8",
    "\u202ertl",
    "[x](http://y) `*_`",
    "\\frac{1",
    "x" * 300,
]


def test_any_name_can_be_drawn_and_written(tmp_path):
    found = twelve(tmp_path, ODD)
    ElementTree.fromstring(chart_of(found).alone)
    page = markdown(found, tmp_path, "x.svg", alternative(found))
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert {line.count("|") for line in rows[: len(ODD) + 2]} == {3}
    assert "<script>" not in page and "](http" not in page


def adapter(registry, name, start=None, cases=(), **facts):
    folder = registry / "adapters" / name
    own = {
        "method": "sft", "steps": 10, "tokens": 1000, "seconds": 60.0, "start": start,
        "hardware": {"device": "cpu"}, **facts,
    }  # fmt: skip
    write_manifest(folder, Manifest(contracts=(), cases=tuple(cases), **own))
    entry = f'kind = "local"\nbase = "embedded:smollm2"\nadapter = "{folder}"\n'
    (registry / f"{name}.toml").write_text(entry)
    return folder


def test_training_includes_what_it_started_from_and_labels_count_once(tmp_path):
    adapter(tmp_path, "sft", cases=["1" * 64, "2" * 64])
    adapter(
        tmp_path, "dpo", start={"name": "sft"}, cases=["2" * 64, "3" * 64], method="dpo", steps=5,
        tokens=100, seconds=30.0, hardware={"device": "cuda"},
    )  # fmt: skip
    found = training_of("dpo", tmp_path)
    assert (found.steps, found.tokens, found.minutes, found.labels) == (15, 1100, 1.5, 3)
    assert found.devices == ("cuda", "cpu") and found.whole
    assert found.dollars is None
    (tmp_path / "sft.toml").unlink()
    assert not training_of("dpo", tmp_path).whole
    (tmp_path / "base.toml").write_text('kind = "local"\nbase = "embedded:smollm2"\n')
    assert training_of("base", tmp_path) is None


def test_a_compiled_program_needs_its_generator_and_took_calls(tmp_path):
    adapter(tmp_path, "sft", cases=["1" * 64], cost={"training": {"usd": "1.50"}})
    folder = tmp_path / "compiled"
    (folder).mkdir()
    (folder / "program.json").write_text("{}")
    cost = {"calls": 40, "usd": "0.25"}
    facts = {"method": "bootstrap", "seconds": 60.0, "start": {"name": "rag"}, "cost": cost}
    write_manifest(folder, Manifest(contracts=(), cases=("2" * 64,), **facts))
    program = 'kind = "program"\nprogram = "rag"\ngenerator = "sft"\n'
    (tmp_path / "rag.toml").write_text(program)
    (tmp_path / "best.toml").write_text(f'{program}compiled = "{folder}/program.json"\n')
    value = written(A, {"best": f1(strong), "rag": f1(weak)})
    own = {"kind": "program", "program": "rag", "generator": "sft"}
    value["models"][0] |= own | {"compiled": f"{folder}/program.json"}
    value["models"][1] |= own
    best, rag = (needs_of(e, tmp_path) for e in field_of([read(tmp_path, value)]).entrants)
    assert best.kind == rag.kind == "program rag of sft"
    assert best.weights == "embedded:smollm2 + adapter"
    assert (best.training.calls, best.training.steps, best.training.labels) == (40, 10, 2)
    assert str(best.training.dollars) == "1.75" and best.training.whole
    assert (rag.training.calls, rag.training.labels) == (0, 1)


def test_needs_come_from_the_entry_that_was_examined_and_its_own_manifest(tmp_path):
    folder = adapter(tmp_path, "sft")
    value = written(A, {"sft": f1(strong), "served": f1(strong), "recorded:x.jsonl": f1(weak)})
    own = {"kind": "local", "base": "embedded:smollm2", "device": "cuda", "adapter": str(folder)}
    value["models"][0] |= own | {"manifest": file_digest(folder / FILE)}
    value["models"][1] |= {"kind": "endpoint", "base_url": "https://api.example/v1", "model": "m"}
    value["models"][2] |= {"kind": "recorded", "path": "x.jsonl"}
    sft, served, given = (
        needs_of(each, tmp_path) for each in field_of([read(tmp_path, value)]).entrants
    )
    assert (sft.device, sft.weights, sft.training.steps) == (
        "cuda", "embedded:smollm2 + adapter", 10,
    )  # fmt: skip
    assert (served.service, served.weights, served.training) == ("api.example (m)", "", None)
    assert (given.kind, given.service) == ("recorded", "")
    adapter(tmp_path, "sft", steps=99)
    again = needs_of(field_of([read(tmp_path, value)]).entrants[0], tmp_path)
    assert again.training is None and again.remark == "made again since"
    (folder / FILE).write_text("{")
    value["models"][0]["manifest"] = None
    broken = needs_of(field_of([read(tmp_path, value)]).entrants[0], tmp_path)
    assert broken.remark.startswith("manifest cannot be read: ")
