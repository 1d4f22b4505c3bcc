"""A second person's word: who may give it, for what, until when, and what goes without it."""

import json
import signal
from dataclasses import replace

import pytest

import models.approve
import models.promotion.actions
import models.promotion.approving
import models.promotion.record.people
from common.errors import UserError
from models.approve import main as approve
from models.promote import main as promote
from models.promotion.champion import read_champion
from models.promotion.ledger.files import ledger_beside, read_ledger
from models.promotion.record.file import FILE, read_lines, read_records
from models.promotion.record.line import hash_of, written
from models.promotion.record.people import Person, are_same
from models.promotion.record.statement import Statement
from tests.builders.promotion_data import EXAMINER, dynasty, edit, make_place, seal, write_report
from tests.models.test_promote import DRIVER, files, options, run
from tests.models.test_record import changed, leaves

NEXT = "20260105-000000-aaaa"
GLASS = "--break-glass=the server of the old one is gone"


@pytest.fixture
def typed(monkeypatch):
    """Type a line from an account, at a time: `typed(place, "bob", "b", "--by=bob")`."""

    def as_(account, when=None, actor=None):
        monkeypatch.setattr(models.promotion.record.people, "account_name", lambda: account)
        for name in ("LOGNAME", "USER"):
            monkeypatch.setenv(name, account)
        for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
            monkeypatch.delenv(name, raising=False)
        if actor:
            monkeypatch.setenv("GITHUB_ACTOR", actor)
        for module in (models.promotion.actions, models.promotion.approving):
            monkeypatch.setattr(module, "utc_now", lambda: when or "2099-02-01T12:00:00Z")

    monkeypatch.setenv("COLUMNS", "250")

    def type_(place, account, *words, command=approve, **more):
        as_(account, **more)
        return command([*words, *options(place)])

    return type_


def asking(folder, text="needed = 1", *names):
    """A place with a champion a, whose policy asks for approvals, and an exam of b."""
    place = make_place(folder, *(names or ("a", "b", "c")))
    dynasty(place, "a")
    with place.policy.open("a") as file:
        file.write(f"\n[approval]\n{text}\n")
    write_report(place, "b", against="a", id_=NEXT)
    return place


@pytest.fixture
def place(tmp_path):
    return asking(tmp_path)


@pytest.fixture
def refused(typed, capsys):
    """The one line that something is refused with; nothing may have changed."""

    def refused_(place, account, *words, code=1, **more):
        before = files(place)
        capsys.readouterr()
        assert typed(place, account, *words, **more) == code
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and error.endswith("\n")
        assert error.startswith("REFUSED: " if code == 1 else "ERROR: ")
        assert files(place) == before
        return error

    return refused_


def test_nothing_is_promoted_until_another_person_approved(place, typed, refused, capsys):
    error = refused(place, "examiner", "b", command=promote)
    assert "there are 0 of 1 approvals" in error
    assert "let another person type `python -m models.approve b --by NAME`" in error
    assert typed(place, "bob", "b", "--status") == 3
    assert typed(place, "bob", "b", "--by=Bob") == 0
    assert "approval of b" in (said := capsys.readouterr().out)
    assert "by Bob, until 2099-02-15T12:00:00Z, line 2 of the record" in said
    assert typed(place, "bob", "b", "--status") == 0
    assert typed(place, "examiner", "b", command=promote) == 0
    last = read_records(place.folder)[-1]
    assert (last.model, last.number, last.approval.needed) == ("b", 3, 1)
    assert [(vote.by, vote.number) for vote in last.approval.votes] == [("Bob", 2)]
    assert last.approval.examined_by == (EXAMINER,)
    assert typed(place, "bob", "b", "--status", "--json") == 0
    assert typed(place, "bob", "--verify", command=promote) == 0
    capsys.readouterr()
    assert typed(place, "bob", "--history", command=promote) == 0
    shown = capsys.readouterr().out
    assert "approved by Bob" in shown and "not signed" in shown


@pytest.mark.parametrize(
    ("examined", "account", "by", "actor"),
    [
        (Person("ada"), "ada", "bob", None),
        (Person("ada"), "root", "ada", None),
        (Person("ada"), "root", "ADA", None),
        (Person("ada"), "ada", "bob", "bob"),  # a variable that anybody can set
        (Person("root", named="ada"), "ada", "bob", None),
        (Person("runner", actor="Ada"), "runner", "bob", "ada"),
        (Person("runner", actor="ada"), "ada", "bob", None),
        (Person("runner", actor="ada"), "ada", "bob", "bob"),
        (Person("runner", actor="ada"), "runner", "ada", "bob"),
    ],
)
def test_who_examined_does_not_approve(tmp_path, typed, refused, examined, account, by, actor):
    place = asking(tmp_path)
    examined_by(place, examined)
    error = refused(place, account, "b", f"--by={by}", actor=actor)
    assert f"examined or promoted by {examined.words}" in error
    assert typed(place, "runner", "b", "--by=carol", actor="carol") == 0
    assert typed(place, account, "b", command=promote, actor=actor) == 0


def examined_by(place, who):
    """Let the ledger say that somebody else ran the exam of b."""
    from models.promotion.ledger.files import begin, complete

    ledger = ledger_beside(place.registry)
    (entry,) = [each for each in read_ledger(ledger) if each.begun.run == NEXT]
    entry.path.unlink()
    complete(begin(ledger, replace(entry.begun, who=who)), entry.ended)


def test_an_exam_that_does_not_say_who_ran_it_is_examined_again(place, refused):
    examined_by(place, None)
    for words in (("b", "--by=bob"), ("b", "--status")):
        assert "does not say who examined" in refused(place, "bob", *words)
    assert "does not say who examined" in refused(place, "bob", "b", command=promote)


def test_one_person_counts_once(tmp_path, typed, refused):
    place = asking(tmp_path, "needed = 2")
    assert typed(place, "bob", "b", "--by=bob") == 0
    assert typed(place, "bob", "b", "--by=bob") == 0, "once more, and later"
    assert "there are 1 of 2 approvals" in refused(place, "eve", "b", command=promote)
    assert "a person counts once" in refused(place, "bob", "b", "--by=carol")
    assert "a person counts once" in refused(place, "carol", "b", "--by=Bob")
    assert typed(place, "carol", "b", "--by=carol") == 0
    assert typed(place, "eve", "b", command=promote) == 0
    votes = read_records(place.folder)[-1].approval.votes
    assert [vote.number for vote in votes] == [3, 4], "the last word of each"


def test_an_approval_expires(place, typed, refused):
    assert typed(place, "bob", "b", "--by=bob", "--days=3", when="2099-02-01T12:00:00Z") == 0
    late = {"when": "2099-02-04T12:00:00Z"}
    error = refused(place, "eve", "b", command=promote, **late)
    assert "0 of 1 approvals; that of bob expired at 2099-02-04T12:00:00Z" in error
    assert typed(place, "eve", "b", "--status", **late) == 1
    assert typed(place, "eve", "b", "--status", when="2099-02-04T11:59:59Z") == 0
    assert "holds 14 days at most" in refused(place, "bob", "b", "--by=bob", "--days=15", code=4)
    assert typed(place, "bob", "b", "--by=bob", **late) == 0
    assert typed(place, "eve", "b", command=promote, **late) == 0


def test_an_approval_is_of_one_report(place, typed, refused):
    assert typed(place, "bob", "b", "--by=bob") == 0
    write_report(place, "b", against="a", id_="20260106-000000-aaaa")
    assert "there are 0 of 1 approvals" in refused(place, "eve", "b", command=promote)
    assert typed(place, "bob", "b", "--status") == 3


@pytest.mark.parametrize("change", ["policy", "gate", "model"])
def test_an_approval_is_of_one_policy_gate_and_model(place, typed, refused, change):
    assert typed(place, "bob", "b", "--by=bob") == 0
    if change == "policy":
        place.policy.write_text(f"{place.policy.read_text()}days = 15\n")
    elif change == "gate":
        gate = place.registry.parent / "gate.toml"
        gate.write_text(gate.read_text().replace("floor = 0.3", "floor = 0.2"))
    else:
        entry = place.registry / "b.toml"
        entry.write_text(entry.read_text().replace("I am b.", "I am better."))
    assert refused(place, "eve", "b", command=promote)
    again = write_report(place, "b", against="a", id_="20260106-000000-aaaa")
    if change == "gate":  # a policy that admits the new one asks for nobody
        with place.policy.open("a") as file:
            file.write("\n[approval]\nneeded = 1\n")
        again = write_report(place, "b", against="a", id_="20260107-000000-aaaa")
    assert again.is_file()
    assert "there are 0 of 1 approvals" in refused(place, "eve", "b", command=promote)


def test_what_could_not_be_promoted_is_not_approved(place, refused):
    write_report(
        place, "b", against="a", id_="20260106-000000-aaaa", outcome="REJECT", reasons=["it fell"]
    )
    assert "says REJECT of b: it fell" in refused(place, "bob", "b", "--by=bob")
    assert "c was not examined" in refused(place, "bob", "c", "--by=bob")
    said = refused(place, "bob", "a", "--by=bob")
    assert "a is in service by line 1" in said
    assert f"models.promote --rollback --registry {place.registry}`" in said, "no other's champion"


def test_an_edited_report_is_not_approved(place, refused):
    path = place.runs / NEXT / "report.json"
    path.write_text(path.read_text() + " ")
    assert "is not what an exam noted beside it" in refused(place, "bob", "b", "--by=bob")


def test_a_clock_that_went_back_is_refused(place, typed, refused):
    assert typed(place, "bob", "b", "--by=bob", when="2099-02-10T12:00:00Z") == 0
    early = {"when": "2099-02-10T11:59:59Z"}
    said = "this machine's clock says 2099-02-10T11:59:59Z, and line 2 of the record is of 2099"
    assert said in refused(place, "eve", "b", command=promote, **early)
    assert said in refused(place, "carol", "b", "--by=carol", **early)
    assert said in refused(place, "bob", "b", "--by=bob", "--withdraw", **early)
    assert said in refused(place, "bob", "b", "--status", **early)
    assert said in refused(place, "eve", "b", GLASS, command=promote, **early)
    error = refused(place, "bob", "b", "--by=bob", when="2025-12-31T00:00:00Z")
    assert "line 2 of the record" in error


def test_a_clock_before_the_exam_is_refused(tmp_path, refused):
    place = make_place(tmp_path, "a")
    write_report(place, "a", id_=NEXT)
    error = refused(place, "bob", "a", "--by=bob", when="2026-01-04T00:00:00Z")
    assert "/ledger/20260105-000000-" in error and "is of 2026-01-05T00:00:00Z" in error


def test_a_line_that_is_older_than_the_line_before_is_found(place, typed, capsys):
    assert typed(place, "bob", "b", "--by=bob") == 0
    assert typed(place, "carol", "b", "--by=carol") == 0
    rewrite(place, 3, when="2099-02-01T11:00:00Z")
    assert typed(place, "bob", "--history", command=promote) == 1
    assert (
        "line 3: it is of 2099-02-01T11:00:00Z, before 2099-02-01T12:00:00Z of"
        in capsys.readouterr().err
    )


def rewrite(place, number, **changes):
    """Write the record anew from a line on, with all hashes, and the pointer, as they must be."""
    lines = list(read_lines(place.folder))
    for at in range(number - 1, len(lines)):
        before = lines[at - 1].hash if at else lines[at].before
        new = replace(lines[at], before=before, **(changes if at == number - 1 else {}))
        lines[at] = replace(new, hash=hash_of(new))
    (place.folder / FILE).write_bytes(b"".join(written(line) + b"\n" for line in lines))
    pointer = place.folder / "champion.toml"
    old = read_champion(place.folder).record
    pointer.write_text(pointer.read_text().replace(old, lines[-1].hash))


def test_conditions_are_confirmed_and_recorded(place, typed, refused, capsys):
    conditions = ["--condition=only for  leases\n", "--condition=not before Monday"]
    assert typed(place, "bob", "b", "--by=bob", *conditions) == 0
    error = refused(place, "eve", "b", command=promote)
    assert "on condition (bob: only for leases; bob: not before Monday)" in error
    assert typed(place, "eve", "b", "--conditions-met", command=promote) == 0
    met = ("bob: only for leases", "bob: not before Monday")
    assert read_records(place.folder)[-1].approval.conditions == met
    capsys.readouterr()
    assert typed(place, "eve", "--history", command=promote) == 0
    assert "condition met, of bob" in " ".join(capsys.readouterr().out.split())


def test_a_rejection_stands_until_it_is_taken_back(place, typed, refused):
    assert typed(place, "carol", "b", "--by=carol") == 0
    assert typed(place, "bob", "b", "--by=bob", "--reject=trained on what we may not use") == 0
    assert typed(place, "eve", "b", "--status") == 1
    error = refused(place, "eve", "b", command=promote)
    assert "bob rejected it: trained on what we may not use; bob can take it back" in error
    write_report(place, "b", against="a", id_="20260106-000000-aaaa")
    assert typed(place, "carol", "b", "--by=carol") == 0
    assert "bob rejected it" in refused(place, "eve", "b", command=promote), "it is of the model"
    taken = ("b", "--by=bob", "--withdraw")
    assert "said by bob, who alone can take it back" in refused(place, "eve", *taken)
    assert typed(place, "bob", *taken) == 0
    assert "bob said nothing of b" in refused(place, "bob", *taken)
    assert typed(place, "eve", "b", command=promote) == 0
    assert "was made on line" in refused(place, "carol", "b", "--by=carol", "--withdraw")


def test_an_approval_is_taken_back(place, typed, refused):
    assert typed(place, "bob", "b", "--by=bob") == 0
    assert typed(place, "bob", "b", "--by=bob", "--withdraw") == 0
    assert "there are 0 of 1 approvals" in refused(place, "eve", "b", command=promote)
    removed = (place.folder / FILE).read_bytes().splitlines(keepends=True)[:-1]
    (place.folder / FILE).write_bytes(b"".join(removed))
    assert "lines were removed" in refused(place, "eve", "b", command=promote)


def test_broken_glass_is_shown_for_ever(place, typed, refused, capsys):
    assert "--break-glass gives no reason" in refused(
        place, "eve", "b", "--break-glass=.", code=4, command=promote
    )
    assert typed(place, "eve", "b", GLASS, command=promote) == 0
    last = read_records(place.folder)[-1]
    assert (last.model, last.anchor.model) == ("b", "a")
    said = (
        "b was promoted by break-glass of eve: the server of the old one is gone "
        "(0 of 1 approvals); not ratified"
    )
    capsys.readouterr()
    assert typed(place, "bob", "--verify", command=promote) == 0
    assert said in capsys.readouterr().out
    assert typed(place, "bob", "--history", command=promote) == 0
    assert "break-glass" in capsys.readouterr().out
    assert typed(place, "bob", "b", "--status") == 3
    write_report(place, "c", against="b", anchor="a", id_="20260107-000000-aaaa")
    assert typed(place, "bob", "c", "--by=bob") == 0
    assert typed(place, "bob", "c", command=promote) == 0
    assert typed(place, "bob", "--rollback", command=promote) == 0
    capsys.readouterr()
    assert typed(place, "bob", "--verify", command=promote) == 0
    assert said in capsys.readouterr().out, "returned to, it is what it was"


def test_broken_glass_is_ratified_by_another_than_who_broke_it(place, typed, refused, capsys):
    assert typed(place, "eve", "b", GLASS, command=promote) == 0
    for account in ("eve", "examiner"):
        error = refused(place, account, "b", "--by=bob")
        assert f"examined or promoted by {account}" in error
    assert typed(place, "bob", "b", "--by=bob", when="2099-03-01T00:00:00Z") == 0
    year = {"when": "2100-03-01T00:00:00Z"}
    assert typed(place, "bob", "b", "--status", **year) == 0
    capsys.readouterr()
    assert typed(place, "bob", "--verify", command=promote, **year) == 0
    assert "(0 of 1 approvals); ratified by bob" in capsys.readouterr().out


def test_a_report_against_such_a_champion_says_so(place, typed):
    from types import SimpleNamespace as Some

    from reports.examination.admissible import passed_over

    assert typed(place, "eve", "b", GLASS, command=promote) == 0
    (place.registry.parent / FILE).symlink_to(place.folder / FILE)
    prepared = Some(options=Some(registry=place.registry), opponents=(Some(role="champion"),))
    (line,) = passed_over(prepared)
    assert line.startswith("the champion b was promoted by break-glass of eve: the server")


def test_no_broken_glass_excuses_what_does_not_hold(place, refused):
    path = place.runs / NEXT / "report.json"
    edit(path, lambda written: written["summary"][0]["estimates"]["token_f1"].update(mean=0.99))
    assert "is not what an exam noted" in refused(place, "eve", "b", GLASS, command=promote)
    seal(path)
    assert "computed again" in refused(place, "eve", "b", GLASS, command=promote)
    write_report(
        place, "b", against="a", id_="20260106-000000-aaaa", outcome="REJECT", reasons=["it fell"]
    )
    assert "says REJECT of b" in refused(place, "eve", "b", GLASS, command=promote)


def test_broken_glass_that_excuses_nothing_is_not_recorded(place, typed, capsys):
    assert typed(place, "bob", "b", "--by=bob") == 0
    assert typed(place, "eve", "b", GLASS, command=promote) == 0
    assert "no broken glass is recorded" in capsys.readouterr().out
    assert read_records(place.folder)[-1].approval.break_glass is None


def test_without_a_policy_that_asks_everything_is_as_before(tmp_path, typed, capsys):
    place = make_place(tmp_path, "a")
    write_report(place, "a")
    assert typed(place, "bob", "a", "--status", "--json") == 0
    assert json.loads(capsys.readouterr().out)["needed"] == 0
    assert typed(place, "examiner", "a", command=promote, when="2020-01-01T00:00:00Z") == 0
    (record,) = read_records(place.folder)
    assert record.approval is None and '"approval"' not in record.line.decode()
    assert typed(place, "bob", "a", "--status") == 0


def test_the_first_champion_is_approved_before_there_is_one(tmp_path, typed, refused):
    place = make_place(tmp_path, "a")
    with place.policy.open("a") as file:
        file.write("\n[approval]\nneeded = 1\n")
    write_report(place, "a")
    assert typed(place, "bob", "a", "--by=bob") == 0
    assert not (place.folder / "champion.toml").exists()
    assert typed(place, "bob", "--verify", command=promote) == 0
    assert "no champion yet" in refused(place, "bob", "--rollback", command=promote)
    assert typed(place, "eve", "a", command=promote) == 0
    assert typed(place, "eve", "--verify", command=promote) == 0
    assert read_champion(place.folder).model == "a"


def test_the_status_is_one_object(place, typed, capsys):
    assert typed(place, "bob", "b", "--by=bob", "--condition=slowly") == 0
    capsys.readouterr()
    assert typed(place, "bob", "b", "--status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["state"], found["needed"], found["approving"]) == ("approved", 1, 1)
    assert found["approvals"][0]["by"] == "bob" and found["conditions"] == ["bob: slowly"]
    assert found["examined_by"] == ["examiner"] and found["promoted"] is None
    (place.runs / NEXT / "report.sha256").unlink()
    assert typed(place, "bob", "b", "--status", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["state"] == "refused" and "is not what an exam noted" in found["reason"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give one of NAME and --fingerprint KEY"),
        (["b"], "say in whose name: --by PERSON"),
        (["b", "--by=..."], "--by says nothing"),
        (["b", f"--by={'x' * 101}"], "--by has 101 characters"),
        (["b", "--by=bob", "--reject= "], "--reject says nothing"),
        (["b", "--by=bob", "--condition="], "--condition says nothing"),
        (["b", "--by=bob", "--days=0"], "--days is 1 or more"),
        (["b", "--by=bob", "--days=soon"], "invalid int value"),
        (["b", "--by=bob", "--json"], "--json goes with --status"),
        (["b", "--by=bob", "--status"], "--status takes no --by"),
        (["b", "--by=bob", "--reject=no", "--withdraw"], "give one of --reject"),
        (["b", "--by=bob", "--reject=no", "--days=3"], "go with an approval"),
        (["b", "--fingerprint=key.pem"], "give one of NAME and"),
        (["bb", "--by=bob"], "did you mean b?"),
        (["b", "--by=bob", "--report=nowhere.json"], "nowhere.json cannot be read"),
        (["b", "--by=bob", "--aprove"], "unrecognized arguments"),
    ],
)
def test_usage_mistakes_exit_4(place, refused, words, said):
    assert said in refused(place, "bob", *words, code=4)


def test_odd_names_survive_and_secrets_do_not(place, typed):
    secret = "--condition=not with sk-abcdefghijklmnop12"
    assert typed(place, "bob", "b", "--by=Zoë \udcff\x1b[31m", secret) == 0
    line = read_lines(place.folder)[-1]
    assert line.by.startswith("Zoë") and line.by.isprintable()
    assert "sk-abc" not in (place.folder / FILE).read_text()
    assert typed(place, "eve", "b", "--status") == 0


# What is written


def spoken(folder, typed):
    """A record with every kind of line, and a promotion of each kind."""
    place = asking(folder)
    assert typed(place, "bob", "b", "--by=bob", "--condition=slowly") == 0
    assert typed(place, "carol", "b", "--by=carol", "--reject=no") == 0
    assert typed(place, "carol", "b", "--by=carol", "--withdraw") == 0
    assert typed(place, "eve", "b", "--conditions-met", command=promote) == 0
    write_report(place, "c", against="b", anchor="a", id_="20260107-000000-aaaa")
    assert typed(place, "eve", "c", GLASS, command=promote) == 0
    return place


def test_a_change_of_any_field_of_any_line_is_found(tmp_path, typed, capsys):
    place = spoken(tmp_path, typed)
    path, whole = place.folder / FILE, (place.folder / FILE).read_bytes()
    lines = whole.splitlines()
    tried = 0
    for number in range(1, len(lines)):
        row = json.loads(lines[number])
        new = row.get("approval") or row
        for field in leaves(row):
            if new is not row and field[0] != "approval":
                continue  # test_record.py changes these
            forged = [*lines[:number], changed(lines[number], field), *lines[number + 1 :]]
            path.write_bytes(b"\n".join(forged) + b"\n")
            assert typed(place, "bob", "--history", command=promote) == 1, field
            assert f"{FILE}, line {number + 1}: " in capsys.readouterr().err
            tried += 1
    path.write_bytes(whole)
    assert tried > 80
    assert typed(place, "bob", "--verify", command=promote) == 0


@pytest.mark.parametrize(
    ("number", "changes", "said"),
    [
        (2, {"by": "mallory"}, "stands on approvals or conditions that are not those"),
        (2, {"report": "0" * 64}, "stands on approvals or conditions that are not those"),
        (2, {"gate": "0" * 64}, "stands on approvals or conditions that are not those"),
        (2, {"policy": "0" * 64}, "stands on approvals or conditions that are not those"),
        (2, {"expires": "2099-02-01T12:00:00Z"}, "stands on approvals"),
        (2, {"conditions": ()}, "stands on approvals or conditions that are not those"),
        (2, {"who": EXAMINER}, "stands on approvals or conditions that are not those"),
        (2, {"kind": "withdrawal"}, "stands on approvals or conditions that are not those"),
        (4, {"by": "somebody"}, "stands on approvals or conditions that are not those"),
        (5, {"approval": None}, "was not asked the 1 approvals of its policy"),
        (6, {"approval": None}, "was not asked the 1 approvals of its policy"),
    ],
)
def test_a_record_written_anew_does_not_hold_together(
    tmp_path, typed, refused, number, changes, said
):
    """With all hashes right: whoever can write one file can do so."""
    place = spoken(tmp_path, typed)
    rewrite(place, number, **changes)
    assert said in refused(place, "bob", "--verify", command=promote)


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("next_call", ["--verify", "promote"])
def test_a_kill_between_the_writes_is_completed_by_the_next_call(tmp_path, typed, at, next_call):
    place = asking(tmp_path)
    code = DRIVER.replace("from models.promote import", "from models.approve import")
    if at == 1:
        code = code.replace("os.replace = replace", "os.fsync = lambda file: replace() or 1 / 0")
    killed = run("1", "b", "--by=bob", *options(place), code=code)
    assert killed.communicate(timeout=60) and killed.returncode == -signal.SIGKILL
    lines = (place.folder / FILE).read_bytes()
    before = read_champion(place.folder)
    assert (len(read_lines(place.folder)), before.model) == (2, "a")
    assert before.record != read_lines(place.folder)[-1].hash
    if at == 1:  # the disk had not all of it
        (place.folder / FILE).write_bytes(lines[:-30])
    now = read_lines(place.folder)[-1].when
    words = ["b"] if next_call == "promote" else [next_call]
    done = typed(place, "eve", *words, command=promote, when=now)
    if next_call == "promote":
        assert done == (1 if at == 1 else 0), "half an approval is none"
    else:
        assert done == 0
    assert read_champion(place.folder).record == read_lines(place.folder)[-1].hash


def test_a_disk_that_is_full_records_nothing(place, refused, monkeypatch):
    def full(folder, line):
        raise UserError("no space left")

    monkeypatch.setattr(models.promotion.actions, "append", full)
    assert "no space left" in refused(place, "bob", "b", "--by=bob", code=4)


def test_people_at_once_are_one_after_the_other(tmp_path):
    from filelock import FileLock

    place = asking(tmp_path, "needed = 0")
    driver = DRIVER.replace("from models.promote", "from models.approve").replace(
        "from models.approve",
        "import models.promotion.record.people as people\n"
        "people.account_name = lambda: sys.argv[3][5:]\n"
        "os.environ.update(USER=sys.argv[3][5:], LOGNAME=sys.argv[3][5:])\nfrom models.approve",
    )
    with FileLock(place.folder / ".promotions.lock"):
        rivals = [run("9", "b", f"--by={who}", *options(place), code=driver) for who in ("x", "y")]
        for rival in rivals:
            assert "waiting" in rival.stdout.readline()
    for rival in rivals:
        rival.communicate(timeout=60)
        assert rival.returncode == 0
    lines = read_lines(place.folder)
    assert {line.by for line in lines if isinstance(line, Statement)} == {"x", "y"}


def test_reports_that_wait_for_approval_are_spared(place, typed):
    """`--keep` removes what nobody refers to."""
    assert typed(place, "bob", "b", "--by=bob") == 0
    assert {line.run for line in read_lines(place.folder) if isinstance(line, Statement)} == {NEXT}


def test_an_approval_is_no_change_of_what_a_round_of_the_loop_examined(place, typed):
    """Else the exam would be repeated, and the approval be of another report."""
    from training.loop.journal import state_of

    pointer = place.folder / "champion.toml"
    before, text = state_of(pointer), pointer.read_text()
    assert typed(place, "bob", "b", "--by=bob") == 0
    assert pointer.read_text() != text and state_of(pointer) == before
    assert typed(place, "eve", "b", command=promote) == 0
    assert state_of(pointer) != before


def test_people_are_one_by_any_name_they_share():
    assert are_same(Person("ada"), Person("ADA"))
    assert are_same(Person("root", "ada"), Person("ada"))
    assert are_same(Person("runner", actor="ada"), Person("box", "ada"))
    assert not are_same(Person("runner", actor="ada"), Person("runner", actor="bob"))
    assert not are_same(Person("ada"), Person("bob"))
