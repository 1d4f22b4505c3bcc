"""Promotions under a policy: what each line refuses, and what an override excuses."""

import os
import pwd
import re
import subprocess

import pytest

from models.promote import main
from models.promotion.admission.demands import broken_lines
from models.promotion.admission.policy import read_policy
from models.promotion.ledger.files import read_ledger
from models.promotion.record.file import read_records
from reports.evidence.last_exam import evidence_of
from tests.builders.promotion_data import (
    dynasty,
    edit,
    make_place,
    promoted,
    seal,
    write_report,
)

NEXT = "20260105-000000-aaaa"
ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def place(tmp_path):
    """A champion a, and b that would follow."""
    place = make_place(tmp_path, "a", "b")
    dynasty(place, "a")
    return place


def command(place, *words):
    return main(
        [
            *words,
            f"--folder={place.folder}",
            f"--registry={place.registry}",
            f"--runs={place.runs}",
        ]
    )


def nothing(written):
    """Leave a report as it is."""


def examined(place, change=nothing, *pairs, name="b", **more):
    """A sealed report of b, changed before it was sealed: an exam that was like that.

    The policy that it was examined under has the `pairs` replaced.
    """
    path = write_report(place, name, **{"against": "a", "id_": NEXT, **more})
    rewrite(place, *pairs)

    def under(written):
        written["provenance"]["policy"] = read_policy(place.policy).identity
        change(written)

    edit(path, under)
    for each in read_ledger(place.exams):
        if each.begun.run == path.parent.name:
            each.path.unlink()  # it began under this policy, and the ledger says so
    seal(path)
    return path


def refused(place, capsys, *words, code=1):
    """The one line of a refusal; champion and record are what they were."""
    before = {f: (place.folder / f).read_bytes() for f in ("promotions.jsonl", "champion.toml")}
    capsys.readouterr()
    assert command(place, *words) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert before == {name: (place.folder / name).read_bytes() for name in before}
    return line


def rewrite(place, *pairs):
    """Replace what matches in the policy."""
    path = place.policy
    text = path.read_text()
    for old, new in pairs:
        text, found = re.subn(old, new, text, count=1)
        assert found
    path.write_text(text)


def judged(written):
    """Somebody scored what gates."""
    written["fingerprint"]["judges"] = [["token_f1", "some-llm", "7" * 64]]


def of_data(**facts):
    return lambda written: written["dataset"].update(facts)


def of_code(**facts):
    return lambda written: written["provenance"].update(facts)


LIMITED = of_data(limit=60)  # of 60 cases
BREAKS = {
    "gates": (nothing, [(r'"\w{64}" = "the gate', f'"{"0" * 64}" = "another')],
              '[gates] does not list the gate file; add the line "'),
    "data set": (nothing, [(r'"\w{64}" = "the data', f'"{"0" * 64}" = "another')],
                 "[exam.datasets] does not list data as it is; add the line \""),
    "cases": (nothing, [("least_cases = 1", "least_cases = 61")],
              "least_cases is 61, and 60 are asked"),
    "contracts": (nothing, [("least_contracts = 1", "least_contracts = 13")],
                  "least_contracts is 13, and 12 are asked"),
    "limit": (LIMITED, [], "limits are none, and --limit 60 was typed; leave it out"),
    "retriever": (nothing, [("retrievers = .*", 'retrievers = [{ kind = "hybrid" }]')],
                  "retrievers are kind hybrid, and this is kind none k 5 chunk_size 1000"),
    "dirty": (of_code(dirty=True), [], "a promotion needs code that a commit holds"),
    "no commit": (of_code(commit=None), [], "a promotion needs code that a commit holds"),
    "judge": (judged, [], "judges does not list some-llm, who score what gates"),
}  # fmt: skip
OF_SELECTION = {
    "split": (of_data(split="train"), [],
              'split is "test", and train was asked; leave out --split'),
    "balanced": (of_data(limit=60, balanced=True), [], "--limit 60 --balanced was typed"),
    "category": (of_data(categories=["Parties"]), [], "--category picked some; leave it out"),
    "contract": (of_data(contracts=["LEASE"]), [], "--contract picked some; leave it out"),
    "left out": (of_data(left_out=["LEASE"]), [],
                 "leave_out_trained is false, and 1 contracts were left out"),
}  # fmt: skip


def break_line(place, name):
    """Examine b in a way that breaks one line of the policy; what is said of it."""
    change, pairs, said = (BREAKS | OF_SELECTION)[name]
    examined(place, change, *pairs)
    return said


@pytest.mark.parametrize("line", BREAKS)
def test_a_broken_line_is_named_with_what_was_found_and_what_to_type(place, capsys, line):
    said = break_line(place, line)
    error = refused(place, capsys, "b")
    assert error.startswith("REFUSED: ") and f"{place.policy} does not admit b: " in error
    assert said in error
    assert error.endswith("; type `pytest evals --model b --baseline champion`")


@pytest.mark.parametrize("line", OF_SELECTION)
def test_what_was_asked_of_the_data_is_named_too(place, line):
    change, _, said = OF_SELECTION[line]
    exam = evidence_of(examined(place, change), "b")
    (found,) = broken_lines(
        read_policy(place.policy), exam.facts, exam.gate.identity, {}, compared=True
    )
    assert said in found


@pytest.mark.parametrize("line", sorted(OF_SELECTION.keys() - {"balanced"}))
@pytest.mark.parametrize("words", [(), ("--override=hurry",)])
def test_what_does_not_hold_is_no_evidence_and_nothing_overrides_it(place, capsys, line, words):
    """It lists every case of the data set, and says that it asked others."""
    break_line(place, line)
    error = refused(place, capsys, "b", *words)
    assert "computed again it does not hold" in error and "does not admit" not in error


@pytest.mark.parametrize("line", BREAKS)
def test_an_override_admits_it_and_is_recorded_for_ever(place, capsys, line):
    said = break_line(place, line)
    assert command(place, "b", "--override", "the  board\nasked for it") == 0
    last = read_records(place.folder)[-1]
    assert last.override.reason == "the board asked for it"
    assert len(last.override.lines) == 1 and said in last.override.lines[0]
    assert (last.model, last.verdict, last.anchor.model) == ("b", "PROMOTE", "a")
    capsys.readouterr()
    assert command(place, "--history") == 0 and command(place, "--verify") == 0
    shown = capsys.readouterr().out
    assert "b was promoted by override: the board asked for it" in shown
    assert "override:" in shown.split("records, unbroken")[0]


def test_every_broken_line_is_named_at_once(place, capsys):
    def change(written):
        LIMITED(written)
        of_code(dirty=True)(written)

    pairs = BREAKS["gates"][1] + BREAKS["retriever"][1]
    examined(place, change, *pairs)
    error = refused(place, capsys, "b")
    for name in ("gates", "retriever", "dirty", "limit"):
        assert BREAKS[name][2] in error


def test_a_gate_without_a_margin_admits_the_first_and_no_successor(tmp_path, capsys):
    """The champion of a gate file with floors alone could be followed by anyone above them."""
    place = make_place(tmp_path, "a", "b")
    (tmp_path / "gate.toml").write_text('[metrics.token_f1]\nrole = "guard"\nfloor = 0.3\n')
    bare = ('"token_f1" = .*\n', "")
    examined(place, nothing, bare, name="a", against=None, id_="20260101-000000-aaaa")
    assert command(place, "a") == 0
    examined(place)
    error = refused(place, capsys, "b")
    assert "does not list token_f1, which gate by a floor alone though there is a champion" in error


def test_limits_that_are_allowed_are_allowed_as_they_stand(place, capsys):
    balanced = (r"\[exam\]\n", "[exam]\nlimits = [{ cases = 60, balanced = true }]\n")
    examined(place, LIMITED, balanced)
    assert "limits are 60 balanced, and --limit 60 was typed" in refused(place, capsys, "b")
    examined(place, LIMITED, (", balanced = true", ""))
    assert command(place, "b") == 0


@pytest.mark.parametrize("allowed", ["some-llm", "7" * 64])
def test_a_judge_is_allowed_by_name_or_digest(place, allowed):
    examined(place, judged, (r"\[exam\]\n", f'[exam]\njudges = ["{allowed}"]\n'))
    assert command(place, "b") == 0


# What no override excuses


def test_no_policy_promotes_nobody_and_the_line_that_writes_one_does(place, capsys):
    examined(place)
    place.policy.unlink()
    said = "without a policy nothing is promoted; type `python -m models.promote --write-policy`"
    assert said in refused(place, capsys, "b")
    assert said in refused(place, capsys, "b", "--override=hurry")
    assert command(place, "--write-policy") == 0
    assert read_policy(place.policy) == read_policy()
    assert "is there already" in refused(place, capsys, "--write-policy", code=4)


@pytest.mark.parametrize("words", [(), ("--override=hurry",)])
def test_a_policy_that_was_edited_after_the_exam_is_refused(place, capsys, words):
    examined(place, LIMITED)
    rewrite(place, (r"\[exam\]\n", "[exam]\nlimits = [{ cases = 60 }]\n"))
    assert "was examined under another policy" in refused(place, capsys, "b", *words)


def test_an_excuse_that_was_added_after_the_exam_is_refused(place, capsys):
    examined(place)
    with place.policy.open("a") as file:
        file.write('[excused]\nb = "trust me"\n')
    assert "was examined under another policy" in refused(place, capsys, "b")


def test_a_comment_in_the_policy_changes_nothing(place):
    examined(place)
    rewrite(place, (r"\[gates\]", "# why\n[gates]"))
    assert command(place, "b") == 0


@pytest.mark.parametrize("words", [(), ("--override=hurry",)])
def test_an_exam_before_there_was_a_policy_is_refused(place, capsys, words):
    examined(place, lambda written: written["provenance"].pop("policy"))
    assert "was examined under no policy" in refused(place, capsys, "b", *words)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda written: written["verdicts"][0].update(outcome="REJECT"), "says REJECT of b"),
        (lambda written: written["verdicts"][0].update(outcome="PASS"), "says PASS of b"),
        (
            lambda written: written["verdicts"][0]["checks"][0].update(outcome="FAIL"),
            "it says FAIL of token_f1",
        ),
        (
            lambda written: (
                written["verdicts"][0].update(outcome="INCONCLUSIVE"),
                written["verdicts"][0]["checks"][0].update(outcome="FAIL"),
            ),
            "it comes to PROMOTE",
        ),
        (lambda written: written["models"][0].update(identity="0" * 64), "changed under"),
        (lambda written: written["gate"].update(sha256="0" * 64), "was changed since the exam"),
        (
            lambda written: written["verdicts"][0]["champion"].update(identity="0" * 64),
            "but the champion is now a",
        ),
        (lambda written: written.update(part=True), "promotes nobody"),
    ],
)
def test_no_override_excuses_evidence_that_does_not_hold(place, capsys, change, said):
    path = examined(place, change)
    error = refused(place, capsys, "b", f"--report={path}", "--override=hurry")
    assert said in error


def test_no_override_excuses_a_report_that_was_edited(place, capsys):
    path = examined(place)
    path.write_text(path.read_text() + " ")
    error = refused(place, capsys, "b", "--override=hurry")
    assert "is not what an exam noted beside it" in error


def test_approvers_are_accounts_and_no_override_is_anybody_elses(place, capsys, monkeypatch):
    rewrite(place, ("versioned", 'approvers = ["alice", "bob"]\nversioned'))
    examined(place, LIMITED)
    monkeypatch.setenv("USER", "alice")
    for words in (["b"], ["b", "--override=I am alice"], ["--anchor=a", "--reason=because"]):
        assert f"approvers are alice, bob, and this is {ME}" in refused(place, capsys, *words)
    rewrite(place, ('"bob"', f'"{ME}"'))
    examined(place)
    assert command(place, "b") == 0


def test_anyone_may_roll_back(place, capsys):
    examined(place)
    assert command(place, "b") == 0
    place.policy.unlink()
    assert command(place, "--rollback") == 0


# Overrides


def test_an_inconclusive_exam_is_promoted_by_override_alone(tmp_path, capsys):
    """Half the margin, which twelve contracts cannot prove."""
    place = make_place(tmp_path, "a", "b")
    dynasty(place, "a")
    gate = tmp_path / "gate.toml"
    gate.write_text(gate.read_text().replace("margin = 0.3", "margin = 0.01"))
    path = examined(place)
    assert '"outcome": "INCONCLUSIVE"' in path.read_text()
    error = refused(place, capsys, "b")
    assert "says INCONCLUSIVE of b: " in error
    assert command(place, "b", "--override", "the old one is gone") == 0
    last = read_records(place.folder)[-1]
    assert (last.verdict, last.anchor.model) == ("INCONCLUSIVE", "a")
    assert "says INCONCLUSIVE of b: " in last.override.lines[0]
    assert command(place, "--verify") == 0


@pytest.mark.parametrize("reason", ["", " ", "\t\n", "...", "\x00", "\u200b", "x" * 1001])
def test_an_override_says_why_in_words(place, capsys, reason):
    examined(place, LIMITED)
    assert "--override " in refused(place, capsys, "b", f"--override={reason}", code=4)


def test_one_override_is_one_reason(place, capsys):
    examined(place, LIMITED)
    error = refused(place, capsys, "b", "--override=a reason", "--override=another", code=4)
    assert "--override was given 2 times" in error
    assert "--override go with NAME" in refused(
        place, capsys, "--rollback", "--override=why", code=4
    )


def test_an_exam_is_not_overridden_twice(place, capsys):
    examined(place, LIMITED)
    assert command(place, "b", "--override=once") == 0
    assert command(place, "--rollback") == 0
    assert "served promotion 2 already" in refused(place, capsys, "b", "--override=again")


def test_an_override_that_excuses_nothing_is_not_recorded(place, capsys):
    examined(place)
    assert command(place, "b", "--override=to be sure") == 0
    assert "the policy admits it without an override" in capsys.readouterr().out
    assert read_records(place.folder)[-1].override is None


def test_a_secret_in_a_reason_is_not_recorded(place):
    examined(place, LIMITED)
    assert command(place, "b", "--override=it used sk-abcdefghijklmnop1234") == 0
    assert "sk-abc" not in (place.folder / "promotions.jsonl").read_text()


def test_a_champion_by_override_stays_one_after_it_was_returned_to(tmp_path):
    place = make_place(tmp_path, "a", "b", "c")
    dynasty(place, "a")
    examined(place, LIMITED)
    assert command(place, "b", "--override=a reason") == 0
    write_report(place, "c", against="b", anchor="a", id_="20260106-000000-aaaa")
    promoted("c", place)
    assert read_records(place.folder)[-1].override is None
    assert command(place, "--rollback") == 0
    assert read_records(place.folder)[-1].override.reason == "a reason"


def test_the_record_holds_policy_and_gate_as_they_were(place):
    last = dynasty(make_place(place.folder.parent / "more", "a"), "a")
    assert (
        last.rules["metrics"]["token_f1"]["margin"] == 0.3
        and last.gate in read_policy(place.policy).gates
    )
    assert last.policy == read_policy(place.policy).identity


# In a repository


def git(folder, *words):
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    done = subprocess.run(["git", "-C", folder, *who, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """A place with a champion, in a repository in which everything is committed."""
    place = make_place(tmp_path, "a", "b")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    dynasty(place, "a")
    commit(tmp_path)
    return place


def commit(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--no-verify", "-m", "as it is")
    return git(folder, "rev-parse", "HEAD")


def examined_at(place, commit):
    examined(place, lambda written: written["provenance"].update(commit=commit))


def root_of(place):
    return place.folder.parent


def test_what_is_committed_promotes_though_the_policy_came_with_everything(repository):
    examined_at(repository, git(root_of(repository), "rev-parse", "HEAD"))
    assert command(repository, "b") == 0


@pytest.mark.parametrize("words", [("b",), ("b", "--override=hurry"), ("--anchor=a", "--reason=x")])
@pytest.mark.parametrize("hide", ["edit", "delete and ignore", "overlook", "replace"])
def test_a_policy_that_no_commit_holds_is_refused(repository, capsys, words, hide, monkeypatch):
    root, path = root_of(repository), repository.policy
    text = path.read_text()
    if hide == "delete and ignore":
        git(root, "rm", "-q", "--cached", "policy.toml")
        (root / ".gitignore").write_text("policy.toml\n")
        commit(root)
        path.write_text(text)
    elif hide == "overlook":
        git(root, "update-index", "--assume-unchanged", "policy.toml")
    rewrite(repository, ("least_cases = 1", "least_cases = 2"))
    if hide == "replace":
        old = git(root, "rev-parse", "HEAD:policy.toml")
        git(root, "replace", old, git(root, "hash-object", "-w", "policy.toml"))
    examined_at(repository, git(root, "rev-parse", "HEAD"))
    assert "says what no commit holds" in refused(repository, capsys, *words)


def test_a_policy_that_links_elsewhere_is_refused(repository, capsys, tmp_path_factory):
    path = repository.policy
    loose = tmp_path_factory.mktemp("loose") / "policy.toml"
    path.rename(loose)
    path.symlink_to(loose)
    examined_at(repository, commit(root_of(repository)))
    assert "says what no commit holds" in refused(repository, capsys, "b")


def test_a_policy_that_was_committed_after_the_exam_is_refused(repository, capsys):
    root = root_of(repository)
    before = git(root, "rev-parse", "HEAD")
    rewrite(repository, ("least_cases = 1", "least_cases = 2"))
    commit(root)
    examined_at(repository, before)
    error = refused(repository, capsys, "b")
    assert f"is not what it was at the exam's commit {before[:12]}" in error


def test_a_policy_that_was_changed_with_the_candidate_is_refused(repository, capsys):
    root, entry = root_of(repository), repository.registry / "b.toml"
    rewrite(repository, ("least_cases = 1", "least_cases = 2"))
    entry.write_text(entry.read_text().replace("I am b.", "I am better."))
    last = commit(root)
    examined_at(repository, last)
    error = refused(repository, capsys, "b")
    assert f"was last changed in commit {last[:12]}, which changed b.toml of the candidate" in error
    rewrite(repository, ("least_cases = 2", "least_cases = 3"))
    examined_at(repository, commit(root))
    commit(root)  # the world has one exam: the one before is gone from its ledger
    assert command(repository, "b") == 0


@pytest.mark.parametrize("merged", [False, True])
def test_a_comment_in_a_later_commit_launders_no_policy(repository, capsys, merged):
    root, entry, path = root_of(repository), repository.registry / "b.toml", repository.policy
    rewrite(repository, ("least_cases = 1", "least_cases = 2"))
    entry.write_text(entry.read_text().replace("I am b.", "I am better."))
    fitted = commit(root)
    if merged:
        git(root, "checkout", "-q", "-b", "side")
    for number in range(3):
        path.write_text(f"# remark {number}\n{path.read_text()}\n")
        last = commit(root)
    if merged:
        git(root, "checkout", "-q", "-")
        git(root, "merge", "-q", "--no-ff", "-m", "merge", "side")
        last = git(root, "rev-parse", "HEAD")
    examined_at(repository, last)
    assert f"last changed in commit {fitted[:12]}, which" in refused(repository, capsys, "b")


def test_a_policy_that_only_got_comments_was_never_changed(repository):
    path, entry = repository.policy, repository.registry / "b.toml"
    path.write_text(f"# remark\n{path.read_text()}")
    entry.write_text(f"# remark\n{entry.read_text()}")
    examined_at(repository, commit(root_of(repository)))
    assert command(repository, "b") == 0


@pytest.mark.parametrize("other", ["a.toml", "b.toml.orig", "bb.toml"])
def test_a_policy_may_change_beside_what_is_not_the_candidates(repository, other):
    rewrite(repository, ("least_cases = 1", "least_cases = 2"))
    with (repository.registry / other).open("a") as file:
        file.write("# more\n")
    examined_at(repository, commit(root_of(repository)))
    assert command(repository, "b") == 0


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_another_repository_in_the_environment_vouches_for_nothing(
    repository, capsys, monkeypatch, tmp_path_factory, variable
):
    monkeypatch.setenv(variable, str(tmp_path_factory.mktemp("elsewhere")))
    rewrite(repository, ("least_cases = 1", "least_cases = 2"))
    examined(repository)
    assert "says what no commit holds" in refused(repository, capsys, "b")


def test_where_git_is_not_to_be_had_nothing_is_believed(repository, capsys, monkeypatch):
    examined(repository)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "git cannot read the repository" in refused(repository, capsys, "b")


def test_a_shallow_clone_cannot_tell(repository, capsys, tmp_path):
    rewrite(repository, ("least_cases = 1", "least_cases = 2"))
    examined_at(repository, commit(root_of(repository)))
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{root_of(repository)}", str(clone))
    place = type(repository)(clone / "models", clone / "registry", repository.runs)
    assert "type `git fetch --unshallow`" in refused(place, capsys, "b")


def test_outside_a_repository_a_policy_says_so(place, capsys):
    rewrite(place, ("versioned = false", "versioned = true"))
    examined(place)
    assert "lies in no git repository" in refused(place, capsys, "b")


def test_a_policy_that_git_ignores_is_as_one_outside(place, capsys):
    git(root_of(place), "init", "-q")
    (root_of(place) / ".gitignore").write_text("*\n")
    examined(place)
    assert command(place, "b") == 0, capsys.readouterr().err


def test_a_policy_that_git_follows_is_not_ignored_by_a_rule(repository, capsys):
    (root_of(repository) / ".gitignore").write_text("*\n")
    git(root_of(repository), "rm", "-rq", "--cached", "registry")
    rewrite(repository, ("least_cases = 1", "least_cases = 2"))
    examined(repository)
    assert "says what no commit holds" in refused(repository, capsys, "b")
