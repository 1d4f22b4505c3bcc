"""The ledger: every exam leaves a file, two branches merge, and nothing goes unseen."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import UserError
from models.promote import main
from models.promotion.admission.policy import read_policy
from models.promotion.ledger.entry import Begun, Candidate, Chosen, Ended, Said, Settled
from models.promotion.ledger.files import begin, complete, ledger_beside, read_ledger
from models.promotion.ledger.tries import judged_before, tries_against
from models.promotion.record.file import read_records
from models.promotion.record.line import Data, Named
from models.promotion.refused import RefusedError
from models.registry import SHIPPED
from tests.builders.promotion_data import dynasty, edit, identity_of, make_place, write_report
from tests.builders.promotion_data import seal as builders_seal

DATA = Data("cuad", "d" * 64, "test")


def begun(number, name="a", data=DATA, **changes):
    fields = {
        "run": f"20260101-{number:06d}-abcd",
        "when": "2026-01-01T00:00:00Z",
        "candidates": (Candidate(name, name * 8, "dpo", ("base",)),),
        "opponents": (),
        "dataset": data,
        "chosen": Chosen(None, False, (), (), (), False),
        "cases": 100,
        "contracts": 12,
        "gate": "9" * 64,
        "retriever": "r",
        "judges": (),
    }
    return Begun(**{**fields, **changes})


def ended(name="a", outcome="PROMOTE", answers=None):
    check = Settled("token_f1", "floor", "PASS", 0.01)
    said = Said(name, outcome, (check,), answers)
    return Ended("2026-01-01T00:01:00Z", "e" * 64, 0.05, (said,))


def exam(folder, number, answers=None, **changes):
    path = begin(folder, begun(number, **changes))
    complete(path, ended(changes.get("name", "a"), answers=answers))
    return path


def test_every_exam_is_an_entry_that_names_the_one_before(tmp_path):
    paths = [exam(tmp_path, number) for number in range(3)]
    entries = read_ledger(tmp_path)
    assert [entry.path for entry in entries] == paths
    assert [list(entry.begun.before) for entry in entries] == [[], [paths[0].stem], [paths[1].stem]]
    assert {entry.judged("a" * 8) for entry in entries} == {"PROMOTE"}


def test_an_exam_that_did_not_end_counts(tmp_path):
    exam(tmp_path, 1)
    begin(tmp_path, begun(2, "b"))
    exam(tmp_path, 3, data=Data("cuad", "d" * 64, "train"))
    entries = read_ledger(tmp_path)
    assert entries[1].judged("b" * 8) == "unfinished"
    counted = judged_before(entries, begun(1))
    assert (counted.exams, counted.candidates) == (2, 2)


@given(data=st.data())
def test_a_second_line_cut_anywhere_is_an_exam_that_did_not_end(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("ledger")
    path = exam(folder, 1)
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    path.write_bytes(whole[: data.draw(st.integers(start, len(whole) - 1))])
    (entry,) = read_ledger(folder)
    assert entry.ended is None
    assert entry.cut == (path.read_bytes() != whole[:start])
    exam(folder, 2)
    assert len(read_ledger(folder)) == 2
    complete(path, ended())
    assert read_ledger(folder)[0].ended == ended()


@given(data=st.data())
def test_no_byte_of_an_entry_that_was_named_can_be_changed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("ledger")
    for number in range(3):
        exam(folder, number)
    path = data.draw(st.sampled_from(sorted(folder.glob("*.json"))[:2]))
    whole = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    path.write_bytes(whole)
    with pytest.raises(RefusedError, match="git log -- "):
        read_ledger(folder)


@pytest.mark.parametrize("number", [0, 1])
def test_an_entry_that_is_gone_is_named(tmp_path, number):
    paths = [exam(tmp_path, each) for each in range(3)]
    paths[number].unlink()
    line = f"{paths[number]} is missing: {paths[number + 1].name} names it; restore it: `git log"
    with pytest.raises(RefusedError) as refused:
        read_ledger(tmp_path)
    assert str(refused.value).startswith(line)
    with pytest.raises(RefusedError):
        begin(tmp_path, begun(9))


def test_an_edited_verdict_is_seen_once_another_exam_has_begun(tmp_path):
    path = begin(tmp_path, begun(1))
    complete(path, ended(outcome="REJECT"))
    begin(tmp_path, begun(2))
    path.write_text(path.read_text().replace("REJECT", "PROMOTE"))
    with pytest.raises(RefusedError, match="was edited after 20260101-000002"):
        read_ledger(tmp_path)


def test_an_end_that_was_removed_is_seen(tmp_path):
    path = exam(tmp_path, 1)
    exam(tmp_path, 2)
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    with pytest.raises(RefusedError, match="was edited after"):
        read_ledger(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{}", "{}\n", "[]\n", "<<<<<<< HEAD\n", "\x00\xff\n", "x" * 10**6 + "\n"]
)
def test_what_is_no_entry_is_one_line(tmp_path, text):
    (tmp_path / "20260101-000000-0123456789abcdef.json").write_text(text, encoding="latin-1")
    with pytest.raises(RefusedError) as refused:
        read_ledger(tmp_path)
    assert "\n" not in str(refused.value)
    assert "restore it: `git log" in str(refused.value)


def test_an_unknown_key_is_named(tmp_path):
    path = begin(tmp_path, begun(1))
    line = json.loads(path.read_text()) | {"gates": 1}
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(RefusedError, match="unknown key 'gates'; did you mean 'gate'"):
        read_ledger(tmp_path)


def test_two_branches_merge_without_conflict(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    exam(one, 1)
    shutil.copytree(one, other)
    exam(one, 2, name="b")
    exam(one, 4, name="b")
    exam(other, 3, name="c")
    for path in other.iterdir():
        assert not (one / path.name).exists() or (one / path.name).read_bytes() == path.read_bytes()
        shutil.copy(path, one)
    path = exam(one, 5)
    entries = read_ledger(one)
    assert len(entries) == 5
    assert [
        entry.begun.run[9:15] for entry in entries if entry.name in entries[4].begun.before
    ] == [
        "000003",
        "000004",
    ]
    assert path == entries[4].path


def test_two_exams_at_once_are_both_named_by_the_next(tmp_path):
    first, second = begin(tmp_path, begun(1)), begin(tmp_path, begun(2, "b"))
    complete(second, ended("b"))
    complete(first, ended())
    third = exam(tmp_path, 3)
    assert set(read_ledger(tmp_path)[2].begun.before) == {first.stem, second.stem}
    first.write_text(first.read_text().replace('"outcome":"PROMOTE"', '"outcome":"REJECT"'))
    with pytest.raises(RefusedError, match=third.name):
        read_ledger(tmp_path)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "ledger").write_text("a file")
    with pytest.raises(UserError, match=r"cannot be written: .*--ledger"):
        begin(tmp_path / "ledger", begun(1))


def test_the_ledger_of_the_shipped_registry_can_be_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("BAR_EXAM_LEDGER", str(tmp_path))
    assert ledger_beside(SHIPPED) == tmp_path
    assert ledger_beside(tmp_path / "registry") == tmp_path / "ledger"
    monkeypatch.delenv("BAR_EXAM_LEDGER")
    assert ledger_beside(SHIPPED) == SHIPPED.parent / "ledger"


@pytest.fixture
def place(tmp_path):
    """A champion a, and b that would follow."""
    place = make_place(tmp_path, "a", "b")
    dynasty(place, "a")
    write_report(place, "b", against="a", id_="20260105-000000-aaaa")
    return place


def promoted(place, *words):
    where = [f"--folder={place.folder}", f"--registry={place.registry}", f"--runs={place.runs}"]
    return main([*words, *where])


def of_b(place):
    return next(place.exams.glob("20260105-*.json"))


def test_a_promotion_needs_its_entry(place, capsys):
    of_b(place).unlink()
    assert promoted(place, "b") == 1
    assert "20260105-000000-aaaa/report.json is not in the ledger" in capsys.readouterr().err


def test_a_promotion_needs_the_end_of_its_exam(place, capsys):
    path = of_b(place)
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    assert promoted(place, "b") == 1
    assert "did not end; type `pytest evals --model b" in capsys.readouterr().err


def test_a_promotion_needs_the_ledger_whole(place, capsys):
    next(place.exams.glob("20260101-*.json")).unlink()
    assert promoted(place, "b") == 1
    assert "is missing: 20260105-000000-" in capsys.readouterr().err


def test_a_promotion_needs_the_report_that_the_exam_wrote(place, capsys):
    path = of_b(place)
    first, second = path.read_text().splitlines()
    second = json.dumps(json.loads(second) | {"report": "0" * 64})
    path.write_text(f"{first}\n{second}\n")
    assert promoted(place, "b") == 1
    assert "ended with another report" in capsys.readouterr().err


def test_a_rejection_whose_report_is_gone_still_counts(place, capsys):
    later = write_report(place, "b", against="a", id_="20260106-000000-aaaa", outcome="REJECT")
    shutil.rmtree(later.parent)
    assert promoted(place, "b") == 1
    assert "is newer, and says REJECT of this model" in capsys.readouterr().err


def test_a_newer_exam_that_did_not_end_is_said(place, capsys):
    later = write_report(place, "b", against="a", id_="20260106-000000-aaaa", outcome="REJECT")
    shutil.rmtree(later.parent)
    (path,) = place.exams.glob("20260106-*.json")
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    assert promoted(place, "b") == 0
    assert "a newer exam of b on this data began and did not end" in capsys.readouterr().out


def test_the_exams_are_shown_with_how_often_contracts_judged(place, capsys):
    assert promoted(place, "--exams") == 0
    shown = capsys.readouterr().out
    assert "PROMOTE" in shown
    assert ", test: 2 candidates in 2 exams" in shown


HELD = {"opponents": (Named("first", "f" * 8),)}


def tries(folder, name="new", **changes):
    """Against `first`, of an exam that is about to begin."""
    return tries_against(read_ledger(folder), Named("first", "f" * 8), begun(99, name, **changes))


def test_candidates_on_the_same_contracts_share_the_risk_against_an_anchor(tmp_path):
    for number, name in enumerate(("a", "b", "b", "c")):
        exam(tmp_path, number, name=name, **HELD)
    exam(tmp_path, 6, name="y", data=Data("cuad", "e" * 64, "test"), **HELD)
    assert tries(tmp_path) == 4
    assert tries(tmp_path, "c") == 3
    assert tries_against(read_ledger(tmp_path), Named("a", "a" * 8), begun(99, "new")) == 3


@pytest.mark.parametrize(
    "peek",
    [
        {},
        {"chosen": Chosen(None, False, (), ("A Contract",), (), True)},
        {"chosen": Chosen(24, False, (), (), (), False), "cases": 24},
        {"chosen": Chosen(None, False, (), (), (), True), "cases": 3},
        HELD,
    ],
)
@pytest.mark.parametrize("ends", [True, False])
def test_whoever_may_have_been_looked_at_was_tried(tmp_path, peek, ends):
    path = begin(tmp_path, begun(1, "x", **peek))
    if ends:
        complete(path, ended("x", answers="1" * 12))
    assert tries(tmp_path) == 2
    assert tries(tmp_path, "x") == 1


def test_answers_that_were_drawn_anew_are_tries_and_kept_ones_are_none(tmp_path):
    for number, answers in enumerate(("1", "1", "2", "1", "3")):
        exam(tmp_path, number, name="x", answers=answers * 12)
    begin(tmp_path, begun(7, "x"))
    assert (tries(tmp_path, "x"), tries(tmp_path)) == (3, 4)
    few = {"chosen": Chosen(24, False, (), (), (), False), "cases": 24}
    exam(tmp_path, 8, name="x", answers="4" * 12, **few)
    assert tries(tmp_path, "x") == 3, "fewer answers, which may be the same"


def test_contracts_are_known_by_their_text(tmp_path):
    larger = Data("larger", "e" * 64, "test")
    exam(tmp_path, 1, name="x", data=larger, texts=("1" * 12, "2" * 12))
    exam(tmp_path, 2, name="y", data=larger, texts=("3" * 12,))
    exam(tmp_path, 3, name="z")
    assert tries(tmp_path, texts=("0" * 12, "2" * 12)) == 3, "x by its text, z by its data set"
    assert tries(tmp_path, data=larger, texts=("4" * 12,)) == 1
    assert tries(tmp_path, data=larger) == 3, "an early entry is known by its data set"
    counted = judged_before(read_ledger(tmp_path), begun(9, data=larger, texts=("1" * 12,)))
    assert (counted.exams, counted.candidates) == (1, 1)


def other_exam(place, when):
    """Another candidate begins on the contracts of the place."""
    data = read_ledger(place.exams)[0].begun.dataset
    begin(place.exams, begun(6, "x", data, when=when))


@pytest.mark.parametrize(
    ("noted", "when", "counts"),
    [
        ("before", "2026-01-06T00:00:00Z", True),
        ("later", "2026-01-06T00:00:00Z", False),
        ("later", "2026-01-08T00:00:00Z", True),
    ],
)
def test_what_shares_the_risk_is_counted_again(place, capsys, noted, when, counts):
    """Also what another branch, or an exam at once, noted where this one could not see it."""
    if noted == "before":
        other_exam(place, when)
    write_report(place, "b", against="a", id_="20260107-000000-aaaa")
    if noted == "later":
        other_exam(place, when)
    assert promoted(place, "b") == (0 if counts else 1)
    said = "was judged as try 1 on its contracts against a, and the ledger knows 2; examine again"
    assert (said in capsys.readouterr().err) != counts


def test_a_reroll_that_passes_is_judged_as_the_try_that_it_is(place, capsys):
    """REJECT, REJECT, PROMOTE of one model that draws."""
    for day, outcome in ((6, "REJECT"), (7, "REJECT"), (8, None)):
        changes = {"outcome": outcome} if outcome else {}
        write_report(place, "b", against="a", id_=f"2026010{day}-000000-aaaa", **changes)
        (path,) = place.exams.glob(f"2026010{day}-*.json")
        noted = read_ledger(place.exams)[-1].ended
        said = replace(noted.verdicts[0], answers=f"{day}" * 12)
        complete(path, replace(noted, verdicts=(said,)))
    assert promoted(place, "b") == 1
    assert "was judged as try 2 on its contracts" in capsys.readouterr().err
    write_report(place, "b", against="a", id_="20260109-000000-aaaa")
    assert promoted(place, "b") == 0
    said = "b was rejected before on these contracts, in 20260106-000000-aaaa, 20260107-000000-aaaa"
    assert said in " ".join(capsys.readouterr().out.split())
    rejected = read_records(place.folder)[-1].statistics["exam"]["rejected"]
    assert list(rejected) == ["20260106-000000-aaaa", "20260107-000000-aaaa"]


def test_of_exams_at_once_each_knows_those_before_it(tmp_path):
    """Four processes that begin together, and judge by what they then know."""
    script = (
        "import sys; from pathlib import Path; from tests.models.test_ledger import *\n"
        "from models.promotion.ledger.files import locked\n"
        "folder, number = Path(sys.argv[1]), int(sys.argv[2])\n"
        "with locked(folder):\n"
        "    known = tries(folder, str(number)); begin(folder, begun(number, str(number)))\n"
        "print(known)"
    )
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", script, tmp_path / "ledger", str(number)],
            stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        )
        for number in range(4)
    ]  # fmt: skip
    assert sorted(int(each.communicate(timeout=60)[0]) for each in rivals) == [1, 2, 3, 4]


def test_a_report_cannot_take_a_newer_policy_for_its_own(place, capsys):
    policy, report = place.policy, place.runs / "20260105-000000-aaaa/report.json"
    policy.write_text(policy.read_text() + "\n[sealed]\nopenings = 3\n")
    now = read_policy(policy).identity
    edit(report, lambda written: written["provenance"].update(policy=now))
    builders_seal(report)
    assert promoted(place, "b") == 1
    assert "names another policy than" in capsys.readouterr().err


@pytest.fixture
def sealed(place):
    """A seal of the data set that b was examined on, and what promotes b where it is known."""
    from fixtures.sealing import Seal
    from models.promotion.actions import promote
    from models.promotion.admission.evidence import Reading
    from tests.builders.promotion_data import READING

    seal = Seal("data", "d" * 64, "2026-01-01", "s", 0.25, "a" * 64, {"A Contract": "0" * 64})

    def judge(exam, registry):
        return replace(READING.judge(exam, registry), seals=(seal,))

    return seal, partial(promote, "b", place, Reading(READING.find, judge, READING.opened))


def test_a_promotion_needs_the_sealed_contracts_where_there_are_some(place, sealed):
    with pytest.raises(RefusedError) as refused:
        sealed[1]()
    said = str(refused.value)
    assert "b was not examined on the 1 sealed contracts of data; type `pytest evals" in said
    assert "--baseline champion --sealed`" in said


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ("REJECT", "says REJECT of b on the sealed contracts"),
        (None, "says unfinished of b on the sealed contracts"),
        ("PROMOTE", "of the exam on the sealed contracts, is not there"),
    ],
)
def test_what_the_sealed_contracts_said_counts(place, sealed, outcome, says):
    seal, promotes = sealed
    path = begin(
        place.exams,
        begun(
            5,
            candidates=(Candidate("b", identity_of(place, "b")),),
            chosen=Chosen(None, False, (), (), (), True, seal.identity_of_reserve),
        ),
    )
    if outcome:
        complete(path, ended("b", outcome))
    with pytest.raises(RefusedError, match=says):
        promotes()


def test_sealed_contracts_are_not_opened_in_another_ledger(place, sealed, tmp_path):
    seal, promotes = sealed
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(place.exams, elsewhere)
    at = begun(
        5,
        candidates=(Candidate("b", identity_of(place, "b")),),
        chosen=Chosen(None, False, (), (), (), True, seal.identity_of_reserve),
    )
    complete(begin(elsewhere, at), ended("b", "PROMOTE"))
    with pytest.raises(RefusedError, match="exams are noted in"):
        partial(promotes.func, "b", replace(place, ledger=elsewhere), promotes.args[2])()


def test_an_opponent_is_no_try_under_the_identity_that_it_has_now(tmp_path):
    """A champion of an early record is known by another identity than exams find it by."""
    exam(tmp_path, 0, name="first")
    held = {"opponents": (Named("first", "first" * 8),)}
    exam(tmp_path, 1, name="a", **held)
    assert tries(tmp_path, **held) == 2
    assert tries(tmp_path) == 3
