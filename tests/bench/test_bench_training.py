"""The benchmark of SFT: on a tiny Llama and short rows, both trainers do the same work."""

import math

import pytest

from bench import gpu, pace, training
from bench.results import Finding, section
from common.provenance import provenance
from models.chat import Message
from tests.conftest import make_llama
from training.data.examples import Example, Meta, write_examples, write_meta

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Short rows of different lengths, so that a batch of them is padded."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    examples = [
        Example((Message("user", f"Who? {'Acme ' * number}"),), f"Party {number}", "general")
        for number in range(2 * pace.BATCH)
    ]
    meta = Meta(command="", dataset="", dataset_identity="", model="smollm2")
    write_examples(path, examples)
    write_meta(path, meta)
    return path


@pytest.fixture(scope="module")
def runs(rows, smollm2, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    base = make_llama(folder / "base", smollm2, seed=1)
    return pace.compare(pace.bench_recipe(rows, 2, (f"base={base}",)), folder, 1)


def test_both_train_the_same(runs):
    (ours,), (plain,) = runs
    assert ours.tokens == plain.tokens > 0
    assert ours.trainable == plain.trainable > 0
    assert ours.first_loss == pytest.approx(plain.first_loss, rel=0.02)


def test_a_run_takes_time(runs):
    for run in (*runs[0], *runs[1]):
        assert run.seconds > 0
        assert run.processor > 0
        assert run.speed == run.tokens / run.seconds


def test_the_target_is_met_or_not():
    fast = pace.Run(1500, 10.0, 10.0, 2.0, 7)
    slow = pace.Run(1000, 10.0, 10.0, 2.0, 7)
    slower = pace.Run(999, 10.0, 10.0, 2.0, 7)
    assert pace.comparison("x", [fast], [slow])[2].met is True
    assert pace.comparison("x", [fast], [slow])[2].measured == "1.50 x"
    assert pace.comparison("x", [slower], [slow])[2].met is False
    assert pace.comparison("x", [slower], [slow], target=False)[2].met is None


def test_the_median_of_the_runs_counts():
    runs = [pace.Run(tokens, 1.0, 1.0, 2.0, 7) for tokens in (10, 300, 100)]
    assert pace.comparison("x", runs, runs)[0].measured == "100 tokens/s"


def test_the_finding_is_a_section(runs):
    finding = Finding("t", "s", pace.comparison("tiny", *runs))
    assert isinstance(finding, Finding)
    text = section("training", finding, {**provenance(), "threads": 1})
    assert "at least 1.50 x" in text


def test_flops_of_a_llama_by_hand(smollm2, tmp_path):
    base = gpu.make_llama(tmp_path / "llama", {**SHAPE, "tie_word_embeddings": True})
    hidden, inner, layers, length = 32, 64, 2, 100
    vocabulary = 49_152
    layer = 4 * hidden * hidden + 3 * hidden * inner + 2 * hidden
    weights = layers * layer + hidden + vocabulary * hidden
    attention = 12 * layers * hidden * length
    assert gpu.flops_per_token(base, length) == 6 * weights + attention
    assert gpu.flops_per_token(base, length, frozen=True) == 4 * weights + attention
    other = gpu.make_llama(tmp_path / "untied", {**SHAPE, "tie_word_embeddings": False})
    assert gpu.flops_per_token(other, length) == 6 * weights + attention


def test_utilisation_is_a_share_of_the_peak(smollm2, tmp_path):
    base = gpu.make_llama(tmp_path / "llama", SHAPE)
    needed = gpu.flops_per_token(base, 100)
    seconds = 1000 * needed / (0.5 * 989e12)
    run = pace.Run(1000, seconds, seconds, 2.0, 7)
    (row,) = gpu.utilisation(base, 100, "NVIDIA H200", {"ours": [run]})
    assert row.measured.startswith("50.0 % counting 6N")
    assert gpu.utilisation(base, 100, "GeForce 256", {"ours": [run]}) == []


@pytest.mark.parametrize(
    ("device", "teraflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("NVIDIA A10G", 70),
    ],
)
def test_peaks_by_the_names_that_drivers_give(device, teraflops):
    assert math.isclose(gpu.peak(device), teraflops * 1e12)


def test_the_large_llama_has_a_billion_weights(tmp_path):
    from transformers import LlamaConfig

    LlamaConfig(**gpu.LLAMA_1B, vocab_size=49_152).save_pretrained(tmp_path)
    assert 1.0e9 < gpu.flops_per_token(tmp_path, 0) / 6 < 1.3e9


def test_without_a_gpu_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "on_gpu", lambda: False)
    (row,) = training.gpu_rows(tmp_path)
    assert "skipped" in row.measured


def test_the_rows_are_of_the_sample(smollm2, tmp_path):
    from training.data.examples import read_examples

    found = read_examples(pace.make_rows(tmp_path / "rows.jsonl", 4))
    assert len(found) == 4
    assert all(example.contract for example in found)


def test_dpo_on_a_gpu_is_the_shipped_recipe_but_for_what_it_reads(tmp_path):
    from training.trainer.recipe import read_recipe

    shipped, ours = read_recipe(gpu.DPO), gpu.dpo_recipe(tmp_path / "pairs.jsonl", gpu.FULL.pairs)
    assert ours.adapter == shipped.adapter == "sft-smollm2"
    kept = {key: value for key, value in ours.training.items() if key in shipped.training}
    assert kept == shipped.training


@pytest.mark.heavy
def test_the_script_of_the_gpu_runs_whole_on_a_cpu(smollm2, tmp_path, capsys):
    from bench.__main__ import main

    page = tmp_path / "results.md"
    assert main(["training", "--smoke", "--output", str(page)]) == 0
    said = capsys.readouterr().out
    for what in ("tiny Llama, CPU: ours over trl's", "DPO of SmolLM2-135M", "in batches"):
        assert what in said
    assert not page.exists()  # a try is no result


@pytest.mark.parametrize("names", [(), ("gate",), ("training", "gate")])
def test_a_try_is_of_the_gpu_script_alone(names, capsys):
    from bench.__main__ import main

    assert main([*names, "--smoke"]) == 4
    assert "python -m bench training --smoke" in capsys.readouterr().err
