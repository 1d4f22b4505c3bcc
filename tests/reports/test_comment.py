"""The page of an exam as one comment on a pull request, whatever the server does."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import yaml

from fixtures.datasets import load_dataset
from models.chat import Answer
from reports.archive import write_report
from reports.comment import posting
from reports.comment.__main__ import main
from reports.comment.body import marker_of
from reports.markdown.markdown import LIMIT
from tests.builders.fake_forge import OF_A_JOB, TOKEN, Fault, fake_forge
from tests.builders.policies import permissive
from tests.builders.report_data import written
from tests.seams import ROOT

OURS = ("GITHUB_", "GH_", "CI_", "GITLAB_")


@pytest.fixture(scope="module")
def report():
    cases = load_dataset("sample").cases[:40]

    def gold(case):
        return Answer(case.spans[0].text if case.spans else "Not found.")

    return written(cases, {"new": lambda case: Answer("@octocat #1"), "old": gold}, champion="old")


@pytest.fixture
def run(report, tmp_path):
    folder = tmp_path / "runs" / report.header.id
    folder.mkdir(parents=True)
    write_report(report, folder / "report.json")
    return folder


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No job, no `gh`, no pause, and a folder of one's own."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(posting, "PAUSE", 0.01)


def on_github(monkeypatch, forge, **more):
    known = {"GITHUB_API_URL": forge.url, "GITHUB_REPOSITORY": "acme/repo", "GITHUB_TOKEN": TOKEN}
    for name, value in {**known, "GITHUB_REF": "refs/pull/5/merge", **more}.items():
        monkeypatch.setenv(name, value)


def on_gitlab(monkeypatch, forge):
    known = {"CI_API_V4_URL": forge.url, "CI_PROJECT_ID": "77", "CI_MERGE_REQUEST_IID": "5"}
    for name, value in {**known, "GITLAB_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)


FORGES = pytest.mark.parametrize("job", [on_github, on_gitlab])


@FORGES
def test_posts_once_and_then_updates(job, run, report, monkeypatch, capsys):
    with fake_forge(user="bot") as forge:
        job(monkeypatch, forge)
        assert main([str(run)]) == 0
        assert main([str(run), "--numbers"]) == 0
        assert main([str(run)]) == 0
    (comment,) = forge.comments
    assert comment["body"].startswith(f"{marker_of(report)}\n# Bar Exam: ")
    assert "Cases that turned" in comment["body"]
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == ["posted", "updated", "updated"]
    assert said[0].endswith("/acme/repo/pull/5#issuecomment-1000")


@FORGES
@pytest.mark.parametrize("before", [0, 99, 100, 250])
def test_the_comment_is_found_among_many(job, run, report, monkeypatch, before):
    with fake_forge(user="bot") as forge:
        job(monkeypatch, forge)
        for n in range(before):
            forge.add(f"{n}", "somebody")
        main([str(run)])
        for n in range(101):
            forge.add(f"later {n}", "somebody")
        assert main([str(run)]) == 0
        assert sum(each["body"].startswith(marker_of(report)) for each in forge.comments) == 1
        assert len(forge.comments) == before + 1 + 101


@pytest.mark.parametrize(("user", "kind"), [("bot", "User"), (None, "User")])
def test_a_copy_of_the_comment_by_somebody_else_is_left_alone(run, report, monkeypatch, user, kind):
    with fake_forge(user=user) as forge:
        on_github(monkeypatch, forge)
        copied = forge.add(f"{marker_of(report)}\nPROMOTE", "mallory", kind)
        quoted = forge.add(f"> {marker_of(report)}\nlook", user or OF_A_JOB, "Bot")
        assert main([str(run)]) == 0
        assert copied["body"].endswith("PROMOTE") and quoted["body"].endswith("look")
        assert len(forge.comments) == 3
        assert main([str(run)]) == 0
        assert len(forge.comments) == 3


def test_where_two_jobs_posted_at_once_neither_comment_is_left_behind(run, report, monkeypatch):
    with fake_forge() as forge:
        on_github(monkeypatch, forge)
        for _ in range(2):
            forge.add(f"{marker_of(report)}\nold", OF_A_JOB, "Bot")
        assert main([str(run)]) == 0
    assert len(forge.comments) == 2
    assert not [each for each in forge.comments if each["body"].endswith("old")]


def test_another_exam_has_a_comment_of_its_own(run, report, monkeypatch, tmp_path):
    header = replace(report.header, gate=replace(report.header.gate, file="strict.toml"))
    assert marker_of(replace(report, header=header)) != marker_of(report)
    assert marker_of(replace(report, header=replace(report.header, id="other"))) == marker_of(
        report
    )


REFUSED = {
    401: "give GITHUB_TOKEN a token that it knows",
    403: "permissions: pull-requests: write",
    404: "there is no acme/repo#5, or GITHUB_TOKEN may not see it",
    422: "look at what it says",
    301: "it has moved; set GITHUB_REPOSITORY",
}


def failed(run, capsys, *words):
    """The one line that a failure is."""
    assert main([str(run), *words]) == 4
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("ERROR: ") and err.count("\n") == 1
    assert TOKEN not in err and "\x1b" not in err
    return err


@pytest.mark.parametrize("status", REFUSED)
@pytest.mark.parametrize("at", [1, 2])
def test_a_refusal_is_one_line_that_says_what_to_do(run, monkeypatch, capsys, status, at):
    hostile = {"message": f"no \x1b[31m {TOKEN}\r\nsecond line", "documentation_url": "x"}
    with fake_forge(user="bot", faults=[*[None] * at, Fault(status, hostile)]) as forge:
        on_github(monkeypatch, forge)
        line = failed(run, capsys)
    assert f"HTTP {status} no " in line and REFUSED[status] in line
    assert len(forge.calls) == at + 1, "it is not asked again"
    assert not forge.comments


def test_a_token_that_only_reads_is_told_of_forks(run, monkeypatch, capsys):
    with fake_forge(writes=False) as forge:
        on_github(monkeypatch, forge)
        assert "from a fork the token only reads" in failed(run, capsys)
        monkeypatch.setenv("GITHUB_TOKEN", "ghs_another0123456789abc")
        assert "(HTTP 401 Bad credentials)" in failed(run, capsys)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(500), Fault(502, b"<html>bad gateway</html>"), Fault(503, {}, {"Retry-After": "0"}),
        Fault(429, {"message": "slow"}, {"Retry-After": "0"}), Fault(0), Fault(0, after=True),
        Fault(504, after=True),
        Fault(403, {"message": "secondary rate limit"}, {"Retry-After": "0"}),
        Fault(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", [0, 1, 2])
def test_passing_trouble_is_borne_and_nothing_is_posted_twice(run, monkeypatch, fault, at):
    with fake_forge(faults=[*[None] * at, fault]) as forge:
        on_github(monkeypatch, forge)
        assert main([str(run)]) == 0
        assert len(forge.comments) == 1


def test_a_server_is_left_alone_for_as_long_as_it_asks(run, monkeypatch):
    began = time.monotonic()
    with fake_forge(faults=[Fault(429, {}, {"Retry-After": "1"})]) as forge:
        on_github(monkeypatch, forge)
        assert main([str(run)]) == 0
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        ([Fault(500, {"message": "oops"})] * 5, "HTTP 500 oops; type the same line again later"),
        ([Fault(0)] * 12, "connection lost"),
        ([Fault(429, {"message": "slow"}, {"Retry-After": "3600"})], "asks to wait 3600 s"),
        ([None, Fault(200, b"<html>")], "replied what is no JSON; is it the right address?"),
        ([None, Fault(200, {"a": 1})], "lists no comments"),
        ([None, None, Fault(201, [])], "did not say which it is"),
    ],
)
def test_trouble_that_does_not_pass_is_one_line(run, monkeypatch, capsys, faults, says):
    with fake_forge(faults=faults) as forge:
        on_github(monkeypatch, forge)
        assert says in failed(run, capsys)


def test_a_server_that_hangs_is_given_up(run, monkeypatch, capsys):
    monkeypatch.setattr(posting, "TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent, fake_forge() as forge:
        on_github(monkeypatch, forge, GITHUB_API_URL=f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "no reply in time; type the same line again later" in failed(run, capsys)


def test_a_server_that_is_not_there_is_named(run, monkeypatch, capsys):
    with fake_forge() as forge:
        on_github(monkeypatch, forge)
    assert forge.url in failed(run, capsys)


# Where it belongs


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ({"pull_request": {"number": 5}, "number": 5}, {}),
        ({"issue": {"number": 5}}, {}),
        ({"action": "x"}, {"GITHUB_REF": "refs/pull/5/merge"}),
    ],
)
def test_the_number_is_in_the_event(run, monkeypatch, tmp_path, event, more):
    (tmp_path / "event.json").write_text(json.dumps(event))
    with fake_forge() as forge:
        where = {"GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
        on_github(monkeypatch, forge, **{**where, **more})
        assert main([str(run), "--pr"]) == 0
        assert len(forge.comments) == 1


@pytest.mark.parametrize(
    ("gone", "more", "says"),
    [
        ("GITHUB_TOKEN", {}, "set GITHUB_TOKEN"),
        ("GITHUB_REPOSITORY", {}, "of which repository"),
        ("GITHUB_REF", {}, "which pull request?"),
        ("GITHUB_REF", {"GITHUB_EVENT_PATH": "{"}, "GITHUB_EVENT_PATH"),
        ("", {"GITHUB_REPOSITORY": "../../x"}, "is no OWNER/NAME"),
        ("", {"GITHUB_API_URL": "ftp://x"}, "is no address of a server"),
        ("", {"GITHUB_TOKEN": "a\nb"}, "holds no token"),
    ],
)
def test_what_nobody_told_is_asked_for(run, monkeypatch, capsys, tmp_path, gone, more, says):
    with fake_forge() as forge:
        on_github(monkeypatch, forge, **more)
        if "GITHUB_EVENT_PATH" in more:
            (tmp_path / "event").write_text("{")
            monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event"))
        monkeypatch.delenv(gone or "nothing", raising=False)
        assert says in failed(run, capsys)
        assert not forge.calls


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("CI_PROJECT_ID", "CI_PROJECT_ID is not set"),
        ("CI_MERGE_REQUEST_IID", "no pipeline of a merge request"),
        ("GITLAB_TOKEN", "project access token"),
    ],
)
def test_gitlab_likewise(run, monkeypatch, capsys, gone, says):
    with fake_forge() as forge:
        on_gitlab(monkeypatch, forge)
        monkeypatch.delenv(gone)
        assert says in failed(run, capsys)


def test_a_fork_of_gitlab_comments_where_its_request_is(run, monkeypatch):
    with fake_forge(user="bot") as forge:
        on_gitlab(monkeypatch, forge)
        monkeypatch.setenv("CI_PROJECT_ID", "78")
        monkeypatch.setenv("CI_MERGE_REQUEST_PROJECT_ID", "77")
        assert main([str(run)]) == 0
        assert len(forge.comments) == 1


def test_gh_tells_what_no_job_does(run, monkeypatch, tmp_path, capsys):
    (tmp_path / "bin").mkdir()
    gh = tmp_path / "bin" / "gh"
    said = {"auth token": TOKEN, "repo view": "acme/repo", "pr view": "5"}
    gh.write_text(f"#!{sys.executable}\nimport sys\nprint({said!r}[' '.join(sys.argv[1:3])])\n")
    gh.chmod(0o755)
    with fake_forge(user="me") as forge:
        monkeypatch.setenv("GITHUB_API_URL", forge.url)
        assert main([str(run)]) == 0
        assert len(forge.comments) == 1
        assert capsys.readouterr().out.startswith("posted: ")
        gh.write_text(f"#!{sys.executable}\nraise SystemExit('not signed in')\n")
        assert "gh auth login" in failed(run, capsys)


# What may be sent


def test_what_quotes_contracts_goes_where_the_policy_lets_them(run, monkeypatch, capsys, tmp_path):
    registry = tmp_path / "models" / "registry"
    registry.mkdir(parents=True)

    def reached(*args, **more):
        pytest.fail(f"reached for {args}")

    for name in ("getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, reached)
    monkeypatch.setattr(socket.socket, "connect", reached)
    with monkeypatch.context() as job:
        for name, value in (
            ("GITHUB_REPOSITORY", "acme/repo"), ("GITHUB_TOKEN", TOKEN),
            ("GITHUB_REF", "refs/pull/5/merge"),
        ):  # fmt: skip
            job.setenv(name, value)
        line = failed(run, capsys, "--registry", str(registry))
        assert "is at api.github.com, where sample may not be sent" in line
        assert '"sample" = ["api.github.com"]' in line and "--numbers" in line
        text = permissive("a" * 64, "d" * 64) + '[egress]\nsample = ["api.github.com"]\n'
        (registry.parent / "policy.toml").write_text(text)
        with pytest.raises(pytest.fail.Exception, match="reached for"):
            main([str(run), "--registry", str(registry)])


def test_numbers_alone_need_no_line(run, report, monkeypatch, tmp_path):
    with fake_forge() as forge:
        on_github(monkeypatch, forge)
        monkeypatch.setattr("models.egress.is_this_machine", lambda host: False)
        assert main([str(run), "--registry", str(tmp_path)]) == 4
        assert main([str(run), "--registry", str(tmp_path), "--numbers"]) == 0
    (comment,) = forge.comments
    assert "token&#95;f1" in comment["body"]
    assert not [case.question for case in report.cases if case.question[:30] in comment["body"]]


def test_a_dry_run_prints_the_comment_and_reaches_for_nothing(run, report, monkeypatch, capsys):
    with fake_forge() as forge:
        on_github(monkeypatch, forge, GITHUB_SERVER_URL="https://github.example", GITHUB_RUN_ID="9")
        assert main([str(run), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{marker_of(report)}\n# Bar Exam: ")
    assert "(https://github.example/acme/repo/actions/runs/9)" in out
    assert len(out) < 65_536 and len(out.encode()) < LIMIT + 1000
    assert not forge.calls and "@octocat" not in out


@pytest.mark.parametrize("path", [".github/workflows/gate.yml", "bar_exam/templates/exam.yml"])
def test_in_the_workflows_only_the_job_that_comments_may_write(path):
    workflow = yaml.safe_load((ROOT / path).read_text())
    assert workflow["permissions"] == {"contents": "read"}
    writing = {
        name: job
        for name, job in workflow["jobs"].items()
        if "write" in str(job.get("permissions"))
    }
    assert list(writing) == ["comment"]
    job = writing["comment"]
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "head.repo.full_name == github.repository" in job["if"]
    assert job["steps"][0]["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert not any("exam --model" in str(step) or "pytest" in str(step) for step in job["steps"])
    words = job["steps"][-1]["run"].split(" comment ")[-1].split("reports.comment ")[-1]
    assert words.endswith("--pr")


@pytest.mark.parametrize("path", [".github/workflows/gate.yml", "bar_exam/templates/exam.yml"])
def test_the_workflows_show_the_report_of_their_own_run_or_none(path, tmp_path):
    steps = [s for job in yaml.safe_load((ROOT / path).read_text())["jobs"].values()
             for s in job["steps"]]  # fmt: skip
    (show,) = [step["run"] for step in steps if "GITHUB_STEP_SUMMARY" in step.get("run", "")]
    started = tmp_path / ".exam-started"
    started.touch()

    def report(name, seconds):
        for file in ("report.md", "report.json", "report.html", "cases.json"):
            kept = tmp_path / "reports" / "runs" / name / file
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(f"{file} of {name}")
            os.utime(kept, (started.stat().st_mtime + seconds,) * 2)

    def shown():
        page = tmp_path / "summary"
        page.unlink(missing_ok=True)
        given = {"PATH": os.defpath, "GITHUB_STEP_SUMMARY": str(page)}
        subprocess.run(["/bin/bash", "-e", "-c", show], cwd=tmp_path, env=given, check=True)
        return page.read_text()

    report("20260102-of-another-job", -60)
    assert shown() == "The exam wrote no report; the log says why.\n"
    assert not list(tmp_path.glob("exam-report/*"))
    report("20260101-mine", 60)
    assert shown() == "report.md of 20260101-mine"
    for file in ("report.json", "report.html", "cases.json"):
        assert (tmp_path / "exam-report" / file).read_text() == f"{file} of 20260101-mine"
