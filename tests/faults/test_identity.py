"""What moves an answer was left out of a model's identity, or what moves none was let in."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from models.chat import Message
from models.factory import open_models
from models.promote import main
from tests.builders.training_data import make_base
from tests.conftest import ROOT

EMBEDDED = "smollm2-135m-instruct"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


OTHER = "OTHER {% for turn in messages %}{{ turn.content }}{% endfor %}"


@pytest.fixture
def base(made, tmp_path, monkeypatch):
    """A base's folder of one's own."""
    monkeypatch.setenv("BAR_EXAM_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(made, tmp_path / "base")


def opened(base):
    folder = base.parent / "registry"
    folder.mkdir(exist_ok=True)
    (folder / "m.toml").write_text(f'kind = "local"\nbase = "{base}"\ndtype = "float32"\n')
    return open_models(["m"], folder)[0]


def sent(model):
    """The tokens of a chat; a template may refuse it."""
    return model.chat.ids([Message("system", "S"), Message("user", "Hello <x>")])


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def elsewhere(base):
    """The loader follows a link to another folder."""
    put(base.parent / "other" / "default.jinja", OTHER)
    (base / "additional_chat_templates").symlink_to(base.parent / "other")


def to_hidden(base):
    put(base / ".cache" / "default.jinja", OTHER)
    (base / "additional_chat_templates").symlink_to(".cache")


@pytest.mark.fault("ID-1")
@pytest.mark.parametrize(
    "change",
    [
        lambda base: put(base / "additional_chat_templates" / "default.jinja", OTHER),
        elsewhere,
        to_hidden,
    ],
)
def test_what_changes_the_prompt_changes_the_identity(base, change):
    before = opened(base)
    ids, identity = sent(before), before.identity
    change(base)
    after = opened(base)
    assert sent(after) != ids
    assert after.identity != identity


@pytest.mark.fault("ID-1")
@pytest.mark.parametrize(
    "name", ["added_tokens.json", "vocab.txt", "spiece.model", "additional_chat_templates/x.jinja",
             "config.4.0.0.json", "tokenizer.5.0.0.json"],
)  # fmt: skip
def test_a_file_that_may_be_read_is_part_of_the_identity(base, name):
    before = opened(base).identity
    put(base / name, "{}")
    assert opened(base).identity != before


def with_key(file, key, value):
    written = {**json.loads(file.read_text()), key: value}
    file.write_text(json.dumps(written, indent=1))


FOREIGN = [
    ("tokenizer_config.json", "local_files_only", True),
    ("tokenizer_config.json", "local_files_only", False),
    ("tokenizer_config.json", "is_local", False),
    ("tokenizer_config.json", "name_or_path", "/home/somebody/base"),
    ("config.json", "_name_or_path", "/home/somebody/base"),
    ("config.json", "transformers_version", "4.57.1"),
    ("generation_config.json", "transformers_version", "4.57.1"),
]


@pytest.mark.fault("ID-2")
@pytest.mark.parametrize(("file", "key", "value"), FOREIGN)
def test_what_the_loader_or_a_path_puts_there_is_not(base, file, key, value):
    before = opened(base)
    ids, identity = sent(before), before.identity
    with_key(base / file, key, value)
    after = opened(base)
    assert (sent(after), after.identity) == (ids, identity)


@pytest.mark.fault("ID-2")
def test_a_tokenizer_saved_offline_is_the_same(base):
    """As the converter saves it: transformers writes whether it may reach the network."""
    seen = set()
    for offline in ("0", "1"):
        folder = shutil.copytree(base, base.parent / f"saved-{offline}")
        script = (
            "import sys; from transformers import AutoTokenizer\n"
            "AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])"
        )
        subprocess.run(
            [sys.executable, "-c", script, base, folder],
            env={**os.environ, "HF_HUB_OFFLINE": offline}, check=True, timeout=300,
        )  # fmt: skip
        seen.add((folder / "tokenizer_config.json").read_text())
        (shutil.copytree(folder, base.parent / "as one", dirs_exist_ok=True))
        seen.add(opened(base.parent / "as one").identity)
    assert len(seen) == 3  # two texts, one identity


@pytest.mark.fault("ID-2")
def test_an_adapter_is_the_same_wherever_it_was_trained(tiny_base, tiny_adapters, tmp_path):
    def identity(name, **changes):
        adapter = shutil.copytree(tiny_adapters[0], tmp_path / name)
        for key, value in changes.items():
            with_key(adapter / "adapter_config.json", key, value)
        entry = f'kind = "local"\nbase = "{tiny_base}"\nadapter = "{adapter}"\ndtype = "float32"\n'
        (tmp_path / f"{name}.toml").write_text(entry)
        return open_models([name], tmp_path)[0].identity

    path = identity("b", base_model_name_or_path="/elsewhere", peft_version="0.1")
    assert identity("a") == path == identity("c", target_modules=["v_proj", "q_proj"])
    assert identity("d", lora_alpha=99) != path


@pytest.mark.fault("ID-6")
def test_an_empty_system_prompt_is_one(tmp_path):
    for name, line in (("default", ""), ("empty", 'system = ""\n')):
        (tmp_path / f"{name}.toml").write_text(f'kind = "echo"\n{line}')
    default, empty = open_models(["default", "empty"], tmp_path)
    assert empty.identity != default.identity
    assert empty.template.system == ""


@pytest.fixture(scope="session")
def fresh_cache(tmp_path_factory):
    """A cache in which the embedded model was converted on a machine that is not offline."""
    from models.local.embedded import embedded_smollm2

    cache = tmp_path_factory.mktemp("fresh cache")
    patch = pytest.MonkeyPatch()
    patch.setenv("BAR_EXAM_CACHE", str(cache))
    script = "from models.local.embedded import embedded_smollm2; embedded_smollm2()"
    subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=stripped(cache), check=True, timeout=600,
        capture_output=True,
    )  # fmt: skip
    assert embedded_smollm2() == cache / EMBEDDED
    patch.undo()
    yield cache
    shutil.rmtree(cache)


def stripped(cache, **more):
    """The environment of a new machine."""
    return {"PATH": os.environ["PATH"], "HOME": str(cache), "BAR_EXAM_CACHE": str(cache),
            "OMP_NUM_THREADS": "1", **more}  # fmt: skip


def written_as(cache, said):
    """Make the cache one of a machine on which transformers wrote this of the network."""
    config = cache / EMBEDDED / "tokenizer_config.json"
    text = config.read_text()
    for other in ("false", "true"):
        text = text.replace(f'"local_files_only": {other}', f'"local_files_only": {said}')
    assert f'"local_files_only": {said}' in text
    config.write_text(text)


def run(cache, *command, **more):
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=stripped(cache, **more),
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip


def shipped(folder):
    """What is shipped of a record and a registry, to be changed."""
    for name in ("promotions.jsonl", "champion.toml"):
        shutil.copy(ROOT / "models" / name, folder / name)
    shutil.copytree(ROOT / "models" / "registry", folder / "registry")
    (folder / "adapters").symlink_to(ROOT / "models" / "adapters")
    return [f"--registry={folder / 'registry'}"]


ONLINE = pytest.param("false", {}, marks=[pytest.mark.fault("ID-2"), pytest.mark.fault("USE-1")])


@pytest.mark.parametrize(("said", "more"), [ONLINE, ("true", {"HF_HUB_OFFLINE": "1"})])
def test_the_shipped_record_holds_on_a_new_machine(fresh_cache, tmp_path, said, more):
    written_as(fresh_cache, said)
    done = run(fresh_cache, "models.promote", "--verify", **more)
    assert (done.returncode, done.stderr) == (0, "")
    assert "dpo-smollm2 is what was promoted" in done.stdout
    done = run(fresh_cache, "models.promote", "--rollback", *shipped(tmp_path), **more)
    assert done.returncode == 0, done.stderr
    done = run(fresh_cache, "models.promote", "--verify", f"--registry={tmp_path / 'registry'}")
    assert "sft-smollm2 is what was promoted" in done.stdout


@pytest.mark.fault("USE-1")
def test_the_champion_can_be_measured_against_on_a_new_machine(fresh_cache, tmp_path):
    written_as(fresh_cache, "false")
    done = run(
        fresh_cache, "pytest", "evals", "-q", "-p", "no:cacheprovider", "--model=extractive",
        "--baseline=champion", "--limit=1", "--judge=none", "--retriever=bm25",
        f"--store={tmp_path / 's.sqlite'}", f"--runs={tmp_path / 'runs'}",
        f"--ledger={tmp_path / 'ledger'}",
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout[-2000:] + done.stderr[-2000:]
    report = json.loads((tmp_path / "latest" / "report.json").read_text())
    assert report["verdicts"][0]["champion"]["name"] == "dpo-smollm2"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda base: put(base / "additional_chat_templates" / "default.jinja", OTHER),
            marks=pytest.mark.fault("ID-1"),
        ),
        lambda base: with_key(base / "generation_config.json", "repetition_penalty", 1.5),
        lambda base: with_key(base / "tokenizer_config.json", "eos_token", "<|endoftext|>"),
        lambda base: put(base / "chat_template.jinja", OTHER),
    ],
)
def test_the_shipped_record_holds_of_nothing_else(smollm2, tmp_path, monkeypatch, capsys, change):
    """What was recorded by the first version is still not what anybody may make of it."""
    monkeypatch.setenv("BAR_EXAM_CACHE", str(tmp_path))
    base = tmp_path / EMBEDDED
    base.mkdir()
    for file in smollm2.iterdir():
        if file.suffix == ".safetensors":
            (base / file.name).symlink_to(file)
        else:
            shutil.copy(file, base / file.name)
    words = ["--verify", *shipped(tmp_path)]
    config = base / "tokenizer_config.json"
    recorded = config.read_text().replace('"local_files_only": false', '"local_files_only": true')
    config.write_text(recorded)  # as on the machine that recorded it
    assert main(words) == 0
    change(base)
    assert main(words) == 1
    assert "dpo-smollm2 is not what promotion 2 recorded" in capsys.readouterr().err
