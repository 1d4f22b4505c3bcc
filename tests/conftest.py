"""What several test modules need and is slow to make."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
CUAD = ROOT.parent / "shared" / "cuad"

settings.register_profile(
    "search", deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow]
)
# A change is held against the same examples today and tomorrow; `--hypothesis-profile=search` looks
# for new ones.
settings.register_profile(
    "repeatable", settings.get_profile("search"), max_examples=100, derandomize=True
)
settings.load_profile("repeatable")


def pytest_configure(config):
    """Let Ctrl-C be tested where a shell started the session in the background.

    SIGINT is ignored there, and by every process that a test starts and means to interrupt. Exams
    of tests with the shipped registry are noted outside the checkout, and what they leave in an
    account is no business of the user's list.
    """
    ledger = tempfile.mkdtemp(prefix="bar-exam-ledger-")
    config.add_cleanup(lambda: shutil.rmtree(ledger, ignore_errors=True))
    os.environ["BAR_EXAM_LEDGER"] = ledger
    os.environ["BAR_EXAM_STATE"] = str(Path(ledger) / "state")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def sample():
    """The embedded corpus."""
    from fixtures.datasets import load_dataset

    return load_dataset("sample")


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Contracts and recorded models of known quality; for reading: what changes it, copies it."""
    from tests.builders.world import World

    return World.written(tmp_path_factory.mktemp("world") / "world")


@pytest.fixture(scope="session")
def cuad():
    """The real contracts meant for development, where they are at hand."""
    from fixtures.datasets import load_dataset

    if not (CUAD / "CUAD_v1.json").is_file():
        pytest.skip("the real contracts are not at ../shared/cuad")
    return load_dataset("cuad", CUAD)


@pytest.fixture(scope="session")
def one_thread():
    """Torch on one core: the machine is shared, and the models here are tiny."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def smollm2(one_thread):
    """The folder of the embedded generator."""
    from models.local.embedded import embedded_smollm2

    return embedded_smollm2()


@pytest.fixture(scope="session")
def tiny_base(smollm2, tmp_path_factory):
    """A random Llama of two layers that speaks the embedded generator's tokens."""
    return make_llama(tmp_path_factory.mktemp("tiny-base"), smollm2, seed=1)


@pytest.fixture(scope="session")
def tiny_adapters(tiny_base, tmp_path_factory):
    """Two LoRA adapters of the tiny base that move its answers, with dropout in training."""
    return [
        make_adapter(tmp_path_factory.mktemp(f"adapter-{seed}"), tiny_base, seed) for seed in (2, 3)
    ]


def make_llama(folder, tokenizer_from, seed, hidden=32):
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    vocabulary = len(AutoTokenizer.from_pretrained(tokenizer_from))
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        initializer_range=0.3,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (tokenizer_from / name).is_file():
            shutil.copy(tokenizer_from / name, folder / name)
    return folder


def make_adapter(folder, base, seed):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    config = LoraConfig(
        r=4,
        lora_dropout=0.5,
        target_modules=["q_proj", "v_proj"],
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """This tree as a clean commit: a promotion asks for one, and a tree that is worked on is none.

    What is committed is what lies here, and not what git ignores.
    """
    import subprocess

    folder = tmp_path_factory.mktemp("checkout")

    def git(*words, place=folder):
        done = subprocess.run(["git", "-C", place, *words], capture_output=True, check=True)
        return done.stdout.decode()

    for name in git("ls-files", "-z", "-c", "-o", "--exclude-standard", place=ROOT).split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git("init", "-q")
    git("add", "-A")
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    git(*identity, "commit", "-q", "--no-verify", "-m", "as it is")
    return folder


@pytest.fixture
def no_bytecode_environment():
    """The environment of a subprocess that imports this tree."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def postgresql_server():
    """The URL of a PostgreSQL server with a place for the database's name."""
    from tests.builders.postgresql import missing, postgresql

    if reason := missing():
        pytest.skip(reason)
    # Not pytest's own folders: they are closed to other users, and too long for a socket's path.
    folder = Path(tempfile.mkdtemp(prefix="bar-exam-"))
    try:
        with postgresql(folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_server):
    """A database of this test's own."""
    import secrets

    import psycopg

    name = f"exam_{secrets.token_hex(4)}"
    address = postgresql_server.format("postgres")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield postgresql_server.format(name)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")
