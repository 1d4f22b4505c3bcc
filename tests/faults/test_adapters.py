"""Adapters leave the base to the others, and each of their weights has its place."""

import json
import struct

import pytest

from common.errors import UserError
from models.local.weights import check_adapter, tensor_shapes
from tests.builders.training_data import make_base, method_named, write_data, write_recipe
from tests.faults.adapter_data import (
    by_peft,
    changed,
    heard,
    make_biased,
    make_gpt2,
    make_lora,
    preflight,
    renamed,
    without,
)
from training.command import run_command

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(one_thread, tmp_path_factory):
    return make_biased(tmp_path_factory.mktemp("biased"))


@pytest.fixture(scope="module")
def plain(base, tmp_path_factory):
    return make_lora(tmp_path_factory.mktemp("plain"), base, target_modules=["q_proj", "v_proj"])


@pytest.mark.fault("AD-1")
@pytest.mark.peer(
    "huggingface/peft#2184", "a PiSSA adapter rewrites the base under the other adapters"
)
@pytest.mark.parametrize(
    "config",
    [
        {"init_lora_weights": "pissa"},
        {"init_lora_weights": "olora"},
        {"bias": "all"},
        {"bias": "lora_only"},
        {"layer_replication": [[0, 2], [0, 2]], "init_lora_weights": False},
    ],
    ids=lambda config: "-".join(map(str, next(iter(config.items()))))[:24],
)
def test_an_adapter_that_changes_its_base_is_alone_in_that(base, plain, tmp_path, config):
    adapter = make_lora(tmp_path / "adapter", base, **config)
    together = heard(base, adapter, plain, None, adapter)
    alone = [heard(base, each)[0] for each in (adapter, plain, None)]
    assert together == [*alone, alone[0]]
    assert len(set(alone)) == 3


@pytest.mark.fault("AD-1")
@pytest.mark.parametrize(
    ("method", "lora"),
    [("dpo", {"init_lora_weights": "pissa"}), ("sft", {"init_lora_weights": "olora"}),
     ("dpo", {"bias": "all"})],
)  # fmt: skip
def test_a_recipe_that_would_change_the_base_is_refused(base, tmp_path, capsys, method, lora):
    folder = write_data(tmp_path)
    lora = {"r": 4, "target_modules": ["q_proj", "v_proj"], **lora}
    recipe = write_recipe(folder, base, "pairs" if method == "dpo" else "sft", lora=lora)
    places = [f"--{name}={folder / name}" for name in ("registry", "adapters", "runs")]
    assert run_command(method_named(method), [str(recipe), *places]) == 4
    assert "changes the base itself" in capsys.readouterr().err
    assert not (folder / "adapters" / "tiny").exists()


@pytest.mark.fault("AD-2")
@pytest.mark.peer("huggingface/peft#1323", "weights that the config does not name are dropped")
@pytest.mark.parametrize("kept", ["q_proj", "v_proj"])
def test_weights_that_the_config_does_not_name_are_refused(base, plain, tmp_path, kept):
    adapter = changed(plain, tmp_path / "half", adapter_config={"target_modules": [kept]})
    with pytest.raises(UserError, match=r"v_proj|q_proj"):
        preflight(base, adapter)


@pytest.mark.fault("AD-2")
@pytest.mark.parametrize("part", ["v_proj", "layers.1.self_attn.q_proj.lora_B", "lora_A"])
def test_modules_that_the_config_names_without_weights_are_refused(base, plain, tmp_path, part):
    adapter = changed(plain, tmp_path / "half")
    without(adapter, part)
    with pytest.raises(UserError, match=part.rpartition(".")[2]):
        preflight(base, adapter)


@pytest.mark.fault("AD-2")
def test_weights_under_another_name_are_refused(base, plain, tmp_path):
    adapter = changed(plain, tmp_path / "renamed")
    renamed(adapter, "lora_A", "lora_magnitude_A")
    with pytest.raises(UserError, match="lora_magnitude_A"):
        preflight(base, adapter)


@pytest.mark.fault("AD-3")
@pytest.mark.peer("huggingface/peft#2018", "a tied head is not in the base's file")
def test_an_adapter_on_a_tied_head_is_examined(base, tmp_path):
    adapter = make_lora(tmp_path / "head", base, target_modules=["q_proj", "lm_head"])
    check_adapter(adapter, base)
    assert heard(base, adapter)[0] == pytest.approx(by_peft(base, adapter), abs=1e-4)


@pytest.mark.fault("AD-3")
@pytest.mark.peer("huggingface/peft#276", "the layers of GPT-2 are transposed")
def test_an_adapter_on_transposed_layers_is_examined(tmp_path):
    base = make_gpt2(tmp_path / "gpt2")
    adapter = make_lora(
        tmp_path / "adapter", base, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True
    )
    check_adapter(adapter, base)
    assert heard(base, adapter)[0] == pytest.approx(by_peft(base, adapter), abs=1e-4)


def header(path, content, size=64):
    words = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(struct.pack("<Q", len(words)) + words + bytes(size))
    return path


def tensor(shape, end=16):
    return {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}


@pytest.mark.fault("AD-4")
def test_a_header_nested_too_deep_is_one_line(tmp_path):
    file = header(tmp_path / "deep.safetensors", b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    with pytest.raises(UserError, match=r"deep\.safetensors"):
        tensor_shapes(file)


@pytest.mark.fault("AD-4")
@pytest.mark.parametrize(
    ("shape", "end", "config"),
    [
        ([4], 16, '{"peft_type": "LORA"}'),
        (None, 16, '{"peft_type": "LORA"}'),
        ([2, 5], 40, "{bad"),
        ([2, 5], 40, "[]"),
    ],
    ids=str,
)
def test_an_adapter_with_odd_files_is_one_line(base, tmp_path, shape, end, config):
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    header(tmp_path / "adapter_model.safetensors", {name: tensor(shape, end)}, end)
    (tmp_path / "adapter_config.json").write_text(config)
    with pytest.raises(UserError, match="adapter_") as caught:
        check_adapter(tmp_path, base)
    assert "\n" not in str(caught.value)


@pytest.mark.fault("AD-4")
def test_an_adapter_that_does_not_fit_and_whose_config_is_a_list_is_one_line(tmp_path):
    base = make_base(tmp_path / "base")
    adapter = make_lora(tmp_path / "adapter", base)
    (adapter / "adapter_config.json").write_text("[]")
    renamed(adapter, "layers.1", "layers.9")
    with pytest.raises(UserError):
        check_adapter(adapter, base)
