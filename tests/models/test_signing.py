"""Signatures with model-signing, where it is installed: `pip install model-signing pyopenssl`."""

import json
import subprocess
import sys

import pytest

from models.promote import main
from models.promotion.record.file import read_records
from models.promotion.refused import RefusedError
from models.promotion.signatures.signing import (
    private_fingerprint,
    public_fingerprint,
    sign_file,
    signature_file,
    verify_file,
)
from tests.builders.promotion_data import dynasty, make_place, write_report
from tests.models.test_promote import add_adapter, options, refused


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path, "a", "b")


@pytest.fixture
def keys(tmp_path):
    """Two pairs of files: private and public."""
    pytest.importorskip("model_signing.signing", reason="model-signing is not installed")
    return [make_key(tmp_path / name) for name in ("ours", "theirs")]


def make_key(stem):
    from cryptography.hazmat.primitives import serialization as as_
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    private, public = stem.with_suffix(".pem"), stem.with_suffix(".pub")
    pem = as_.Encoding.PEM
    private.write_bytes(
        key.private_bytes(pem, as_.PrivateFormat.TraditionalOpenSSL, as_.NoEncryption())
    )
    public.write_bytes(key.public_key().public_bytes(pem, as_.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_without_the_package_the_line_says_what_to_install(place, capsys, monkeypatch, tmp_path):
    for name in ("cryptography", "model_signing"):
        for module in [m for m in sys.modules if m.split(".")[0] == name]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, name, None)
    write_report(place, "a")
    error = refused(capsys, place, "a", f"--sign={tmp_path / 'key.pem'}", code=4)
    assert "type `pip install model-signing" in error


def test_a_signed_record_is_verified(place, keys, capsys):
    (private, public), _ = keys
    write_report(place, "a")
    assert main(["a", f"--sign={private}", *options(place)]) == 0
    assert (place.folder / "signatures" / "0001.json.sig").is_file()
    capsys.readouterr()
    assert main(["--verify", *options(place)]) == 0
    assert "signatures on 1 records not checked: give --key PUBLIC" in capsys.readouterr().out
    assert main(["--verify", f"--key={public}", *options(place)]) == 0
    assert "signatures on 1 records hold: they vouch for 1 to 1" in capsys.readouterr().out


def test_a_signature_vouches_for_the_unsigned_records_before_it(place, keys, capsys):
    (private, public), _ = keys
    dynasty(place, "a")
    write_report(place, "b", against="a", id_="20260102-000000-aaaa")
    assert main(["b", f"--sign={private}", *options(place)]) == 0
    capsys.readouterr()
    assert main(["--verify", f"--key={public}", *options(place)]) == 0
    assert "vouch for 1 to 2" in capsys.readouterr().out
    assert main(["--rollback", *options(place)]) == 0
    assert "is not signed" in refused(capsys, place, "--verify", f"--key={public}")


def test_the_adapter_is_signed_as_a_folder(place, keys, capsys):
    (private, public), _ = keys
    adapter = add_adapter(place, "tuned")
    write_report(place, "tuned")
    assert main(["tuned", f"--sign={private}", *options(place)]) == 0
    assert signature_file(adapter) == adapter.parent / "adapter.sig"
    assert main(["--verify", f"--key={public}", *options(place)]) == 0
    (adapter / "extra.md").write_text("of which no answer depends")
    error = refused(capsys, place, "--verify", f"--key={public}")
    assert "does not vouch for adapter" in error and "extra.md" in error


@pytest.mark.parametrize("loss", ["0001.json", "0001.json.sig"])
def test_a_removed_signature_is_missed(place, keys, capsys, loss):
    (private, public), _ = keys
    write_report(place, "a")
    main(["a", f"--sign={private}", *options(place)])
    (place.folder / "signatures" / loss).unlink()
    assert "0001.json" in refused(capsys, place, "--verify", f"--key={public}")


def test_a_whole_chain_written_anew_is_found_by_its_signature(place, keys, capsys):
    """Who rewrites record, pointer and signed line consistently still lacks the key."""
    from dataclasses import replace

    from models.promotion.record.line import hash_of

    (private, public), _ = keys
    write_report(place, "a")
    main(["a", f"--sign={private}", *options(place)])
    (record,) = read_records(place.folder)
    forged = replace(record, who="mallory")
    forged = replace(forged, hash=hash_of(forged))
    (place.folder / "promotions.jsonl").write_bytes(forged.line + b"\n")
    (place.folder / "signatures" / "0001.json").write_bytes(forged.line)
    pointer = place.folder / "champion.toml"
    pointer.write_text(pointer.read_text().replace(record.hash, forged.hash))
    assert main(["--verify", *options(place)]) == 0
    assert "does not vouch for 0001.json" in refused(capsys, place, "--verify", f"--key={public}")


def test_a_spoilt_signature_is_refused_in_a_line(place, keys, capsys):
    (private, public), _ = keys
    write_report(place, "a")
    main(["a", f"--sign={private}", *options(place)])
    path = place.folder / "signatures" / "0001.json.sig"
    bundle = json.loads(path.read_text())
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = "MEUCIQ=="
    for text in (json.dumps(bundle), "", "{}", "[]", "{"):
        path.write_text(text)
        error = refused(capsys, place, "--verify", f"--key={public}")
        assert "does not vouch for 0001.json" in error


def test_another_key_is_refused(place, keys, capsys):
    (private, _), (_, other) = keys
    write_report(place, "a")
    main(["a", f"--sign={private}", *options(place)])
    assert "signed with another key" in refused(capsys, place, "--verify", f"--key={other}")


def test_a_key_without_a_signature_verifies_nothing(place, keys, capsys):
    _, (_, public) = keys
    dynasty(place, "a")
    assert "no promotion is signed" in refused(capsys, place, "--verify", f"--key={public}")


def test_a_key_that_is_none_promotes_nothing(place, keys, capsys, tmp_path):
    (private, public), _ = keys
    write_report(place, "a")
    locked = tmp_path / "locked.pem"
    subprocess.run(
        ["openssl", "ec", "-in", private, "-aes256", "-passout", "pass:abcd", "-out", locked],
        check=True,
        capture_output=True,
    )
    rsa = tmp_path / "rsa.pem"
    subprocess.run(["openssl", "genrsa", "-out", rsa, "2048"], check=True, capture_output=True)
    for key in (public, locked, tmp_path):
        assert f"key {key} " in refused(capsys, place, "a", f"--sign={key}", code=4)
    capsys.readouterr()
    assert main(["a", f"--sign={rsa}", *options(place)]) == 4
    assert f"key {rsa} is no unencrypted private key" in capsys.readouterr().err
    assert read_records(place.folder) == ()


def test_what_a_crash_left_of_a_signature_does_not_stay(place, keys):
    (private, _), _ = keys
    left = place.folder / "signatures" / "0001.json"
    left.parent.mkdir()
    left.write_text("of a promotion that never was")
    signature_file(left).write_text("its signature")
    dynasty(place, "a")
    assert not left.exists() and not signature_file(left).exists()
    assert private.is_file()


def test_any_file_or_folder_is_signed_by_the_same_functions(keys, tmp_path):
    (private, public), (_, other) = keys
    assert private_fingerprint(private) == public_fingerprint(public) != public_fingerprint(other)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.json", "ö b.json"):
        (folder / name).write_text(name)
    for thing in (folder / "ö b.json", folder):
        assert sign_file(thing, private) == signature_file(thing)
        verify_file(thing, public)
        with pytest.raises(RefusedError, match=r"\.sig does not vouch for"):
            verify_file(thing, other)
    (folder / "a.json").write_text("another")
    verify_file(folder / "ö b.json", public)
    with pytest.raises(RefusedError, match=r"does not vouch for folder: .*sign it again"):
        verify_file(folder, public)
    (folder / "ö b.json").rename(folder / "c.json")
    signature_file(folder / "ö b.json").rename(folder / "c.json.sig")
    verify_file(folder / "c.json", public)
