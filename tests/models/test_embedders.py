"""Embedders by configuration: what they give, what they are called by, and what may leave."""

import json
import math
import os
import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest

from common.errors import UserError
from fixtures.cases import Case, Contract
from fixtures.retrieval.embedder import load_embedder, unit
from fixtures.retrieval.passages import Chunker
from fixtures.retrieval.retrieval import Retriever, RetrieverOptions
from models.egress import Egress, Sent
from models.metering import metering
from models.retrieval.entry import SENTENCES, embedders_beside, read_embedder
from models.retrieval.opening import open_embedder, open_retriever
from tests.builders.fake_server import Fault, fake_server
from tests.builders.policies import permissive
from tests.conftest import ROOT
from tests.seams import users

DATA = "d" * 64
SERVED = 'kind = "endpoint"\nbase_url = "{url}"\nmodel = "m"\n{more}'
LEASE = Contract("lease", "1. Rent. The tenant pays monthly rent of USD 900 in advance. " * 8)


@pytest.fixture
def registry(tmp_path):
    (tmp_path / "registry").mkdir()
    (tmp_path / "embedders").mkdir()
    return tmp_path / "registry"


@pytest.fixture(scope="module")
def random_model(tmp_path_factory):
    """A random BERT of two layers and 24 dimensions, with its own prompt for questions."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("random-embedder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "query", ":", *"abcdefghijklmnopqrst"]
    words += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    (folder / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=len(words), hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, initializer_range=0.5,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder / "bert")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"))
    modules = [transformer, Pooling(24, pooling_mode="mean")]
    model = SentenceTransformer(modules=modules, prompts={"query": "query: "}, device="cpu")
    model.save_pretrained(str(folder / "saved"), safe_serialization=True)
    return folder / "saved"


def write(registry, name, text):
    (embedders_beside(registry) / f"{name}.toml").write_text(text)


def opened(registry, name, sent=True):
    return open_embedder(name, Egress(registry, (Sent("sample", DATA),) if sent else ()))


def refused(registry, name):
    with pytest.raises(UserError) as caught:
        opened(registry, name)
    (line,) = str(caught.value).splitlines()
    return line


def likeness_to(server, registry, texts, more="retries = 2\n"):
    write(registry, "e", SERVED.format(url=server.url, more=more))
    return opened(registry, "e").embed(texts)


def test_any_model_of_sentence_transformers_ranks_passages(registry, random_model, tmp_path):
    name = f"{SENTENCES}{random_model}"
    embedder = opened(registry, name)
    texts = ["a lease", "the rent is due", "a b c d", "a lease"]
    vectors = embedder.embed(texts)
    assert vectors.shape == (4, 24)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(vectors[0], vectors[3], atol=1e-6)
    asked = embedder.embed_queries(texts)
    assert np.abs(asked - vectors).max() > 1e-3  # the model's own prompt
    np.testing.assert_allclose(asked[0], embedder.embed(["query: a lease"])[0], atol=1e-6)
    options = RetrieverOptions("dense", 2, Chunker(100, 0), embedder=name)
    retriever = open_retriever(options, "toy", tmp_path, Egress(registry))
    case = Case("1", "1", LEASE, "", "What is the rent?", ())
    passages = Chunker(100, 0).split(LEASE)
    likeness = (
        embedder.embed([each.text for each in passages]) @ embedder.embed_queries([case.question]).T
    )
    (found,) = retriever.retrieve([case])
    assert passages.index(found[0]) == int(likeness.argmax())
    default = Retriever(RetrieverOptions("dense", 2, Chunker(100, 0)), "toy", tmp_path)
    assert retriever.identity != default.identity


def test_fewer_dimensions_are_the_first_ones(registry, random_model):
    write(registry, "cut", f'kind = "sentence-transformers"\nmodel = "{random_model}"\n'
          "dimensions = 8\n")  # fmt: skip
    whole, cut = opened(registry, f"{SENTENCES}{random_model}"), opened(registry, "cut")
    np.testing.assert_allclose(
        cut.embed(["a lease"]), unit(whole.embed(["a lease"])[:, :8]), atol=1e-6
    )
    assert cut.identity != whole.identity


def test_the_identity_is_of_every_file_that_moves_vectors(registry, random_model, tmp_path):
    def identity():
        return opened(registry, f"{SENTENCES}{folder}").identity

    folder = tmp_path / "copy"
    shutil.copytree(random_model, folder)
    first = identity()
    (folder / "README.md").write_text("words")
    assert identity() == first
    for file in sorted(path for path in folder.rglob("*") if path.suffix != ".md"):
        if file.is_file():
            kept = file.read_bytes()
            file.write_bytes(kept + b" ")
            assert identity() != first, file
            file.write_bytes(kept)
    assert identity() == first


def test_a_relative_folder_lies_beside_its_entry(registry, random_model):
    shutil.copytree(random_model, registry.parent / "mine")
    write(registry, "e", 'kind = "sentence-transformers"\nmodel = "../mine"\n')
    assert opened(registry, "e").embed(["a"]).shape == (1, 24)


def test_code_and_pickles_of_a_model_are_never_run(registry, random_model, tmp_path):
    def broken(change):
        folder = tmp_path / change.__name__
        shutil.copytree(random_model, folder)
        change(folder)
        with pytest.raises(UserError) as caught:
            print(opened(registry, f"{SENTENCES}{folder}").identity)
        (line,) = str(caught.value).splitlines()
        return line

    def module(folder):
        listed = json.loads((folder / "modules.json").read_text())
        listed[1]["type"] = "subprocess.Popen"
        (folder / "modules.json").write_text(json.dumps(listed))

    def pickle(folder):
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    def auto_map(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "x.Y"}}))

    def nothing(folder):
        (folder / "modules.json").unlink()

    assert "subprocess.Popen" in broken(module)
    assert "pickle" in broken(pickle)
    assert "auto_map" in broken(auto_map)
    assert "save_pretrained" in broken(nothing)


def test_without_the_package_one_line_says_what_to_install(registry, random_model, monkeypatch):
    embedder = opened(registry, f"{SENTENCES}{random_model}")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match=r"pip install 'bar-exam\[embedders\]'"):
        embedder.embed(["a"])


def test_a_server_embeds_in_batches_and_any_order(registry):
    texts = [f"{'x' * n}" for n in range(1, 71)]
    with fake_server(latency=0.01) as server:
        vectors = likeness_to(server, registry, texts, "batch = 8\nconcurrency = 3\n")
        asked = list(server.requests)
    assert server.calls == math.ceil(70 / 8)
    assert server.peak <= 3
    assert all(set(body) == {"model", "input"} for body in asked)
    np.testing.assert_allclose(vectors, unit([[len(text), 1] for text in texts]), atol=1e-6)


def test_prefixes_and_dimensions_are_sent_and_move_the_identity(registry):
    said = 'passage_prefix = "passage: "\nquery_prefix = "query: "\ndimensions = 2\n'
    with fake_server() as server:
        likeness_to(server, registry, ["a"], said)
        embedder = opened(registry, "e")
        embedder.embed_queries(["b"])
        bodies = [(body["input"], body["dimensions"]) for body in server.requests]
        assert bodies == [(["passage: a"], 2), (["query: b"], 2)]
        lines = said.splitlines()
        moved = {
            opened_as(registry, server.url, *lines[:n], *lines[n + 1 :]).identity for n in range(3)
        }
        moved |= {opened_as(registry, server.url, said, line).identity
                  for line in ('revision = "2"', "batch = 7", "retries = 1")}  # fmt: skip
        assert len(moved) == 5  # how it is asked moves nothing
        assert embedder.identity in moved


def opened_as(registry, url, *more):
    write(registry, "e", SERVED.format(url=url, more="\n".join(more)))
    return opened(registry, "e")


def test_a_key_is_read_from_its_variable_and_shown_nowhere(registry, monkeypatch):
    more = 'api_key_env = "EMBED_KEY"\nretries = 0\n'
    monkeypatch.delenv("EMBED_KEY", raising=False)
    with fake_server(faults=lambda n: Fault(status=401, message="bad key s3cr3t-99") if n else None
                     ) as server:  # fmt: skip
        write(registry, "e", SERVED.format(url=server.url, more=more))
        assert "export EMBED_KEY=" in refused(registry, "e")
        monkeypatch.setenv("EMBED_KEY", "s3cr3t-99")
        embedder = opened(registry, "e")
        embedder.embed(["a"])
        assert server.authorizations == {"Bearer s3cr3t-99"}
        with pytest.raises(UserError) as caught:
            embedder.embed(["a"])
    from common.redaction import redacted

    assert "s3cr3t" not in redacted(str(caught.value))
    assert "export EMBED_KEY=YOUR_KEY" in str(caught.value)


def test_a_busy_server_is_asked_again(registry, monkeypatch):
    monkeypatch.setattr("models.retrieval.served.BACK_OFF", 0.001)
    busy = [Fault(status=429, headers={"retry-after-ms": "1"}), Fault(status=503), None]
    with fake_server(faults=busy) as server:
        assert likeness_to(server, registry, ["a"]).shape == (1, 2)
        assert server.calls == 3


@pytest.mark.parametrize(
    ("fault", "calls", "said"),
    [
        (Fault(status=500, message="boom"), 3, r"boom.*tried 3 times"),
        (Fault(status=404, message="no such model"), 1, "no such model"),
        (Fault(status=400, message="input too long"), 1, "smaller --chunk-size"),
        (Fault(body='{"data": []}'), 3, "a reply without 1 vectors"),
        (Fault(body="[]"), 3, "a reply without 1 vectors"),
        (Fault(body='{"data": [{"index": 0, "embedding": [1e999]}]}'), 1, "no vectors of numbers"),
        (Fault(body='{"error": {"message": "out of quota", "code": "insufficient_quota"}}'), 1,
         "out of quota"),
    ],
)  # fmt: skip
def test_what_a_server_refuses_is_one_line(registry, monkeypatch, fault, calls, said):
    monkeypatch.setattr("models.retrieval.served.BACK_OFF", 0.001)
    with fake_server(faults=lambda number: fault) as server:
        with pytest.raises(UserError, match=said) as caught:
            likeness_to(server, registry, ["a"])
        assert server.calls == calls
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("embedder e (m at http://127.0.0.1:")


@pytest.mark.parametrize("status", [200, 503])
def test_what_is_billed_in_vain_is_asked_again_only_where_that_may_be_paid(registry, status):
    body = '{"data": [], "usage": {"prompt_tokens": 100}}'
    with fake_server(faults=lambda number: Fault(status=status, body=body)) as server:
        write(registry, "served", SERVED.format(url=server.url, more="retries = 3\n"))
        with pytest.raises(UserError, match="billed in vain"), metering(lambda: False) as meter:
            opened(registry, "served").embed(["rent"])
    assert server.calls == 1 and meter.usage.tokens_in == 100


def test_vectors_without_a_word_of_their_tokens_are_known_as_such(registry):
    body = '{"data": [{"index": 0, "embedding": [1, 0]}]}'
    with fake_server(faults=lambda number: Fault(body=body)) as server:
        write(registry, "served", SERVED.format(url=server.url, more=""))
        with metering() as meter:
            opened(registry, "served").embed(["rent"])
    assert meter.unsaid and not meter.usage.tokens


def test_vectors_of_another_length_than_asked_are_refused(registry):
    with fake_server() as server, pytest.raises(UserError, match="asks for 3"):
        likeness_to(server, registry, ["a"], "dimensions = 3\n")


def test_a_server_that_is_down_is_said_at_once(registry):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    write(registry, "e", SERVED.format(url=f"http://127.0.0.1:{port}/v1", more=""))
    with pytest.raises(UserError, match=r"start the server, or mend base_url in .*e\.toml"):
        opened(registry, "e").embed(["a"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "endpoint"\nmodel = "m"\n', "base_url"),
        ('kind = "endpoint"\nbase_url = "http://h/v1"\nmodel = "m"\ndimension = 3\n',
         "did you mean 'dimensions'"),
        ('kind = "endpont"\n', "did you mean endpoint"),
        ("kind = ", "is not TOML"),
        ('kind = "sentence-transformers"\nmodel = "m"\ndimensions = 0\n', "greater than or equal"),
    ],
)  # fmt: skip
def test_a_malformed_entry_is_one_line(registry, text, said):
    write(registry, "e", text)
    assert said in refused(registry, "e")


def test_an_unknown_name_lists_what_there_is(registry):
    write(registry, "mine", SERVED.format(url="http://h/v1", more=""))
    assert "did you mean mine?" in refused(registry, "mime")
    assert "known are minilm, mine, and sentence-transformers:MODEL" in refused(registry, "zzz")
    assert "no such folder" in refused_when_used(registry, f"{SENTENCES}/no/where")


def refused_when_used(registry, name):
    with pytest.raises(UserError) as caught:
        opened(registry, name).embed(["a"])
    return str(caught.value)


def test_contract_text_goes_nowhere_without_a_line(registry, monkeypatch):
    def reached(*args, **more):
        pytest.fail(f"reached for {args}")

    for name in ("getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, reached)
    monkeypatch.setattr(socket.socket, "connect", reached)
    write(registry, "e", SERVED.format(url="https://api.example.com/v1", more=""))
    line = refused(registry, "e")
    assert line.startswith("embedder e is at api.example.com, where sample may not be sent")
    policy = registry.parent / "policy.toml"
    policy.write_text(permissive("a" * 64, DATA) + f"[egress]\n{line.partition('toml: ')[2]}\n")
    assert opened(registry, "e").identity
    with pytest.raises(UserError, match="nobody said what data"):
        opened(registry, "e", sent=False)


def test_embedders_are_opened_at_one_place():
    """Whoever opens one has said what data leaves: the constructor asks."""
    opening = {"models/retrieval/opening.py"}
    assert users("models.retrieval.served.ServedEmbedder") == opening
    assert users("models.retrieval.sentences.SentenceEmbedder") == opening
    assert users("models.retrieval.titan.TitanEmbedder") == opening
    assert "models/retrieval/opening.py" not in users("models.egress.Sent")
    with pytest.raises(ValueError, match="opened by"):
        Retriever(RetrieverOptions(embedder="e"), "toy", ROOT)


def test_the_shipped_entries_can_be_read():
    registry = ROOT / "models" / "registry"
    names = [path.stem for path in sorted(embedders_beside(registry).glob("*.toml"))]
    assert {"openai-small", "titan"} <= {*names}
    assert all(read_embedder(name, registry).description for name in names)


def test_what_does_not_embed_takes_no_embedder():
    with pytest.raises(UserError, match="--retriever bm25 embeds nothing"):
        RetrieverOptions("bm25", embedder="e")


def test_the_embedded_one_is_the_one_it_was(registry):
    assert opened(registry, "minilm").identity == load_embedder().identity


def test_an_exam_by_another_embedder_says_so(registry, random_model, tmp_path):
    (registry / "echo.toml").write_text('kind = "echo"\n')
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "evals", "-q", "-p", "no:cacheprovider", "--limit=2",
         "--model=echo", "--judge=none", "--retriever=dense", f"--registry={registry}",
         f"--embedder={SENTENCES}{random_model}", f"--store={tmp_path / 's.sqlite'}",
         f"--runs={tmp_path / 'runs'}", f"--ledger={tmp_path / 'ledger'}"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "BAR_EXAM_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    (path,) = (tmp_path / "runs").glob("*/report.json")
    facts = json.loads(path.read_text())["retriever"]
    assert facts["embedder"] == f"{SENTENCES}{random_model}", done.stdout
    assert (tmp_path / "cache" / "passages" / "chroma").is_dir()
