"""A compiled program is a candidate like any adapter: promoted, verified, refused when edited."""

import json

import pytest

from common.errors import UserError
from common.identity import file_digest
from evals.gate import Leakage
from models.egress import Sent
from models.factory import Chats, open_models
from models.family import family_in
from models.manifest import Manifest, contract_entry, write_manifest
from models.promote import main
from models.promotion.record.components import components_of
from models.promotion.record.file import read_records
from models.registry import files_of, parts_of
from reports.verdict.leakage import leak_checks, leaking
from tests.builders.programs import written
from tests.builders.promotion_data import identity_of, make_place, write_report
from tests.models.test_program import compiled
from training.data.lineage import seen_by

ENDPOINT = 'kind = "endpoint"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "claude-haiku"\n'


def options(place):
    return [f"--folder={place.folder}", f"--registry={place.registry}", f"--runs={place.runs}"]


def entry_of(place, name="careful", **said):
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items())
    (place.registry / f"{name}.toml").write_text(f'kind = "program"\n{lines}')


@pytest.fixture
def place(tmp_path):
    """A compiled program around an echo model, with a manifest of contracts unlike the exam's."""
    place = make_place(tmp_path, "a")
    folder = tmp_path / "programs" / "careful"
    folder.mkdir(parents=True)
    path = compiled(folder)
    written(tmp_path)
    (folder / "careful.py").unlink()
    seal(place, Manifest(contracts=(), cases=(), program=file_digest(path)))
    return place


def seal(place, manifest, **said):
    folder = place.registry.parent / "programs" / "careful"
    sealed = file_digest(write_manifest(folder, manifest))
    entry_of(place, program="../careful.py", generator="a", manifest=sealed,
             compiled="../programs/careful/compiled.json", **said)  # fmt: skip


def edited(place):
    path = place.registry.parent / "programs" / "careful" / "compiled.json"
    path.write_text(path.read_text().replace("In May", "In June"))


def test_it_is_promoted_recorded_by_its_parts_and_verified(place, capsys):
    write_report(place, "careful")
    assert main(["careful", *options(place)]) == 0
    (record,) = read_records(place.folder)
    assert record.identity == identity_of(place, "careful")
    (model,) = open_models(["careful"], place.registry)
    parts = components_of(model, place.registry)
    assert None not in (parts.adapter, parts.prompt, parts.decoding)
    assert main(["--verify", *options(place)]) == 0
    edited(place)
    assert main(["--verify", *options(place)]) == 1
    assert "careful is not what promotion 1 recorded" in capsys.readouterr().err


def test_one_that_was_edited_after_its_exam_is_refused(place, capsys):
    write_report(place, "careful")
    edited(place)
    assert main(["careful", *options(place)]) == 1
    assert "is not what" in capsys.readouterr().err


def test_one_whose_manifest_was_changed_after_its_exam_is_refused(place, capsys):
    write_report(place, "careful")
    seal(place, Manifest(contracts=(), cases=(), method="another"))
    assert main(["careful", *options(place)]) == 1
    assert "is not what" in capsys.readouterr().err


def test_what_belongs_to_it_are_entry_program_compiled_folder_and_its_generator(place):
    root = place.registry.parent
    assert set(files_of("careful", place.registry)) == {
        place.registry / "careful.toml",
        (root / "careful.py").resolve(),
        (root / "programs" / "careful").resolve(),
        place.registry / "a.toml",
    }


def outcome(place, cases, **excused):
    (check,) = leak_checks(parts_of("careful", place.registry), cases, Leakage(), excused)
    return check.outcome, check.reason


def test_an_exam_contract_in_its_manifest_leaks(place, sample):
    assert outcome(place, sample.cases)[0] == "PASS"
    seal(place, Manifest(contracts=(contract_entry(sample.cases[0].contract),), cases=()))
    found, reason = outcome(place, sample.cases)
    assert found == "FAIL"
    assert sample.cases[0].contract.id in reason
    (_, entry), _ = parts_of("careful", place.registry)
    assert leaking(entry, sample.cases, Leakage()) == (sample.cases[0].contract.id,)


def test_an_edited_program_is_not_the_one_that_its_manifest_speaks_of(place, sample):
    edited(place)
    found, reason = outcome(place, sample.cases)
    assert (found, "is not what its manifest.json speaks of" in reason) == ("INCONCLUSIVE", True)


def test_one_without_a_manifest_may_have_seen_anything(place, sample):
    (place.registry.parent / "programs" / "careful" / "manifest.json").unlink()
    found, reason = outcome(place, sample.cases)
    assert found == "INCONCLUSIVE"
    assert "careful holds no manifest.json, although its registry entry names one" in reason


def test_what_its_generator_was_trained_on_counts_and_either_may_be_excused(place, sample):
    (place.registry / "a.toml").write_text(ENDPOINT)
    found, reason = outcome(place, sample.cases)
    assert found == "INCONCLUSIVE"
    assert reason.startswith("nobody knows what a was trained on")
    assert outcome(place, sample.cases, a="public")[0] == "PASS"
    assert outcome(place, sample.cases, careful="public")[0] == "PASS"


def test_examples_of_an_exam_contract_leak(place, sample):
    entry_of(place, program="few-shot", generator="a")
    with (place.registry / "careful.toml").open("a") as file:
        file.write('examples = { dataset = "sample" }\n')
    test = [case for case in sample.cases if case.contract.id in sample.test_contracts]
    assert outcome(place, test)[0] == "PASS"
    found, reason = outcome(place, sample.cases)
    assert (found, reason.startswith("examples of sample: trained on 8 of")) == ("FAIL", True)
    ((_, entry), _) = parts_of("careful", place.registry)
    assert (
        set(leaking(entry, sample.cases, Leakage()))
        == {case.contract.id for case in sample.cases} - sample.test_contracts
    )


def test_it_is_of_its_generators_family_unless_it_says_otherwise(place):
    (place.registry / "a.toml").write_text(ENDPOINT)
    assert family_in(place.registry, "careful") == "claude"
    seal(place, Manifest(contracts=(), cases=()), family="Ours")
    assert family_in(place.registry, "careful") == "ours"


@pytest.mark.parametrize(
    ("generator", "words"),
    [
        ("nobody", r"careful\.toml: generator nobody: not in "),
        ("careful", r"careful\.toml: generator careful is program: it answers cases, but cannot"),
        ("sentence", r"generator sentence is extractive: it answers cases, but cannot chat"),
        ("../a", r"careful\.toml: generator '\.\./a': a name has letters"),
    ],
)
def test_a_generator_that_cannot_chat_is_one_line(place, generator, words):
    (place.registry / "sentence.toml").write_text('kind = "extractive"\n')
    entry_of(place, program="rag", generator=generator)
    with pytest.raises(UserError, match=words):
        open_models(["careful"], place.registry)
    with pytest.raises(UserError, match=words):
        files_of("careful", place.registry)


def test_a_program_is_no_judge_and_is_asked_through_its_generators_weights(place):
    chats = Chats(place.registry)
    with pytest.raises(UserError, match="it answers cases, but cannot chat"):
        chats.open("careful")
    one, other = open_models(["careful", "a"], place.registry, chats)
    assert one.generator == other.chat


def allow(place, *datasets):
    lines = "".join(f'"{name}" = ["api.example.com"]\n' for name in datasets)
    place.policy.write_text(place.policy.read_text() + f"\n[egress]\n{lines}")


def test_examples_go_only_where_their_data_set_may_be_sent(place):
    (place.registry / "a.toml").write_text(ENDPOINT.replace("127.0.0.1:9", "api.example.com"))
    entry_of(place, program="few-shot", generator="a")
    with (place.registry / "careful.toml").open("a") as file:
        file.write('examples = { dataset = "sample" }\n')
    chats = Chats(place.registry, [Sent("mine", "0" * 64)])
    allow(place, "mine")
    with pytest.raises(UserError, match=r"where sample may not be sent") as caught:
        open_models(["careful"], place.registry, chats)
    assert "api.example.com" in str(caught.value)
    place.policy.write_text(place.policy.read_text().replace('"mine"', '"*"'))
    assert open_models(["careful"], place.registry, chats)


def test_compiled_demonstrations_go_only_where_their_data_set_may_be_sent(place):
    (place.registry / "a.toml").write_text(ENDPOINT.replace("127.0.0.1:9", "api.example.com"))
    seal(place, Manifest(contracts=(), cases=(), datasets=["cuad"]))
    chats = Chats(place.registry, [Sent("mine", "0" * 64)])
    allow(place, "mine")
    with pytest.raises(UserError, match=r"where cuad may not be sent"):
        open_models(["careful"], place.registry, chats)


def test_what_is_made_with_a_programs_words_has_seen_what_it_has(place, sample):
    contract = contract_entry(sample.cases[0].contract)
    seal(place, Manifest(contracts=(contract,), cases=()))
    assert seen_by(["careful"], place.registry) == (contract,)
    (place.registry.parent / "programs" / "careful" / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"careful: compiled program .* has no manifest"):
        seen_by(["careful"], place.registry)
