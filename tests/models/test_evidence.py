"""The evidence pack: what is in it, and that whoever changes a file of it is found."""

import base64
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import warnings
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import pytest

from models.evidence import main
from models.promote import main as promote
from models.promotion.actions import promote as promote_by
from models.promotion.admission.evidence import Reading
from models.promotion.record.file import read_records
from models.promotion.record.line import hash_of
from models.promotion.signatures.envelope import envelope
from reports.dossier.layout import STATEMENT_SIGNED, SUMS, SUMS_SIGNED
from reports.dossier.pack import packed, sums
from reports.evidence.last_exam import find_evidence
from reports.evidence.opened import opened_evidence
from tests.builders.promotion_data import dynasty, edit, excuse, make_place, seal, write_report
from tests.models.test_promote import add_adapter, options
from tests.models.test_signing import make_key


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two promotions of one history, each packed and signed by the same key."""
    root = tmp_path_factory.mktemp("made")
    place = make_place(root, "first", "last")
    (add_adapter(place, "tuned") / "README.md").write_text("# tuned\n")
    (add_adapter(place, "other", seed=2) / "README.md").write_text("# other\n")
    dynasty(place, "first", "tuned", "other", "last")
    private, public = make_key(root / "ours")
    for path in place.runs.glob("*/report.json"):
        path.with_name("report.html").write_text(f"<p>{path.parent.name}</p>")
    for name in ("tuned", "other"):
        words = [name, *options(place), f"--out={root / name}.zip", f"--sign={private}"]
        assert main(words) == 0
    return SimpleNamespace(root=root, place=place, private=private, public=public)


def files_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def verified(path, *words):
    """Exit code, and the last line of what is printed."""
    return main(["--verify", str(path), *map(str, words)])


def refusal(capsys, path, *words, code=1):
    capsys.readouterr()
    assert verified(path, *words) == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("REFUSED: " if code == 1 else "ERROR: ")
    return error


def written(path, files):
    path.write_bytes(packed(files))
    return path


def relisted(files, signed=True):
    """As whoever changes a file would go on: the list names what is there now."""
    left = (SUMS, SUMS_SIGNED) if signed else (SUMS, SUMS_SIGNED, STATEMENT_SIGNED)
    kept = {name: data for name, data in files.items() if name not in left}
    beside = {SUMS_SIGNED: files[SUMS_SIGNED]} if signed and SUMS_SIGNED in files else {}
    return {**kept, **beside, SUMS: sums(kept)}


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def tampered(made):
    """(what was done, file, files of the pack) for every file, thrice."""
    whole, other = (files_of(made.root / f"{name}.zip") for name in ("tuned", "other"))
    for name, data in whole.items():
        yield "flipped", name, {**whole, name: flipped(data)}
        yield "dropped", name, {each: data for each, data in whole.items() if each != name}
        if other.get(name, data) != data:
            yield "swapped", name, {**whole, name: other[name]}


def test_a_pack_holds_what_a_promotion_stands_on(made, capsys):
    names = {*files_of(made.root / "tuned.zip")}
    assert {name for name in names if not name.startswith("ledger/")} == {
        "SHA256SUMS", "SHA256SUMS.dsse.json", "statement.json", "statement.dsse.json",
        "sbom.cdx.json", "policy.toml", "gate/gate.toml", "record/promotions.jsonl",
        "exam/report.json", "exam/report.sha256", "exam/report.html", "exam/judges.json",
        "model/README.md", "model/manifest.json",
    }  # fmt: skip
    assert len([name for name in names if name.startswith("ledger/")]) == 4
    adapter = made.root / "weights-tuned" / "adapter"
    capsys.readouterr()
    words = (f"--key={made.public}", f"--adapter={adapter}")
    assert verified(made.root / "tuned.zip", *words) == 0
    shown = capsys.readouterr().out
    assert "line 2 of " in shown and "promotes tuned" in shown
    assert "the gate's digest was noted at 2026-01-01T00:00:01Z" in shown
    assert shown.count("NOT CHECKED") == 1 and "whether the intervals follow" in shown
    assert "14 checks hold, 1 not made" in shown


def test_every_file_that_is_changed_dropped_or_swapped_is_found(made, tmp_path, capsys):
    """By whoever unpacks it, without a key: the list of SHA-256 names the file."""
    done = [
        (what, name, refusal(capsys, written(tmp_path / "x.zip", files)))
        for what, name, files in tampered(made)
    ]
    of_list = (SUMS, SUMS_SIGNED)
    assert [done for _, name, said in done if name not in said and name not in of_list] == []
    assert len(done) == 46


def test_with_the_key_the_list_may_be_made_anew_and_all_is_found(made, tmp_path, capsys):
    key = f"--key={made.public}"
    found = [
        refusal(capsys, written(tmp_path / "x.zip", relisted(files)), key)
        for _, name, files in tampered(made)
        if name != SUMS
    ]
    assert len(found) == 43


def test_without_signatures_the_other_files_contradict_what_is_changed(made, tmp_path):
    """All but what says nothing of the others: the page, and versions of software."""
    done = [
        (name, verified(written(tmp_path / "x.zip", relisted(files, signed=False))))
        for _, name, files in tampered(made)
        if name not in (SUMS, SUMS_SIGNED, STATEMENT_SIGNED)
    ]
    assert {name for name, code in done if code == 0} <= {"exam/report.html", "sbom.cdx.json"}
    assert len([code for _, code in done if code == 1]) >= len(done) - 4


def test_a_pack_that_somebody_else_signed_is_not_ours(made, tmp_path, capsys):
    private, public = make_key(tmp_path / "theirs")
    path = tmp_path / "x.zip"
    line = ["tuned", *options(made.place), f"--out={path}"]
    assert main([*line, f"--sign={private}"]) == 0
    assert verified(path, f"--key={public}") == 0
    assert "is by another key" in refusal(capsys, path, f"--key={made.public}")
    assert main(line) == 0
    assert "it is not signed, so" in refusal(capsys, path, f"--key={made.public}")


def test_who_signs_anew_under_the_name_of_our_key_is_found(made, tmp_path, capsys):
    files = files_of(made.root / "tuned.zip")
    private, _ = make_key(tmp_path / "theirs")
    forged = json.loads(envelope(files[SUMS], "text/plain", private))
    forged["signatures"][0]["keyid"] = json.loads(files[SUMS_SIGNED])["signatures"][0]["keyid"]
    files[SUMS_SIGNED] = json.dumps(forged).encode()
    path = written(tmp_path / "x.zip", files)
    assert "holds no signature by" in refusal(capsys, path, f"--key={made.public}")


def test_the_same_promotion_makes_the_same_bytes(made, tmp_path):
    again = tmp_path / "tuned.zip"
    assert main(["tuned", *options(made.place), f"--out={again}", f"--sign={made.private}"]) == 0
    assert again.read_bytes() == (made.root / "tuned.zip").read_bytes()
    assert again.stat().st_mode & 0o077 == 0 or os.umask(os.umask(0o022)) == 0o002


def test_common_tools_check_list_and_signature(made, tmp_path):
    """`sha256sum -c`, and openssl on what the DSSE protocol says is signed."""
    with zipfile.ZipFile(made.root / "tuned.zip") as archive:
        archive.extractall(tmp_path)
    line = ["sha256sum", "--strict", "-c", SUMS]
    subprocess.run(line, cwd=tmp_path, check=True, capture_output=True)
    found = json.loads((tmp_path / STATEMENT_SIGNED).read_text())
    payload, kind = base64.b64decode(found["payload"]), found["payloadType"]
    (tmp_path / "signed").write_bytes(
        b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    )
    (tmp_path / "sig").write_bytes(base64.b64decode(found["signatures"][0]["sig"]))
    line = [
        "openssl",
        "dgst",
        "-sha256",
        "-verify",
        str(made.public),
        "-signature",
        "sig",
        "signed",
    ]
    subprocess.run(line, cwd=tmp_path, check=True, capture_output=True)


def test_the_statement_is_an_in_toto_test_result(made):
    files = files_of(made.root / "tuned.zip")
    value = json.loads(files["statement.json"])
    assert value["_type"] == "https://in-toto.io/Statement/v1"
    assert value["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    subjects = {each["name"]: each["digest"]["sha256"] for each in value["subject"]}
    adapter = made.root / "weights-tuned" / "adapter"
    assert subjects == {
        "exam/report.json": sha256(files["exam/report.json"]),
        **{f"weights/{path.name}": sha256(path.read_bytes()) for path in adapter.iterdir()},
    }
    predicate = value["predicate"]
    assert predicate["result"] == "PASSED" and predicate["failedTests"] == []
    assert "token_f1 against floor" in predicate["passedTests"]
    assert "token_f1 against champion first" in predicate["passedTests"]
    named = {each["name"]: each["digest"] for each in predicate["configuration"]}
    assert named["gate/gate.toml"] == {"sha256": sha256(files["gate/gate.toml"])}
    assert "dataset data" in named and "code" not in named


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_securesystemslib_reads_the_envelope(made):
    pytest.importorskip("securesystemslib.dsse", reason="it comes with model-signing")
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    found = json.loads(files_of(made.root / "tuned.zip")[STATEMENT_SIGNED])
    keyid = found["signatures"][0]["keyid"]
    public = {"public": made.public.read_text()}
    key = SSlibKey(keyid, "ecdsa", "ecdsa-sha2-nistp256", public)
    assert Envelope.from_dict(found).verify([key], 1) == {keyid: key}


# Who writes everything anew, and signs it


def test_a_verdict_that_its_own_intervals_do_not_carry_is_packed_by_nobody(place, capsys):
    """Report, seal, ledger, record and statement agree, and the record was never computed again."""
    path = write_report(place, "a")

    def lie(written):
        (check,) = [
            each for each in written["verdicts"][0]["checks"] if each["metric"] == "token_f1"
        ]
        check["estimate"]["low"] = 0.01

    edit(path, lie)
    seal(path)
    believed = Reading(find_evidence, lambda exam, registry: exam, opened_evidence)
    promote_by("a", place, believed, say=lambda line: None)
    error = unmade(capsys, place, "a")
    assert "exam/report.json says PROMOTE of a: token_f1" in error
    assert "against the floor does not reach 0.3" in error


def test_an_override_that_was_taken_out_of_the_record_is_missed(place, capsys):
    overridden(place)
    (record,) = read_records(place.folder)
    forged = replace(record, override=None)
    forged = replace(forged, hash=hash_of(forged))
    (place.folder / "promotions.jsonl").write_bytes(forged.line + b"\n")
    error = unmade(capsys, place, "a")
    assert "policy.toml does not admit a" in error and "least_cases" in error


# The weights


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "adapter_config.json").write_text('{"r": 2}'), "is not what"),
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "the folder has no"),
        (lambda folder: (folder / "tokens.json").write_text("{}"), "tokens.json is not what"),
    ],
)
def test_other_weights_than_were_examined_are_found(made, tmp_path, capsys, change, said):
    folder = tmp_path / "adapter"
    shutil.copytree(made.root / "weights-tuned" / "adapter", folder)
    (folder / ".gitattributes").write_text("of no answer")
    pack = made.root / "tuned.zip"
    assert verified(pack, f"--adapter={folder}") == 0
    change(folder)
    assert said in refusal(capsys, pack, f"--adapter={folder}")
    gone = f"--adapter={tmp_path / 'gone'}"
    assert "is no folder" in refusal(capsys, pack, gone, code=4)


# Archives that are none


def archive(*members):
    data = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        warnings.simplefilter("ignore")  # of a name that stands twice
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name), content)
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no archive"),
        (b"PK\x03\x04" + b"\xff" * 100, "is no archive"),
        (archive(("../outside", b"x")), "'../outside', which is the name of no file"),
        (archive(("/etc/x", b"x")), "is the name of no file"),
        (archive(("a/../b", b"x")), "is the name of no file"),
        (archive(("a\\b", b"x")), "is the name of no file"),
        (archive(("C:x", b"x")), "is the name of no file"),
        (archive(("a/", b"")), "is the name of no file"),
        (archive(("a", b"x"), ("a", b"y")), "holds a twice"),
        (archive(("a", b"x"), ("A", b"y")), "twice"),
        (archive(("a", b"x"), ("a/b", b"y")), "as a file and as a folder"),
        (archive(*((f"f{number}", b"") for number in range(20_001))), "holds more than"),
    ],
)
def test_what_no_pack_can_be_is_unpacked_nowhere(tmp_path, capsys, data, said):
    path = tmp_path / "x" / "x.zip"
    path.parent.mkdir()
    path.write_bytes(data)
    assert said in refusal(capsys, path, code=4)
    assert [each.name for each in tmp_path.rglob("*")] == ["x", "x.zip"]


def test_a_bomb_is_refused_unread(tmp_path, capsys):
    """One that says how large it is, and one that does not: no more is read than it says."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for number in range(9):
            with file.open(f"zeros{number}", "w") as member:
                member.write(bytes(1 << 20))
    small = path.read_bytes()
    size = (1 << 20).to_bytes(4, "little")
    path.write_bytes(small.replace(size, (1 << 28).to_bytes(4, "little")))
    assert "holds more than" in refusal(capsys, path, code=4)
    path.write_bytes(small.replace(size, (10).to_bytes(4, "little")))
    assert "is damaged" in refusal(capsys, path, code=4)


def test_what_is_no_file_is_one_line(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    assert "is not there" in refusal(capsys, tmp_path / "gone.zip", code=4)
    assert "no regular file" in refusal(capsys, tmp_path / "pipe", code=4)
    assert "is no archive" in refusal(capsys, tmp_path, code=4)


def test_whatever_byte_is_changed_on_the_way_no_other_file_comes_out(made, tmp_path, capsys):
    """Bytes of the archive that are of no file, such as a date in it, change nothing."""
    whole = (made.root / "tuned.zip").read_bytes()
    files, draw = files_of(made.root / "tuned.zip"), random.Random(19)
    path, codes = tmp_path / "x.zip", []
    for at in sorted(draw.sample(range(len(whole)), 120)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ draw.randint(1, 255)]) + whole[at + 1 :])
        codes.append(verified(path, f"--key={made.public}"))
        if codes[-1] == 0:
            assert files_of(path) == files
    assert {1, 4} & {*codes} and codes.count(0) < 30
    for end in sorted(draw.sample(range(len(whole)), 10)):
        path.write_bytes(whole[:end])
        assert verified(path) == 4
    assert "Traceback" not in capsys.readouterr().err


# What is refused when it is made


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path, "a", "b")


def overridden(place):
    """A promotion of an exam of fewer cases than the policy asks."""
    place.policy.write_text(place.policy.read_text().replace("least_cases = 1", "least_cases = 99"))
    write_report(place, "a")
    assert promote(["a", *options(place), "--override=the board asked for it"]) == 0


def unmade(capsys, place, *words, code=1):
    out = place.folder.parent / "x.zip"
    capsys.readouterr()
    assert main([*words, *options(place), f"--out={out}"]) == code
    assert not out.exists()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_evidence_is_of_a_promotion(place, capsys):
    assert "a was never promoted" in unmade(capsys, place, "a")
    write_report(place, "a")
    assert "type `python -m models.promote a`" in unmade(capsys, place, "a")


def test_of_a_report_that_was_edited_or_is_gone_nothing_is_made(place, capsys):
    dynasty(place, "a")
    (path,) = place.runs.glob("*/report.json")
    kept = path.read_bytes()
    path.write_bytes(kept + b" ")
    assert "is not the report that promotion 1 stands on" in unmade(capsys, place, "a")
    path.rename(place.runs / "elsewhere.json")
    assert "name a copy with --report PATH" in unmade(capsys, place, "a", code=4)


def test_of_a_model_that_changed_nothing_is_made(place, capsys):
    dynasty(place, "a")
    entry = place.registry / "a.toml"
    entry.write_text(entry.read_text().replace("I am a.", "I am another."))
    assert "is not what promotion 1 recorded" in unmade(capsys, place, "a")


@pytest.mark.parametrize("name", ["gate.toml", "policy.toml"])
def test_a_gate_or_policy_that_changed_since_is_taken_from_the_repositorys_history(
    place, capsys, tmp_path, name
):
    dynasty(place, "a")
    path = tmp_path / name
    before = path.read_bytes()
    changed = before.replace(b"0.3", b"0.4").replace(b"least_cases = 1", b"least_cases = 2")
    path.write_bytes(changed)
    assert "no commit" in unmade(capsys, place, "a")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    for text in (before, changed):
        path.write_bytes(text)
        for words in (["init", "-q"], ["add", name], ["commit", "-q", "-m", "ours"]):
            subprocess.run([*git, *words], check=True)
    out = tmp_path / "x.zip"
    assert main(["a", *options(place), f"--out={out}"]) == 0
    (found,) = [data for each, data in files_of(out).items() if each.endswith(name)]
    assert found.strip() == before.strip()


def test_a_card_with_a_secret_does_not_leave(place, capsys):
    card = add_adapter(place, "tuned") / "README.md"
    card.write_text("# tuned\n\npassword=planted-0003\n")
    dynasty(place, "tuned")
    error = unmade(capsys, place, "tuned", code=4)
    assert "README.md, line 3 holds what looks like a secret" in error
    assert "planted-0003" not in error


def test_an_override_is_a_warning_and_its_lines_are_computed_again(place, capsys, tmp_path):
    overridden(place)
    out = tmp_path / "x.zip"
    assert main(["a", *options(place), f"--out={out}"]) == 0
    assert json.loads(files_of(out)["statement.json"])["predicate"]["result"] == "WARNED"
    capsys.readouterr()
    assert verified(out) == 0
    assert "by override: the board asked for it" in capsys.readouterr().out


def test_the_rubric_that_a_gate_names_lies_beside_it(place, capsys, tmp_path):
    (tmp_path / "words").mkdir()
    rubric = tmp_path / "words" / "rubric.md"
    rubric.write_text("1 is right, 0 is wrong.")
    gate = tmp_path / "gate.toml"
    gate.write_text(gate.read_text() + '[judge]\nrubric = "words/rubric.md"\n')
    dynasty(place, "a")
    out = tmp_path / "x.zip"
    line = ["a", *options(place), f"--out={out}"]
    assert main(line) == 0
    files = files_of(out)
    assert files["gate/words/rubric.md"] == rubric.read_bytes()
    files["gate/words/rubric.md"] = b"0 is right."
    path = written(out, relisted(files))
    assert "what gate/gate.toml names (rubric, prompt) is not what" in refusal(capsys, path)
    rubric.write_text("0 is right.")
    assert main(line) == 1


def test_records_of_an_early_release_have_no_policy_to_pack(place, capsys):
    dynasty(place, "a")
    (record,) = read_records(place.folder)
    early = replace(record, policy=None)
    early = replace(early, hash=hash_of(early))
    (place.folder / "promotions.jsonl").write_bytes(early.line + b"\n")
    assert "whose lines name no policy: there is no evidence of it" in unmade(capsys, place, "a")


def test_a_model_without_files_of_its_own_has_a_pack(place, capsys, tmp_path):
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"question": "q", "answer": "a"}\n')
    name = f"recorded:{answers}"
    excuse(place, name)
    dynasty(place, name)
    out = tmp_path / "x.zip"
    assert main([name, *options(place), f"--out={out}"]) == 0
    capsys.readouterr()
    assert verified(out) == 0
    assert "NOT CHECKED: the weights: the model has no files" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give one of NAME and --verify FILE"),
        (["a", "--verify=x.zip"], "give one of NAME and --verify FILE"),
        (["a", "--key=k"], "--key and --adapter go with --verify FILE"),
        (["--verify=x.zip", "--sign=k"], "--sign, --out and --report go with NAME"),
    ],
)
def test_a_wrong_line_is_one_line(words, said, capsys):
    assert main(words) == 4
    assert said in capsys.readouterr().err


def test_a_key_that_is_none_writes_nothing(place, capsys, tmp_path):
    dynasty(place, "a")
    rsa = tmp_path / "rsa.pem"
    subprocess.run(["openssl", "genrsa", "-out", rsa, "2048"], check=True, capture_output=True)
    _, public = make_key(tmp_path / "ours")
    for key in (rsa, public, tmp_path / "gone.pem"):
        assert f"key {key} " in unmade(capsys, place, "a", f"--sign={key}", code=4)


def test_what_came_after_a_promotion_is_not_in_its_pack(place, tmp_path):
    """The same pack is made when others were promoted since."""
    dynasty(place, "a")
    out = tmp_path / "x.zip"
    assert main(["a", *options(place), f"--out={out}"]) == 0
    early = out.read_bytes()
    write_report(place, "b", against="a", id_="29990101-000000-aaaa")
    assert main(["a", *options(place), f"--out={out}"]) == 0
    assert out.read_bytes() == early
    assert len(read_records(place.folder)) == 1


# An archive that is one thing to this product and another to other programs


def local(data, at, name, value):
    """The archive with another value in the head of its first member, or in the list at its end."""
    head = data.index(b"PK\1\2") if at == "list" else 0
    place, size = {
        "flags": (6, 2), "method": (8, 2), "crc": (14, 4), "packed": (18, 4), "size": (22, 4),
        "further": (28, 2),
    }[name]  # fmt: skip
    place += head + (2 if at == "list" else 0)
    return data[:place] + value.to_bytes(size, "little") + data[place + size :]


def packed_by(method):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as file:
        file.writestr(zipfile.ZipInfo("a"), b"x" * 99, method)
    return data.getvalue()


def zip64():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file, file.open("a", "w", force_zip64=True) as member:
        member.write(b"x")
    return data.getvalue()


def streamed():
    """As a program packs that cannot go back: sizes stand behind each member."""

    class Pipe(io.BytesIO):
        def tell(self):
            raise OSError

    data = Pipe()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("a", b"x")
    return data.getvalue()


TWO = packed({"a": b"x" * 99, "b/c": b"y"})


@pytest.mark.parametrize(
    "data",
    [
        TWO + b"x",
        TWO + TWO,
        b"x" + TWO,
        TWO[:-2] + b"\5\0words",
        *(local(TWO, "head", name, 1) for name in ("flags", "method", "crc", "packed", "size")),
        local(TWO, "head", "further", 9),
        *(packed_by(method) for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)),
        zip64(),
        streamed(),
    ],
)
def test_an_archive_in_which_other_programs_find_other_files_is_none(tmp_path, capsys, data):
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    error = refusal(capsys, path, code=4)
    assert "other programs may find other files" in error or "is damaged" in error
    path.write_bytes(TWO)
    assert "SHA256SUMS is missing" in refusal(capsys, path)


def test_the_weights_are_those_of_the_record_whatever_the_statement_says(
    place, capsys, tmp_path, monkeypatch
):
    """Whoever makes a pack, and signs it, tells of other weights than were promoted."""
    adapter = add_adapter(place, "tuned")
    dynasty(place, "tuned")
    other = tmp_path / "other"
    shutil.copytree(adapter, other)
    (other / "adapter_config.json").write_text('{"r": 2}')
    with monkeypatch.context() as patched:
        patched.setattr("reports.dossier.contents.weights_folder", lambda *words: other)
        patched.setattr("models.evidence.checked", lambda *words: ())
        private, public = make_key(tmp_path / "ours")
        words = ["tuned", *options(place), f"--out={tmp_path / 'x.zip'}", f"--sign={private}"]
        assert main(words) == 0
    capsys.readouterr()
    assert verified(tmp_path / "x.zip", f"--key={public}") == 0
    error = refusal(capsys, tmp_path / "x.zip", f"--key={public}", f"--adapter={other}")
    assert "is not what record/promotions.jsonl, line 1 promoted" in error
