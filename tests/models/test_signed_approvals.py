"""Approvals and the ledger, signed: with model-signing, where it is installed."""

import json
import re
import sys
from dataclasses import replace

import pytest

import models.promotion.approving
import models.promotion.verification
from models.approve import main as approve
from models.promote import main as promote
from models.promotion.ledger.files import begin, ledger_beside, read_ledger
from models.promotion.record.file import read_lines
from models.promotion.record.line import written
from models.promotion.record.people import Person
from models.promotion.signatures.signing import public_fingerprint, signature_file
from tests.builders.promotion_data import dynasty, make_place, write_report
from tests.models.test_approve import asking, refused, rewrite, typed
from tests.models.test_promote import options
from tests.models.test_signing import make_key

__all__ = ["refused", "typed"]  # fixtures


@pytest.fixture
def keys(tmp_path):
    """Pairs of files by whose they are: private and public."""
    pytest.importorskip("model_signing.signing", reason="model-signing is not installed")
    return {who: make_key(tmp_path / who) for who in ("bob", "carol", "release", "ci")}


@pytest.fixture
def place(tmp_path, keys):
    """A policy that knows the keys of bob and carol, and asks for one of them."""
    people = (f'{who} = "{public_fingerprint(keys[who][1])}"' for who in ("bob", "carol"))
    return asking(tmp_path / "place", "\n".join(["needed = 1", "[approval.people]", *people]))


def test_a_key_is_printed_as_the_policy_takes_it(keys, capsys):
    for key in keys["bob"]:
        assert approve([f"--fingerprint={key}"]) == 0
        assert capsys.readouterr().out.strip() == public_fingerprint(keys["bob"][1])
    assert approve(["--fingerprint=nowhere.pem"]) == 4
    assert "nowhere.pem cannot be read" in capsys.readouterr().err


def test_a_name_is_its_key(place, keys, typed, refused, capsys):
    bob, carol = keys["bob"][0], keys["carol"][0]
    assert "lists bob, carol, and not dora" in refused(place, "dora", "b", "--by=dora")
    assert "lists bob, carol, and not Bob" in refused(place, "bob", "b", "--by=Bob")
    assert "bob signs, by the policy; add --sign KEY" in refused(place, "bob", "b", "--by=bob")
    other = refused(place, "bob", "b", "--by=bob", f"--sign={carol}")
    assert "is not the key that [approval.people] has for bob" in other
    assert "whoever did that cannot approve" in refused(
        place, "examiner", "b", "--by=bob", f"--sign={bob}"
    )
    assert typed(place, "bob", "b", "--by=bob", f"--sign={bob}") == 0
    assert typed(place, "bob", "b", "--status") == 0
    release, public = keys["release"]
    assert typed(place, "eve", "b", f"--sign={release}", command=promote) == 0
    capsys.readouterr()
    assert typed(place, "eve", "--verify", f"--key={public}", command=promote) == 0
    said = capsys.readouterr().out
    assert "signatures on 1 approvals, rejections and withdrawals hold: by bob" in said
    assert "they vouch for 1 to 3" in said
    said, done = read_lines(place.folder)[1:]
    assert done.approval.people["bob"] == said.signed_by


def test_two_keys_are_two_people_and_one_key_is_one(tmp_path, keys, typed, refused):
    people = (f'{who} = "{public_fingerprint(keys[who][1])}"' for who in ("bob", "carol"))
    place = asking(tmp_path / "two", "\n".join(["needed = 2", "[approval.people]", *people]))
    for _ in range(2):
        assert typed(place, "bob", "b", "--by=bob", f"--sign={keys['bob'][0]}") == 0
    assert "1 of 2 approvals" in refused(place, "eve", "b", command=promote)
    assert typed(place, "bob", "b", "--by=carol", f"--sign={keys['carol'][0]}") == 0
    assert typed(place, "eve", "b", command=promote) == 0


def test_what_is_signed_is_taken_back_by_its_key_alone(place, keys, typed, refused):
    bob = keys["bob"][0]
    assert typed(place, "bob", "b", "--by=bob", "--reject=no", f"--sign={bob}") == 0
    taken = ("b", "--by=bob", "--withdraw")
    assert "which alone can take it back; add --sign KEY" in refused(place, "bob", *taken)
    assert "alone can take it back" in refused(place, "bob", *taken, f"--sign={keys['ci'][0]}")
    assert typed(place, "bob", *taken, f"--sign={bob}") == 0


@pytest.mark.parametrize("name", ["0002.json", "0002.json.sig", "keys"])
@pytest.mark.parametrize("spoil", ["removed", "edited"])
def test_every_file_of_a_signed_approval_counts(place, keys, typed, refused, name, spoil):
    assert typed(place, "bob", "b", "--by=bob", f"--sign={keys['bob'][0]}") == 0
    path = place.folder / "signatures" / name
    path = next(path.iterdir()) if path.is_dir() else path
    if spoil == "removed":
        path.unlink()
    else:
        path.write_bytes(
            re.sub(rb"[0-9a-f]{8}|[A-Za-z0-9+/]{8}(?=[^A-Za-z])", b"0a0a0a0a", path.read_bytes())
        )
    for words in (("b",), ("--verify",)):
        assert str(path) in refused(place, "eve", *words, command=promote)
    assert refused(place, "eve", "b", "--status")


@pytest.mark.parametrize("field", ["by", "expires", "conditions", "report", "who", "reason"])
def test_a_signed_line_that_is_written_anew_is_found(place, keys, typed, refused, field):
    assert typed(place, "bob", "b", "--by=bob", f"--sign={keys['bob'][0]}") == 0
    new = {"who": Person("mallory"), "conditions": ("more",), "report": "0" * 64}
    new |= {"by": "carol", "expires": "2099-12-01T00:00:00Z", "reason": "none"}
    rewrite(place, 2, **{field: new[field]})
    line = read_lines(place.folder)[1]
    assert refused(place, "eve", "--verify", command=promote)
    (place.folder / "signatures" / "0002.json").write_bytes(written(line))
    error = refused(place, "eve", "--verify", command=promote)
    assert "does not vouch for 0002.json" in error or "is not signed by the key" in error


def test_a_line_by_another_key_than_the_policy_has_is_found(
    place, keys, typed, refused, monkeypatch
):
    """Mallory writes what the command would not."""
    import models.promotion.approving as approving

    monkeypatch.setattr(approving, "check_speaker", lambda *_: None)
    assert typed(place, "mallory", "b", "--by=bob", f"--sign={keys['ci'][0]}") == 0
    assert "0 of 1 approvals" in refused(place, "eve", "b", command=promote)
    said = refused(place, "eve", "--verify", command=promote)
    assert "line 2 is not signed by the key that [approval.people] has for bob" in said


def test_without_the_package_verification_says_so_and_a_promotion_waits(
    place, keys, typed, refused, capsys, monkeypatch
):
    assert typed(place, "bob", "b", "--by=bob", f"--sign={keys['bob'][0]}") == 0
    for module in [m for m in sys.modules if m.split(".")[0] in ("model_signing", "cryptography")]:
        monkeypatch.delitem(sys.modules, module)
    for name in ("model_signing", "cryptography"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(models.promotion.verification, "find_spec", lambda name: None)
    capsys.readouterr()
    assert typed(place, "eve", "--verify", command=promote) == 0
    assert "signatures on 1 approvals not checked: type `pip install" in capsys.readouterr().out
    assert "type `pip install" in refused(place, "eve", "b", code=4, command=promote)


# The ledger


@pytest.fixture
def examined(tmp_path, keys):
    """A place with three exams; keys as of `place`."""
    place = make_place(tmp_path / "examined", "a", "b")
    dynasty(place, "a")
    for day in (5, 6):
        write_report(place, "b", against="a", id_=f"2026010{day}-000000-aaaa")
    return place


def command(place, *words):
    return promote([*words, *options(place)])


def test_the_ledger_is_signed_by_the_same_mechanism(examined, keys, capsys):
    ci, public = keys["ci"]
    assert command(examined, f"--sign-ledger={ci}") == 0
    assert "signed: 3 files" in capsys.readouterr().out
    entries = read_ledger(ledger_beside(examined.registry))
    assert len(entries) == 3, "signatures are no entries"
    write_report(examined, "b", against="a", id_="20260107-000000-aaaa")
    assert command(examined, "b", f"--sign={ci}") == 0
    assert command(examined, "--verify", f"--key={public}") == 0
    said = capsys.readouterr().out
    assert "signatures on 3 files of the ledger hold: they vouch for 3 of 4" in said
    signature_file(entries[0].path).unlink()
    assert command(examined, "--verify", f"--key={public}") == 0
    assert (
        "signatures on 2 files of the ledger hold: they vouch for 3 of" in capsys.readouterr().out
    )


def test_an_exam_that_did_not_end_is_not_signed(examined, keys, capsys):
    ledger = ledger_beside(examined.registry)
    begin(ledger, replace(read_ledger(ledger)[-1].begun, run="20260109-000000-aaaa"))
    assert command(examined, f"--sign-ledger={keys['ci'][0]}") == 0
    assert "signed: 3 files" in capsys.readouterr().out


@pytest.mark.parametrize("spoil", ["entry", "signature", "another", "hint"])
def test_a_ledger_that_was_edited_is_found(examined, keys, capsys, spoil):
    """The newest file of a branch, which no later one names."""
    ci, public = keys["ci"]
    assert command(examined, f"--sign-ledger={ci}") == 0
    assert command(examined, "b", f"--sign={ci}") == 0
    last = read_ledger(ledger_beside(examined.registry))[-1]
    signature = signature_file(last.path)
    if spoil == "entry":
        last.path.write_text(
            last.path.read_text().replace('"outcome":"PROMOTE"', '"outcome":"REJECT"')
        )
    elif spoil == "signature":
        signature.write_text("{}")
    elif spoil == "another":
        signature.unlink()
        assert command(examined, f"--sign-ledger={keys['carol'][0]}") == 0
    else:
        bundle = json.loads(signature.read_text())
        bundle["verificationMaterial"]["publicKey"]["hint"] = "0" * 64
        signature.write_text(json.dumps(bundle))
    capsys.readouterr()
    assert command(examined, "--verify", f"--key={public}") == 1
    assert str(signature) in capsys.readouterr().err
    if spoil == "another":
        both = (f"--key={public}", f"--key={keys['carol'][1]}")
        assert command(examined, "--verify", *both) == 0


def test_several_keys_are_each_of_somebody(examined, keys, capsys):
    assert command(examined, f"--sign-ledger={keys['ci'][0]}") == 0
    assert command(examined, "b", f"--sign={keys['release'][0]}") == 0
    both = [f"--key={keys[who][1]}" for who in ("release", "ci")]
    assert command(examined, "--verify", *both) == 0
    assert command(examined, "--verify", both[0]) == 1
    assert command(examined, "--verify", both[1]) == 1
