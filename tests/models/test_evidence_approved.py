"""Approvals in a pack: by whom, whether they may, and that a changed file is found every time."""

import json
from dataclasses import replace

import pytest

from models.evidence import main
from models.promote import main as promote
from models.promotion.record.file import read_lines
from models.promotion.record.people import Person
from models.promotion.signatures.signing import public_fingerprint
from tests.models.test_approve import GLASS, asking, rewrite, typed
from tests.models.test_evidence import (
    files_of,
    flipped,
    refusal,
    relisted,
    unmade,
    verified,
    written,
)
from tests.models.test_promote import options
from tests.models.test_signing import make_key

__all__ = ["typed"]  # a fixture


@pytest.fixture
def place(tmp_path):
    return asking(tmp_path / "place")


def packed_by(place, name, *words):
    out = place.folder.parent / f"{name}.zip"
    assert main([name, *options(place), f"--out={out}", *words]) == 0
    return out


def test_a_pack_says_who_approved(place, typed, capsys):
    assert typed(place, "bob", "b", "--by=Bob") == 0
    assert typed(place, "examiner", "b", command=promote) == 0
    pack = packed_by(place, "b")
    capsys.readouterr()
    assert main(["--verify", str(pack)]) == 0
    shown = capsys.readouterr().out
    assert "3 lines of the record, unbroken; line 3 of 2099-02-01T12:00:00Z promotes b" in shown
    assert "holds: approved by Bob (line 2); the policy asked for 1" in shown


@pytest.mark.parametrize(
    ("number", "changes", "says"),
    [
        (2, {"expires": "2099-01-01T00:00:00Z"}, "stands on approvals or conditions"),
        (2, {"who": Person("examiner")}, "stands on approvals or conditions"),
        (2, {"report": "9" * 64}, "stands on approvals or conditions"),
        (2, {"kind": "withdrawal", "expires": None}, "stands on approvals or conditions"),
        (3, {"approval": None}, "was not asked the 1 approvals of its policy"),
        (3, {"examined_by": (Person("eve"),)}, "says that others examined than ledger does"),
    ],
)
def test_who_writes_the_record_anew_is_found_without_a_key(
    place, typed, capsys, number, changes, says
):
    """With every hash as it must be, and the pack made of it by the product itself."""
    assert typed(place, "bob", "b", "--by=Bob") == 0
    assert typed(place, "examiner", "b", command=promote) == 0
    if "examined_by" in changes:
        changes = {"approval": replace(read_lines(place.folder)[-1].approval, **changes)}
    rewrite(place, number, **changes)
    assert says in unmade(capsys, place, "b")


def test_a_broken_glass_is_said_and_is_a_warning(place, typed, capsys):
    assert typed(place, "eve", "b", GLASS, command=promote) == 0
    pack = packed_by(place, "b")
    assert json.loads(files_of(pack)["statement.json"])["predicate"]["result"] == "WARNED"
    capsys.readouterr()
    assert main(["--verify", str(pack)]) == 0
    assert "b was promoted by break-glass of eve: the server of" in capsys.readouterr().out


def test_a_file_that_no_check_reads_is_in_no_pack(place, typed, tmp_path, capsys):
    assert typed(place, "bob", "b", "--by=Bob") == 0
    assert typed(place, "examiner", "b", command=promote) == 0
    files = files_of(packed_by(place, "b"))
    for name in ("read.me", "exam/other.json", "ledger/x.txt", "model/x", "record/x"):
        path = written(tmp_path / "x.zip", relisted({**files, name: b"{}"}))
        assert f"{name} is no file of a pack" in refusal(capsys, path)
    run = {f"exam/sealed/run/{name}": b"{}" for name in ("report.json", "report.sha256")}
    path = written(tmp_path / "x.zip", relisted({**files, **run}))
    assert "is of no exam that the promotion stands on" in refusal(capsys, path)


@pytest.fixture
def signed(tmp_path, typed):
    """Everything that can be signed is (approval, promotion, ledger, pack), and by whom."""
    pytest.importorskip("model_signing.signing", reason="model-signing is not installed")
    (bob, of_bob), (release, public) = (make_key(tmp_path / who) for who in ("bob", "release"))
    people = f'[approval.people]\nbob = "{public_fingerprint(of_bob)}"'
    place = asking(tmp_path / "place", f"needed = 1\n{people}")
    assert promote([f"--sign-ledger={release}", *options(place)]) == 0
    assert typed(place, "bob", "b", "--by=bob", f"--sign={bob}") == 0
    assert typed(place, "eve", "b", f"--sign={release}", command=promote) == 0
    return packed_by(place, "b", f"--sign={release}"), public, of_bob


def test_every_signature_is_checked_by_whose_it_must_be(signed, capsys):
    pack, public, other = signed
    names = {name for name in files_of(pack) if name.startswith("record/signatures/")}
    assert len(names) == 5 and len([name for name in names if "/keys/" in name]) == 1
    capsys.readouterr()
    assert main(["--verify", str(pack)]) == 0
    shown = capsys.readouterr().out
    assert "signatures of 1 lines that people said hold: by bob" in shown
    assert "NOT CHECKED: 3 signatures of promotions and exams: give --key PUBLIC" in shown
    assert main(["--verify", str(pack), f"--key={other}", f"--key={public}"]) == 0
    shown = capsys.readouterr().out
    assert "signatures of 1 promotions hold" in shown
    assert "signatures on 2 files of the ledger hold: they vouch for 2 of 2" in shown
    assert "approved by bob (line 2)" in shown
    assert "is by another key" in refusal(capsys, pack, f"--key={other}")


def test_a_changed_or_dropped_file_of_record_or_ledger_is_found(signed, tmp_path, capsys):
    """The list is made anew each time. With the key all are found.

    Without it, and the pack's own signatures taken out, all but what only the key can check: the
    signatures of a promotion and of the ledger's files, which an approval's are not.
    """
    pack, public, _ = signed
    files, passed, tried = files_of(pack), set(), 0
    for name in files:
        if name.startswith(("record/", "ledger/", "policy.toml")):
            dropped = {each: data for each, data in files.items() if each != name}
            for kept in ({**files, name: flipped(files[name])}, dropped):
                path, tried = written(tmp_path / "x.zip", relisted(kept)), tried + 1
                refusal(capsys, path, f"--key={public}")
                if verified(written(path, relisted(kept, signed=False))) == 0:
                    passed.add((name.partition("-")[0], name in kept))
    assert tried == 22
    assert passed == {
        ("record/signatures/0003.json.sig", True),
        ("ledger/20260101", True), ("ledger/20260101", False),
        ("ledger/20260105", True), ("ledger/20260105", False),
    }  # fmt: skip
