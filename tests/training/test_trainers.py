"""Trainers: real steps on a tiny random Llama, by the very command that a user types."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders.training_data import make_base, method_named, write_data, write_recipe
from training.trainer.method import METHODS

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("one_thread")
DATA = {"sft": "sft", "dpo": "pairs", "orpo": "pairs", "kto": "thumbs", "reward": "pairs"}


@pytest.fixture(scope="module")
def base(one_thread, tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def folder(tmp_path):
    return write_data(tmp_path)


def command(folder, recipe, *more):
    places = [f"--{name}={folder / name}" for name in ("registry", "adapters", "runs")]
    return [str(recipe), *places, *more]


def trained(method, folder, recipe, *more):
    from training.command import run_command

    assert run_command(method_named(method), command(folder, recipe, *more)) == 0
    return folder / "adapters" / "tiny"


def weights(adapter):
    from safetensors.torch import load_file

    return load_file(adapter / "adapter_model.safetensors")


def losses(adapter):
    manifest = json.loads((adapter / "manifest.json").read_text())
    return [entry["loss"] for entry in manifest["losses"]]


@pytest.mark.parametrize("method", DATA)
def test_two_steps_leave_an_adapter(method, base, folder):
    recipe = write_recipe(folder, base, DATA[method])
    adapter = trained(method, folder, recipe)
    assert {path.name for path in adapter.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "manifest.json", "README.md",
    }  # fmt: skip
    assert len(losses(adapter)) == 2
    assert any(float(t.abs().sum()) for name, t in weights(adapter).items() if "lora_B" in name)


@pytest.mark.parametrize("method", DATA)
def test_the_loss_falls_on_a_few_rows(method, base, tmp_path):
    folder = write_data(tmp_path, count=4)
    steps = {
        "max_steps": 25,
        "save_steps": 100,
        "learning_rate": 0.02,
        "lr_scheduler_type": "constant",
    }
    recipe = write_recipe(folder, base, DATA[method], training=steps)
    found = losses(trained(method, folder, recipe))
    assert sum(found[-3:]) / 3 < 0.7 * found[0]


@pytest.mark.parametrize("method", ["sft", "dpo", "orpo", "reward"])
def test_rows_of_one_length_share_a_batch(method, base, folder, monkeypatch):
    import transformers.trainer

    ours, lengths = transformers.trainer.LengthGroupedSampler, []

    def sampler(*args, **kwargs):
        found = ours(*args, **kwargs)
        lengths.extend(found.lengths)
        return found

    monkeypatch.setattr(transformers.trainer, "LengthGroupedSampler", sampler)
    grouped = {"train_sampling_strategy": "group_by_length", "per_device_train_batch_size": 3}
    recipe = write_recipe(folder, base, DATA[method], training=grouped)
    assert len(losses(trained(method, folder, recipe))) == 2
    assert len(lengths) == 12 and len(set(lengths)) > 1


@pytest.mark.parametrize(
    ("method", "adapter"),
    [*((method, False) for method in DATA), ("dpo", True), ("kto", True)],
)
def test_resuming_changes_no_bit(method, adapter, base, tmp_path, monkeypatch, capsys):
    from training.command import run_command

    start = {"lora": {"r": 4, "lora_dropout": 0.3}}
    if adapter:
        first = write_data(tmp_path / "first")
        start = {"adapter": str(trained("sft", first, write_recipe(first, base, **start)))}
    whole, broken = write_data(tmp_path / "whole"), write_data(tmp_path / "broken")
    kind = {"training": {"max_steps": 4}}
    exam = {"validation_exam": {"every": 2, "cases": 2}} if method == "sft" else {}
    same = {**kind, **exam, **start}
    recipes = [
        write_recipe(
            each, base, DATA[method], validation=str(each / "sft.validation.jsonl"), **same
        )
        for each in (whole, broken)
    ]
    expected = weights(trained(method, whole, recipes[0]))

    with monkeypatch.context() as patched:
        stop_in_step_three(patched)
        assert run_command(method_named(method), command(broken, recipes[1])) == 2
    assert "same command continues" in capsys.readouterr().err
    assert not (broken / "registry").exists() and not (broken / "adapters").exists()

    found = weights(trained(method, broken, recipes[1]))
    assert "continuing from step 2 of 4" in capsys.readouterr().out
    assert all(bool((found[name] == expected[name]).all()) for name in expected)


def stop_in_step_three(monkeypatch):
    """Ctrl-C while the third step is computed."""
    from transformers import TrainerCallback

    from training.trainer import run

    class Stop(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == 2:
                signal.raise_signal(signal.SIGINT)

    ours = run.callbacks
    monkeypatch.setattr(run, "callbacks", lambda exam: [*ours(exam), Stop()])


def test_a_killed_run_leaves_nothing_and_the_same_command_finishes_it(base, folder):
    recipe = write_recipe(folder, base, training={"max_steps": 80, "save_steps": 20})
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "training.sft", *command(folder, recipe)],
        env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    first = folder / "runs" / "tiny" / "checkpoint-20" / "trainer_state.json"
    while not first.exists() and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not (folder / "registry").exists() and not (folder / "adapters").exists()
    adapter = trained("sft", folder, recipe)
    assert json.loads((adapter / "manifest.json").read_text())["steps"] == 80


def launched(folder, recipe):
    """The command, in two processes on the CPU."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*launcher, "-m", "training.sft", *command(folder, recipe)],
        env={**environment, "CUDA_VISIBLE_DEVICES": ""}, cwd=folder, text=True, timeout=600,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip


@pytest.mark.heavy
def test_of_two_processes_the_first_delivers_and_none_trains_again(base, folder):
    validation = str(folder / "sft.validation.jsonl")
    exam = {"every": 1, "cases": 2}
    recipe = write_recipe(folder, base, validation=validation, validation_exam=exam)
    (folder / "adapters").write_text("a file where a folder belongs")
    failed = launched(folder, recipe)
    assert failed.stdout.count("cannot be written: Not a directory") == 1, failed.stdout
    assert "train_runtime" in failed.stdout
    assert (folder / "runs" / "tiny" / "checkpoint-2" / "rng_state_1.pth").is_file()
    (folder / "adapters").unlink()
    done = launched(folder, recipe)
    assert done.returncode == 0 and done.stdout.count("Next: pytest evals") == 1, done.stdout
    assert "train_runtime" not in done.stdout
    manifest = json.loads((folder / "adapters" / "tiny" / "manifest.json").read_text())
    assert manifest["steps"] == 2 and (folder / "registry" / "tiny.toml").is_file()
    assert manifest["hardware"]["processes"] == 2
    assert not list((folder / "runs" / "tiny").glob("checkpoint-*"))


def test_a_finished_run_is_not_trained_on(base, folder, monkeypatch, capsys):
    from training import command as module

    recipe = write_recipe(folder, base)

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "deliver", killed)
        assert module.run_command(method_named("sft"), command(folder, recipe)) == 2
    monkeypatch.setattr("training.trainer.run._fit", None)
    assert json.loads((trained("sft", folder, recipe) / "manifest.json").read_text())["steps"] == 2


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_preferences_start_from_an_adapter_that_stays_the_reference(method, base, folder):
    start = trained("sft", folder, write_recipe(folder, base))
    recipe = write_recipe(folder, base, DATA[method], name="next", adapter="tiny")
    trained(method, folder, recipe)
    after = folder / "adapters" / "next"
    assert sorted(path.name for path in after.iterdir() if path.is_dir()) == []
    before, found = weights(start), weights(after)
    assert before.keys() == found.keys()
    assert any(bool((before[name] != found[name]).any()) for name in before)


def test_completion_logits_alone_give_the_losses_and_gradients_of_all_logits(base, folder):
    import torch
    from transformers import AutoModelForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    from training.loss.completion_head import add_completion_head

    fields = ("log_probs", "entropy", "log_sum_sq_probs", "mean_logits", "is_top1")
    ids = torch.randint(3, 300, (3, 20), generator=torch.manual_seed(1))
    labels = ids.clone()
    labels[0, :12] = labels[1, :15] = labels[2, 15:] = -100
    outputs, gradients = [], []
    for add in (add_fused_lm_head, add_completion_head):
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        add(model, temperature=0.7, outputs=fields)
        output = model(input_ids=ids, labels=labels, fused_lm_head=True)
        (output.entropy.sum() - output.log_probs.sum()).backward()
        outputs.append(output)
        gradients.append([parameter.grad for parameter in model.parameters()])
    for name in (*fields, "label_mask", "loss"):
        torch.testing.assert_close(
            outputs[1][name].float(), outputs[0][name].float(), msg=name, atol=1e-4, rtol=1e-4
        )
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-4, rtol=1e-3)


def test_every_method_has_a_module_a_config_and_a_trainer():
    for name in METHODS:
        method = method_named(name)
        assert method.name == name
        config, trainer = method.classes()
        assert config.__name__.endswith("Config") and trainer.__name__.endswith("Trainer")
