"""The training manifest: written, read back, and refused when it is none."""

import json

import pytest

from common.errors import UserError
from fixtures.cases import Contract
from fixtures.shingles import sketch
from models.manifest import FILE, Manifest, contract_entry, read_manifest, write_manifest

CONTRACT = Contract("A-EX-1", "The seller delivers ten crates of lamps to the buyer every month.")


@pytest.fixture
def written(tmp_path):
    manifest = Manifest(contracts=(contract_entry(CONTRACT),), cases=("0" * 64,))
    write_manifest(tmp_path / "adapter", manifest)
    return tmp_path / "adapter"


def altered(folder, *keys, value):
    path = folder / FILE
    content = json.loads(path.read_text())
    at = content
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    path.write_text(json.dumps(content))
    return folder


def test_what_is_written_is_read(written):
    manifest = read_manifest(written)
    assert manifest.cases == ("0" * 64,)
    (entry,) = manifest.contracts
    assert (entry.title, entry.digest) == (CONTRACT.id, CONTRACT.digest)
    assert set(entry.sketch) == sketch(CONTRACT.text)
    assert list(entry.sketch) == sorted(entry.sketch)
    assert [path.name for path in written.iterdir()] == [FILE]


def test_the_text_is_not_kept(written):
    assert "crates" not in (written / FILE).read_text()


def test_a_trainer_adds_keys_of_its_own(written):
    manifest = read_manifest(altered(written, "recipe", value={"epochs": 3}))
    assert manifest.model_extra == {"recipe": {"epochs": 3}}
    write_manifest(written, manifest)
    assert read_manifest(written) == manifest


def test_none_where_there_is_none(tmp_path):
    assert read_manifest(tmp_path) is None
    assert read_manifest(tmp_path / "missing") is None
    (tmp_path / "weights.gguf").write_text("")
    assert read_manifest(tmp_path / "weights.gguf") is None


@pytest.mark.parametrize(
    ("keys", "value", "named"),
    [
        (["contracts"], None, "contracts"),
        (["cases"], ["not an identity"], "cases.0"),
        (["contracts", 0, "digest"], "ABC", "contracts.0.digest"),
        (["contracts", 0, "sketch"], [-1], "contracts.0.sketch.0"),
        (["contracts", 0, "sketch"], [2**48], "contracts.0.sketch.0"),
        (["contracts", 0, "sketch"], ["16"], "contracts.0.sketch.0"),
        (["contracts", 0, "text"], "a text", "contracts.0.text"),
        (["sketches"], "5 words, all", "sketches"),
    ],
)
def test_a_malformed_manifest_is_one_line(written, keys, value, named):
    with pytest.raises(UserError, match="train the adapter again") as caught:
        read_manifest(altered(written, *keys, value=value))
    line = str(caught.value)
    assert "\n" not in line
    assert f"({named}: " in line
    assert str(written / FILE) in line


@pytest.mark.parametrize("missing", ["contracts", "cases"])
def test_a_missing_key_is_named(written, missing):
    path = written / FILE
    content = json.loads(path.read_text())
    del content[missing]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"\({missing}: field required\)"):
        read_manifest(written)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_what_is_no_json_object_is_refused(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UserError, match=r"is not a training manifest \(the file: ") as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_in_its_place_is_refused(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        read_manifest(tmp_path)


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_manifest(tmp_path / "file", Manifest(contracts=(), cases=()))
