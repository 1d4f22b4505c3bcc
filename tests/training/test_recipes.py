"""Recipes: every shipped one is parsed into its trainer's own config; mistakes are named."""

from pathlib import Path

import pytest

from common.errors import UserError
from tests.builders.training_data import method_named
from tests.seams import users
from training.trainer.method import METHODS
from training.trainer.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "training" / "recipes"
SHIPPED = sorted(RECIPES.glob("**/*.yaml"))


def method_of(path):
    """The method whose command the recipe's comment names."""
    words = path.read_text().split("-m training.")
    return next(word.split()[0] for word in words[1:] if word.split()[0] in METHODS)


def written(tmp_path, text):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return path


def arguments_of(method, recipe, folder):
    """The config that a run by this recipe would have on this machine."""
    from training.trainer.arguments import build_arguments, check_arguments
    from training.trainer.device import choose, device_settings

    given = check_arguments(method, recipe)
    return build_arguments(method, recipe, given, device_settings(*choose()), folder)


def test_every_method_has_a_recipe():
    assert {method_of(path) for path in SHIPPED} == set(METHODS)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_becomes_its_trainers_config(path, tmp_path):
    from training.trainer.loading import lora_config

    recipe, method = read_recipe(path), method_named(method_of(path))
    assert recipe.name == path.stem
    arguments = arguments_of(method, recipe, tmp_path)
    for key, value in recipe.training.items():
        assert getattr(arguments, key) == value
    assert arguments.output_dir == str(tmp_path)
    assert lora_config(recipe).r == recipe.lora.get("r", 8)


GOOD = "name: a\ndata: a.jsonl\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "trainning: {}", "unknown key 'trainning'; did you mean 'training'?"),
        (GOOD + "validation_exam: {evry: 3}", "unknown key 'validation_exam.evry'; did you mean"),
        (GOOD + "seed: many", "seed: input should be a valid integer"),
        ("data: a.jsonl", "name: field required"),
        ("name: ../a\ndata: a", "name: string should match"),
        ("- a", "must be a mapping"),
        ("a: [", "is not YAML"),
        ("a: 2026-13-45", "is not YAML"),
        ("a: " + "9" * 5000, "is not YAML"),
        ("a: " + "[" * 20_000, "is not YAML"),
        (GOOD + "seed: 99999999999", "seed: input should be less than"),
        (GOOD + "training: {learning_rate: .nan}", "training: learning_rate: nan is no number"),
        (GOOD + "training: {max_grad_norm: 1e999}", "max_grad_norm: 1e999 is no number"),
        (GOOD + "lora: {lora_alpha: -.inf}", "lora_alpha: -inf is no number"),
        (GOOD + "rewards: {token_f1: .inf}", "token_f1: inf is no number"),
    ],
)
def test_a_mistake_in_a_recipe_is_one_line(tmp_path, text, said):
    with pytest.raises(UserError) as error:
        read_recipe(written(tmp_path, text))
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ("{learnin_rate: 1}", "unknown key 'training.learnin_rate'; did you mean 'learning_rate'?"),
        ("{max_prompt_length: 9}", "unknown key 'training.max_prompt_length'"),
        ("{max_steps: several}", "training.max_steps: input should be a valid integer"),
        ("{output_dir: /tmp}", "training.output_dir is not yours to set; use --runs DIR"),
        ("{packing: true}", "use train_sampling_strategy: group_by_length with"),
        ("{padding_free: true}", "use train_sampling_strategy: group_by_length with"),
        ("{chat_template_path: a}", "training.chat_template_path is not yours to set"),
        ("{completion_only_loss: false}", "only replies are trained on"),
        ("{assistant_only_loss: true}", "only replies are trained on"),
        ("{save_only_model: true}", "use save_total_limit"),
        ("{max_length: 9}", "use --prompt-tokens of training.data"),
        ("{save_steps: -1, eval_steps: x}", "training.eval_steps"),
        ("{per_device_train_batch_size: 0}", "per_device_train_batch_size is 0; make it 1 or more"),
        ("{lr_scheduler_type: bent}", "training: bent is not a valid SchedulerType"),
    ],
)
def test_a_mistake_in_the_training_keys_is_one_line(tmp_path, training, said):
    recipe = read_recipe(written(tmp_path, f"{GOOD}training: {training}"))
    with pytest.raises(UserError) as error:
        arguments_of(method_named("sft"), recipe, tmp_path)
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("adapter: b\nlora: {r: 64}", "lora: is for a new adapter"),
        ("rewards: {token_f1: 1}", "sft is given no rewards"),
        ("reward_model: models/adapters/r", "sft is given no rewards"),
        ("", None),
    ],
)
def test_a_key_without_effect_is_refused(tmp_path, keys, said):
    from training.trainer.arguments import check_arguments

    recipe = read_recipe(written(tmp_path, GOOD + keys))
    if said is None:
        assert check_arguments(method_named("sft"), recipe) == {}
        return
    with pytest.raises(UserError, match=said):
        check_arguments(method_named("sft"), recipe)


def test_a_recipe_is_resolved_in_one_place():
    arguments = "training.trainer.arguments"
    resolving = users(f"{arguments}.check_arguments", f"{arguments}.build_arguments")
    assert resolving == {"training/trainer/loading.py"}
    assert users("training.trainer.origin.take_origin") == resolving


def test_settings_of_the_command_line_stand_above_the_file(tmp_path):
    path = written(tmp_path, GOOD + "training: {max_steps: 5}\nvalidation_exam: {every: 3}")
    recipe = read_recipe(
        path, ["training.max_steps=2", "training.learning_rate=2e-4", "validation_exam=null"]
    )
    assert recipe.training == {"max_steps": 2, "learning_rate": 2e-4}
    assert recipe.validation_exam is None


@pytest.mark.parametrize("setting", ["max_steps", "name.first=2", "training.max_steps=["])
def test_a_setting_that_cannot_be_meant_is_one_line(tmp_path, setting):
    with pytest.raises(UserError, match="--set"):
        read_recipe(written(tmp_path, GOOD), [setting])


def test_lora_keys_are_pefts(tmp_path):
    from training.trainer.loading import lora_config

    recipe = read_recipe(written(tmp_path, GOOD + "lora: {lora_alfa: 3}"))
    with pytest.raises(UserError, match=r"lora\.lora_alfa'; did you mean 'lora_alpha'"):
        lora_config(recipe)


def test_four_bits_need_a_gpu(tmp_path, monkeypatch):
    from training.trainer.device import choose

    monkeypatch.setattr("training.trainer.device.choose_device", lambda wanted: "cpu")
    with pytest.raises(UserError, match="needs a CUDA device"):
        choose(quantize=True)
