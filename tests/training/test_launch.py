"""The files for `accelerate launch`: accelerate reads them, and the documentation names them."""

import json

import pytest

from tests.conftest import ROOT

LAUNCH = ROOT / "training" / "launch"
CONFIGS = sorted(LAUNCH.glob("*.yaml"))


def test_there_are_some():
    assert [path.stem for path in CONFIGS] == ["gpus", "zero2", "zero3"]
    assert len(list(LAUNCH.iterdir())) == 5


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_accelerate_reads_it(path):
    from accelerate.commands.config.config_args import load_config_from_file

    found = load_config_from_file(str(path))
    assert found.num_processes == 2
    assert f"--config_file {path.relative_to(ROOT)}" in path.read_text()


@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_leaves_to_the_recipe_what_the_recipe_says(stage):
    from accelerate.commands.config.config_args import load_config_from_file

    named = load_config_from_file(str(LAUNCH / f"zero{stage}.yaml")).deepspeed_config
    config = json.loads((ROOT / named["deepspeed_config_file"]).read_text())
    assert config["zero_optimization"]["stage"] == stage
    assert named["zero3_init_flag"] is (stage == 3)
    others = {key: value for key, value in config.items() if key != "zero_optimization"}
    assert all(value in ("auto", {"enabled": "auto"}) for value in others.values())


def test_the_documentation_names_every_file():
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    for path in CONFIGS:
        assert path.stem in text


@pytest.mark.parametrize("method", ["sft", "dpo", "orpo"])
def test_four_gpus_are_one_option_of_the_line_that_a_recipe_shows(method):
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    text = (ROOT / "training" / "recipes" / f"{method}-llama3.yaml").read_text("utf-8")
    line = text.partition("# accelerate launch ")[2].partition("\nname:")[0]
    words = line.replace("\\\n#", "").split()
    found, *_ = _validate_launch_command(launch_command_parser().parse_args(words))
    assert (found.num_processes, found.multi_gpu, found.module) == (4, True, True)
    assert found.training_script == f"training.{method}"
    assert found.training_script_args == [
        f"training/recipes/{method}-llama3.yaml",
        *("--set", "training.gradient_accumulation_steps=4"),
    ]
