"""Guards of a promotion that let something through."""

import json
import shutil
import subprocess
import sys

import pytest

import models.promotion.actions
import models.promotion.signatures.lines
from common.errors import UserError
from models.manifest import FILE, Manifest, write_manifest
from models.promote import main
from models.promotion.champion import read_champion
from models.registry import read_entry
from tests.builders.promotion_data import dynasty, identity_of, make_place, write_report
from tests.conftest import ROOT

ID = "20260105-000000-aaaa"


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path, "a", "b")


def command(place, *words):
    return main([*words, f"--folder={place.folder}", f"--registry={place.registry}",
                 f"--runs={place.runs}"])  # fmt: skip


@pytest.fixture
def signing(monkeypatch):
    """Signatures that always hold: what is tried here is which are asked for."""
    owner = "f" * 64

    def sign(folder, record, *rest):
        line = folder / "signatures" / f"{record.number:04d}.json"
        line.parent.mkdir(exist_ok=True)
        line.write_bytes(record.line)
        return []

    lines = models.promotion.signatures.lines

    monkeypatch.setattr(models.promotion.actions, "private_fingerprint", lambda key: owner)
    monkeypatch.setattr(models.promotion.actions, "sign_line", sign)
    monkeypatch.setattr(lines, "public_fingerprint", lambda key: owner)
    monkeypatch.setattr(lines, "verify_file", lambda *file: None)


@pytest.mark.fault("GATE-3")
def test_a_manifest_is_part_of_what_is_examined(place, tiny_base, tiny_adapters, tmp_path):
    adapter = shutil.copytree(tiny_adapters[0], tmp_path / "adapter")
    entry = f'kind = "local"\nbase = "{tiny_base}"\nadapter = "{adapter}"\ndtype = "float32"\n'
    (place.registry / "x.toml").write_text(entry)
    write_manifest(adapter, Manifest(contracts=(), cases=("e" * 64,)))
    seen = {identity_of(place, "x")}
    write_manifest(adapter, Manifest(contracts=(), cases=()))
    seen.add(identity_of(place, "x"))
    (adapter / FILE).unlink()
    seen.add(identity_of(place, "x"))
    assert len(seen) == 3


@pytest.mark.fault("GATE-10")
@pytest.mark.fault("KEEP-11")
def test_an_unsigned_rollback_is_refused(place, capsys, signing):
    dynasty(place, "a")
    write_report(place, "b", against="a", id_=ID)
    assert command(place, "b", "--sign=key.pem") == 0
    assert command(place, "--verify", "--key=key.pub") == 0
    assert command(place, "--rollback") == 0
    assert command(place, "--verify", "--key=key.pub") == 1
    assert "is not signed" in capsys.readouterr().err


@pytest.mark.fault("GATE-10")
def test_an_unsigned_champion_after_a_signed_one_is_refused(place, capsys, signing):
    write_report(place, "a")
    assert command(place, "a", "--sign=key.pem") == 0
    assert command(place, "--verify", "--key=key.pub") == 0
    write_report(place, "b", against="a", id_=ID)
    assert command(place, "b") == 0
    assert command(place, "--verify", "--key=key.pub") == 1
    assert "is not signed" in capsys.readouterr().err


@pytest.mark.fault("KEEP-11")
@pytest.mark.parametrize("key", [[], ["--key=key.pub"]])
def test_signatures_of_a_record_that_is_gone_are_noticed(place, capsys, signing, key):
    write_report(place, "a")
    assert command(place, "a", "--sign=key.pem") == 0
    (place.folder / "promotions.jsonl").unlink()
    (place.folder / "champion.toml").unlink()
    shutil.rmtree(place.registry)
    place.registry.mkdir()
    assert command(place, "--verify", *key) == 1
    assert "0001.json" in capsys.readouterr().err


@pytest.mark.fault("KEEP-11")
def test_a_key_for_no_record_verifies_nothing(place, capsys):
    assert command(place, "--verify", "--key=key.pub") == 1


@pytest.mark.fault("GATE-11")
@pytest.mark.parametrize(
    "name", ["./a", "../registry/b", "a/../b", ".a", "..", "a\n", "a\x1b[0m", "b ", "", "-a"]
)
def test_a_path_is_no_name(place, name):
    """Not even where a file lies that it leads to."""
    (place.registry / ".a.toml").write_text('kind = "echo"\n')
    for odd in ("a\n", "a\x1b[0m", "b ", "", "-a"):
        (place.registry / f"{odd}.toml").write_text('kind = "echo"\n')
    with pytest.raises(UserError) as caught:
        read_entry(name, place.registry)
    assert not set(str(caught.value)) & {"\n", "\x1b"}


@pytest.mark.fault("GATE-11")
@pytest.mark.parametrize("name", ["./a", "../registry/a"])
def test_the_champion_is_not_promoted_against_itself(place, name):
    dynasty(place, "a")
    path = write_report(place, "b", against="a", id_=ID)
    written = json.loads(path.read_text().replace('"name": "b"', f'"name": "{name}"'))
    written["verdicts"][0]["model"] = written["summary"][0]["model"] = name
    written["models"][0]["identity"] = identity_of(place, "a")
    path.write_text(json.dumps(written))
    assert command(place, name) != 0
    assert read_champion(place.folder).model == "a"


@pytest.mark.fault("GATE-11")
@pytest.mark.parametrize("option", ["--model", "--baseline"])
def test_an_exam_takes_no_path_for_a_name(tmp_path, option):
    words = {"--model": "extractive", option: "./echo"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", "--limit=1",
         "--judge=none", "--retriever=none", f"--store={tmp_path / 's'}",
         f"--runs={tmp_path / 'r'}",
         *(f"{key}={value}" for key, value in words.items())],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 4
