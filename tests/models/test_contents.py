"""What of a folder counts: everything that is not known to move nothing, and nothing foreign."""

import json
import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from models.identity import contents
from models.identity.contents import (
    adapter_digest,
    moving_files,
    tokenizer_digest,
    weights_digest,
)
from tests.seams import users

CONFIG = {"model_type": "llama", "vision_config": {"depth": 2}, "rope_parameters": {"b": 1, "a": 2}}

FILES = {
    "config.json": json.dumps(CONFIG),
    "generation_config.json": '{"do_sample": false}',
    "tokenizer.json": "{}",
    "tokenizer_config.json": '{"x_token": "<x>", "a_token": "<a>"}',
    "chat_template.jinja": "{{ messages }}",
    "model.safetensors": "weights",
}


def make(folder, files=FILES):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def whole(folder):
    return weights_digest(folder), tokenizer_digest(folder)


PART = st.text("abcXYZ019_-", min_size=1, max_size=8)

SUFFIX = st.sampled_from(
    [".json", ".jinja", ".model", ".txt", ".py", ".safetensors", ".tiktoken", "", ".spm", ".yaml"]
)


@st.composite
def names(draw):
    """A file's path of which nothing is known."""
    folders = draw(st.lists(PART | st.just("additional_chat_templates"), max_size=2))
    name = "/".join([*folders, f"{draw(PART)}{draw(SUFFIX)}"])
    known = {*FILES, "manifest.json", "LICENSE", "NOTICE", "LICENCE", "runs", "logs"}
    return name if not known & set(name.split("/")) else f"odd-{draw(PART)}.json"


@given(name=names(), text=st.text(max_size=20), other=st.text(max_size=20))
@settings(max_examples=250)
def test_a_file_that_is_not_known_counts(tmp_path_factory, name, text, other):
    folder = make(tmp_path_factory.mktemp("base"))
    seen = [whole(folder)]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for each in (text, f"{other}!"):
        path.write_bytes(each.encode("utf-8", "surrogatepass"))
        seen.append(whole(folder))
    assert len(set(seen)) == 3 - (text == f"{other}!")
    assert name in moving_files(folder)


FOREIGN = sorted((file, key) for file, keys in contents.FOREIGN.items() for key in keys)
VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text(), max_size=2)


@given(foreign=st.sampled_from(FOREIGN), value=VALUES, indent=st.sampled_from([None, 1, 4]))
@settings(max_examples=250)
def test_what_is_put_there_by_others_does_not(tmp_path_factory, foreign, value, indent):
    folder = make(tmp_path_factory.mktemp("base"))
    before = whole(folder)
    file, key = foreign
    written = {**json.loads((folder / file).read_text()), key: value}
    if file == "config.json":
        written["vision_config"] = {**written["vision_config"], key: value}
        written = dict(reversed(written.items()))
    (folder / file).write_text(json.dumps(written, indent=indent, ensure_ascii=indent is None))
    assert whole(folder) == before


@given(file=st.sampled_from(list(FILES)[:2] + list(FILES)[3:4]), key=st.text(), value=VALUES)
@settings(max_examples=250)
def test_any_other_key_counts(tmp_path_factory, file, key, value):
    folder = make(tmp_path_factory.mktemp("base"))
    before, written = whole(folder), json.loads((folder / file).read_text())
    if key in contents.FOREIGN[file] or (key in written and written[key] == value):
        return
    (folder / file).write_text(json.dumps({**written, key: value}))
    assert whole(folder) != before


@pytest.mark.parametrize(
    "name",
    ["README.md", "LICENSE", "manifest.json", "pytorch_model.bin", "training_args.bin",
     "optimizer.pt", "model.gguf", ".gitattributes", "checkpoint-40/config.json",
     ".cache/huggingface/x.json", "runs/events.out.tfevents.1", "trainer_state.json"],
)  # fmt: skip
def test_what_is_known_to_move_nothing_does_not_count(tmp_path, name):
    before = whole(make(tmp_path))
    make(tmp_path, {name: "anything"})
    assert whole(tmp_path) == before


@pytest.mark.parametrize("name", ["README.md.jinja", "LICENSE.jinja", ".jinja", "NOTICE"])
def test_every_template_counts_whatever_its_name(tmp_path, name):
    before = whole(make(tmp_path))
    make(tmp_path, {f"additional_chat_templates/{name}": "OTHER"})
    assert whole(tmp_path) != before


def test_a_name_that_is_no_text_counts_too(tmp_path):
    before = whole(make(tmp_path))
    (tmp_path / os.fsdecode(b"caf\xe9.json")).write_text("{}")
    assert whole(tmp_path) != before


def test_a_circle_of_links_is_walked_once(tmp_path):
    before = whole(make(tmp_path / "base"))
    (tmp_path / "base" / "self").symlink_to(tmp_path / "base")
    (tmp_path / "base" / "up").symlink_to(tmp_path)
    assert whole(tmp_path / "base") == before


def test_what_is_no_file_is_not_waited_for(tmp_path):
    before = whole(make(tmp_path))
    os.mkfifo(tmp_path / "pipe.json")
    assert whole(tmp_path) == before


def test_shards_count_wherever_the_index_finds_them(tmp_path):
    index = {"weight_map": {"a": "logs/a.safetensors", "b": "model.safetensors"}}
    make(tmp_path, {**FILES, "model.safetensors.index.json": json.dumps(index)})
    with pytest.raises(UserError, match=r"names 'logs/a\.safetensors', which is not in it"):
        whole(tmp_path)
    make(tmp_path, {"logs/a.safetensors": "1"})
    before = whole(tmp_path)
    make(tmp_path, {"logs/a.safetensors": "2"})
    assert whole(tmp_path) != before


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd"])
def test_an_index_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    make(tmp_path, {"model.safetensors": "elsewhere"})
    index = json.dumps({"weight_map": {"a": name}})
    folder = make(tmp_path / "base", {**FILES, "model.safetensors.index.json": index})
    with pytest.raises(UserError, match="which is not in it"):
        whole(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "[" * 100_000, '{"a": NaN}', "\ufeff{}", '"\\ud800"']
)
def test_a_config_that_is_none_still_has_a_digest(tmp_path, text):
    seen = {whole(make(tmp_path))}
    make(tmp_path, {"config.json": text, "model.safetensors.index.json": text})
    assert whole(tmp_path) not in seen


def test_a_folder_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be read") as caught:
        whole(tmp_path / "nowhere")
    assert "\n" not in str(caught.value)


def test_the_order_of_inner_keys_counts_and_of_outer_ones_does_not(tmp_path):
    before = whole(make(tmp_path))
    for order in (reversed(CONFIG.items()), CONFIG.items()):
        make(tmp_path, {"config.json": json.dumps(dict(order))})
        assert whole(tmp_path) == before
    inner = dict(reversed(CONFIG["rope_parameters"].items()))
    make(tmp_path, {"config.json": json.dumps({**CONFIG, "rope_parameters": inner})})
    assert whole(tmp_path) != before


def test_the_version_counts_where_it_moves_the_tokens(tmp_path):
    """transformers mends a pattern of some tokenizers by the version in config.json."""
    make(tmp_path, {"tokenizer_config.json": '{"fix_mistral_regex": true}'})
    seen = set()
    for version in ("4.57.1", "5.17.0"):
        make(tmp_path, {"config.json": json.dumps({"transformers_version": version})})
        seen.add(weights_digest(tmp_path))
    assert len(seen) == 2


def test_weights_and_tokenizer_are_told_apart(tmp_path):
    weights, tokenizer = whole(make(tmp_path))
    make(tmp_path, {"model.safetensors": "others"})
    assert (weights_digest(tmp_path) != weights, tokenizer_digest(tmp_path)) == (True, tokenizer)
    weights = weights_digest(tmp_path)
    make(tmp_path, {"chat_template.jinja": "others"})
    assert (weights_digest(tmp_path), tokenizer_digest(tmp_path) != tokenizer) == (weights, True)


def test_an_adapter_is_its_weights_and_its_config(tiny_adapters, tmp_path):
    one, two = (shutil.copytree(tiny_adapters[0], tmp_path / name) for name in ("one", "two"))
    assert adapter_digest(one) == adapter_digest(two) != adapter_digest(tiny_adapters[1])
    config = json.loads((one / "adapter_config.json").read_text())
    for changes, same in (
        ({"base_model_name_or_path": "x", "peft_version": "y", "revision": "main"}, True),
        ({"target_modules": config["target_modules"][::-1]}, True),
        ({"lora_alpha": 99}, False),
        ({"rank_pattern": {"q_proj": 2}}, False),
    ):
        (one / "adapter_config.json").write_text(json.dumps({**config, **changes}))
        assert (adapter_digest(one) == adapter_digest(two)) is same, changes


def test_a_base_may_be_loaded_by_the_path_in_an_adapter_config(tmp_path):
    make(tmp_path, {**FILES, "adapter_config.json": '{"base_model_name_or_path": "a"}'})
    before = whole(tmp_path)
    make(tmp_path, {"adapter_config.json": '{"base_model_name_or_path": "b"}'})
    assert whole(tmp_path) != before


def test_nobody_else_digests_a_models_folder():
    """The first version is kept for what it recorded; training and parts name what they used."""
    digests = (
        "models.identity.contents.weights_digest",
        "models.identity.contents.tokenizer_digest",
        "models.identity.contents.adapter_digest",
    )
    assert users(*digests) == {
        "models/identity/identities.py",
        "models/promotion/record/components.py",
        "reports/dossier/rest_checks.py",  # what --adapter names, against the record
        "training/benchmark/__main__.py",
        "training/loop/done.py",  # an adapter that was delivered before its step was noted
        "training/trainer/origin.py",
    }
    assert users("models.identity.first_identity") == {
        "models/identity/identities.py",
        "training/benchmark/__main__.py",
    }
    # Whoever reads a whole file's digest reads a manifest, rows, a gate, a download: no weights.
    assert "models/local/base.py" not in users("common.identity.file_digest")
    assert "models/local/weights.py" not in users("common.identity.file_digest")
    assert users(".st_mtime_ns", ".st_mtime") == set()
