"""No text of an exam contract reaches an adapter unless its manifest says so."""

import json
from pathlib import Path

import pytest
import yaml

from common.aws.clients import Prefix
from common.errors import UserError
from evals.leakage.leaks import find_leaks
from fixtures.cases import Contract
from models.manifest import Manifest, TrainedContract, contract_entry
from tests.builders.training_data import make_base, meta, method_named, write_data, write_recipe
from training.command import run_command
from training.data.__main__ import main as make_data
from training.data.examples import write_meta
from training.preferences.formats import read_pairs, read_unpaired
from training.sagemaker import job
from training.sagemaker.shipment import Parcel, Shipment


def turn(text, role="assistant"):
    return [{"role": role, "content": text}]


def exam_cases(sample):
    return [case for case in sample.cases if case.contract.id in sample.test_contracts]


@pytest.mark.fault("PROV-1")
@pytest.mark.parametrize("where", ["prompt", "completion"])
def test_rows_mixed_in_do_not_bring_the_exam(tmp_path, smollm2, sample, capsys, where):
    exam = exam_cases(sample)[0].contract
    quoted = {"prompt": "Say hello.", "completion": "Hello.", where: exam.text[300:700]}
    rows = [("Say hello.", "Hello."), (quoted["prompt"], quoted["completion"])]
    mine = tmp_path / "mine.jsonl"
    mine.write_text(
        "".join(
            json.dumps({"prompt": turn(asked, "user"), "completion": turn(said)}) + "\n"
            for asked, said in rows
        )
    )
    output = tmp_path / "sft.jsonl"
    line = ["--n", "8", "--mix", str(mine), "--mix-share", "0.5", "--output", str(output)]
    assert make_data(line) == 4
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{mine}, line 2" in error and exam.id in error
    assert not output.exists()


@pytest.mark.fault("PROV-2")
def test_what_a_reward_model_has_seen_its_policy_s_manifest_says(one_thread, tmp_path):
    base, folder = make_base(tmp_path / "base"), write_data(tmp_path)
    seen = TrainedContract(title="EXAM CONTRACT", digest="e" * 64, sketch=(99,))
    write_meta(folder / "pairs.jsonl", meta(contracts=(seen,)))
    places = [f"--{name}={folder / name}" for name in ("registry", "adapters", "runs")]

    def run(method, recipe):
        assert run_command(method_named(method), [str(recipe), *places]) == 0

    one = {"max_steps": 1}
    run("sft", write_recipe(folder, base, training=one))
    run("reward", write_recipe(folder, base, "pairs", name="judge", training=one))
    steps = {"max_steps": 1, "rollout_batch_size": 2, "minibatch_size": 2, "forward_batch_size": 2,
             "max_completion_length": 4, "save_steps": 1}  # fmt: skip
    recipe = folder / "ppo.yaml"
    values = {"name": "ppo", "base": str(base), "adapter": "tiny", "training": steps}
    values |= {"data": str(folder / "sft.jsonl")}
    values |= {"reward_model": str(folder / "adapters" / "judge")}
    recipe.write_text(yaml.safe_dump(values))
    run("ppo", recipe)
    manifest = json.loads((folder / "adapters" / "ppo" / "manifest.json").read_text())
    assert "EXAM CONTRACT" in {each["title"] for each in manifest["contracts"]}
    (folder / "adapters" / "judge" / "manifest.json").unlink()
    recipe.write_text(yaml.safe_dump({**values, "name": "again"}))
    assert run_command(method_named("ppo"), [str(recipe), *places]) == 4


HIDDEN = {
    "soft hyphen": "\u00ad",
    "zero-width space": "\u200b",
    "word joiner": "\u2060",
    "variation selector": "\ufe0f",
    "right-to-left mark": "\u200f",
    "tag": "\U000e0041",
    "filler": "\u3164",
}


@pytest.mark.fault("PROV-3")
@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_a_copy_with_invisible_characters_is_a_copy(sample, hidden):
    cases = exam_cases(sample)
    contract = cases[0].contract
    copy = " ".join(f"{word[:1]}{hidden}{word[1:]}" for word in contract.text.split())
    manifest = Manifest(contracts=(contract_entry(Contract("copy", copy)),), cases=())
    (leak,) = find_leaks([case for case in cases if case.contract is contract], manifest)
    assert (leak.kind, leak.trained_contract) == ("near-duplicate", "copy")
    assert leak.containment > 0.99


@pytest.mark.fault("PROV-3")
def test_so_is_one_in_full_width_letters(sample):
    cases = exam_cases(sample)
    contract = cases[0].contract
    wide = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
    copy = Contract("copy", contract.text.translate(wide))
    manifest = Manifest(contracts=(contract_entry(copy),), cases=())
    (leak,) = find_leaks([case for case in cases if case.contract is contract], manifest)
    assert leak.containment > 0.9


PAIR = {
    "prompt": turn("Which law?", "user"),
    "chosen": turn("Ohio"),
    "rejected": turn("Utah"),
    "source": "gold",
    "margin": 1.0,
}


@pytest.mark.fault("PROV-4")
@pytest.mark.parametrize(
    "change",
    [
        {"rejected": turn("Ohio")},
        {"rejected": turn(" Ohio\n")},
        {"margin": float("nan")},
        {"margin": float("inf")},
        {"margin": -0.5},
        {"chosen": turn("Ohio \ud800")},
        {"chosen": turn("Ohio \0")},
        {"prompt": turn("Which \udfff law?", "user")},
        {"contract": {"title": "x"}},
        {"kind": "poetry"},
        {"prompt": turn("Which law?", "someone")},
    ],
)
def test_what_is_no_pair_is_refused_by_its_row(tmp_path, change):
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(PAIR) + "\n" + json.dumps({**PAIR, **change}) + "\n")
    with pytest.raises(UserError) as caught:
        read_pairs(path)
    assert f"{path}, line 2" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.fault("PROV-4")
def test_nor_is_a_reply_that_cannot_be_stored(tmp_path):
    path = tmp_path / "thumbs.jsonl"
    row = {"prompt": turn("Which law?", "user"), "completion": turn("Ohio \ud800"), "label": True}
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(UserError, match=r"line 1: `completion\.content` holds a lone surrogate"):
        read_unpaired(path)


def request(name="mine", settings=(), hours=24.0, image="image"):
    recipe = "training/recipes/sft-smollm2.yaml"
    parcel = Parcel(Path("x"), recipe, "0" * 64)
    sent = Shipment("sft", recipe, settings, name, "a" * 40, (parcel,), ())
    role = "arn:aws:iam::123456789012:role/X"
    machine = job.Machine(role, "ml.g5.2xlarge", image, hours, True)
    return job.request(sent, machine, Prefix("bucket", "team/x"), f"{job.stem(sent)}-1")


@pytest.mark.fault("PROV-5")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"settings": ("description=" + "x" * 300,)}, "ContainerArguments"),
        ({"settings": ("description=one\ntwo",)}, "ContainerArguments"),
        ({"settings": tuple(f"a{n}=1" for n in range(120))}, "ContainerArguments"),
        ({"name": "x" * 300}, "300 characters"),
        ({"hours": 0.0001}, "MaxRuntimeInSeconds"),
        ({"image": "i" * 300}, "TrainingImage"),
    ],
)
def test_what_sagemaker_would_refuse_is_refused_here(changes, field):
    assert request()["TrainingJobName"].startswith("mine-sft-")
    with pytest.raises(UserError) as caught:
        request(**changes)
    assert field in str(caught.value)
    assert "\n" not in str(caught.value)
