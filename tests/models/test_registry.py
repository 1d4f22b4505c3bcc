"""Registry entries become models; what is wrong in one is one line."""

import asyncio
from pathlib import Path

import pytest

from common.errors import UserError
from models.echo import EchoChat
from models.extractive import ExtractiveModel
from models.factory import Chats, open_models
from models.local.chat import LocalChat
from models.local.entry import LocalEntry
from models.prompted import CLOSED_BOOK, SYSTEM, PromptedModel
from models.recorded import RecordedModel
from models.registry import (
    SHIPPED,
    EchoEntry,
    EndpointEntry,
    ExtractiveEntry,
    RecordedEntry,
    read_entry,
)
from models.remote.chat import RemoteChat


@pytest.fixture
def registry(tmp_path):
    def add(name, text):
        (tmp_path / f"{name}.toml").write_text(text)
        return tmp_path

    return add


def refused(call, *words):
    with pytest.raises(UserError) as caught:
        call()
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_every_shipped_file_parses():
    names = {file.stem for file in SHIPPED.glob("*.toml")}
    assert names >= {"smollm2", "smollm2-closed-book", "extractive", "echo"}
    entries = {name: read_entry(name) for name in names}
    assert all(entry.description for entry in entries.values())
    assert isinstance(entries["smollm2"], LocalEntry)
    assert isinstance(entries["extractive"], ExtractiveEntry)
    assert isinstance(entries["echo"], EchoEntry)
    assert entries["smollm2"].passages
    assert not entries["smollm2-closed-book"].passages
    assert entries["smollm2"].base == entries["smollm2-closed-book"].base == "embedded:smollm2"


def test_an_unknown_name_lists_the_known_and_the_nearest():
    refused(
        lambda: open_models(["echo", "smolm2"]),
        "--model smolm2",
        "did you mean smollm2?",
        "known are ",
        "echo, extractive, ",
        "smollm2, smollm2-closed-book",
    )


def test_an_unknown_name_in_an_empty_folder(tmp_path):
    refused(lambda: read_entry("a", tmp_path), f"--model a: not in {tmp_path}; known are none")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kind = "local"\nbase = "x/y"\nbatch_token = 1', ["'batch_tokens'?"]),
        ('kind = "local"\nbase = "x/y"\n[decoding]\nmax_token = 1', ["'max_tokens'?"]),
        ('kind = "echo"\nbase = "x/y"', ["unknown key 'echo.base'"]),
        ('kind = "endpoint"\nbase_url = "u"\nmodel = "m"\napi_key = "s"', ["'api_key_env'?"]),
        ('kind = "lokal"\nbase = "x/y"', ["kind 'lokal' is not known", "did you mean local?"]),
        ('base = "x/y"', ["the key 'kind' is missing"]),
        ('kind = "local"', ["local.base: field required"]),
        ('kind = "echo"\nstatus = "best"', ["echo.status", "champion", "'best' is not known"]),
        ('kind = "local"\nbase = "x/y"\nbatch_tokens = 0', ["local.batch_tokens", "not 0"]),
        ('kind = "extractive"\nthreshold = 2', ["extractive.threshold", "not 2"]),
        ("kind =", ["is not TOML"]),
    ],
)
def test_a_wrong_entry_names_file_and_key(registry, text, words):
    folder = registry("mine", text)
    refused(lambda: read_entry("mine", folder), str(folder / "mine.toml"), *words)


def test_relative_paths_are_beside_the_file(registry, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    registry("a", 'kind = "local"\nbase = "./base"\nadapter = "adapters/a"')
    registry("b", 'kind = "local"\nbase = "../base"\nadapter = "/abs/b"')
    registry("c", 'kind = "local"\nbase = "owner/name"')
    registry("d", 'kind = "local"\nbase = "~/base"\nadapter = "~/adapter"')
    folder = registry("r", 'kind = "recorded"\npath = "answers.csv"')
    a, b, c, d, r = (read_entry(name, folder) for name in "abcdr")
    assert (a.base, a.adapter) == (str(tmp_path / "base"), tmp_path / "adapters/a")
    assert (b.base, b.adapter) == (str(tmp_path.parent / "base"), Path("/abs/b"))
    assert (c.base, c.adapter) == ("owner/name", None)
    assert (d.base, d.adapter) == (str(tmp_path / "home/base"), tmp_path / "home/adapter")
    assert r.path == tmp_path / "answers.csv"


def test_recorded_needs_no_file():
    entry = read_entry("recorded:some/answers.csv")
    assert isinstance(entry, RecordedEntry)
    assert entry.path == Path("some/answers.csv")
    (model,) = open_models(["recorded:some/answers.csv"])
    assert isinstance(model, RecordedModel)
    refused(lambda: asyncio.run(model.preflight()), "some/answers.csv is no file")


ENDPOINT = 'kind = "endpoint"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'


def test_a_key_is_named_by_its_variable(registry, monkeypatch):
    folder = registry("remote", ENDPOINT + 'api_key_env = "BAR_EXAM_TEST_KEY"')
    monkeypatch.delenv("BAR_EXAM_TEST_KEY", raising=False)
    refused(lambda: open_models(["remote"], folder), "$BAR_EXAM_TEST_KEY", "export BAR_EXAM_")
    monkeypatch.setenv("BAR_EXAM_TEST_KEY", "")
    refused(lambda: open_models(["remote"], folder), "$BAR_EXAM_TEST_KEY")
    monkeypatch.setenv("BAR_EXAM_TEST_KEY", "secret")
    (model,) = open_models(["remote"], folder)
    assert isinstance(model.chat, RemoteChat)
    assert "secret" not in repr(read_entry("remote", folder))
    with_key = model.identity
    monkeypatch.setenv("BAR_EXAM_TEST_KEY", "another")
    assert open_models(["remote"], folder)[0].identity == with_key


def test_the_entries_settings_reach_the_model(registry):
    folder = registry(
        "remote", ENDPOINT + "context = 300\nconcurrency = 3\n[decoding]\nmax_tokens = 7\n"
    )
    entry = read_entry("remote", folder)
    assert isinstance(entry, EndpointEntry)
    (model,) = open_models(["remote"], folder)
    assert (model.name, model.chat.context) == ("remote", 300)
    (longer,) = open_models(["longer"], registry("longer", ENDPOINT))
    (same,) = open_models(["same"], registry("same", ENDPOINT + "concurrency = 9"))
    assert longer.chat.context == 8192
    assert len({model.identity, longer.identity}) == 2
    assert same.identity == longer.identity


def test_kinds_of_models(registry):
    folder = registry("shy", 'kind = "echo"\npassages = false')
    registry("led", 'kind = "echo"\nsystem = "Obey."')
    registry("e", 'kind = "extractive"\nthreshold = 0.2')
    registry("plain", 'kind = "echo"')
    shy, led, extractive, plain = open_models(["shy", "led", "e", "plain"], folder)
    assert isinstance(shy, PromptedModel)
    assert isinstance(shy.chat, EchoChat)
    assert (shy.uses_passages, shy.template.system) == (False, CLOSED_BOOK)
    assert (led.uses_passages, led.template.system) == (True, "Obey.")
    assert plain.template.system == SYSTEM
    assert isinstance(extractive, ExtractiveModel)
    assert extractive.threshold == 0.2
    assert len({model.identity for model in (shy, led, plain)}) == 3


def test_what_only_answers_cases_cannot_chat(registry):
    folder = registry("e", 'kind = "extractive"')
    refused(lambda: Chats(folder).open("e"), "e is extractive", "cannot chat")
    refused(lambda: Chats(folder).open("recorded:x.csv"), "cannot chat")


def test_one_endpoint_has_one_limit_whoever_opens_it(registry):
    folder = registry("e", 'kind = "endpoint"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"')
    chats = Chats(folder)
    (model,) = open_models(["e"], folder, chats)
    judge = chats.open("e", 1024)
    assert judge.longest_answer == 1024 > model.chat.longest_answer
    assert judge.identity != model.chat.identity
    assert judge.server is model.chat.server


def test_entries_of_one_base_share_it(registry, tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    folder = registry("a", 'kind = "local"\nbase = "./base"')
    registry("b", 'kind = "local"\nbase = "../' + tmp_path.name + '/base"\npassages = false')
    registry("c", 'kind = "local"\nbase = "./base"\ndtype = "float16"')
    a, b, c = (model.chat for model in open_models(["a", "b", "c"], folder))
    assert isinstance(a, LocalChat)
    assert a.base is b.base
    assert a.base is not c.base


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("./gone", ["no such folder"]),
        ("a/b/c", ["no such folder"]),
        ("embedded:gpt9", ["'embedded:gpt9'", "embedded:smollm2 is"]),
    ],
)
def test_a_base_that_is_not_there_is_one_line(registry, base, words):
    folder = registry("mine", f'kind = "local"\nbase = "{base}"')
    refused(lambda: open_models(["mine"], folder), *words)


def test_a_form_that_is_none_names_those_that_are():
    refused(lambda: read_entry("csv:a.csv"), "recorded:PATH, inspect:PATH, promptfoo:PATH")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('form = "ragas"', "form"),
        ('form = "inspect"\nnames = { provider = "x" }', "`provider` is none of"),
        ('names = { quesion = "x" }', "`quesion` is none of"),
        ('names = { question = "" }', "names nothing"),
    ],
)
def test_what_an_entry_says_of_its_file_is_known(registry, text, words):
    folder = registry("mine", f'kind = "recorded"\npath = "a.json"\n{text}\n')
    refused(lambda: read_entry("mine", folder), "mine.toml", words)
