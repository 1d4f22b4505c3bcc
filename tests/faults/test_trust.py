"""Promotions that believed a file, a note or a link where they could look."""

import os
import shutil
import subprocess
import sys

import pytest

from common.identity import file_digest
from models.manifest import FILE, Manifest, write_manifest
from models.promote import main
from models.promotion.record.file import read_records
from tests.builders.promotion_data import dynasty, identity_of, make_place, seal, write_report
from tests.builders.promotion_data import edit as edit_report
from tests.conftest import ROOT

ID, NEXT = "20260105-000000-aaaa", "20260106-000000-aaaa"


@pytest.fixture
def place(tmp_path):
    """A champion a, and b and c that would follow."""
    place = make_place(tmp_path, "a", "b", "c")
    dynasty(place, "a")
    return place


def command(place, *words):
    return main([*words, f"--folder={place.folder}", f"--registry={place.registry}",
                 f"--runs={place.runs}"])  # fmt: skip


def refused(place, capsys, *words):
    """The one line of a refusal, after which the record is what it was."""
    before = read_records(place.folder)
    capsys.readouterr()
    assert command(place, *words) == 1
    assert read_records(place.folder) == before
    (line,) = capsys.readouterr().err.splitlines()
    return line


def edit(path, change, *, sealed=True):
    """By hand; whoever edits a report can also write its seal anew."""
    edit_report(path, change)
    if sealed:
        seal(path)


def set_outcome(value):
    return lambda written: written["verdicts"][0].update(outcome=value)


def set_check(**changes):
    return lambda written: written["verdicts"][0]["checks"][0].update(changes)


NO_BOUNDS = {"mean": 0.61, "low": None, "high": None, "n": 1, "clusters": 1}


@pytest.mark.fault("TRUST-1")
@pytest.mark.parametrize(
    "change",
    [
        set_check(outcome="FAIL"),
        set_check(outcome="INCONCLUSIVE"),
        set_check(estimate=NO_BOUNDS),
        set_check(estimate=None, metric="leakage", against="its training data"),
        lambda written: written["verdicts"][0].update(checks=[]),
        lambda written: written["verdicts"][0].update(improves_anchor=True),
        lambda written: written["summary"][0]["estimates"]["token_f1"].update(mean=0.9),
        lambda written: written["provenance"].update(dirty=True),
        lambda written: written["provenance"].update(commit=None),
        lambda written: written["dataset"].update(split="train"),
        lambda written: written["dataset"].update(split="all"),
        lambda written: written.update(id="20990105-000000-aaaa"),
    ],
)
def test_a_report_that_does_not_hold_is_refused(place, capsys, change):
    def leaves_one_check(written):
        del written["verdicts"][0]["checks"][1:]
        change(written)

    path = write_report(place, "b", against="a", id_=ID)
    edit(path, leaves_one_check)
    refused(place, capsys, "b")


@pytest.mark.fault("TRUST-1")
def test_a_rejection_that_was_edited_is_refused(place, capsys):
    fell = {"metric": "token_f1", "against": "champion a", "outcome": "FAIL", "reason": "worse",
            "estimate": None}  # fmt: skip
    path = write_report(place, "b", against="a", id_=ID, outcome="REJECT", checks=[fell])
    edit(path, set_outcome("PROMOTE"), sealed=False)
    refused(place, capsys, "b")
    seal(path)
    assert "says FAIL" in refused(place, capsys, "b")


@pytest.mark.fault("TRUST-1")
def test_any_edit_of_what_the_exam_wrote_is_noticed(place, capsys):
    path = write_report(place, "b", against="a", id_=ID)
    edit(path, lambda written: written["summary"][0].update(cases=101), sealed=False)
    assert "when it ended" in refused(place, capsys, "b")


@pytest.mark.fault("TRUST-1")
def test_a_report_serves_one_model_once(place, capsys):
    write_report(place, "b", beside=["c"], against="a", id_=ID)
    assert command(place, "b") == 0
    assert command(place, "--rollback") == 0
    assert "served promotion 2" in refused(place, capsys, "b")
    assert "served promotion 2" in refused(place, capsys, "c")


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    """A tiny base with an adapter."""
    from tests.builders.training_data import make_base
    from tests.conftest import make_adapter

    folder = tmp_path_factory.mktemp("adapted")
    base = make_base(folder / "base")
    make_adapter(folder / "adapter", base, 1)
    return folder


@pytest.fixture
def tuned(place, adapted, tmp_path, monkeypatch):
    """The folder of a model `x` of the place: base and adapter, with a manifest."""
    monkeypatch.setenv("BAR_EXAM_CACHE", str(tmp_path / "cache"))
    folder = shutil.copytree(adapted, tmp_path / "tuned")
    manifest = write_manifest(folder / "adapter", Manifest(contracts=(), cases=()))
    (place.registry / "x.toml").write_text(
        f'kind = "local"\nbase = "{folder}/base"\nadapter = "{folder}/adapter"\ndtype = "float32"\n'
        f'manifest = "{file_digest(manifest)}"\n'
    )
    return folder


def rewritten(file):
    """Other bytes of the same length in the same file, with the old time."""
    state, data = file.stat(), bytearray(file.read_bytes())
    data[-64:] = bytes(64)
    with file.open("r+b") as opened:
        opened.write(data)
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.fault("TRUST-2")
@pytest.mark.parametrize("file", ["adapter/adapter_model.safetensors", "base/model.safetensors"])
def test_weights_changed_in_place_with_their_time_restored_are_found(place, capsys, tuned, file):
    write_report(place, "x", against="a", id_=ID)
    assert command(place, "x") == 0
    rewritten(tuned / file)
    assert "x is not what promotion 2 recorded" in refused(place, capsys, "--verify")


@pytest.mark.fault("TRUST-3")
def test_a_manifest_exchanged_between_exam_and_promotion_is_found(place, capsys, tuned):
    write_report(place, "x", against="a", id_=ID)
    (tuned / "adapter" / FILE).unlink()
    assert "x is not what" in refused(place, capsys, "x")


@pytest.mark.fault("TRUST-3")
@pytest.mark.parametrize("words", [["--verify"], ["--rollback"]])
def test_a_manifest_exchanged_after_the_promotion_is_found(place, capsys, tuned, words):
    write_report(place, "x", against="a", id_=ID)
    assert command(place, "x") == 0
    if words == ["--rollback"]:
        write_report(place, "b", against="x", anchor="a", id_=NEXT)
        assert command(place, "b") == 0
    write_manifest(tuned / "adapter", Manifest(contracts=(), cases=("f" * 64,)))
    assert "x is not what promotion 2 recorded" in refused(place, capsys, *words)


@pytest.mark.fault("TRUST-4")
def test_an_exam_that_ended_before_the_link_moved_decides(place, capsys):
    good = write_report(place, "b", against="a", id_=ID)
    (place.runs.parent / "latest").symlink_to(good.parent)
    write_report(place, "b", against="a", id_=NEXT, outcome="REJECT", reasons=["it fell"])
    assert "it fell" in refused(place, capsys, "b")


@pytest.mark.fault("TRUST-4")
def test_an_exam_that_did_not_end_decides(place, capsys):
    good = write_report(place, "b", against="a", id_=ID)
    (place.runs.parent / "latest").symlink_to(good.parent)
    write_report(place, "b", against="a", id_=NEXT).with_name("report.sha256").unlink(
        missing_ok=True
    )
    assert NEXT in refused(place, capsys, "b")


@pytest.mark.fault("TRUST-5")
@pytest.mark.parametrize("outcome", ["REJECT", "INCONCLUSIVE", "PROMOTE"])
def test_an_older_report_is_refused_by_name(place, capsys, outcome):
    good = write_report(place, "b", against="a", id_=ID)
    write_report(place, "b", against="a", id_=NEXT, outcome=outcome)
    assert "not the last exam of b" in refused(place, capsys, "b", f"--report={good}")


@pytest.mark.fault("TRUST-5")
def test_an_older_report_is_not_made_newer_by_its_id(place, capsys):
    good = write_report(place, "b", against="a", id_=ID)
    write_report(place, "b", against="a", id_=NEXT, outcome="REJECT")
    edit(good, lambda written: written.update(id="20991231-000000-aaaa"))
    refused(place, capsys, "b", f"--report={good}")


@pytest.mark.fault("TRUST-5")
def test_a_rejection_holds_under_another_name(place, capsys):
    """The same model, renamed before its last exam."""
    shutil.copy(place.registry / "b.toml", place.registry / "d.toml")
    good = write_report(place, "b", against="a", id_=ID)
    write_report(place, "d", against="a", id_=NEXT, outcome="REJECT")
    assert "under the name d" in refused(place, capsys, "b", f"--report={good}")
    assert "under the name d" in refused(place, capsys, "b")


@pytest.mark.fault("TRUST-6")
@pytest.mark.parametrize("kind", ["file", "folder", "link", "broken link"])
def test_what_a_user_keeps_as_latest_is_not_replaced(tmp_path, kind):
    latest = tmp_path / "latest"
    if kind == "file":
        latest.write_text("precious")
    elif kind == "folder":
        latest.mkdir()
    else:
        latest.symlink_to("precious")
        if kind == "link":
            (tmp_path / "precious").write_text("precious")
    before = latest.lstat()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", "--model=echo",
         "--limit=1", "--judge=none", "--retriever=none", f"--store={tmp_path / 's.sqlite'}",
         f"--runs={tmp_path / 'out'}"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 4
    assert (latest.lstat().st_ino, latest.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert not (tmp_path / "s.sqlite").exists() and not (tmp_path / "out").exists()


@pytest.mark.fault("TRUST-7")
def test_an_anchor_that_is_gone_can_be_replaced_on_record(place, capsys):
    from common.errors import UserError
    from models.factory import Chats
    from reports.verdict.opponents import name_opponents, open_with_opponents

    write_report(place, "b", against="a", id_=ID)
    assert command(place, "b") == 0
    (place.registry / "a.toml").unlink()
    opponents = name_opponents("champion", place.folder)
    with pytest.raises(UserError, match=r"models\.promote --anchor NAME --reason TEXT"):
        open_with_opponents(["c"], opponents, place.registry, Chats(place.registry))
    assert command(place, "--anchor=b", "--reason=a was deleted") == 0
    last = read_records(place.folder)[-1]
    assert (last.kind, last.model, last.anchor.model) == ("anchor", "b", "b")
    assert last.reason == "a was deleted"
    assert command(place, "--verify") == 0
    assert command(place, "--history") == 0
    assert "a was deleted" in capsys.readouterr().out
    opponents = name_opponents("champion", place.folder)
    open_with_opponents(["c"], opponents, place.registry, Chats(place.registry))
    write_report(place, "c", against="b", id_=NEXT)
    assert command(place, "c") == 0
    assert command(place, "--rollback") == 0
    assert read_records(place.folder)[-1].anchor.model == "b"


@pytest.mark.fault("TRUST-8")
def test_the_record_names_the_account_of_the_process(place, monkeypatch):
    import pwd

    account = pwd.getpwuid(os.geteuid()).pw_name
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    write_report(place, "b", against="a", id_=ID)
    assert command(place, "b") == 0
    assert account in read_records(place.folder)[-1].who


@pytest.mark.fault("TRUST-9")
@pytest.mark.parametrize("lines", [1, 2])
def test_a_cut_record_without_its_pointer_is_not_believed(place, capsys, lines):
    write_report(place, "b", against="a", id_=ID)
    assert command(place, "b") == 0
    write_report(place, "c", against="b", anchor="a", id_=NEXT)
    assert command(place, "c") == 0
    record = place.folder / "promotions.jsonl"
    record.write_bytes(b"".join(record.read_bytes().splitlines(True)[:lines]))
    (place.folder / "champion.toml").unlink()
    assert "cannot be known" in refused(place, capsys, "--verify")


@pytest.mark.fault("TRUST-9")
def test_a_record_that_is_gone_is_missed(place, capsys):
    (place.folder / "promotions.jsonl").unlink()
    (place.folder / "champion.toml").unlink()
    assert "a is champion" in refused(place, capsys, "--verify")


@pytest.mark.fault("TRUST-9")
def test_a_champion_without_an_entry_leaves_the_record_unknowable(place, capsys):
    """Nothing but the pointer says who follows a model that has no entry."""
    (place.registry / "a.toml").unlink()
    write_report(place, "b", id_=ID)
    (place.folder / "champion.toml").unlink()
    (place.registry / "b.toml").write_text(
        (place.registry / "b.toml").read_text().replace("candidate", "champion")
    )
    assert "cannot be known" in refused(place, capsys, "--verify")
    assert identity_of(place, "b")
