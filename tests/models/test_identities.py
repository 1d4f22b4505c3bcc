"""The two identities of a model, and what was recorded before there were two."""

import json
import shutil
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.identity import file_digest
from models.chat import Model
from models.factory import open_models
from models.identity.first_identity import first_identities
from models.identity.identities import VERSION, difference, promotion_identity
from models.manifest import FILE, Manifest, write_manifest
from models.promote import main
from models.promotion.champion import read_champion
from models.promotion.record.file import SHIPPED, append, read_records
from models.promotion.record.line import LATER, chained, parse
from models.registry import NAME, entry_names, entry_path, is_registered, read_entry
from tests.builders.promotion_data import dynasty, identity_of, make_place, write_report
from tests.conftest import ROOT
from tests.models.test_promote import make_adapter
from tests.seams import users


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A registry with a model `x`: a base and an adapter that are its own."""
    folder = tmp_path_factory.mktemp("tuned")
    make_adapter(folder, seed=1)
    (folder / "registry").mkdir()
    (folder / "registry" / "x.toml").write_text(
        'kind = "local"\nbase = "../base"\nadapter = "../adapter"\ndtype = "float32"\n'
    )
    return folder


def opened(folder) -> Model:
    return open_models(["x"], folder / "registry")[0]


@given(texts=st.lists(st.binary(max_size=40), min_size=2, max_size=2, unique=True),
       place=st.sampled_from(["base", "adapter"]))  # fmt: skip
@settings(max_examples=200)
def test_a_manifest_voids_a_promotion_and_asks_nothing_again(tuned, texts, place):
    seen = []
    for text in texts:
        (tuned / place / FILE).write_bytes(text)
        model = opened(tuned)
        seen.append((model.identity, promotion_identity(model)))
    assert seen[0][0] == seen[1][0] and seen[0][1] != seen[1][1]
    assert difference(opened(tuned), seen[1][1]) is None
    assert difference(opened(tuned), seen[0][1])


def test_lines_that_are_shipped_read_back_byte_for_byte():
    lines = (ROOT / "models" / "promotions.jsonl").read_bytes().splitlines()
    assert len(lines) >= 2
    for line in lines[:2]:
        assert parse(line).line == line
        assert parse(line).version == 1
        assert not set(json.loads(line)) & set(LATER)
    assert len(read_records(SHIPPED)) == len(lines)


@pytest.mark.parametrize("name", LATER)
def test_a_line_does_not_say_what_its_silence_says(name):
    line = (ROOT / "models" / "promotions.jsonl").read_bytes().splitlines()[0]
    said = json.dumps(
        {**json.loads(line), name: LATER[name]}, sort_keys=True, separators=(",", ":")
    )
    with pytest.raises(ValueError, match="read back"):
        parse(said.encode())


def test_new_lines_say_their_version_and_one_of_a_later_release_is_said_to_be(tmp_path, capsys):
    place = make_place(tmp_path, "a")
    record = dynasty(place, "a")
    assert json.loads(record.line)["version"] == VERSION == 2
    append(place.folder, chained([record], replace(record, version=VERSION + 1)))
    assert main(["--history", f"--folder={place.folder}"]) == 4
    assert "later release" in capsys.readouterr().err


@pytest.fixture
def mixed(tmp_path):
    """A record that begins as an earlier release wrote it: identities of the first version."""
    place = make_place(tmp_path, "a", "b", "c")
    record = dynasty(place, "a")
    (identity,) = first_identities(open_models(["a"], place.registry)[0])
    assert identity != record.identity
    named = replace(record.anchor, identity=identity)
    old = chained((), replace(record, identity=identity, anchor=named, **LATER))
    assert not set(json.loads(old.line)) & set(LATER)
    (place.folder / "promotions.jsonl").write_bytes(old.line + b"\n")
    (place.folder / "champion.toml").unlink()
    return place


def command(place, *words):
    return main([*words, f"--folder={place.folder}", f"--registry={place.registry}",
                 f"--runs={place.runs}"])  # fmt: skip


def test_a_record_goes_on_from_the_first_version(mixed, capsys):
    assert command(mixed, "--verify") == 0
    first = read_records(mixed.folder)[0]
    path = write_report(mixed, "b", against="a", id_="20260105-000000-aaaa")
    written = json.loads(path.read_text())
    written["verdicts"][0]["champion"]["identity"] = first.identity  # as an exam finds it
    path.write_text(json.dumps(written))
    from tests.builders.promotion_data import seal

    seal(path)
    assert command(mixed, "b") == 0
    assert command(mixed, "--verify") == 0
    assert command(mixed, "--rollback") == 0
    assert command(mixed, "--verify") == 0
    again = read_records(mixed.folder)[-1]
    assert (again.identity, again.version, again.kind) == (first.identity, 1, "rollback")
    (mixed.registry / "a.toml").write_text('kind = "echo"\nsystem = "another"\n')
    capsys.readouterr()
    assert command(mixed, "--verify") == 1
    assert "a is not what promotion 3 recorded" in capsys.readouterr().err


def test_a_champion_of_the_first_version_is_known_to_be_in_service(mixed):
    from reports.report import Verdict
    from reports.verdict.opponents import unpromoted

    assert command(mixed, "--verify") == 0
    model = open_models(["a"], mixed.registry)[0]
    verdict = Verdict("a", "PROMOTE", (), ())
    said = unpromoted(verdict, model, read_champion(mixed.folder), "pytest evals")
    assert said.outcome == "PASS" and "still holds what the gate asks" in said.reasons[0]


def test_the_manifest_of_a_first_line_is_compared_too(tuned, tmp_path, capsys):
    """That version's identity did not hold it, but its line does."""
    place = make_place(tmp_path, "a")
    shutil.copytree(tuned / "adapter", tmp_path / "adapter")
    shutil.copytree(tuned / "base", tmp_path / "base")
    manifest = write_manifest(tmp_path / "adapter", Manifest(contracts=(), cases=()))
    entry = (tuned / "registry" / "x.toml").read_text()
    sealed = f'manifest = "{file_digest(manifest)}"\n'
    (place.registry / "x.toml").write_text(entry + sealed)
    record = dynasty(place, "x")
    model = open_models(["x"], place.registry)[0]
    identity = sorted(first_identities(model))[0]
    assert difference(model, identity) is None
    named = replace(record.anchor, identity=identity)
    old = chained((), replace(record, identity=identity, anchor=named, **LATER))
    (place.folder / "promotions.jsonl").write_bytes(old.line + b"\n")
    (place.folder / "champion.toml").unlink()
    assert command(place, "--verify") == 0
    (tmp_path / "adapter" / FILE).write_text("{}")
    assert command(place, "--verify") == 1
    assert "its training manifest changed" in capsys.readouterr().err


def test_every_field_of_a_promotion_is_in_its_line(tmp_path):
    record = dynasty(make_place(tmp_path, "a"), "a")
    rare = {"reason", "override", "approval"}
    assert set(json.loads(record.line)) == set(asdict(record)) - rare
    assert (
        record.identity
        == promotion_identity(open_models(["a"], tmp_path / "registry")[0])
        == identity_of(make_place(tmp_path / "other", "a"), "a")
    )


CHARACTERS = st.sampled_from("abAB09._-/\\ \n\t\x00\x1b~:%é")


@given(name=st.text(CHARACTERS, max_size=8) | st.text(max_size=8))
@settings(max_examples=300)
def test_a_name_leads_to_its_own_entry_or_nowhere(tmp_path_factory, name):
    import re

    from common.errors import UserError

    folder = tmp_path_factory.mktemp("names") / "registry"
    folder.mkdir()
    if re.fullmatch(NAME, name):
        assert entry_path(name, folder).parent == folder
        assert entry_path(name, folder).stem == name
        entry_path(name, folder).write_text('kind = "echo"\n')
        assert (entry_names(folder), is_registered(name, folder)) == ([name], True)
        assert read_entry(name, folder).kind == "echo"
    else:
        for call in (entry_path, read_entry):
            if call is read_entry and name.startswith("recorded:"):
                continue
            with pytest.raises(UserError) as caught:
                call(name, folder)
            assert str(caught.value).isprintable()
        assert not is_registered(name, folder)


def test_a_name_becomes_a_path_in_one_place():
    made = {
        path.relative_to(ROOT).as_posix()
        for room in ("fixtures", "models", "evals", "reports", "training", "bench")
        for path in (ROOT / room).rglob("*.py")
        if '}.toml"' in path.read_text(encoding="utf-8")
    }
    assert made - {"models/endpoint/server.py"} == {
        "models/registry.py"
    }  # that one is in a message


def test_what_is_promoted_is_compared_in_one_place():
    assert users("models.identity.identities.difference") == {
        "models/promotion/admission/refusals.py",
        "reports/verdict/opponents.py",
    }
    assert users("models.identity.identities.promotion_identity") == {
        "models/promotion/admission/refusals.py",
        "models/promotion/actions.py",
        "models/serve/opened.py",  # what answers in service is told by it
        "models/promotion/approving.py",  # whose word is taken back
        "models/promotion/asked.py",  # of which model something is said
        "reports/drift/reference.py",  # whether the record's identity is of the model examined
        "reports/examination/header.py",
        "reports/verdict/opponents.py",
        "training/optimize/program.py",  # what a program was made from
        "models/published/release.py",  # by which a registry outside knows it
    }


def test_what_a_model_is_depends_on_no_class_that_runs_it():
    running = users("models.local", "models.endpoint", "models.prompted")
    assert "models/factory.py" in running
    assert [path for path in running if path.startswith("models/identity/")] == []
