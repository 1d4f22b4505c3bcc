"""Checks that come from no answer: is it the whole exam, and was the candidate trained on it?"""

from common.identity import file_digest
from evals.gate import Leakage
from fixtures.selection import Selection
from models.local.entry import LocalEntry
from models.manifest import Manifest, contract_entry, write_manifest
from models.registry import EchoEntry
from reports.verdict.leakage import leak_checks
from reports.verdict.preconditions import partial_check


def adapter(tmp_path, *contracts):
    folder = tmp_path / "dpo-x"
    folder.mkdir()
    written = Manifest(contracts=tuple(map(contract_entry, contracts)), cases=())
    seal = file_digest(write_manifest(folder, written))
    return LocalEntry(kind="local", base="embedded:smollm2", adapter=folder, manifest=seal)


def test_a_candidate_trained_on_the_exam_fails_with_the_titles(tmp_path, sample):
    exam = [case for case in sample.cases if case.contract.id in sample.test_contracts]
    title = exam[0].contract.id
    found = leak_checks([("", adapter(tmp_path, exam[0].contract))], exam, Leakage())
    assert [check.outcome for check in found] == ["FAIL"]
    assert title in found[0].reason


def test_an_excused_title_does_not_fail(tmp_path, sample):
    exam = [case for case in sample.cases if case.contract.id in sample.test_contracts]
    entry = adapter(tmp_path, exam[0].contract)
    found = leak_checks([("", entry)], exam, Leakage(allow=(exam[0].contract.id,)))
    assert [check.outcome for check in found] == ["PASS"]


def test_training_on_the_train_split_passes(tmp_path, sample):
    exam = [case for case in sample.cases if case.contract.id in sample.test_contracts]
    train = {c.contract.id: c.contract for c in sample.cases if c not in exam}
    found = leak_checks([("", adapter(tmp_path, *train.values()))], exam, Leakage())
    assert [check.outcome for check in found] == ["PASS"]


def test_silence_about_training_is_inconclusive_unless_it_is_excused_by_name(tmp_path, sample):
    (tmp_path / "silent").mkdir()
    entry = LocalEntry(kind="local", base="embedded:smollm2", adapter=tmp_path / "silent")
    found = leak_checks([("mine", entry)], sample.cases, Leakage())
    assert [check.outcome for check in found] == ["INCONCLUSIVE"]
    assert '"mine" = "WHY" under [excused] in policy.toml' in found[0].reason
    excused = leak_checks([("mine", entry)], sample.cases, Leakage(), {"mine": "ours"})
    assert [check.outcome for check in excused] == ["PASS"]


def test_a_manifest_that_was_changed_after_the_training_proves_nothing(tmp_path, sample):
    exam = [case for case in sample.cases if case.contract.id in sample.test_contracts]
    train = {c.contract.id: c.contract for c in sample.cases if c not in exam}
    entry = adapter(tmp_path, *train.values())
    assert [check.outcome for check in leak_checks([("", entry)], exam, Leakage())] == ["PASS"]
    write_manifest(entry.adapter, Manifest(contracts=(), cases=()))
    found = leak_checks([("", entry)], exam, Leakage())
    assert [check.outcome for check in found] == ["INCONCLUSIVE"]
    assert "train the adapter again" in found[0].reason


def test_what_was_never_trained_has_nothing_to_say(sample):
    (found,) = leak_checks([("", EchoEntry(kind="echo"))], sample.cases, Leakage())
    assert found.outcome == "PASS"


def test_a_part_of_the_exam_decides_nothing():
    assert partial_check(164, 164, Selection()) == []
    assert partial_check(4, 164, Selection())[0].outcome == "INCONCLUSIVE"
    picked = Selection(categories=("Parties",))
    assert partial_check(12, 12, picked)[0].outcome == "INCONCLUSIVE"
