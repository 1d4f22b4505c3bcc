"""Leaks: planted ones are found, shared boilerplate is none, and exceptions are by title."""

import random
import time

import pytest

from common.errors import UserError
from evals.leakage.__main__ import main
from evals.leakage.leaks import Leak, check_leakage, find_leaks, near_duplicates
from fixtures.cases import Case, Contract, Dataset
from fixtures.shingles import containment, shingles
from models.manifest import Manifest, contract_entry


def case_of(contract, category="Parties"):
    return Case(f"{contract.id}__{category}", contract.id, contract, category, "Who?", ())


def manifest_of(*contracts, cases=()):
    return Manifest(contracts=tuple(map(contract_entry, contracts)), cases=tuple(cases))


def contracts_of(dataset):
    return list({case.contract.id: case.contract for case in dataset.cases}.values())


def reworded(contract, share, seed=0):
    """The contract under another title, with the first `share` of its words kept."""
    words = contract.text.split()
    kept = round(len(words) * share)
    draw = random.Random(seed)
    rest = [f"x{draw.randrange(10**6)}" for _ in words[kept:]]
    return Contract(f"{contract.id} (reworded)", " ".join([*words[:kept], *rest]).upper())


@pytest.fixture(scope="module")
def contracts(sample):
    return contracts_of(sample)


def test_the_same_text_under_another_title_leaks(contracts):
    exam = Contract("another title", contracts[3].text)
    found = find_leaks([case_of(exam)], manifest_of(*contracts))
    assert found == (Leak("another title", contracts[3].id, "identity", 1.0),)


def test_the_same_case_leaks_though_its_contract_is_not_listed(contracts):
    asked, other = case_of(contracts[0]), case_of(contracts[1])
    found = find_leaks([asked, other], manifest_of(cases=[asked.identity]))
    assert found == (Leak(contracts[0].id, contracts[0].id, "case", 1.0),)


def test_a_planted_near_duplicate_is_found(contracts):
    for contract in contracts:
        copy = reworded(contract, 0.8)
        (leak,) = find_leaks([case_of(copy)], manifest_of(*contracts))
        assert (leak.exam_contract, leak.trained_contract) == (copy.id, contract.id)
        assert leak.kind == "near-duplicate"
        exact = containment(shingles(copy.text), shingles(contract.text))
        assert leak.containment == pytest.approx(exact, abs=0.15)


def test_less_than_the_threshold_is_no_leak(contracts):
    cases = [case_of(reworded(contract, 0.2)) for contract in contracts]
    manifest = manifest_of(*contracts)
    assert find_leaks(cases, manifest) == ()
    assert len(find_leaks(cases, manifest, threshold=0.05)) == len(cases)


def test_the_threshold_itself_is_no_leak(contracts):
    case, manifest = case_of(reworded(contracts[0], 0.8)), manifest_of(contracts[0])
    (leak,) = find_leaks([case], manifest)
    assert find_leaks([case], manifest, threshold=leak.containment) == ()


def test_wording_of_several_trained_contracts_does_not_add_up(contracts):
    words = [contract.text.split()[:300] for contract in contracts[:4]]
    patchwork = Contract("patchwork", " ".join(word for part in words for word in part))
    assert find_leaks([case_of(patchwork)], manifest_of(*contracts)) == ()


def test_a_short_contract_inside_a_long_one_leaks(contracts):
    short = Contract("short", " ".join(contracts[0].text.split()[200:800]))
    (leak,) = find_leaks([case_of(short)], manifest_of(*contracts))
    assert (leak.trained_contract, leak.containment) == (contracts[0].id, 1.0)


def test_a_sketch_that_repeats_itself_counts_once(contracts):
    entry = contract_entry(contracts[0])
    doubled = entry.model_copy(update={"sketch": entry.sketch * 3})
    case = case_of(reworded(contracts[0], 0.3))
    assert find_leaks([case], Manifest(contracts=(doubled,), cases=())) == ()


def test_one_leak_for_each_contract_in_the_order_of_the_cases(contracts):
    cases = [case_of(contract, kind) for contract in contracts for kind in ("Parties", "Term")]
    found = find_leaks(cases, manifest_of(*reversed(contracts), cases=[cases[0].identity]))
    assert [leak.exam_contract for leak in found] == [contract.id for contract in contracts]
    assert {leak.kind for leak in found} == {"identity"}


def test_of_two_contracts_with_one_title_the_one_that_was_trained_on_leaks(contracts):
    seen, other = contracts[0], Contract(contracts[0].id, contracts[1].text)
    for order in ((seen, other), (other, seen)):
        found = find_leaks(list(map(case_of, order)), manifest_of(seen))
        assert found == (Leak(seen.id, seen.id, "identity", 1.0),)


def test_shared_boilerplate_alone_is_no_leak(contracts):
    for contract in contracts:
        others = [other for other in contracts if other is not contract]
        assert find_leaks([case_of(contract)], manifest_of(*others), threshold=0.1) == ()


def test_empty_contracts_and_manifests_leak_nothing(contracts):
    empty = Contract("empty", "--- \n")
    assert find_leaks([case_of(empty)], manifest_of(*contracts)) == ()
    assert find_leaks([case_of(contracts[0])], manifest_of(empty)) == ()
    assert find_leaks([case_of(contracts[0])], manifest_of()) == ()
    assert find_leaks([], manifest_of(*contracts)) == ()


LEAKS = tuple(Leak(f"Title {n}, Inc.", f"T{n}", "near-duplicate", 0.7) for n in range(7))


def test_no_leak_passes():
    verdict = check_leakage("m", ())
    assert (verdict.model, verdict.outcome) == ("m", "PASS")
    assert verdict.reason == "no exam contract leaks"


def test_leaks_fail_with_five_titles():
    verdict = check_leakage("m", LEAKS)
    assert verdict.outcome == "FAIL"
    assert "trained on 7 of the exam's contracts (7 by near-duplicate)" in verdict.reason
    assert '"Title 4, Inc." and 2 more' in verdict.reason
    assert "Title 5" not in verdict.reason
    assert "leakage.allow" in verdict.reason
    assert "more" not in check_leakage("m", LEAKS[:5]).reason


def test_an_allowed_title_is_reported_and_does_not_fail():
    verdict = check_leakage("m", LEAKS[:2], ["title 0, INC.", "Title 1, Inc."])
    assert verdict.outcome == "PASS"
    assert 'allowed: "Title 0, Inc.", "Title 1, Inc."' in verdict.reason
    assert "does not leak" not in verdict.reason


def test_a_title_allowed_beside_another_leak_still_fails():
    verdict = check_leakage("m", LEAKS[:2], ["Title 0, Inc."])
    assert verdict.outcome == "FAIL"
    assert "trained on 1 of the exam's contracts (1 by near-duplicate): \"Title 1" in verdict.reason
    assert 'allowed: "Title 0, Inc."' in verdict.reason


def test_part_of_a_title_allows_nothing():
    verdict = check_leakage("m", LEAKS[:1], ["Title 0"])
    assert verdict.outcome == "FAIL"
    assert 'leakage.allow names what does not leak: "Title 0"' in verdict.reason


def test_an_unneeded_exception_is_reported():
    verdict = check_leakage("m", (), ["Gone"])
    assert verdict.outcome == "PASS"
    assert 'leakage.allow names what does not leak: "Gone"' in verdict.reason


def test_a_data_set_without_train_split_is_refused(contracts):
    cases = tuple(map(case_of, contracts))
    whole = Dataset("whole", cases, frozenset(contract.id for contract in contracts))
    with pytest.raises(UserError, match="has no train split"):
        near_duplicates(whole)


def test_near_duplicates_cross_the_split_alone(contracts):
    train = contracts[:4]
    copies = [reworded(train[0], 0.7), reworded(train[1], 0.9)]
    twin = Contract("twin", copies[0].text.lower())
    cases = tuple(map(case_of, [*train, *copies, twin]))
    dataset = Dataset("planted", cases, frozenset([copies[0].id, copies[1].id, "twin"]))
    found = [(leak.exam_contract, leak.trained_contract) for leak in near_duplicates(dataset)]
    assert found[0] == (copies[1].id, train[1].id)
    assert set(found[1:]) == {(copies[0].id, train[0].id), ("twin", train[0].id)}
    assert len(found) == 3


def test_the_sample_has_no_near_duplicates(capsys):
    assert main(["--dataset", "sample"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("0 of 4 test contracts have more than 0.5")


def test_the_command_prints_titles(capsys):
    assert main(["--dataset", "sample", "--threshold", "0"]) == 0
    printed = capsys.readouterr().out
    assert "near-duplicate of " in printed


@pytest.mark.parametrize(
    "argv", [["--dataset", "sample", "--threshold", "nan"], ["--dataset", "nowhere"]]
)
def test_mistakes_are_one_line(argv, capsys):
    assert main(argv) == 4
    error = capsys.readouterr().err
    assert error.startswith("ERROR: --")
    assert error.count("\n") == 1


def test_real_near_duplicates_are_found(cuad):
    started = time.perf_counter()
    found = near_duplicates(cuad)
    assert time.perf_counter() - started < 30
    pairs = {
        (leak.exam_contract.split("_")[0], leak.trained_contract.split("_")[0]) for leak in found
    }
    assert pairs == {
        ("LejuHoldingsLtd", "ChinaRealEstateInformationCorp"),
        ("INTELLIGENTHIGHWAYSOLUTIONS,INC", "SIBANNAC,INC"),
    }
    assert all(leak.kind == "near-duplicate" for leak in found)
