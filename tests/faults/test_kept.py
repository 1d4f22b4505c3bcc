"""What was paid for is on disk before anything else, and nothing is paid for twice."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from common.errors import UserError
from common.files import replacing
from evals.calls.rows import answer_row
from evals.calls.store import Store
from models.chat import Answer
from tests.builders.fake_server import fake_server
from tests.conftest import ROOT
from tests.evals.test_exam import FirstSentence, Grader, Rater, examine
from tests.house.test_resume import exam, registry


def kept_in(path):
    """Answers that another process finds in the store."""
    if not path.is_file():
        return 0
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as connection:
        return connection.execute("select count(*) from answers").fetchone()[0]


@pytest.mark.fault("KEEP-1")
def test_an_answer_is_on_disk_before_its_place_at_the_server_is_taken_again(tmp_path):
    """Whenever the exam is killed, no more than was at the server is asked again."""
    missing = []

    def note(call):
        """At the arrival of a prompt: earlier ones that are neither kept nor at the server."""
        if call > server.places:  # the first is the preflight, and the store may be new
            kept = kept_in(tmp_path / "store.sqlite")
            missing.append((call - 1) - kept - (server.places - 1))

    with fake_server(latency=0.02, faults=note) as server:
        server.places = 4
        registry(tmp_path / "registry", server.url)
        output = exam(tmp_path, "--limit", "60").communicate(timeout=120)[0].decode()
    assert len(missing) == 61 - 5, output
    assert max(missing) <= 0


@pytest.mark.fault("KEEP-1")
def test_a_killed_exam_asks_again_at_most_what_was_at_the_server(tmp_path):
    with fake_server(latency=0.02) as server:
        registry(tmp_path / "registry", server.url)
        first = exam(tmp_path, "--limit", "100")
        deadline = time.monotonic() + 60
        while server.calls < 50 and time.monotonic() < deadline:
            time.sleep(0.002)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate(timeout=30)
        sent, kept = server.calls - 1, kept_in(tmp_path / "store.sqlite")
    assert 50 <= sent + 1 < 100
    assert sent - kept <= 4


FULL = """
import evals.calls.store

pragmas = evals.calls.store._set_pragmas

def full(connection, record):
    pragmas(connection, record)
    connection.execute("PRAGMA max_page_count = 40")

evals.calls.store._set_pragmas = full
"""


@pytest.mark.fault("KEEP-3")
def test_a_store_that_fills_up_keeps_every_whole_row_and_says_how_many_it_lacks(tmp_path):
    (tmp_path / "full.py").write_text(FULL)
    with fake_server(reply=lambda messages: messages[-1]["content"][:1500]) as server:
        registry(tmp_path / "registry", server.url)
        command = [
            sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", "-p", "full",
            "--model", "served", "--registry", str(tmp_path / "registry"), "--judge", "none",
            "--retriever", "bm25", "--store", str(tmp_path / "store.sqlite"),
            "--runs", str(tmp_path / "runs"),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120,
                              env={**os.environ, "PYTHONPATH": str(tmp_path)})  # fmt: skip
    assert done.returncode == 4, done.stdout
    written = next((tmp_path / "runs").glob("*/report.json"))
    report = json.loads(written.read_text())
    answered = [row for row in report["results"] if row["error"] is None]
    kept = kept_in(tmp_path / "store.sqlite")
    said = f"the report holds {len(answered) - kept} answers that the store does not"
    assert 0 < kept < len(answered)
    line = done.stderr + done.stdout
    assert said in next(text for text in line.splitlines() if "ERROR" in text), line
    assert "full" in line


@pytest.mark.fault("KEEP-4")
def test_two_exams_of_one_model_at_once_ask_once(tmp_path):
    with fake_server(latency=0.1) as server:
        registry(tmp_path / "registry", server.url)
        both = [exam(tmp_path, "--limit", "40") for _ in range(2)]
        outputs = [process.communicate(timeout=120)[0].decode() for process in both]
        assert [process.returncode for process in both] == [1, 1], outputs
        assert server.calls <= 40 + 2, "two preflights at most"
    waited = [output for output in outputs if "another exam is asking served" in output]
    assert len(waited) == 1
    assert len(list((tmp_path / "runs").glob("*/report.json"))) == 2


ODD_ROWS = {
    "second meta row": "insert into meta values ('other', '1')",
    "no json": "update answers set passages = 'nonsense'",
    "another shape": "update answers set passages = '[1, 2]'",
    "names": "update answers set passages = '{\"a\": 1}'",
    "deep": f"update answers set passages = '{'[' * 100_000}'",
    "ranking": "update retrievals set passages = 'nonsense'",
    "null text": "update answers set text = null",
    "blob": "update answers set text = x'00ff'",
    "words for a number": "update answers set tokens_in = 'many'",
    "null count": "update answers set tokens_out = null",
    "null reason": "update answers set finish_reason = null",
    "infinite": "update answers set latency = 9e999",
    "null score": "update scores set value = null",
    "score": "update scores set value = 'good'",
    "version": "update meta set value = null",
}


@pytest.mark.fault("KEEP-5")
@pytest.mark.parametrize("name", ODD_ROWS)
def test_an_odd_row_is_one_line_with_a_way_out(tmp_path, name):
    path = tmp_path / "s.sqlite"
    store = Store(str(path))
    examine(store, FirstSentence(), judges=(Grader(Rater()),))
    store.close()
    with sqlite3.connect(path) as connection:
        connection.executescript(ODD_ROWS[name])
    with pytest.raises(UserError) as raised:
        store = Store(str(path))
        examine(store, FirstSentence(), judges=(Grader(Rater()),))
    store.close()
    line = str(raised.value)
    assert "\n" not in line
    assert f"store {path}" in line
    assert "; " in line, "what to do stands behind it"


@pytest.mark.fault("KEEP-6")
def test_a_judge_that_is_down_is_found_before_anything_is_paid_for(tmp_path):
    class Down(Rater):
        async def preflight(self):
            raise UserError("the judge is not there")

        async def chat(self, messages):
            raise UserError("the judge is not there")

    model = FirstSentence()
    with pytest.raises(UserError, match="the judge is not there"):
        examine(Store(str(tmp_path / "s.sqlite")), model, judges=(Grader(Down()),))
    assert model.asked == []


@pytest.mark.fault("KEEP-6")
def test_a_judge_that_goes_away_leaves_a_report_of_the_answers(tmp_path):
    from tests.builders.fake_server import Fault

    with fake_server(latency=0.02) as server, fake_server() as judge:
        registry(tmp_path / "registry", server.url)
        entry = f'kind = "endpoint"\nbase_url = "{judge.url}"\nmodel = "j"\nconcurrency = 1\n'
        (tmp_path / "registry" / "rater.toml").write_text(entry)
        judge.faults = lambda call: Fault(status=404, message="gone") if call > 3 else None
        judge.latency = 0.3
        words = ["--limit", "12", "--judge", "rater", "evals/test_correctness.py"]
        process = exam(tmp_path, *words)
        output = process.communicate(timeout=400)[0].decode()
    assert process.returncode == 4, output
    report = json.loads(next((tmp_path / "runs").glob("*/report.json")).read_text())
    assert sum(row["error"] is None for row in report["results"]) == 12


@pytest.mark.fault("KEEP-7")
def test_the_next_run_cleans_up_and_keeps_as_many_reports_as_it_is_told(tmp_path):
    runs = tmp_path / "runs"
    mine = "20200101-000000-0001"
    with replacing(tmp_path / "report.json") as draft:
        writing = draft.name
        draft.touch()
    killed = f"{writing.rpartition('.')[0]}.99999999"
    for name, file in {
        mine: killed,
        "20200101-000000-0002": "report.json",
        "20200101-000000-0003": "report.json",
        "20200101-000000-0004": writing,
        "20200101-000000-0005": "notes.txt",  # somebody's
        "my-folder": killed,
    }.items():
        (runs / name).mkdir(parents=True)
        (runs / name / file).write_text("{}")
    (tmp_path / killed.replace("report.json", "latest")).symlink_to(f"runs/{mine}")
    command = [
        sys.executable, "-m", "pytest", "evals/test_retrieval.py", "-q", "-p", "no:cacheprovider",
        "--model", "echo", "--retriever", "bm25", "--judge", "none", "--limit", "4", "--keep", "2",
        "--store", str(tmp_path / "s.sqlite"), "--runs", str(runs),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    left = sorted(path.name for path in runs.iterdir())
    assert left[:3] == [f"20200101-000000-000{n}" for n in (3, 4, 5)]
    assert left[4:] == ["my-folder"]
    assert (runs / "my-folder" / killed).is_file()
    assert not list(tmp_path.glob(".latest*"))


@pytest.mark.fault("KEEP-9")
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_a_postgresql_address_needs_no_more_than_the_extra(postgresql_url, scheme):
    url = postgresql_url.replace("postgresql://", f"{scheme}://")
    store = Store(url)
    store.add([answer_row("k", "m", Answer("fine"))])
    store.close()
    again = Store(url)
    examine(again, FirstSentence())
    model = FirstSentence()
    examine(again, model)
    again.close()
    assert model.asked == []


@pytest.mark.fault("KEEP-9")
def test_the_postgresql_driver_is_an_extra():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "psycopg[binary]" in project["optional-dependencies"]["postgresql"]
