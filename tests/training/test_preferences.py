"""`python -m training.preferences`, from an example file to the files that trainers read."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from common.identity import digest
from evals.calls.store import Store
from fixtures.retrieval.passages import Passage
from fixtures.selection import Selection, select
from models.manifest import contract_entry
from models.prompted import NOT_FOUND, Template
from tests.builders.fake_server import Fault, fake_server
from tests.conftest import ROOT
from training.data.__main__ import main as make_data
from training.data.examples import (
    Example,
    Meta,
    read_examples,
    read_meta,
    validation_path,
    write_examples,
    write_meta,
)
from training.loop.budget import paid
from training.preferences.__main__ import main, unpaired_path
from training.preferences.appraisal import by_metrics, judged_case
from training.preferences.formats import read_pairs, read_unpaired
from training.preferences.sampling import draw_examples

PLACES = 4
PRICE = "\n[price]\ninput = 100\noutput = 1000\n"
LIMIT = "0.25"
TRAIN, EXAM = Selection(split="train"), Selection(split="test")


def example_of(case, kind):
    """One passage around the first gold answer, or the contract's last words."""
    text, span = case.contract.text, case.spans[0] if case.spans else None
    start = max(span.start - 40, 0) if kind == "answerable" else max(len(text) - 200, 0)
    end = span.start + len(span.text) + 40 if kind == "answerable" else len(text)
    passage = Passage(case.contract.id, start, end, text[start:end])
    return Example(
        prompt=Template("Answer from the passages.").messages(case.question, [passage]),
        completion=span.text if kind == "answerable" else NOT_FOUND,
        kind=kind,
        contract=case.contract.id,
        case=case.identity,
        category=case.category,
        gold=tuple(each.text for each in case.spans),
    )


def chosen_cases(sample, answerable, places=PLACES):
    """One case of each of `places` contracts."""
    by_contract = {}
    for case in select(sample, TRAIN):
        if case.answerable is answerable and len(case.spans) < 2 and case.category != "Parties":
            by_contract.setdefault(case.contract.id, case)
    return list(by_contract.values())[:places]


def write(path, examples, sample, **changes):
    titles = {each.contract for each in examples}
    contracts = {c.contract.id: c.contract for c in sample.cases if c.contract.id in titles}
    meta = Meta(
        command="python -m training.data",
        dataset="sample",
        dataset_identity=digest([sample.identity]),
        model="served",
        contracts=tuple(map(contract_entry, contracts.values())),
        cases=tuple(sorted({each.case for each in examples if each.case})),
    )
    write_examples(path, examples)
    write_meta(path, meta.model_copy(update=changes))
    return path


@pytest.fixture
def examples(sample):
    answerable = [example_of(case, "answerable") for case in chosen_cases(sample, True)]
    silent = [example_of(case, "unanswerable") for case in chosen_cases(sample, False)]
    return [*answerable, *silent, Example(silent[0].prompt[:1], "Hello!", "general")]


@pytest.fixture
def place(tmp_path, sample, examples):
    write(tmp_path / "sft.jsonl", examples, sample)
    (tmp_path / "registry").mkdir()
    return tmp_path


def entry(place, server, name="served", **more):
    lines = {"kind": "endpoint", "base_url": server.url, "model": name, "concurrency": 4, **more}
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())
    (place / "registry" / f"{name}.toml").write_text(text)


def arguments(place, *more, model="served", judge="metrics"):
    named = ["--model", model, "--judge", judge] if model else []
    return [
        *named,
        "--examples", str(place / "sft.jsonl"), "--output", str(place / "out" / "p.jsonl"),
        "--registry", str(place / "registry"), "--store", str(place / "store.sqlite"),
        *more,
    ]  # fmt: skip


@contextlib.contextmanager
def talker(examples, place):
    """A server that first refuses everything, and when drawn quotes, babbles or invents."""
    wanted = {each.prompt[-1].content: each.completion for each in examples}

    def reply(messages):
        request = server.requests[-1]
        gold = wanted.get(messages[-1]["content"], "hello")
        if not request.get("temperature"):
            return NOT_FOUND
        said = [gold, f"The answer is {gold}, I think", "Zanzibar in 1887", NOT_FOUND]
        return said[request["seed"] % 4]

    with fake_server(reply=reply) as server:
        entry(place, server)
        yield server


def run(*args):
    """Exit code of the command."""
    return main(list(args))


def test_sampled_answers_become_pairs_of_both_sources(place, examples, capsys, sample):
    with talker(examples, place) as server:
        assert run(*arguments(place, "--n", "4", "--unpaired")) == 0
    assert server.calls == 1 + 8 * 5, "a preflight, and 5 answers to each of 8 prompts"
    drawn = Counter((r.get("temperature"), r.get("seed")) for r in list(server.requests)[1:])
    assert {seed for temperature, seed in drawn if temperature == 0.8} == {0, 1, 2, 3}
    output = place / "out" / "p.jsonl"
    pairs = read_pairs(output)
    by_case = {each.case: each for each in examples}
    assert {each.case for each in pairs} == {each.case for each in examples if each.case}
    for each in pairs:
        example = by_case[each.case]
        assert each.prompt == example.prompt
        assert each.chosen == example.completion
        assert each.margin == pytest.approx(1.0, abs=0.3)
        wrong = {"Zanzibar in 1887", NOT_FOUND, f"The answer is {NOT_FOUND}, I think"}
        assert each.rejected in wrong - {each.chosen}
    assert {each.source for each in pairs} >= {"gold"}
    meta = read_meta(output)
    assert meta.dataset_identity == digest([sample.identity])
    assert {each.title for each in meta.contracts} == {each.contract for each in pairs}
    assert set(meta.cases) == {each.case for each in pairs}
    assert meta.statistics["pairs"] == len(pairs)
    assert meta.statistics["answers"] == 40
    assert "--n 4" in meta.command
    shown = capsys.readouterr().out
    for words in ("rejected: false refusal", "share chosen longer", "training.dpo", str(output)):
        assert words in shown
    labels = read_unpaired(unpaired_path(output))
    assert {each.label for each in labels} == {True, False}
    assert {each.contract for each in labels} == {each.contract for each in pairs}


def test_a_second_run_asks_nothing_and_writes_the_same(place, examples):
    output = place / "out" / "p.jsonl"
    with talker(examples, place) as server:
        assert run(*arguments(place, judge="reference,metrics")) == 0
        first, calls = output.read_bytes(), server.calls
        assert run(*arguments(place, judge="reference,metrics")) == 0
        assert server.calls == calls
    assert output.read_bytes() == first


def test_the_reference_judge_and_no_gold(place, examples):
    with talker(examples, place):
        assert run(*arguments(place, "--no-gold", judge="reference")) == 0
    pairs = read_pairs(place / "out" / "p.jsonl")
    assert {each.source for each in pairs} == {"ai"}
    by_case = {each.case: each for each in examples}
    right = [each.chosen == by_case[each.case].completion for each in pairs]
    assert sum(right) / len(right) > 0.8
    assert all(each.margin >= 0.2 for each in pairs)


def test_a_chat_model_judges(place, examples):
    def verdict(messages):
        judged.append(messages)
        said = messages[-1]["content"].lower()
        return '{"reasons": "r", "score": ' + ("0.1" if "zanzibar" in said else "0.9") + "}"

    judged = []
    with talker(examples, place), fake_server(reply=verdict) as judge:
        entry(place, judge, name="judge")
        assert run(*arguments(place, "--no-gold", judge="judge")) == 0
    assert judged
    pairs = read_pairs(place / "out" / "p.jsonl")
    assert {each.rejected for each in pairs} == {"Zanzibar in 1887"}


def test_a_local_model_is_drawn_from(place, tiny_base, one_thread):
    (place / "registry" / "tiny.toml").write_text(
        f'kind = "local"\nbase = "{tiny_base}"\ndevice = "cpu"\n[decoding]\nmax_tokens = 4\n'
    )
    arguments_ = arguments(place, "--n", "2", "--temperature", "1.5", model="tiny")
    assert run(*arguments_) == 0
    output = place / "out" / "p.jsonl"
    first = output.read_bytes()
    pairs = read_pairs(output)
    assert {each.source for each in pairs} == {"gold"}, "random weights are never right"
    assert len({each.rejected for each in pairs}) > 2
    assert run(*arguments_) == 0
    assert output.read_bytes() == first


def asked_rows(path):
    """Answers in a store, none where it is not there yet."""
    import sqlite3

    if not path.is_file():
        return 0
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            return connection.execute("select count(*) from answers").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


def test_a_killed_run_goes_on_where_it_was(place, sample):
    silent = [case for case in select(sample, TRAIN) if not case.answerable]
    many = [example_of(case, "unanswerable") for case in silent[:40]]
    write(place / "sft.jsonl", many, sample)
    with fake_server(latency=0.05) as server:
        entry(place, server)
        command = [
            sys.executable,
            "-m",
            "training.preferences",
            *arguments(place, "--n", "4"),
        ]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 90
        while server.calls < 80 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
        before = server.calls
        kept = asked_rows(place / "store.sqlite")
        assert 40 <= kept < 200, "it was killed in the middle"
        assert not (place / "out").exists()
        assert run(*arguments(place, "--n", "4")) == 0
        assert server.calls - before - 1 == 200 - kept
    assert read_pairs(place / "out" / "p.jsonl")


@pytest.mark.parametrize("answerable", [True, False])
def test_an_exam_contract_among_the_examples_is_refused(
    place, sample, examples, mistake, answerable
):
    exam = next(case for case in select(sample, EXAM) if case.answerable is answerable)
    leak = example_of(exam, "answerable" if answerable else "unanswerable")
    write(place / "sft.jsonl", [*examples, leak], sample)
    assert "belongs to the exam" in mistake(run(*arguments(place)))
    # The meta is not believed: here it names the contract otherwise, or not at all.
    renamed = replace(leak, contract=examples[0].contract)
    write(place / "sft.jsonl", [*examples, renamed], sample)
    assert "belongs to the exam" in mistake(run(*arguments(place)))


def test_examples_of_unknown_contracts_are_refused(place, sample, examples, mistake):
    write(place / "sft.jsonl", [replace(examples[0], contract="Elsewhere")], sample)
    assert "contract 'Elsewhere' is not in the data set" in mistake(run(*arguments(place)))
    write(place / "sft.jsonl", examples, sample, contracts=())
    assert "is not in the meta beside it" in mistake(run(*arguments(place)))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--n", "0"], "--n 0: give 1 or more"),
        (["--temperature", "0"], "--temperature 0.0: give a number above 0"),
        (["--margin", "1.5"], "--margin 1.5: give a difference"),
        (["--n", "many"], "--n: invalid int value: 'many'"),
        (["--validation-share", "0.1"], "unrecognized arguments"),
        (["--pairs-per-case", "0"], "--pairs-per-case 0"),
        (["--opposites", "-1"], "--opposites -1"),
        (["--judge", "refrence"], "--judge refrence: not in"),
        (["--judge", "extractive"], "--judge extractive: it answers cases, but cannot chat"),
        (["--model", "smolm"], "--model smolm: not in"),
        (["--model", "extractive"], "it answers cases, but cannot chat"),
        (["--model", "echo"], "--model echo: it always says the same"),
        (["--dataset", "nowhere"], "--dataset nowhere: no such file"),
        (["--examples", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (["--feedback", "nowhere.jsonl"], "--feedback nowhere.jsonl: no such file"),
        (["--registry", str(ROOT / "models" / "registry"), "--model", "smollm"], "did you mean"),
    ],
)
def test_a_mistake_is_one_line_and_exit_4(place, mistake, more, said):
    registry = ["--registry", str(ROOT / "models" / "registry")]
    line = mistake(run(*arguments(place, *registry, *more, model="echo")))
    assert said in line
    assert not (place / "out").exists()


def test_without_a_model_and_feedback_there_is_nothing_to_do(place, mistake):
    assert "give --model NAME, --feedback FILE or --opposites N" in mistake(
        run(*arguments(place, model=None))
    )


def test_the_opposite_decision_is_rejected_without_asking_anybody(place, examples):
    assert run(*arguments(place, "--opposites", "8", model=None)) == 0
    pairs = read_pairs(place / "out" / "p.jsonl")
    assert {each.case: each.chosen for each in pairs} == {
        each.case: each.completion for each in examples if each.case
    }
    for each in pairs:
        assert each.source == "gold"
        if each.kind == "answerable":
            assert each.rejected == NOT_FOUND
        else:
            quoted = " ".join(each.prompt[-1].content.split())
            assert each.rejected in quoted.partition("</passage")[0]


def test_opposites_are_of_prompts_that_the_model_is_not_asked(place, examples):
    with talker(examples, place):
        assert run(*arguments(place, "--cases", "4", "--n", "1", "--opposites", "8")) == 0
    asked = {each.prompt for each in draw_examples(examples, 4, seed=0)}
    rest = Counter(each.prompt for each in examples if each.case and each.prompt not in asked)
    pairs = read_pairs(place / "out" / "p.jsonl")
    assert Counter(each.prompt for each in pairs if each.prompt not in asked) == rest


def test_a_model_that_never_answers(place, mistake):
    with fake_server(
        faults=lambda number: Fault(status=400, message="no") if number else None
    ) as s:
        entry(place, s, retries=0)
        assert "none of 40 answers came, the first: " in mistake(run(*arguments(place)))


def test_a_model_that_is_always_right_makes_no_pair(place, examples, mistake):
    wanted = {each.prompt[-1].content: each.completion for each in examples}
    with fake_server(reply=lambda messages: wanted.get(messages[-1]["content"], "yes")) as server:
        entry(place, server)
        line = mistake(run(*arguments(place)))
    assert "no pair was found" in line
    assert "identical answers: 40" in line


def test_output_that_cannot_be_written(place, examples, mistake):
    (place / "out").write_text("a file")
    with talker(examples, place):
        assert "cannot be written" in mistake(run(*arguments(place)))


def test_a_broken_store(place, examples, mistake):
    (place / "store.sqlite").write_text("this is no database, and long enough to be seen as none")
    with talker(examples, place):
        assert "is corrupt or foreign" in mistake(run(*arguments(place)))


def test_ctrl_c_is_2(place, monkeypatch, capsys):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.preferences.__main__.make", interrupted)
    assert run(*arguments(place)) == 2
    assert capsys.readouterr().err == "interrupted; the same command goes on\n"


def test_a_data_set_given_by_its_path_is_found_again_and_its_change_noticed(
    place, smollm2, sample, capsys, mistake
):
    folder = place / "data" / "my contracts"
    folder.mkdir(parents=True)
    for name in ("CUAD_v1.json", "test.json"):
        (folder / name).write_bytes((ROOT / "fixtures" / "data" / "sample" / name).read_bytes())
    line = ["--dataset", str(folder), "--n", "12", "--most-passages", "1", "--model", "served"]
    more = ["--registry", str(place / "registry"), "--output", str(place / "sft.jsonl")]
    with fake_server(reply=lambda messages: "Zanzibar") as server:
        entry(place, server)
        assert make_data([*line, *more]) == 0
        assert run(*arguments(place, "--n", "1")) == 0
        held = {each.contract for each in read_examples(validation_path(place / "sft.jsonl"))}
        assert held
        rows = [
            {"case": case.id, "answer": "Iowa", "corrected answer": "Quorvane"}
            for case in {case.contract.id: case for case in select(sample, TRAIN)}.values()
        ]
        assert run(*arguments(place, *feedback(place, *rows), model=None)) == 0
        assert "answers left out, of contracts that validate" in capsys.readouterr().out
        pairs = read_pairs(place / "out" / "p.jsonl")
        assert len(pairs) == len(rows) - len(held)
        assert held.isdisjoint({each.contract for each in pairs})
        data = json.loads((folder / "CUAD_v1.json").read_text())
        titles = {each["title"] for each in json.loads((folder / "test.json").read_text())["data"]}
        kept = [each for each in data["data"] if each["title"] in titles]
        spare = [each for each in data["data"] if each["title"] not in titles][1:]
        (folder / "CUAD_v1.json").write_text(json.dumps({"data": [*kept, *spare]}))
        assert "has changed since" in mistake(run(*arguments(place)))


def feedback(place, *rows):
    path = place / "feedback.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["--feedback", str(path)]


def test_people_alone_make_pairs_and_labels(place, sample):
    with fake_server() as server:
        entry(place, server)
        one, *_, other = (case for case in select(sample, TRAIN) if case.answerable)
        rows = [
            {"case": one.slug, "answer": "Zanzibar", "score": 1, "corrected answer": "Quorvane"},
            {"case": other.id, "answer": "Iowa", "score": "up"},
            {"case": other.id, "answer": "Utah", "score": "down", "comment": "no such word"},
        ]
        more = feedback(place, *rows)
        assert run(*arguments(place, *more, "--unpaired", model=None)) == 0
        assert server.calls == 0
    output = place / "out" / "p.jsonl"
    pairs = read_pairs(output)
    assert {(p.chosen, p.rejected, p.source) for p in pairs} == {
        ("Quorvane", "Zanzibar", "human"),
        ("Iowa", "Utah", "human"),
    }
    for path, contracts in ((output, {p.contract for p in read_pairs(output)}),):
        meta = read_meta(path)
        assert {each.title for each in meta.contracts} == contracts
        assert {each.digest for each in meta.contracts} <= {
            case.contract.digest for case in select(sample, TRAIN)
        }
    path = unpaired_path(output)
    labels = read_unpaired(path)
    assert {(row.completion, row.label) for row in labels} == {
        ("Quorvane", True),
        ("Zanzibar", False),
        ("Iowa", True),
        ("Utah", False),
    }


def test_thumbs_alone_need_unpaired(place, sample, capsys, mistake):
    with fake_server() as server:
        entry(place, server)
        case = select(sample, TRAIN)[0]
        more = feedback(place, {"case": case.id, "answer": "Iowa", "score": "up"})
        assert "add --unpaired" in mistake(run(*arguments(place, *more, model=None)))
        assert run(*arguments(place, *more, "--unpaired", model=None)) == 0
    assert "next: python -m training.kto" in capsys.readouterr().out
    assert not (place / "out" / "p.jsonl").exists()
    (row,) = read_unpaired(unpaired_path(place / "out" / "p.jsonl"))
    assert (row.completion, row.label, row.case) == ("Iowa", True, case.identity)


def test_feedback_on_the_exam_is_refused(place, sample, mistake):
    exam = select(sample, EXAM)[0]
    more = feedback(place, {"case": exam.slug, "answer": "x", "score": 5})
    assert "feedback.jsonl, line 1: case" in mistake(run(*arguments(place, *more, model=None)))


def test_the_draw_is_balanced_and_does_not_depend_on_the_order(examples):
    drawn = draw_examples(examples, 4, seed=0)
    assert Counter(each.kind for each in drawn) == {"answerable": 2, "unanswerable": 2}
    assert set(drawn) == set(draw_examples(examples[::-1], 4, seed=0))
    assert set(drawn) <= set(draw_examples(examples, 6, seed=0))
    assert any(set(drawn) != set(draw_examples(examples, 4, seed=seed)) for seed in range(1, 5))
    assert len(draw_examples([*examples, *examples], 100, seed=0)) == 8
    few = [each for each in examples if each.kind != "unanswerable"][:3]
    assert len(draw_examples(few, 4, seed=0)) == 3, "one half fills up for the other"


def test_a_hard_negative_is_to_be_declined(sample):
    case = chosen_cases(sample, True)[0]
    hard = replace(example_of(case, "unanswerable"), kind="hard negative")
    assert judged_case(hard, {case.identity: case}, {}).spans == ()
    assert by_metrics(hard, NOT_FOUND) == 1.0
    assert by_metrics(hard, hard.gold[0]) == 0.0
    plain = example_of(case, "answerable")
    assert judged_case(plain, {case.identity: case}, {}) is case
    assert by_metrics(plain, plain.completion) == 1.0
    assert by_metrics(plain, NOT_FOUND) == 0.0
    assert by_metrics(plain, f"{plain.completion} of 1 May 1887") < 0.9
    synthetic = replace(plain, kind="synthetic", gold=("Ohio",))
    judged = judged_case(synthetic, {case.identity: case}, {})
    assert [span.text for span in judged.spans] == ["Ohio"]
    assert judged.question == case.question


def test_two_titles_of_one_text_are_both_traced(place, sample, examples):
    """CUAD has contracts filed twice; the meta of the examples may name one of them."""
    data = json.loads((ROOT / "fixtures" / "data" / "sample" / "CUAD_v1.json").read_text())
    first = examples[0].contract
    twin = next(each for each in data["data"] if each["title"] == first) | {"title": "Twin"}
    (place / "data").mkdir()
    (place / "data" / "CUAD_v1.json").write_text(json.dumps({"data": [*data["data"], twin]}))
    test = (ROOT / "fixtures" / "data" / "sample" / "test.json").read_text()
    (place / "data" / "test.json").write_text(test)
    write(place / "sft.jsonl", [replace(examples[0], contract="Twin"), *examples[1:]], sample)
    meta = read_meta(place / "sft.jsonl")
    entry_ = contract_entry(next(c.contract for c in sample.cases if c.contract.id == first))
    kept = (*meta.contracts, *(() if entry_ in meta.contracts else (entry_,)))
    write_meta(place / "sft.jsonl", meta.model_copy(update={"contracts": kept}))
    with talker(examples, place):
        more = ["--dataset", str(place / "data")]
        assert run(*arguments(place, *more)) == 0
    titles = {each.title for each in read_meta(place / "out" / "p.jsonl").contracts}
    assert "Twin" in titles


def test_scores_are_kept_where_the_exam_keeps_them(place, examples):
    with talker(examples, place):
        assert run(*arguments(place, judge="reference")) == 0
    store = Store(str(place / "store.sqlite"))
    assert store.rows("answers", [digest("nothing")]) == {}
    store.close()
    assert asked_rows(place / "store.sqlite") == 40


def verdict(messages):
    score = "0.1" if "zanzibar" in messages[-1]["content"].lower() else "0.9"
    return '{"reasons": "r", "score": ' + score + "}"


def prices(place, *names):
    for name in names:
        file = place / "registry" / f"{name}.toml"
        file.write_text(file.read_text() + PRICE)


def test_calls_stop_at_the_limit_with_what_is_whole_and_the_same_command_goes_on(
    place,
    examples,
    capsys,
):
    output = place / "out" / "p.jsonl"
    with talker(examples, place) as server, fake_server(reply=verdict) as judge:
        entry(place, judge, name="judge")
        line = arguments(place, "--no-gold", judge="judge")
        assert run(*line, "--max-calls", "30") == 0
        said = capsys.readouterr().out
        assert "stopped early (not asked: --max-calls 30 reached); the same command with" in said
        assert server.calls + judge.calls <= 30 + 2, "and a preflight of each"
        some = {each.chosen for each in read_pairs(output)}
        asked = int(said.split("cases asked ")[1].split()[0])
        left = int(said.split("cases not asked to their end ")[1].split()[0])
        assert asked > 0 and left > 0 and asked + left == 8
        assert run(*line) == 0
        assert "stopped early" not in capsys.readouterr().out
        calls = server.calls
        assert calls == 8 * 5 + 2, "nothing was asked twice: 40 answers, and two preflights"
        assert some <= {each.chosen for each in read_pairs(output)}
        assert run(*line, "--max-calls", "1") == 0, "all of it lies in the store"
        assert server.calls == calls


def test_money_stops_it_too_and_what_was_paid_before_counts(place, examples, capsys):
    store = str(place / "store.sqlite")
    with talker(examples, place) as server:
        line = arguments(place)
        assert run(*line, "--max-cost", "1") == 4
        assert "--max-cost: model served has no price" in capsys.readouterr().err
        prices(place, "served")
        assert run(*line, "--max-cost", LIMIT) in (0, 4)
        said = "".join(capsys.readouterr())
        assert f"not asked: --max-cost {LIMIT} reached" in said
        calls, dollars = paid(store)
        assert 0 < calls < 40 and 0 < dollars <= float(LIMIT), (calls, dollars)
        asked = server.calls
        assert run(*line, "--max-cost", LIMIT) in (0, 4)
        assert server.calls - asked <= 2 and paid(store)[1] <= float(LIMIT)
        assert "was paid before)" in "".join(capsys.readouterr())


def test_what_a_loop_counts_is_what_the_store_knows_to_be_paid(place, examples):
    """A judge's reply is one call and is paid once, though its score is kept beside it."""
    with talker(examples, place) as server, fake_server(reply=verdict) as judge:
        entry(place, judge, name="judge")
        prices(place, "served", "judge")
        assert run(*arguments(place, judge="judge")) == 0
        calls, dollars = paid(str(place / "store.sqlite"))
        assert calls == server.calls + judge.calls - 2
    kept = sqlite3.connect(place / "store.sqlite")
    costs = [Decimal(each) for (each,) in kept.execute("select cost from answers")]
    kept.close()
    assert dollars == pytest.approx(float(sum(costs)), rel=0.1)
