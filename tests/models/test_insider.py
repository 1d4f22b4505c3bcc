"""Whoever is inside, and tries to be taken for another, or for nobody."""

import os
import shutil
import subprocess
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.approve import main as approve
from models.promote import main as promote
from models.promotion.approval.standing import Question, Subject, why_not
from models.promotion.champion import read_champion
from models.promotion.record.file import FILE, read_lines
from models.promotion.record.line import chained, written
from models.promotion.record.people import LOOKS, Person, folded
from models.promotion.signatures.signing import public_fingerprint
from tests.builders.promotion_data import write_report
from tests.models.test_approve import asking, place, refused, typed
from tests.models.test_promote import files, options
from tests.models.test_signing import make_key

__all__ = ["place", "refused", "typed"]  # fixtures

SHAPELESS = ("\u200b", "\u200d", "\u00ad", "\u2060", "\ufeff", "\u3164", "\u202e", "\U000e0061")


@st.composite
def variants(draw, name="examiner"):
    """A name as somebody writes it who wants it to be another and to look the same."""
    alike = {chr(latin): [] for latin in LOOKS.values()}
    for other, latin in LOOKS.items():
        alike[chr(latin)].append(chr(other))
    typed_ = []
    for char in name:
        wide = chr(ord(char) + 0xFEE0)
        typed_.append(draw(st.sampled_from([char, char.upper(), wide, *alike.get(char, [])])))
        typed_.append(draw(st.sampled_from(["", "", *SHAPELESS])))
    around = st.sampled_from(["", " ", "\t", "\u00a0", "\u3000"])
    return draw(around) + "".join(typed_) + draw(around)


@given(by=variants())
@settings(max_examples=300, deadline=None)
def test_a_name_that_looks_like_the_examiners_is_the_examiners(by):
    subject = Subject("b", *("1" * 64 for _ in range(5)))
    question = Question(subject, 1, {}, (Person("examiner"),))
    assert "whoever did that cannot approve" in (why_not(by, Person("root"), question) or "")
    assert "cannot approve" in (why_not("bob", Person("root", named=by), question) or "")


def test_names_that_nobody_takes_for_one_are_two():
    names = [
        "ada",
        "adam",
        "áda",
        "Вера",
        "Ольга",
        "李雷",
        "韩梅梅",
        "αλέξης",
        "ada byron",
        "ada.b",
    ]
    assert len({*map(folded, names)}) == len(names)
    assert folded("Å") == folded(unicodedata.normalize("NFD", "Å"))


@pytest.mark.parametrize(
    "by", ["e\u0445aminer", "EXAMINER\u200b", "\uff45xaminer", " examiner\u3000"]
)
def test_it_is_refused_as_it_is_typed(place, refused, by):
    assert "cannot approve" in refused(place, "root", "b", f"--by={by}")


def test_two_names_that_look_alike_are_one_person(tmp_path, typed, refused):
    place = asking(tmp_path, "needed = 2")
    assert typed(place, "bob", "b", "--by=bob") == 0
    assert "a person counts once" in refused(place, "dora", "b", "--by=b\u043eb")
    assert typed(place, "carol", "b", "--by=carol") == 0
    assert typed(place, "eve", "b", command=promote) == 0


def test_a_borrowed_account_is_of_whoever_borrowed_it(place, typed, refused, monkeypatch):
    """As `sudo` says: the account is root's, and so are USER and LOGNAME."""
    monkeypatch.setenv("SUDO_USER", "examiner")
    assert "cannot approve" in refused(place, "root", "b", "--by=bob")
    monkeypatch.setenv("SUDO_USER", "bob")
    assert typed(place, "root", "b", "--by=bob") == 0
    assert read_lines(place.folder)[-1].who == Person("root", named="bob")
    monkeypatch.delenv("SUDO_USER")
    assert "the champion" not in refused(place, "bob", "b", "--by=carol")


@pytest.mark.parametrize("reason", ["", " ", "\t", "...", *SHAPELESS, "\u2800"])
def test_a_reason_that_nobody_can_read_is_none(place, refused, reason):
    glass = refused(place, "eve", "b", f"--break-glass={reason}", command=promote, code=4)
    assert "--break-glass gives no reason" in glass
    assert "--by says nothing" in refused(place, "bob", "b", f"--by={reason}", code=4)


@pytest.mark.parametrize("deep", ["[" * 200_000, '{"a":' * 200_000])
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_record_that_is_nested_without_end_is_one_line(place, typed, capsys, deep, end):
    with (place.folder / FILE).open("a") as file:
        file.write(deep + end)
    before = files(place)
    for words in (["b"], ["--history"], ["--rollback"]):
        capsys.readouterr()
        code = typed(place, "bob", *words, command=promote)
        error = capsys.readouterr().err
        if end:
            assert code == 1 and "line 2: it is not a promotion" in error
            assert error.count("\n") == 1 and files(place) == before


def test_a_clock_at_the_end_of_the_calendar_is_one_line(place, refused):
    assert "no calendar goes on" in refused(
        place, "bob", "b", "--by=bob", when="9999-12-31T00:00:00Z"
    )


KINDS = {
    "rsa": ("-algorithm", "RSA"),
    "ed25519": ("-algorithm", "ED25519"),
    "x25519": ("-algorithm", "X25519"),
    "secp256k1": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"),
    "brainpool": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"),
    "p224": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp224r1"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_cannot_sign_leaves_nothing_and_is_in_no_policy(
    place, typed, refused, capsys, tmp_path, kind
):
    pytest.importorskip("model_signing.signing", reason="model-signing is not installed")
    key, public = tmp_path / "key.pem", tmp_path / "key.pub"
    make = ["openssl", "genpkey", *KINDS[kind], "-out", key]
    subprocess.run(make, check=True, capture_output=True)
    derive = ["openssl", "pkey", "-in", key, "-pubout", "-out", public]
    subprocess.run(derive, check=True, capture_output=True)
    for each in (key, public):
        assert approve([f"--fingerprint={each}"]) == 4
    capsys.readouterr()
    assert "NIST curve" in refused(place, "bob", "b", "--by=bob", f"--sign={key}", code=4)
    glass = (f"--sign={key}", "--break-glass=gone on Friday")
    assert "NIST curve" in refused(place, "bob", "b", *glass, command=promote, code=4)
    assert promote(["--verify", *options(place)]) == 0


def test_a_signature_that_fails_half_way_leaves_nothing(
    place, typed, refused, tmp_path, monkeypatch
):
    """As on a full disk: the signed line was written, and the signature was not."""
    signing = pytest.importorskip("model_signing.signing", reason="model-signing is not installed")

    def full(self, thing, signature):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(signing.Config, "sign", full)
    key, _ = make_key(tmp_path / "bob")
    assert typed(place, "bob", "b", "--by=bob", f"--sign={key}") == 4
    assert not [*(place.folder / "signatures").glob("[0-9]*")]
    assert typed(place, "bob", "--verify", command=promote) == 0


def committed(place):
    """A repository whose commit holds all of a place; returns what runs git there."""
    root = place.registry.parent
    git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@localhost"]

    def run(*words):
        return subprocess.run([*git, *words], check=True, capture_output=True)

    (root / ".gitignore").write_text("*.lock\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "ours"]):
        run(*words)
    return run


def without_last_line(place):
    """The record as it was before the last word, with what is derived from it."""
    path = place.folder / FILE
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    (place.folder / "champion.toml").unlink()


@pytest.mark.parametrize("hidden", [(), ("--assume-unchanged",), ("--skip-worktree",)])
def test_a_rejection_that_a_commit_holds_is_not_taken_out_of_the_record(
    place, typed, refused, hidden
):
    assert typed(place, "bob", "b", "--by=bob") == 0
    assert typed(place, "carol", "b", "--by=carol", "--reject=no") == 0
    run, kept = committed(place), (place.folder / FILE).read_bytes()
    if hidden:
        run("update-index", *hidden, str(place.folder / FILE))
    without_last_line(place)
    for words in (["b"], ["--verify"], ["--rollback"]):
        error = refused(place, "eve", *words, command=promote)
        assert "promotions.jsonl lacks lines" in error and "git checkout HEAD --" in error
    assert "lacks lines" in refused(place, "dora", "b", "--by=dora")
    (place.folder / FILE).write_bytes(kept)
    assert typed(place, "eve", "--verify", command=promote) == 0
    assert "carol rejected it" in refused(place, "eve", "b", command=promote)


def test_a_record_that_goes_on_from_the_commit_is_kept(place, typed):
    run = committed(place)
    assert typed(place, "bob", "b", "--by=bob") == 0
    run("commit", "-q", "-a", "-m", "approved")
    assert typed(place, "eve", "b", command=promote) == 0
    assert typed(place, "eve", "--rollback", command=promote) == 0


@pytest.mark.parametrize("spoil", ["gone", "cut"])
def test_an_exam_that_a_commit_holds_is_not_taken_out_of_the_ledger(place, typed, refused, spoil):
    """The last file: none is there that names it."""
    write_report(place, "c", against="a", id_="20260108-000000-aaaa")
    committed(place)
    path = sorted((place.registry.parent / "ledger").glob("*.json"))[-1]
    if spoil == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    found = "is gone that the commit" if spoil == "gone" else "lacks lines"
    assert found in refused(place, "bob", "b", "--by=bob")
    assert found in refused(place, "eve", "--verify", command=promote)


@pytest.mark.parametrize("kind", ["withdrawal", "approval"])
def test_a_line_in_the_name_of_anothers_key_takes_nothing_back(tmp_path, typed, refused, kind):
    """Whoever can write the file writes a line, with every hash as it must be, that carol's key did
    not sign, and that says it did.
    """
    pytest.importorskip("model_signing.signing", reason="model-signing is not installed")
    pairs = {who: make_key(tmp_path / who) for who in ("bob", "carol")}
    people = (f'{who} = "{public_fingerprint(pair[1])}"' for who, pair in pairs.items())
    place = asking(tmp_path / "x", "\n".join(["needed = 1", "[approval.people]", *people]))
    assert typed(place, "bob", "b", "--by=bob", f"--sign={pairs['bob'][0]}") == 0
    no = f"--sign={pairs['carol'][0]}"
    assert typed(place, "carol", "b", "--by=carol", "--reject=no", no) == 0
    assert "carol rejected it" in refused(place, "eve", "b", command=promote)
    lines = read_lines(place.folder)
    said = replace(lines[-1], kind=kind, reason=None, expires=None)
    if kind == "approval":
        said = replace(said, expires=lines[1].expires)
    with (place.folder / FILE).open("ab") as file:
        file.write(written(chained(lines, said)) + b"\n")
    assert "restore it" in refused(place, "eve", "b", "--status")
    assert typed(place, "eve", "b", command=promote) == 1
    assert read_champion(place.folder).model == "a"
    assert typed(place, "eve", "--verify", command=promote) == 1


@pytest.mark.parametrize("thing", ["/dev/zero", "/dev/null", "pipe"])
def test_a_key_without_an_end_is_one_line(place, refused, capsys, tmp_path, thing):
    pytest.importorskip("model_signing.signing", reason="model-signing is not installed")
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / thing  # which an absolute path replaces
    said = refused(place, "bob", "b", "--by=bob", f"--sign={path}", code=4)
    assert "no regular file" in said
    assert approve([f"--fingerprint={path}"]) == 4
    assert promote(["--verify", f"--key={path}", *options(place)]) == 1  # nothing is signed
    assert "Traceback" not in capsys.readouterr().err


def test_tries_are_not_left_behind_in_another_ledger(place, refused, tmp_path):
    """Exams are noted elsewhere until one says PROMOTE; or some are copied, and others left out."""
    ledger = place.registry.parent / "ledger"
    shutil.copytree(ledger, tmp_path / "elsewhere")
    words = ("b", f"--ledger={tmp_path / 'elsewhere'}")
    assert "exams are noted in" in refused(place, "eve", *words, command=promote)
    assert "leave out --ledger" in refused(place, "bob", *words, "--by=bob")
    assert "0 of 1 approvals" in refused(place, "eve", "b", f"--ledger={ledger}", command=promote)
