"""Adapters: what PEFT loads is examined, and what it would pass over in silence is refused."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from models.chat import Decoding
from models.local.adapters import check_config, check_fit
from models.local.base import LocalBase
from models.local.chat import LocalChat
from models.local.standing import Standing
from tests import seams
from tests.builders.training_data import write_recipe
from tests.faults.adapter_data import (
    ASKED,
    by_peft,
    changed,
    heard,
    make_biased,
    make_lora,
    preflight,
    without,
)
from training.trainer.loading import open_chat
from training.trainer.recipe import read_recipe

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(one_thread, tmp_path_factory):
    return make_biased(tmp_path_factory.mktemp("biased"))


@pytest.fixture(scope="module")
def plain(base, tmp_path_factory):
    return make_lora(tmp_path_factory.mktemp("plain"), base, target_modules=["q_proj", "v_proj"])


KINDS = {
    "dora": {"use_dora": True},
    "rslora": {"use_rslora": True},
    "its own head": {"modules_to_save": ["lm_head"]},
    "its own embeddings": {"modules_to_save": ["embed_tokens"]},
    "embeddings": {"target_modules": ["q_proj", "embed_tokens"]},
    "tied": {"target_modules": ["embed_tokens", "lm_head"], "ensure_weight_tying": True},
    "tokens": {"trainable_token_indices": [5, 6]},
    "ranks": {"rank_pattern": {"q_proj": 8, "layers.1.self_attn.v_proj": 2}},
    "all linear": {"target_modules": "all-linear"},
    "some layers": {"layers_to_transform": [1]},
    "bias of its own": {"lora_bias": True},
    "parameters": {"target_modules": ["q_proj"], "target_parameters": ["mlp.down_proj.weight"]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_peft_loads_is_examined_and_leaves_the_base_alone(base, plain, tmp_path, kind):
    adapter = make_lora(tmp_path / "adapter", base, **KINDS[kind])
    check_fit(adapter, base)
    first, second, bare, again = heard(base, adapter, plain, None, adapter)
    assert first == again == pytest.approx(by_peft(base, adapter), abs=1e-4)
    assert [second, bare] == heard(base, plain, None)
    assert len({first, second, bare}) == 3


def test_adapters_of_different_methods_are_examined_together(base, plain, tmp_path):
    from peft import IA3Config, PromptTuningConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folders = [plain, None]
    for number, config in enumerate(
        [
            IA3Config(
                task_type="CAUSAL_LM",
                target_modules=["q_proj", "down_proj"],
                feedforward_modules=["down_proj"],
                init_ia3_weights=False,
            ),
            PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
        ]
    ):
        folders.append(tmp_path / str(number))
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
        model.save_pretrained(folders[-1])
    together = heard(base, *folders)
    assert together == [heard(base, folder)[0] for folder in folders]
    assert len(set(together)) == 4


def test_a_pissa_adapter_that_was_converted_shares_the_base(base, plain, tmp_path):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights="pissa")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(tmp_path / "start")
    model.peft_config["default"].init_lora_weights = "pissa"
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight) * 0.05)
    start = str(tmp_path / "start")
    model.save_pretrained(tmp_path / "done", path_initial_model_for_weight_conversion=start)
    chat = preflight(base, tmp_path / "done")
    assert chat.base._own == {}
    assert heard(base, tmp_path / "done", plain, None)[1:] == heard(base, plain, None)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"init_lora_weights": "pissa_niter_4"}, "drawn at random"),
        ({"lora_alpha": 0}, "moves nothing"),
        ({"alora_invocation_tokens": [389, 388]}, "moves nothing"),
    ],
    ids=str,
)
def test_an_adapter_that_is_no_one_model_is_refused(base, tmp_path, config, words):
    adapter = make_lora(tmp_path / "adapter", base, target_modules=["q_proj"], **config)
    with pytest.raises(UserError, match=words):
        preflight(base, adapter)


def test_an_adapter_that_16_bits_do_not_tell_from_its_base_is_examined(base, plain, tmp_path):
    from safetensors.torch import load_file, save_file

    adapter = changed(plain, tmp_path / "small")
    file = adapter / "adapter_model.safetensors"
    small = {name: w * 1e-9 if "lora_B" in name else w for name, w in load_file(file).items()}
    save_file(small, file)
    chat = LocalChat("m", LocalBase(base, "cpu", "bfloat16"), Decoding(max_tokens=4), adapter)
    asyncio.run(chat.preflight())


def test_a_new_adapter_moves_nothing_and_is_examined(base, plain, tmp_path):
    from safetensors.torch import load_file, save_file

    adapter = changed(plain, tmp_path / "new")
    file = adapter / "adapter_model.safetensors"
    zero = {name: w * 0 if "lora_B" in name else w for name, w in load_file(file).items()}
    save_file(zero, file)
    assert asyncio.run(preflight(base, adapter).chat(ASKED)).error is None


@pytest.mark.parametrize(
    "config",
    [
        {"peft_type": "NONE"},
        {"peft_type": "LORA", "r": "four"},
        {"peft_type": "LORA", "r": -1, "target_modules": ["q_proj"]},
        {"peft_type": "LORA", "target_modules": ["nothing_there"]},
        {"megatron_config": {"x": 1}, "megatron_core": "this"},
    ],
    ids=str,
)
def test_an_odd_config_is_one_line(base, plain, tmp_path, config):
    adapter = changed(plain, tmp_path / "odd", adapter_config=config)
    with pytest.raises(UserError) as caught:
        preflight(base, adapter)
    assert "\n" not in str(caught.value)


def test_a_module_of_its_own_without_weights_is_refused(base, tmp_path):
    adapter = make_lora(tmp_path / "adapter", base, modules_to_save=["lm_head"])
    without(adapter, "lm_head")
    with pytest.raises(UserError, match="lm_head"):
        check_fit(adapter, base)


@pytest.mark.parametrize(
    ("lora", "words"),
    [
        ({"bias": "all"}, "changes the base itself"),
        ({"layer_replication": [[0, 2], [0, 2]]}, "changes the base itself"),
        ({"target_modules": ["nothing_there"]}, "nothing_there"),
        ({"r": 0}, "positive"),
    ],
    ids=str,
)
def test_a_recipe_is_refused_before_weights_are_loaded(base, tmp_path, lora, words):
    lora = {"r": 4, "target_modules": ["q_proj"], **lora}
    recipe = read_recipe(write_recipe(tmp_path, base, lora=lora))
    with pytest.raises(UserError, match=words):
        open_chat(recipe, tmp_path)


def test_a_recipe_and_the_exam_agree_on_every_kind(base):
    from peft import LoraConfig

    for config in KINDS.values():
        values = {"r": 4, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM", **config}
        check_config(LoraConfig(**values), base)


@pytest.fixture(scope="module")
def loaded(base):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    return model, Standing.of(model)


@given(data=st.data())
@settings(max_examples=200)
def test_no_change_of_a_base_goes_unseen(loaded, data):
    import torch

    model, standing = loaded
    tensor = data.draw(st.sampled_from(standing.tensors))
    kept = tensor.data.clone()
    flat = tensor.data.view(-1)
    place = data.draw(st.integers(0, len(flat) - 1))
    how = data.draw(st.sampled_from(["in place", "replaced", "other type", "swapped", "nothing"]))
    if how == "in place":
        flat[place] += data.draw(st.sampled_from([1e-3, -1.0, float("nan")]))
    elif how == "replaced":
        tensor.data = kept + 1e-3
    elif how == "other type":
        tensor.data = kept.to(torch.float64)
    elif how == "swapped":
        flat[[0, place]] = flat[[place, 0]].clone()
    same = tensor.dtype == kept.dtype and torch.equal(tensor.data, kept)
    assert standing.altered(model) != same
    tensor.data = kept
    assert not standing.altered(model)


@pytest.mark.parametrize("change", ["twice", "out", "another order"])
def test_layers_that_are_used_otherwise_make_another_base(base, change):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    standing, layers = Standing.of(model), model.model.layers
    if change == "twice":
        layers.append(layers[0])
    elif change == "out":
        del layers[1]
    else:
        layers[0], layers[1] = layers[1], layers[0]
    assert standing.altered(model)


@pytest.mark.parametrize("kind", KINDS)
def test_what_leaves_the_base_alone_shares_it(base, tmp_path, kind):
    adapter = make_lora(tmp_path / "adapter", base, **KINDS[kind])
    assert preflight(base, adapter).base._own == {}


def test_adapters_are_loaded_in_one_place():
    assert seams.users(".load_adapter", "peft.PeftConfig") == {"models/local/adapters.py"}
    assert seams.users("peft.get_peft_model") == {
        "models/local/adapters.py",
        "training/rl/ppo_trainer.py",  # a new adapter of the recipe's, checked when it is built
    }
    assert seams.users("peft.set_peft_model_state_dict") == {
        "training/trainer/checkpoints.py"  # the adapter's own weights, from a checkpoint of the run
    }
    assert seams.users("models.local.standing.Standing.of", "models.local.standing.Standing") >= {
        "models/local/base.py",
        "training/trainer/loading.py",
        "training/trainer/run.py",
    }
