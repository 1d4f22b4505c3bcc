"""Every door by which text can reach an adapter, and the account that its manifest gives of it."""

import json
import random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from evals.leakage.leaks import find_leaks
from fixtures.cases import Case, Contract, Dataset
from models.manifest import Manifest, contract_entry, read_manifest, write_manifest
from tests.builders.training_data import make_base, meta, method_named, write_data, write_recipe
from tests.seams import users
from training.command import run_command
from training.data.__main__ import main as make_data
from training.data.examples import read_meta, write_meta
from training.data.lineage import (
    join_entries,
    required_manifest,
    seen_by,
    text_entries,
)
from training.data.material import RUNS, TrainedText, refuse_exam
from training.outcome.account import manifest_of
from training.preferences.__main__ import Gathered, describe
from training.preferences.prompts import Prompts
from training.trainer.checkpoints import Checkpoint
from training.trainer.loading import Loaded, open_chat
from training.trainer.origin import take_origin
from training.trainer.recipe import read_recipe


def prose(seed, count=120):
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abcdefgh", k=6)) for _ in range(count))


EXAM, TRAIN = Contract("exam one", prose(1)), Contract("train one", f"{prose(2)} {prose(3)}")
CASES = tuple(Case(c.id, c.id, c, "c", "Q?", ()) for c in (EXAM, TRAIN))
DATA = Dataset("d", CASES, frozenset({EXAM.id}))


@given(st.integers(0, 100), st.integers(1, 120), st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_a_text_that_repeats_the_exam_is_refused_from_fifteen_words_on(start, count, before, after):
    words = EXAM.text.split()[start : start + count]
    text = f"{before} {' '.join(words)} {after}"
    places = [TrainedText("row 1", "Say hello to everybody, please."), TrainedText("row 2", text)]
    if len(words) >= RUNS + 7:
        with pytest.raises(UserError, match=r"row 2: it repeats .*'exam one'"):
            refuse_exam(places, [DATA])
    else:
        refuse_exam(places, [DATA])


def test_many_short_pieces_are_refused_together():
    words = EXAM.text.split()
    pieces = [" ".join(words[at : at + 12]) for at in range(0, len(words), 5)]
    with pytest.raises(UserError, match="together they hold most of the exam's contract"):
        refuse_exam([TrainedText(f"row {n}", text) for n, text in enumerate(pieces)], [DATA])


def test_what_a_text_has_from_the_contract_that_it_is_about_does_not_count():
    twin = Contract("twin", f"{EXAM.text[:200]} {prose(9)}")
    refuse_exam([TrainedText("row 1", EXAM.text[:200], about=twin)], [DATA])
    with pytest.raises(UserError, match="row 1"):
        refuse_exam([TrainedText("row 1", EXAM.text[:200], about=TRAIN)], [DATA])


@given(st.lists(st.text(max_size=60), max_size=4))
def test_other_texts_are_kept_as_one(texts):
    entries = text_entries("--mix x", texts)
    assert len(entries) == bool(texts)
    assert join_entries(entries, entries) == entries


def test_an_exam_of_another_data_set_finds_what_was_mixed_in():
    entries = text_entries("--mix x", [prose(7), EXAM.text, prose(8)])
    (leak,) = find_leaks(CASES[:1], Manifest(contracts=entries, cases=()))
    assert leak.trained_contract == "--mix x"


def test_whoever_trains_another_must_say_what_it_has_seen(tmp_path):
    with pytest.raises(UserError, match=r"reward_model .* has no manifest\.json"):
        required_manifest(tmp_path, "reward_model")
    write_manifest(tmp_path, Manifest(contracts=(contract_entry(EXAM),), cases=()))
    (tmp_path / "judge.toml").write_text('kind = "local"\nbase = "x"\nadapter = "."\n')
    (tmp_path / "other.toml").write_text('kind = "echo"\n')
    (seen,) = seen_by(["judge", "other", "unknown"], tmp_path)
    assert seen.title == EXAM.id


def test_mixed_rows_and_synthetic_questions_reach_the_meta(tmp_path, smollm2, sample):
    mine = tmp_path / "mine.jsonl"
    row = {
        "prompt": [{"role": "user", "content": prose(4)}],
        "completion": [{"role": "assistant", "content": prose(5)}],
    }
    mine.write_text(json.dumps(row) + "\n")
    train = [c for c in sample.cases if c.contract.id not in sample.test_contracts]
    case = next(c for c in train if c.answerable)
    pair = {"context": case.contract.text[:400], "seed_question": case.question,
            "question": prose(6), "answer": case.spans[0].text, "contract": case.contract.id,
            "category": case.category, "start": case.spans[0].start, "kind": "new"}  # fmt: skip
    synthetic = tmp_path / "synthetic.jsonl"
    synthetic.write_text(json.dumps(pair) + "\n")
    output = tmp_path / "sft.jsonl"
    line = ["--n", "12", "--most-passages", "1", "--mix", str(mine), "--mix-share", "0.1",
            "--synthetic", str(synthetic), "--output", str(output)]  # fmt: skip
    assert make_data(line) == 0
    found = read_meta(output)
    assert [each.title for each in found.beside] == [f"--mix {mine}", f"--synthetic {synthetic}"]
    exam = Case("x", "x", Contract("mixed", f"{prose(4)}\n{prose(5)}"), "c", "Q?", ())
    assert find_leaks([exam], Manifest(contracts=found.beside, cases=()))


def test_a_synthetic_question_that_repeats_the_exam_is_refused(tmp_path, smollm2, sample, capsys):
    train = [c for c in sample.cases if c.contract.id not in sample.test_contracts]
    case = next(c for c in train if c.answerable)
    exam = next(c for c in sample.cases if c.contract.id in sample.test_contracts).contract
    pair = {"context": case.contract.text[:400], "seed_question": case.question,
            "question": exam.text[500:900], "answer": case.spans[0].text,
            "contract": case.contract.id, "category": case.category,
            "start": case.spans[0].start, "kind": "new"}  # fmt: skip
    synthetic = tmp_path / "synthetic.jsonl"
    synthetic.write_text(json.dumps(pair) + "\n")
    line = ["--n", "8", "--synthetic", str(synthetic), "--output", str(tmp_path / "sft.jsonl")]
    assert make_data(line) == 4
    error = capsys.readouterr().err
    assert str(synthetic) in error and exam.id in error


def test_what_stands_beside_and_what_the_base_has_seen_reach_the_manifest(one_thread, tmp_path):
    base, folder = make_base(tmp_path / "base"), write_data(tmp_path)
    write_manifest(base, Manifest(contracts=(contract_entry(EXAM),), cases=("f" * 64,)))
    mixed = text_entries("--mix x", [prose(4)])
    write_meta(folder / "sft.jsonl", meta(beside=mixed))
    places = [f"--{name}={folder / name}" for name in ("registry", "adapters", "runs")]
    recipe = write_recipe(folder, base, training={"max_steps": 1})
    assert run_command(method_named("sft"), [str(recipe), *places]) == 0
    manifest = read_manifest(folder / "adapters" / "tiny")
    titles = {each.title for each in manifest.contracts}
    assert {"--mix x", EXAM.id, "Contract 0"} <= titles
    assert "f" * 64 in manifest.cases


@pytest.fixture(scope="module")
def leaky(one_thread, tmp_path_factory):
    """An adapter of one step, into whose rows a contract of the exam was mixed."""
    folder = write_data(tmp_path_factory.mktemp("leaky"))
    mixed = text_entries("--mix x", [prose(7), EXAM.text, prose(8)])
    write_meta(folder / "sft.jsonl", meta(beside=mixed))
    places = [f"--{name}={folder / name}" for name in ("registry", "adapters", "runs")]
    recipe = write_recipe(folder, make_base(folder / "base"), training={"max_steps": 1})
    assert run_command(method_named("sft"), [str(recipe), *places]) == 0
    return folder


def next_manifest(folder, method, data=None, **recipe):
    """What is written beside the next adapter, on the same base, whose own data are clean."""
    path = write_recipe(folder, folder / "base", name="next", **recipe)
    found = read_recipe(path)
    chat = open_chat(found, folder / "registry")
    origin = take_origin(found, chat, data or meta())
    loaded = Loaded(method_named(method), found, folder, chat, None, (), origin)
    return manifest_of(loaded, Checkpoint(folder, {"global_step": 1, "log_history": []}))


def by_pairs(folder, *gathered):
    options = SimpleNamespace(command="python -m training.preferences", seed=0)
    data = describe(options, Prompts((), meta(), ()), gathered)
    return next_manifest(folder, "dpo", data)


def corrected(folder):
    return by_pairs(folder, Gathered((), beside=text_entries("--feedback f", [EXAM.text])))


def answered_by_the_leaky_one(folder):
    return by_pairs(folder, Gathered((), beside=seen_by(["tiny"], folder / "registry")))


def asked_of_the_exam(folder):
    return by_pairs(folder, Gathered((), cases=CASES[:1]))


DOORS = {
    "mixed in": lambda folder: read_manifest(folder / "adapters" / "tiny"),
    "pairs that people corrected": corrected,
    "pairs of a model that had seen it": answered_by_the_leaky_one,
    "pairs on its questions": asked_of_the_exam,
    "the reward model": lambda folder: next_manifest(
        folder, "ppo", reward_model=str(folder / "adapters" / "tiny")
    ),
    "the adapter to start from": lambda folder: next_manifest(folder, "dpo", adapter="tiny"),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_contract_of_the_exam_is_found_by_whatever_door_it_came(leaky, tmp_path, door):
    """In the manifest as it is read back from the disk; one that is clean finds none."""
    write_manifest(tmp_path, DOORS[door](leaky))
    (leak,) = find_leaks(CASES, read_manifest(tmp_path))
    assert leak.exam_contract == EXAM.id and leak.containment > 0.9
    assert find_leaks(CASES, next_manifest(leaky, "dpo")) == ()


def test_one_module_makes_and_reads_what_a_manifest_says():
    """Whoever builds an entry, or reads a manifest to hand it on, goes through lineage."""
    training = {path for path in users("models.manifest.contract_entry") if "training" in path}
    assert training == {"training/data/lineage.py"}
    readers = {path for path in users("models.manifest.read_manifest") if "training" in path}
    assert readers == {
        "training/data/lineage.py",
        "training/benchmark/__main__.py",  # shows them
        "training/benchmark/page.py",
        "training/loop/done.py",  # whether a step that was cut off delivered it
        "training/loop/lineage.py",  # shows them
        "training/optimize/delivery.py",  # whose program lies where one is to be
        "training/outcome/cost.py",  # of a job, known when it has ended
        "training/sagemaker/artifacts.py",  # whether what came back has one
    }
    assert {path for path in users("models.manifest.write_manifest") if "training" in path} == {
        "training/optimize/delivery.py",  # of a program, which is no adapter
        "training/outcome/cost.py",
        "training/outcome/delivery.py",
    }
    assert "training/outcome/account.py" in users("training.data.lineage.join_entries")
    for maker in (
        "training/data/__main__.py",
        "training/preferences/__main__.py",
        "training/synthesize/__main__.py",
    ):
        assert maker in users("training.data.lineage.seen_by", "training.data.material.refuse_exam")
