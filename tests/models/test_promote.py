"""Promotion from the command line: what is refused, and what survives a crash or a rival."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from common.identity import file_digest
from evals.gate import read_gate
from models.promote import main
from models.promotion.champion import read_anchor, read_champion
from models.promotion.record.file import read_records
from tests.builders.promotion_data import (
    dynasty,
    excuse,
    identity_of,
    make_place,
    promoted,
    write_report,
)
from tests.conftest import ROOT


def options(place):
    return [
        f"--folder={place.folder}",
        f"--registry={place.registry}",
        f"--runs={place.runs}",
    ]


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path, "a", "b", "c")


def files(place):
    found = [p for p in place.folder.rglob("*") if p.is_file() and p.suffix != ".lock"]
    return {path: path.read_bytes() for path in found}


def refused(capsys, place, *words, code=1):
    """The one line that a command is refused with; nothing may have changed."""
    before = files(place)
    capsys.readouterr()
    assert main([*words, *options(place)]) == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.endswith("\n")
    assert error.startswith("REFUSED: " if code == 1 else "ERROR: ")
    assert files(place) == before
    return error


def test_one_examined_while_in_service_and_rolled_back_is_told_to_be_examined(place, capsys):
    dynasty(place, "a", "b")
    why = ["b is in service"]
    write_report(place, "b", id_="20260105-000000-aaaa", outcome="PASS", reasons=why)
    assert main(["--rollback", *options(place)]) == 0
    error = refused(capsys, place, "b")
    assert error.endswith("b is in service; type `pytest evals --model b --baseline champion`\n")


def test_the_first_champion(place, capsys):
    report = write_report(place, "a")
    assert main(["a", *options(place)]) == 0
    assert "champion: a (promotion 1" in capsys.readouterr().out
    (record,) = read_records(place.folder)
    assert record.identity == identity_of(place, "a")
    assert (record.previous, record.anchor.model, record.verdict) == (None, "a", "PROMOTE")
    assert record.report.sha256 == file_digest(report)
    assert (record.code.commit, record.code.dirty) == ("c0ffee", False)
    assert (record.dataset.name, record.dataset.split) == ("data", "test")
    assert record.gate == read_gate(place.registry.parent / "gate.toml").identity
    written = json.loads(report.read_text())["summary"][0]["estimates"]["token_f1"]
    assert record.statistics["estimates"]["token_f1"] == written
    assert record.statistics["checks"][0]["outcome"] == "PASS"
    assert record.parts.prompt and record.parts.decoding and not record.parts.adapter
    assert main(["--verify", *options(place)]) == 0


def test_a_successor_names_who_was_before(place):
    last = dynasty(place, "a", "b")
    assert (last.previous.model, last.previous.identity) == ("a", identity_of(place, "a"))
    assert last.anchor.model == "a"


def test_a_recorded_model_needs_no_entry(place):
    answers = place.folder.parent / "answers.jsonl"
    answers.write_text('{"question": "q", "answer": "a"}\n')
    name = f"recorded:{answers}"
    excuse(place, name)
    write_report(place, name)
    assert main([name, *options(place)]) == 0
    assert read_champion(place.folder).identity == identity_of(place, name)
    write_report(place, "a", against=name, id_="20260102-000000-aaaa")
    assert main(["a", *options(place)]) == 0


def test_who_did_not_pass_is_refused(place, capsys):
    write_report(place, "a", outcome="REJECT", reasons=["token_f1 fell\nby 0.1", "laziness rose"])
    error = refused(capsys, place, "a")
    assert "says REJECT of a: token_f1 fell by 0.1; laziness rose" in error


def test_who_was_not_examined_is_refused(place, capsys):
    assert "a was not examined; type `pytest evals --model a" in refused(capsys, place, "a")
    path = write_report(place, "b")
    assert "a was not examined" in refused(capsys, place, "a", f"--report={path}")


def test_who_was_only_the_baseline_is_refused(place, capsys):
    dynasty(place, "a")
    path = write_report(place, "b", against="a", id_="20260102-000000-aaaa", outcome="REJECT")
    assert "has a, but no verdict on it" in refused(capsys, place, "a", f"--report={path}")


def test_the_last_exam_counts_not_the_best(place, capsys):
    write_report(place, "a", id_="20260101-000000-aaaa")
    last = write_report(place, "a", id_="20260102-000000-aaaa", outcome="REJECT")
    write_report(place, "b", id_="20260103-000000-aaaa")
    (place.runs.parent / "latest").symlink_to(place.runs / "20260101-000000-aaaa")
    assert f"{last} says REJECT" in refused(capsys, place, "a")


def test_a_report_serves_once(place, capsys):
    dynasty(place, "a", "b")
    assert main(["--rollback", *options(place)]) == 0
    assert "served promotion 2 already" in refused(capsys, place, "b")


def test_another_prompt_under_the_old_name_is_refused(place, capsys):
    write_report(place, "a")
    path = place.registry / "a.toml"
    path.write_text(path.read_text().replace("I am a.", "I am better."))
    assert "weights, prompt or decoding changed under the old name" in refused(capsys, place, "a")


def make_adapter(folder, seed):
    import numpy as np
    from safetensors.numpy import save_file

    base, adapter = folder / "base", folder / "adapter"
    draw = np.random.default_rng(seed)
    for each in (base, adapter):
        each.mkdir(exist_ok=True)
    if not (base / "config.json").exists():
        (base / "config.json").write_text('{"model_type": "llama"}')
        (base / "tokenizer.json").write_text("{}")
        save_file({"q.weight": np.zeros((4, 4), np.float32)}, base / "model.safetensors")
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "manifest.json").write_text('{"contracts": [], "cases": []}')
    tensors = {
        f"base_model.model.q.lora_{part}.weight": draw.normal(size=size).astype(np.float32)
        for part, size in (("A", (2, 4)), ("B", (4, 2)))
    }
    save_file(tensors, adapter / "adapter_model.safetensors")
    return adapter


def add_adapter(place, name, seed=1):
    folder = place.folder.parent / f"weights-{name}"
    folder.mkdir(exist_ok=True)
    adapter = make_adapter(folder, seed)
    (place.registry / f"{name}.toml").write_text(
        f'kind = "local"\nbase = "../{folder.name}/base"\nadapter = "../{folder.name}/adapter"\n'
        f'manifest = "{file_digest(adapter / "manifest.json")}"\n'
    )
    return adapter


def test_an_adapter_is_recorded_by_its_parts(place):
    adapter = add_adapter(place, "tuned")
    record = dynasty(place, "tuned")
    digests = [record.parts.base, record.parts.adapter, record.parts.tokenizer]
    assert all(len(each) == 64 for each in digests) and len(set(digests)) == 3
    assert record.manifest == file_digest(adapter / "manifest.json")


def test_a_retrained_adapter_is_refused(place, capsys):
    adapter = add_adapter(place, "tuned")
    write_report(place, "tuned")
    make_adapter(adapter.parent, seed=2)
    error = refused(capsys, place, "tuned")
    assert "changed under the old name" in error and "report.json examined" in error
    make_adapter(adapter.parent, seed=1)
    assert main(["tuned", *options(place)]) == 0


def test_a_champion_retrained_in_place_is_found_by_verify_and_by_rollback(place, capsys):
    adapter = add_adapter(place, "tuned")
    dynasty(place, "tuned")
    make_adapter(adapter.parent, seed=2)
    assert "tuned is not what promotion 1 recorded" in refused(capsys, place, "--verify")
    make_adapter(adapter.parent, seed=1)
    write_report(place, "a", against="tuned", id_="20260102-000000-aaaa")
    assert main(["a", *options(place)]) == 0
    make_adapter(adapter.parent, seed=2)
    assert "tuned is not what promotion 1 recorded" in refused(capsys, place, "--rollback")


def test_a_champion_that_is_not_here_is_said_not_checked(place, capsys):
    dynasty(place, "a")
    (place.registry / "a.toml").unlink()
    assert main(["--verify", *options(place)]) == 0
    assert "not checked whether a is still what was promoted" in capsys.readouterr().out


def test_a_changed_or_missing_gate_is_refused(place, capsys):
    write_report(place, "a")
    gate = place.registry.parent / "gate.toml"
    gate.write_text(gate.read_text() + "# looser\n")
    assert "gate.toml was changed since the exam" in refused(capsys, place, "a")
    gate.unlink()
    assert "gate.toml of the exam is not there" in refused(capsys, place, "a")


def test_somebody_else_was_promoted_in_between(place, capsys):
    dynasty(place, "a")
    path = write_report(place, "c", against="a", id_="20260103-000000-aaaa")
    write_report(place, "b", against="a", id_="20260102-000000-aaaa")
    promoted("b", place)
    error = refused(capsys, place, "c", f"--report={path}")
    assert "compared c with a (" in error and "the champion is now b (" in error


def test_an_exam_without_the_champion_is_refused(place, capsys):
    write_report(place, "b", id_="20260102-000000-aaaa")
    dynasty(place, "a")
    assert "compared b with no champion, but the champion is now a" in refused(capsys, place, "b")


def test_an_exam_against_a_champion_that_is_none_is_refused(place, capsys):
    write_report(place, "b", against="a")
    assert "the champion is now no champion" in refused(capsys, place, "b")


def test_an_exam_against_another_anchor_is_refused(place, capsys):
    dynasty(place, "a", "b")
    write_report(place, "c", against="b", id_="20260103-000000-aaaa")
    assert "compared c with the anchor b (" in refused(capsys, place, "c")


def test_the_champion_is_not_promoted_twice(place, capsys):
    dynasty(place, "a")
    assert "a is the champion already" in refused(capsys, place, "a")
    write_report(place, "a", id_="20260103-000000-aaaa", outcome="PASS", reasons=["it still holds"])
    assert "a is the champion already" in refused(capsys, place, "a")


def test_rollback_twice_and_no_further(place, capsys):
    assert "no champion yet" in refused(capsys, place, "--rollback")
    dynasty(place, "a", "b", "c")
    for name in ("b", "a"):
        assert main(["--rollback", *options(place)]) == 0
        assert read_champion(place.folder).model == name
    assert "a is the first champion" in refused(capsys, place, "--rollback")
    assert [(r.kind, r.previous.model) for r in read_records(place.folder)[3:]] == [
        ("rollback", "c"),
        ("rollback", "b"),
    ]


def test_history_shows_who_when_and_the_numbers(place, capsys):
    assert main(["--history", *options(place)]) == 0
    assert capsys.readouterr().out == "no promotion yet\n"
    dynasty(place, "a", "b")
    main(["--rollback", *options(place)])
    capsys.readouterr()
    assert main(["--history", *options(place)]) == 0
    shown = capsys.readouterr().out
    for word in ("promotion", "rollback", "PROMOTE", "0.867", identity_of(place, "b")[:8]):
        assert word in shown
    assert read_records(place.folder)[0].when[:10] in shown


def test_verify_names_a_line_that_was_tampered_with(place, capsys):
    dynasty(place, "a", "b")
    path = place.folder / "promotions.jsonl"
    path.write_text(path.read_text().replace('"verdict":"PROMOTE"', '"verdict":"REJECT"', 1))
    for words in (["--verify"], ["--rollback"], ["--history"], ["c"]):
        assert "promotions.jsonl, line 1: it does not match" in refused(capsys, place, *words)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: "", "is not JSON"),
        (lambda text: "[" * 100_000, "is not JSON"),
        (lambda text: text.replace('"alpha":0.05', '"alpha":NaN'), "NaN is no number"),
        (lambda text: text.replace('"alpha":0.05', f'"alpha":{"9" * 5000}'), "is not JSON"),
        (lambda text: text.replace('"alpha":0.05', '"alpha":1e999'), "1e999 is no number"),
        (lambda text: text.replace('"verdicts"', '"verdict"'), "verdicts: field required"),
        (lambda text: text.replace("PROMOTE", "MAYBE"), "outcome: input should be"),
    ],
)
def test_a_report_that_is_none_is_one_line(place, capsys, spoil, said):
    path = write_report(place, "a")
    path.write_text(spoil(path.read_text()))
    assert said in refused(capsys, place, "a", code=4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give one of NAME, --rollback"),
        (["a", "--rollback"], "give one of"),
        (["--nonsense"], "unrecognized arguments"),
        (["--rollback", "--report=x"], "--report, --dataset and --override go with NAME"),
        (["--verify", "--sign=x"], "--sign goes with"),
        (["a", "--key=x"], "--key goes with --verify"),
        (["aa"], "did you mean a?"),
        (["a", "--report=nowhere/report.json"], "nowhere/report.json cannot be read"),
    ],
)
def test_usage_mistakes_exit_4(place, capsys, words, said):
    assert said in refused(capsys, place, *words, code=4)


# Kills itself instead of the Nth replacement of a file: between the record and what follows it.
DRIVER = """
import os, signal, sys
at, real, count = int(sys.argv[1]), os.replace, 0
def replace(*paths):
    global count
    count += 1
    if count == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*paths)
os.replace = replace
from models.promote import main
sys.exit(main(sys.argv[2:]))
"""


def run(*words, code=DRIVER, **more):
    return subprocess.Popen(
        [sys.executable, "-u", *(["-c", code] if code else ["-m", "models.promote"]), *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def whole(place):
    entries = {p.stem: p.read_text() for p in place.registry.glob("*.toml")}
    return {name for name, text in entries.items() if 'status = "champion"' in text}


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("next_call", ["--verify", "--rollback", "c"])
def test_a_kill_between_the_writes_is_completed_by_the_next_call(place, capsys, at, next_call):
    dynasty(place, "a")
    write_report(place, "b", against="a", id_="20260102-000000-aaaa")
    killed = run(str(at), "b", *options(place))
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert [r.model for r in read_records(place.folder)] == ["a", "b"]
    assert (read_champion(place.folder).model == "a") == (at == 1)
    write_report(place, "c", against="b", anchor="a", id_="20260103-000000-aaaa")
    assert main([next_call, *options(place)]) == 0
    said = capsys.readouterr().out
    assert ("champion.toml leads to b, promotion 2" in said) == (at == 1)
    assert f"{'b'}.toml: status is champion" in said
    champion = {"--verify": "b", "--rollback": "a", "c": "c"}[next_call]
    assert read_champion(place.folder).model == champion
    assert whole(place) == {champion}


@pytest.mark.parametrize(("at", "back"), [(1, "b"), (2, "a")])
def test_a_rollback_typed_again_after_a_kill_goes_back_once(place, capsys, at, back):
    """Killed before the pointer followed (1) it is completed; after it (2) it was one."""
    dynasty(place, "a", "b", "c")
    killed = run(str(at), "--rollback", *options(place))
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert main(["--rollback", *options(place)]) == 0
    assert ("begun before, and is done now" in capsys.readouterr().out) == (at == 1)
    assert read_champion(place.folder).model == back and whole(place) == {back}
    assert main(["--verify", *options(place)]) == 0


def test_a_kill_before_the_record_promotes_nothing(place):
    dynasty(place, "a")
    write_report(place, "b", against="a", id_="20260102-000000-aaaa")
    code = DRIVER.replace("os.replace = replace", "os.fsync = lambda file: replace() or 1 / 0")
    killed = run("1", "b", *options(place), code=code)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    path = place.folder / "promotions.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert main(["--verify", *options(place)]) == 0
    assert [r.model for r in read_records(place.folder)] == ["a"]
    assert read_champion(place.folder).model == "a"
    assert main(["b", *options(place)]) == 0


@pytest.mark.parametrize("words", [("b",), ("--verify",), ("--rollback",)])
def test_a_registry_beside_another_record_keeps_its_statuses(tmp_path, capsys, words):
    """A copy of the record elsewhere, with the registry that stayed where it was."""
    place = make_place(tmp_path, "a", "b")
    dynasty(place, "a")
    for file in ("champion.toml", "promotions.jsonl"):
        shutil.copy(place.folder / file, place.registry.parent)
    write_report(place, "b", against="a", id_="20260105-000000-aaaa")
    before = {path: path.read_bytes() for path in place.registry.iterdir()}
    assert "belongs to the record of" in refused(capsys, place, *words)
    assert before == {path: path.read_bytes() for path in place.registry.iterdir()}


def test_of_two_promotions_at_once_the_second_is_refused(place):
    dynasty(place, "a")
    for name in ("b", "c"):
        write_report(place, name, against="a", id_=f"2026010{ord(name) - 96}-000000-aaaa")
    with FileLock(place.folder / ".promotions.lock"):
        rivals = {name: run(name, *options(place), code=None) for name in ("b", "c")}
        for rival in rivals.values():
            assert "waiting" in rival.stdout.readline()
        assert len(read_records(place.folder)) == 1
    ends = {
        name: (rival.communicate(timeout=60), rival.returncode) for name, rival in rivals.items()
    }
    assert sorted(code for _, code in ends.values()) == [0, 1]
    winner = read_champion(place.folder).model
    loser = "c" if winner == "b" else "b"
    assert ends[winner][1] == 0
    (_, error), _ = ends[loser]
    assert f"compared {loser} with a (" in error and f"the champion is now {winner}" in error
    assert [r.model for r in read_records(place.folder)] == ["a", winner]


def test_a_chain_of_small_losses_ends_at_the_anchor(place):
    """Three promotions, none of which improves: the exam keeps comparing with the first."""
    dynasty(place, "a", "b", "c")
    assert read_anchor(place.folder).model == "a"
    assert {r.anchor.model for r in read_records(place.folder)} == {"a"}


def test_verifying_a_thousand_promotions_is_quick(place):
    from dataclasses import replace

    from models.promotion.record.file import append
    from models.promotion.record.line import chained

    records = [dynasty(place, "a")]
    for _ in range(1000):
        records.append(chained(records, replace(records[0], report=None)))
    (place.folder / "promotions.jsonl").write_bytes(b"".join(r.line + b"\n" for r in records))
    started = time.process_time()
    assert len(read_records(place.folder)) == 1001
    assert time.process_time() - started < 3
    append(place.folder, chained(records, records[0]))
    row = json.loads((place.folder / "promotions.jsonl").read_bytes().splitlines()[-1])
    assert row["number"] == 1002
