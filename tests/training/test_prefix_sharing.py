"""Bundles: shared prompts are computed once, and change no logit."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.chat import Message
from tests.builders.training_data import (
    examples,
    make_base,
    meta,
    method_named,
    write_data,
    write_recipe,
)
from training.command import run_command
from training.data.examples import write_examples, write_meta
from training.loss.prefix_sharing import bundles, collate

TOKENS = st.lists(st.integers(3, 9), min_size=1, max_size=12)


@st.composite
def rows(draw):
    """Rows of which some begin alike."""
    beginnings = draw(st.lists(TOKENS, min_size=1, max_size=3))
    found = []
    for _ in range(draw(st.integers(1, 8))):
        prompt = draw(st.sampled_from(beginnings)) + draw(st.lists(st.integers(3, 9), max_size=3))
        reply = draw(st.lists(st.integers(3, 9), min_size=1, max_size=4))
        found.append({"input_ids": prompt + reply, "labels": [-100] * len(prompt) + reply})
    return found


def unjoined(bundle):
    """The rows that a bundle was made of."""
    branches = bundle["branches"]
    whole = [place for place, branch in enumerate(branches) if branch == 0]
    for number in range(1, max(branches) + 1):
        places = whole + [place for place, branch in enumerate(branches) if branch == number]
        assert [bundle["position_ids"][place] for place in places] == list(range(len(places)))
        yield {name: [bundle[name][place] for place in places] for name in ("input_ids", "labels")}


@given(rows(), st.integers(1, 60))
def test_every_row_is_in_one_bundle_as_it_was(found, most):
    joined = bundles(found, most)
    again = [row for bundle in joined for row in unjoined(bundle)]
    assert sorted(map(str, again)) == sorted(map(str, found))
    for bundle in joined:
        alone = max(bundle["branches"]) == 1
        assert alone or len(bundle["input_ids"]) <= most


def test_what_is_shared_stands_once():
    passage, ends = list(range(100, 200)), ([7, 8], [9], [5, 6, 4])
    found = [{"input_ids": passage + end, "labels": [-100] * 100 + end} for end in ends]
    (bundle,) = bundles(found, 500)
    # The last token of the prompt is each row's own: it predicts the first of the reply.
    assert len(bundle["input_ids"]) == 99 + 3 + 6


@pytest.fixture(scope="module")
def model(tiny_base):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_base).eval()


def test_no_logit_and_no_loss_changes(model):
    import torch

    passage = list(range(40, 80))
    ends = [([5, 6, 7], [11, 12]), ([8], [13, 14, 15]), ([5, 9], [16])]
    found = [
        {"input_ids": passage + ask + say, "labels": [-100] * (40 + len(ask)) + say}
        for ask, say in ends
    ]
    other = {"input_ids": [90, 91, 92], "labels": [-100, -100, 92]}
    joined = bundles([*found, other], 500)
    assert len(joined) == 2
    batch = collate(joined, pad=0, dtype=torch.float32)
    labels = batch.pop("labels")
    with torch.inference_mode():
        logits = model(**batch).logits
        together = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum"
        )
        alone = sum(
            torch.nn.functional.cross_entropy(
                model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1],
                torch.tensor(row["labels"][1:]),
                reduction="sum",
            )
            for row in [*found, other]
        )
    assert together.item() == pytest.approx(alone.item(), rel=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_computed_together_has_the_values_of_its_rows(model, side):
    import copy

    import torch

    from training.loss.completion_head import add_completion_head

    prompt, other = list(range(40, 70)), list(range(70, 90))
    rows = [([*prompt, 5], [11, 12, 13]), ([*prompt, 5], [14]), (other, [15, 16]), (prompt, [17])]
    longest = max(len(ask + say) for ask, say in rows)

    def padded(values, filler):
        short = [filler] * (longest - len(values))
        return short + values if side == "left" else values + short

    ids = torch.tensor([padded(ask + say, 0) for ask, say in rows])
    mask = torch.tensor([padded([1] * len(ask + say), 0) for ask, say in rows])
    labels = torch.tensor([padded([-100] * len(ask) + say, -100) for ask, say in rows])
    scored, gradients, passes = [], [], []
    for take in ([[0, 1, 2, 3]], [[0], [1], [2], [3]]):
        own = copy.deepcopy(model)
        own.get_input_embeddings().register_forward_hook(
            lambda module, given, found: passes.append(found.shape[:2].numel())
        )
        add_completion_head(own, outputs=("log_probs", "entropy", "mean_logits"))
        found = [
            own(input_ids=ids[n], attention_mask=mask[n], labels=labels[n], fused_lm_head=True)
            for n in take
        ]
        log_probs = torch.cat([each.log_probs for each in found])
        log_probs.sum().backward()
        gradients.append([parameter.grad for parameter in own.parameters()])
        named = [torch.cat([each[name] for each in found]) for name in ("entropy", "mean_logits")]
        scored.append([log_probs, *named, torch.cat([each.label_mask for each in found])])
    torch.testing.assert_close(scored[0], scored[1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-4, rtol=1e-3)
    assert passes[0] < sum(passes[1:])


@pytest.mark.parametrize("method", ["dpo", "orpo"])
def test_a_trainer_computes_the_prompt_of_a_pair_once(method, one_thread, tmp_path, monkeypatch):
    from training.loss import completion_head

    found = []

    def watched(*given):
        found.append(sharing_of(*given))
        return found[-1]

    sharing_of = completion_head._shared
    monkeypatch.setattr(completion_head, "_shared", watched)
    recipe = write_recipe(write_data(tmp_path), make_base(tmp_path / "base"), "pairs")
    places = [f"--{each}={tmp_path / each}" for each in ("registry", "adapters", "runs")]
    assert run_command(method_named(method), [str(recipe), *places]) == 0
    assert found
    assert all(found)


def asked_of_one_passage(row, number):
    passage = "<passage 1>\n" + "Clause 1: Ohio. Clause 2: Delaware. " * 4 + "\n</passage 1>"
    user = Message("user", f"{passage}\n\nQuestion: What does clause {number} say?")
    return replace(row, prompt=(row.prompt[0], user))


def test_a_step_on_bundles_is_the_step_on_their_rows(one_thread, tmp_path):
    base = make_base(tmp_path / "base")
    rows = [asked_of_one_passage(row, number) for number, row in enumerate(examples(6))]
    found = {}
    for name, bundled in (("alone", None), ("together", 500)):
        folder = tmp_path / name
        write_examples(folder / "sft.jsonl", rows)
        write_meta(folder / "sft.jsonl", meta())
        steps = {"max_steps": 1, "gradient_accumulation_steps": 1 if bundled else 6}
        recipe = write_recipe(folder, base, training=steps, bundle_tokens=bundled)
        places = [f"--{each}={folder / each}" for each in ("registry", "adapters", "runs")]
        assert run_command(method_named("sft"), [str(recipe), *places]) == 0
        found[name] = json.loads((folder / "adapters" / "tiny" / "manifest.json").read_text())
    losses = {name: manifest["losses"][0]["loss"] for name, manifest in found.items()}
    assert losses["together"] == pytest.approx(losses["alone"], rel=0.02)  # in 16 bit
    assert found["together"]["tokens"] < 0.6 * found["alone"]["tokens"]


def test_bundles_are_for_sft(one_thread, tmp_path, capsys):
    base = make_base(tmp_path / "base")
    recipe = write_recipe(tmp_path, base, bundle_tokens=500)
    assert run_command(method_named("dpo"), [str(recipe)]) == 4
    assert "bundle_tokens is for sft" in capsys.readouterr().err
