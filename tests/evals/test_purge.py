"""`python -m evals.store purge`: one contract goes from everywhere, the others stay."""

import contextlib
import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.calls.about import about
from evals.calls.rows import answer_row, retrieval_row
from evals.calls.store import Store
from evals.store import database
from evals.store.__main__ import main
from evals.store.elsewhere import elsewhere
from evals.store.search import search
from evals.store.wanted import wanted_of
from evals.store.windows import STEP, WIDTH, forms, windows_of
from fixtures.cases import Case, Contract, Dataset
from fixtures.contracts.drafts import Draft, add_drafts
from fixtures.layout import read_layout
from fixtures.retrieval.chroma import ChromaServer
from fixtures.retrieval.index import PassageIndex
from fixtures.retrieval.passages import Chunker
from fixtures.served import FOLDER, Served, append_served, read_served, row_of
from models.chat import Answer
from reports.archive import read_overview, read_report
from reports.feedback.__main__ import main as feedback
from tests.builders.fake_server import fake_server
from tests.conftest import ROOT
from tests.fixtures.test_index import CountingEmbedder
from tests.house.test_resume import registry
from tests.models.test_chroma_server import chroma_run, free_port

SAMPLE = ROOT / "fixtures" / "data" / "sample" / "test.json"
EXAM = (
    "-m", "pytest", str(ROOT / "evals"), "-q", "-p", "no:cacheprovider", "--model", "served",
    "--limit", "16", "--retriever", "dense", "--judge", "reference",
)  # fmt: skip


def quoting(messages):
    """A reply that quotes what was shown."""
    text = messages[-1]["content"]
    return text[len(text) // 3 :][:200]


@pytest.fixture(scope="module")
def examined(tmp_path_factory):
    """A folder after an exam of a data set of one's own, and what people said since."""
    folder = tmp_path_factory.mktemp("examined")
    sample = json.loads(SAMPLE.read_text())
    few = {**sample, "data": sample["data"][:4]}
    (folder / "contracts.json").write_text(json.dumps(few))
    with fake_server(reply=quoting) as server:
        registry(folder / "registry", server.url)
        line = [
            sys.executable, *EXAM, "--dataset", str(folder / "contracts.json"),
            "--registry", str(folder / "registry"), "--store", str(folder / ".exam/store.sqlite"),
            "--runs", str(folder / "reports/runs"), "--ledger", str(folder / "ledger"),
        ]  # fmt: skip
        environ = {**os.environ, "BAR_EXAM_CACHE": str(folder / "cache")}
        done = subprocess.run(line, cwd=ROOT, env=environ, capture_output=True, timeout=300)
    assert done.returncode == 1, done.stdout[-2000:]
    return folder


@pytest.fixture
def place(examined, tmp_path, monkeypatch):
    shutil.copytree(examined, tmp_path, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAR_EXAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BAR_EXAM_STATE", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def title(place):
    """Of a contract that the exam asked about."""
    return report_of(place).cases[0].contract


def report_of(place):
    return read_report(next((place / "reports" / "runs").glob("*/report.json")))


def text_of(place, title):
    data = read_layout("contracts", place / "contracts.json")
    return next(case.contract.text for case in data.cases if case.contract.id == title)


def line(title, *more):
    return [
        "purge",
        "--contract",
        title,
        "--dataset",
        "contracts.json",
        "--registry",
        "registry",
        *more,
    ]


def everything(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "lock" not in path.name and not path.name.endswith(("-wal", "-shm"))
    }


def rows(place, query="select count(*) from answers", file=".exam/store.sqlite"):
    with contextlib.closing(sqlite3.connect(place / file)) as connection:
        return connection.execute(query).fetchall()


def holders(folder, text):
    """Files that hold a text in any form, found by nothing but `in`."""
    wanted = forms(text)
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in wanted)
    ]


def test_without_yes_nothing_is_changed(place, title, capsys):
    before = everything(place)
    assert main(line(title)) == 0
    told = capsys.readouterr().out
    assert "41 questions in contracts.json" in told and "add --yes" in told
    assert everything(place) == before


def test_nothing_of_a_contract_is_left_and_everything_else_is(place, title, capsys):
    others = rows(place, "select count(*) from answers where contract is not null")[0][0]
    contracts = {case.contract for case in report_of(place).cases}
    assert len(contracts) > 1
    text = text_of(place, title)
    before = read_overview(next((place / "reports" / "runs").glob("*/report.json")))
    assert len(holders(place, title)) >= 4 and len(holders(place, text[3000:3060])) > 0
    assert main(line(title, "--yes")) == 0, capsys.readouterr().out
    told = capsys.readouterr().out
    assert f"nothing of {title} was found" in told
    assert holders(place, title) == []
    for start in range(0, len(text) - 90, 301):
        assert holders(place, text[start : start + 90]) == []
    data = read_layout("contracts", place / "contracts.json")
    assert {case.contract.id for case in data.cases} >= contracts - {title}
    assert title not in {case.contract.id for case in data.cases}
    assert rows(place)[0][0] > 0
    assert 0 < rows(place, "select count(*) from answers where contract is not null")[0][0] < others
    after = report_of(place)
    assert (after.cases, after.results, after.passages, after.contracts) == ((), (), (), ())
    assert after.verdicts == before.verdicts and after.summary == before.summary
    assert after.header.dataset.examined_cases == 16
    assert any("A contract was erased" in note for note in after.notes)


def test_every_row_of_the_exam_says_which_contract_it_is_about(place, title):
    (vague,) = rows(place, "select count(*) from retrievals where contract is null")[0]
    assert vague == 0
    told = rows(place, "select count(*), count(contract) from scores")[0]
    assert told[0] == told[1] > 0
    assert rows(place, "select count(*), count(contract) from answers") == [(16, 16)]


def test_the_seal_is_of_what_the_exam_wrote_and_the_report_promotes_nobody(place, title, capsys):
    path = next((place / "reports" / "runs").glob("*/report.json"))
    sealed = path.with_name("report.sha256").read_text()
    assert sealed.startswith(hashlib.sha256(path.read_bytes()).hexdigest())
    main(line(title, "--yes"))
    assert path.with_name("report.sha256").read_text() == sealed
    assert not sealed.startswith(hashlib.sha256(path.read_bytes()).hexdigest())


def test_an_index_that_holds_it_goes_whole_and_is_built_again(place, title):
    index = place / "cache" / "passages" / "chroma"
    assert main(line(title, "--yes")) == 0
    assert not index.exists()


def test_an_index_that_holds_nothing_of_it_stays(place, title, capsys):
    index = place / "cache" / "passages" / "chroma"
    shutil.rmtree(index)
    index.mkdir()
    (index / "chroma.sqlite3").write_bytes(b"of others")
    assert main(line(title, "--yes")) == 0
    assert (index / "chroma.sqlite3").read_bytes() == b"of others"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with chroma_run(tmp_path_factory.mktemp("chroma"), free_port()) as (url, _):
        yield url


def test_a_server_forgets_its_vectors_and_its_files_are_said_to_lie_elsewhere(
    place, title, server, capsys
):
    data = read_layout("contracts", place / "contracts.json")
    contracts = list({case.contract.id: case.contract for case in data.cases}.values())
    index = PassageIndex(ChromaServer(server), "toy", Chunker(400, 0), CountingEmbedder())
    index.vectors(contracts[:3])
    gone = contracts[0].id

    def titles():
        with index.chroma.opened(index.collection) as collection:
            return {each["contract"] for each in collection.get(include=["metadatas"])["metadatas"]}

    assert titles() == {each.id for each in contracts[:3]}
    assert main(line(gone, "--index", server, "--yes")) == 0, capsys.readouterr().out
    assert titles() == {each.id for each in contracts[1:3]}
    assert f"elsewhere: the files of {server}; type `chroma vacuum`" in capsys.readouterr().out


def test_labels_feedback_drafts_and_reviews_go_too(place, title, capsys):
    case = next(each for each in report_of(place).cases if each.contract != title)
    quote = " ".join(text_of(place, title)[2000:2300].split())
    (place / "labels.csv").write_text(
        "case_id,score,comment\n"
        f'"{title}__Parties",1,\n"{case.id}",0.5,"kept, as it is"\n"{case.id}",0,"{quote[:120]}"\n'
        .replace(f'"{quote[:120]}"', '"' + quote[:120].replace('"', '""') + '"')
    )  # fmt: skip
    said = {"question": "Q?", "contract": title, "answer": "x", "score": 3, "time": 1769860800}
    (place / "said.jsonl").write_text(
        "".join(
            json.dumps(row) + "\n"
            for row in (
                said, said | {"contract": case.contract}, said | {"score": 9},
                said | {"contract": "Else", "passages": [quote]},
            )
        )
    )  # fmt: skip
    feedback(["import", "said.jsonl", "--runs", "reports/runs"])
    drafts = [
        Draft(f"{each}__Parties", each, "0" * 64, "m", quote, (), True, "") for each in (title, "E")
    ]
    add_drafts(place / "contracts.json", [replace(drafts[1], answer="x"), drafts[0]])
    (place / ".exam" / "reviews").mkdir()
    with contextlib.closing(sqlite3.connect(place / ".exam/reviews/r.sqlite")) as journal:
        journal.execute("create table entries (number integer primary key, case_id text)")
        journal.executemany(
            "insert into entries (case_id) values (?)", [(f"{title}__Parties",), (case.id,)]
        )
        journal.commit()
    (place / "said.jsonl").unlink()
    assert main(line(title, "--labels", "labels.csv", "--yes")) == 0, capsys.readouterr().out
    assert (place / "labels.csv").read_text().splitlines() == [
        "case_id,score,comment", f'{case.id},0.5,"kept, as it is"',
    ]  # fmt: skip
    assert rows(place, "select contract from feedback", ".exam/feedback/feedback.sqlite") == [
        (case.contract,)
    ]
    (aside,) = (place / ".exam" / "feedback" / "aside").iterdir()
    assert aside.read_text() == ""
    assert "E" in (place / "contracts.drafts.jsonl").read_text()
    assert rows(place, "select case_id from entries", ".exam/reviews/r.sqlite") == [(case.id,)]


def test_requests_that_were_served_go_and_who_serves_meanwhile_loses_none(place, title, capsys):
    case = next(each for each in report_of(place).cases if each.contract != title)
    quote = " ".join(text_of(place, title)[2000:2300].split())
    about = Served("1", 1769860800.0, "Q?", title, (), "x", "m")
    quoting_ = replace(about, id="2", contract="", passages=(quote,))
    other = replace(about, id="3", contract=case.contract)
    day = append_served(about)
    for row in (quoting_, other):
        append_served(row)
    with day.open("a") as file:
        file.write(json.dumps(row_of(replace(about, id="4")) | {"time": "then"}) + "\n")
    rows_ = [row_of(row) | {"contract": row.contract, "error": ""} for row in (about, other)]
    pq.write_table(pa.Table.from_pylist(rows_), day.with_suffix(".parquet"))
    assert [row.id for row in read_served([FOLDER])] == ["1", "2", "3", "1", "3"]
    assert main(line(title)) == 0
    told = capsys.readouterr().out
    assert all(f"{count} rows in {FOLDER}/" in told for count in (3, 1)), told
    assert f"1 rows in {FOLDER}/aside/" in told
    assert main(line(title, "--yes")) == 0, capsys.readouterr().out
    append_served(replace(other, id="5"))
    assert [row.id for row in read_served([FOLDER])] == ["3", "5", "3"]
    assert holders(place / FOLDER, title) == []


def test_rows_of_parquet_are_searched_though_they_are_compressed(tmp_path):
    wanted = one("ACME", "")
    row = row_of(Served("1", 1769860800.0, "Q?", "ACME", (), "x", "m"))
    table, path = pa.Table.from_pylist([row] * 500), tmp_path / "d.parquet"
    pq.write_table(table, path, compression="gzip", write_statistics=False)
    (trace,) = search([tmp_path], wanted).traces
    assert trace.place.endswith("d.parquet, row 1")


def test_what_cannot_be_erased_is_listed_with_what_to_do(place, title, capsys):
    quote = text_of(place, title)[1000:1200]
    adapter = place / "adapters" / "dpo-x"
    adapter.mkdir(parents=True)
    (adapter / "manifest.json").write_text(json.dumps({"contracts": [{"title": title}]}))
    (place / ".exam" / "training").mkdir()
    with gzip.open(place / ".exam" / "training" / "rows.jsonl.gz", "wt") as file:
        file.write(json.dumps({"prompt": quote}))
    with zipfile.ZipFile(place / ".exam" / "upload.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", quote)
    assert main(line(title, "--yes")) == 1
    told = capsys.readouterr().out
    assert "manifest.json: its title; that adapter was trained on it" in told
    assert "rows.jsonl.gz: words of it; made of the data set" in told
    assert "upload.docx!word/document.xml: words of it; remove it yourself" in told
    assert "nothing of" not in told


def test_a_title_that_nobody_knows_is_searched_and_doubted(place, title, capsys):
    before = everything(place)
    assert main(line(title[:-1], "--yes")) == 0
    told = capsys.readouterr()
    assert f"did you mean {title!r}?" in told.err
    assert f"nothing of {title[:-1]} was found" in told.out
    assert everything(place) == before


def test_a_killed_purge_is_finished_by_the_same_line(place, title, capsys):
    typed = [sys.executable, "-m", "evals.store", *line(title, "--yes")]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    seed = random.Random(3)
    for _ in range(4):
        process = subprocess.Popen(typed, cwd=place, env=environ, stdout=subprocess.PIPE)
        time.sleep(0.7 + 1.2 * seed.random())
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert main(line(title, "--yes")) == 0, capsys.readouterr().out
    assert holders(place, title) == []
    assert report_of(place).verdicts


def one(name, text, others=()):
    cases = [
        Case(f"{each.id}__A", f"{each.id}-a", each, "A", "Q?", ())
        for each in (Contract(name, text), *others)
    ]
    return wanted_of(name, [Dataset("d", tuple(cases), frozenset())], {})


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "store.sqlite")
    return request.getfixturevalue("postgresql_url")


def test_rows_go_from_every_kind_of_store(url):
    words = "The Supplier shall deliver forty crates of apples to the northern depot by noon."
    wanted = one("ACME", words, (Contract("ACME 2", "Nothing of the kind stands in this one."),))
    store = Store(url)
    with about("ACME"):
        store.add([answer_row("a1", "m", Answer("yes", 1, 1, 0.1)), retrieval_row("r1", [])])
    with about("ACME 2"):
        store.add([answer_row("a2", "m", Answer("no", 1, 1, 0.1)), retrieval_row("r2", [])])
    store.add([
        answer_row("a3", "m", Answer(f'It says "{words}"', 1, 1, 0.1)),
        answer_row("a4", "m", Answer("of nobody knows what", 1, 1, 0.1)),
    ])  # fmt: skip
    found = database.look(url, wanted)
    assert (found.count, found.unmarked) == (3, 2)
    database.erase(url, wanted)
    assert store.rows("answers", ["a1", "a2", "a3", "a4"]).keys() == {"a2", "a4"}
    assert store.rows("retrievals", ["r1", "r2"]).keys() == {"r2"}
    database.erase(url, wanted, unmarked=True)
    assert store.rows("answers", ["a2", "a4"]).keys() == {"a2"}
    store.close()


def test_erased_bytes_are_gone_from_the_file_and_its_journal(tmp_path):
    words = "The Supplier shall deliver forty crates of apples to the northern depot by noon."
    path = tmp_path / "store.sqlite"
    store = Store(str(path))
    store.add([answer_row(str(n), "m", Answer(f"{words} {n}", 1, 1, 0.1)) for n in range(500)])
    database.erase(str(path), one("ACME", words))
    store.close()
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or words.encode() not in file.read_bytes(), file


def test_another_contract_whose_title_holds_this_one_is_left_alone(tmp_path):
    wanted = one("NDA", "Words " * 40, (Contract("NDA 2020", "Other words, all of them."),))
    for text in ("NDA 2020", "NDA 2020__Parties", "STANDARD terms", "the NDA of May"):
        assert not wanted.is_told(text)
    for text in ("NDA", " nda ", "NDA__Parties", "NDA#2", "NDA#2__Parties"):
        assert wanted.is_told(text), text
    for text, what in (("see NDA.", "its title"), ("STANDARD", ""), ("the NDA 2020 too", "")):
        assert wanted.trace(text.encode()) == what
    assert wanted.trace(json.dumps("line\nNDA").encode()) == "its title"


@given(
    st.text(st.characters(codec="utf-8"), min_size=150, max_size=300),
    st.integers(0, 60),
    st.binary(max_size=200),
)
@settings(max_examples=60, deadline=None)
def test_every_long_run_of_a_contract_is_found_in_every_form(text, start, before):
    part = text[start : start + 90]
    windows = windows_of([text])
    for form in {part.encode()} | {json.dumps(part)[1:-1].encode()}:
        if len(form) >= WIDTH + STEP and form in b"".join(forms(text)):
            assert windows.find(before + form) is not None


def test_without_a_data_set_reports_say_which_words_are_whose():
    common = "This Agreement may be executed in two counterparts, each of them an original."
    mine = "The Author grants the Orchard Press every right in her third novel, unseen."
    wanted = wanted_of("A", [], {"A": {f"{common} {mine}"}, "A 2": {common}})
    assert wanted.is_told(f"It says: {mine}")
    assert not wanted.is_told(common)
    assert wanted.longer == ("A 2",)


def test_words_that_others_say_too_are_nobodys(tmp_path):
    common = "This Agreement may be executed in two counterparts, each of them an original."
    mine = "The Author grants the Orchard Press every right in her third novel, unseen."
    wanted = one("A", f"{common} {mine}", (Contract("B", f"Else. {common}"),))
    assert wanted.trace(common.encode()) == ""
    assert wanted.trace(mine.encode()) == "words of it"
    (tmp_path / "a.txt").write_bytes(b"x" * (8 << 20) + mine.encode())
    (found,) = search([tmp_path], wanted).traces
    assert found.place.endswith("a.txt")


@pytest.mark.parametrize("titles, said", [([], ""), (["A"], "commit"), (["A", "A B", "B A"], "3")])
def test_commits_are_counted_not_listed(tmp_path, monkeypatch, titles, said):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    for number, text in enumerate(titles):
        (tmp_path / f"{number}.txt").write_text(text)
        subprocess.run(["git", "add", "."], check=True)
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *who, "commit", "-q", "-m", "m"], check=True)
    told = elsewhere("A", "store.sqlite", None)
    found = [line for line in told if "of this repository" in line]
    assert len(found) == bool(titles)
    assert all(said in each and "`git log --all -S A`" in each for each in found)
