"""Vectors in a real Chroma server on loopback: shared, taken up again, and refused in one line."""

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import Request, urlopen

import numpy as np
import pytest

from common.errors import UserError
from fixtures.cases import Case
from fixtures.retrieval.chroma import ChromaServer
from fixtures.retrieval.index import PassageIndex
from fixtures.retrieval.passages import Chunker
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.egress import Egress, Sent
from models.retrieval.opening import open_retriever, open_server
from tests.builders.policies import permissive
from tests.conftest import ROOT
from tests.fixtures.test_index import LEASE, LICENCE, CountingEmbedder
from tests.seams import users

CHROMA = Path(sys.executable).with_name("chroma")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def chroma_run(folder, port):
    """A real server: its URL, and its process."""
    command = [CHROMA, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(300):
                try:
                    urlopen(f"{url}/api/v2/heartbeat", timeout=5)
                    break
                except OSError:
                    assert server.poll() is None
                    time.sleep(0.1)
            yield url, server
        finally:
            server.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with chroma_run(tmp_path_factory.mktemp("chroma"), free_port()) as (url, _):
        yield url


@pytest.fixture
def dataset(request):
    """A name of the test's own: the server is shared."""
    return request.node.name


def index(url, dataset, embedder):
    return PassageIndex(ChromaServer(url), dataset, Chunker(200, 0), embedder)


def refused(call):
    with pytest.raises(UserError) as caught:
        call()
    (line,) = str(caught.value).splitlines()
    return line


def test_what_one_embeds_another_finds(server, dataset):
    first, second = CountingEmbedder(), CountingEmbedder()
    vectors = index(server, dataset, first).vectors([LEASE, LICENCE])
    again = index(server, dataset, second).vectors([LICENCE, LEASE])
    assert first.texts
    assert not second.texts
    for digest, rows in vectors.items():
        np.testing.assert_allclose(again[digest], rows, atol=1e-6)
    other = CountingEmbedder()
    other.identity = "another"
    index(server, dataset, other).vectors([LEASE])
    assert other.texts  # in a collection of its own


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from tests.models.test_chroma_server import LEASE, CountingEmbedder, PassageIndex, index

def dying(self, collection, ids, passages, vectors):
    add(self, collection, ids[:2], passages[:2], vectors[:2])
    os.kill(os.getpid(), signal.SIGKILL)

add, PassageIndex._add = PassageIndex._add, dying
index({url!r}, {dataset!r}, CountingEmbedder()).vectors([LEASE])
"""


def test_what_a_killed_process_left_is_completed(server, dataset):
    code = KILLED.format(root=str(ROOT), url=server, dataset=dataset)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    embedder = CountingEmbedder()
    passages = index(server, dataset, embedder).passages(LEASE)
    index(server, dataset, embedder).vectors([LEASE])
    assert embedder.texts == [passage.text for passage in passages[2:]]


def test_a_server_that_is_killed_is_one_line_and_goes_on_afterwards(tmp_path, dataset):
    port, embedder = free_port(), CountingEmbedder()
    with chroma_run(tmp_path, port) as (url, _):
        index(url, dataset, embedder).vectors([LEASE])
    line = refused(lambda: index(url, dataset, embedder).vectors([LEASE, LICENCE]))
    assert line.startswith(f"the Chroma server at {url} cannot be used (")
    assert line.endswith("start it with `chroma run`, or mend --index")
    embedder.texts.clear()
    with chroma_run(tmp_path, port):
        passages = index(url, dataset, embedder).passages(LICENCE)
        index(url, dataset, embedder).vectors([LEASE, LICENCE])
    assert embedder.texts == [passage.text for passage in passages]


def test_a_server_that_dies_while_it_is_asked_is_one_line(tmp_path, dataset):
    with (
        chroma_run(tmp_path, free_port()) as (url, server),
        index(url, dataset, CountingEmbedder()).chroma.opened("abc") as collection,
    ):
        collection.get(limit=1)
        server.kill()
        server.wait()
        assert "cannot be used" in refused(lambda: collection.get(limit=1))


TOGETHER = """
import sys
sys.path.insert(0, {root!r})
from fixtures.cases import Contract
from tests.models.test_chroma_server import CountingEmbedder, index

contracts = [Contract(str(n), f"{{n}}. The fee of part {{n}} is due. " * 40) for n in range(30)]
found = index({url!r}, {dataset!r}, CountingEmbedder()).vectors(contracts)
assert [len(rows) > 3 for rows in found.values()] == [True] * 30
"""


def test_two_exams_at_once_need_not_wait_for_each_other(server, dataset):
    code = TOGETHER.format(root=str(ROOT), url=server, dataset=dataset)
    both = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for each in both:
        _, errors = each.communicate(timeout=120)
        assert each.returncode == 0, errors
    import chromadb

    name = index(server, dataset, CountingEmbedder()).collection
    collection = chromadb.HttpClient(host=server).get_collection(name, embedding_function=None)
    ids = collection.get(include=[])["ids"]
    assert len(ids) == len(set(ids)) > 90


def test_an_embedder_that_changed_under_its_name_is_told(server, dataset):
    class Changed(CountingEmbedder):
        def embed(self, texts):
            return super().embed(texts)[:, :2]

        embed_queries = embed

    index(server, dataset, CountingEmbedder()).vectors([LEASE])
    case = Case("1", "1", LEASE, "", "What is the rent?", ())
    retriever = Retriever(
        RetrieverOptions("dense", chunker=Chunker(200, 0), index=server), dataset, Path("unused"),
        chroma=ChromaServer(server), embedder=Changed(),
    )  # fmt: skip
    line = refused(lambda: retriever.retrieve([case]))
    assert line.startswith(f"{server} holds vectors of 3 numbers of this embedder, which gives 2")
    assert "`revision`" in line


@contextmanager
def no_chroma(status):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"<html>another\nserver</html>")

        def log_message(self, *args):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()
        listener.server_close()


@pytest.mark.parametrize("status", [200, 302, 401, 404, 500])
def test_what_is_no_chroma_server_is_told(status, dataset):
    with no_chroma(status) as url:
        line = refused(lambda: index(url, dataset, CountingEmbedder()).vectors([LEASE]))
    assert line.startswith(f"the Chroma server at {url} cannot be used (")


@contextmanager
def failing(url, times):
    """In front of a real server: answers each path with an internal error `times` times first."""
    asked = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked[self.path] += 1
            if asked[self.path] <= times and "collections" in self.path:
                status, body = (
                    500,
                    b'{"error": "InternalError", "message": "Nothing found on disk"}',
                )
            else:
                length = int(self.headers.get("content-length", 0))
                given = Request(url + self.path, self.rfile.read(length) or None, self.headers)
                given.method = self.command
                with urlopen(given, timeout=30) as reply:
                    status, body = reply.status, reply.read()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.do_GET()

        def log_message(self, *args):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()
        listener.server_close()


def test_an_internal_error_of_the_moment_is_asked_again(server, dataset):
    with failing(server, 2) as url:
        found = index(url, dataset, CountingEmbedder()).vectors([LEASE])
    assert len(found[LEASE.digest]) > 0


def test_an_internal_error_that_stays_is_told(server, dataset):
    with failing(server, 99) as url:
        line = refused(lambda: index(url, dataset, CountingEmbedder()).vectors([LEASE]))
    assert "Nothing found on disk" in line


@pytest.fixture
def registry(tmp_path):
    (tmp_path / "registry").mkdir()
    return tmp_path / "registry"


def test_vectors_go_to_another_machine_only_where_a_line_allows_it(registry, monkeypatch):
    egress = Egress(registry, (Sent("sample", "d" * 64),))
    line = refused(lambda: open_server("https://chroma.example.com:8000", egress))
    assert line.startswith("--index is at chroma.example.com, where sample may not be sent")
    allowed = permissive("a" * 64, "d" * 64) + '[egress]\nsample = ["chroma.example.com"]\n'
    (registry.parent / "policy.toml").write_text(allowed)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert open_server("https://me:secret@chroma.example.com:8000", egress)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    line = refused(lambda: open_server("https://chroma.example.com:8000", egress))
    assert line.endswith("type `export NO_PROXY=chroma.example.com`")
    monkeypatch.setenv("NO_PROXY", "chroma.example.com")
    assert open_server("https://chroma.example.com:8000", egress)


@pytest.mark.parametrize("url", ["localhost:8000", "chroma", "ftp://h", "http://", "http://h?x=1"])
def test_an_index_that_is_no_url_is_refused(registry, url):
    line = refused(lambda: open_server(url, Egress(registry)))
    assert "http://HOST:PORT" in line


def test_servers_are_opened_where_egress_is_asked():
    assert users("fixtures.retrieval.chroma.ChromaServer") == {"models/retrieval/opening.py"}
    assert users("chromadb.HttpClient", "chromadb.PersistentClient") == {
        "fixtures/retrieval/chroma.py"
    }
    with pytest.raises(ValueError, match="opened by"):
        Retriever(RetrieverOptions(index="http://h:1"), "toy", ROOT)


def test_what_does_not_embed_takes_no_index(server):
    assert "embeds nothing" in refused(lambda: RetrieverOptions("bm25", index=server))


def test_where_vectors_lie_moves_no_ranking(server, registry, tmp_path):
    egress = Egress(registry)
    there = open_retriever(RetrieverOptions(index=server), "toy", tmp_path, egress)
    assert there.identity == Retriever(RetrieverOptions(), "toy", tmp_path).identity


def exam(registry, tmp_path, url):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", "--limit=2",
         "--model=echo", "--judge=none", "--retriever=dense", f"--registry={registry}",
         f"--index={url}", f"--store={tmp_path / 's.sqlite'}",
         f"--runs={tmp_path / 'runs'}", f"--ledger={tmp_path / 'ledger'}"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "BAR_EXAM_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip


def test_an_exam_keeps_its_vectors_there(server, registry, tmp_path):
    (registry / "echo.toml").write_text('kind = "echo"\n')
    down = exam(registry, tmp_path, f"http://127.0.0.1:{free_port()}")
    assert down.returncode == 4, down.stdout + down.stderr
    assert "start it with `chroma run`, or mend --index" in down.stdout + down.stderr
    assert "Traceback" not in down.stdout + down.stderr
    done = exam(registry, tmp_path, server)
    (path,) = (tmp_path / "runs").glob("*/report.json")
    report = json.loads(path.read_text())
    assert len(report["results"]) == 2, done.stdout
    assert not any(each.get("error") for each in report["results"])
    assert not (tmp_path / "cache" / "passages").exists()
