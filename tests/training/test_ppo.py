"""PPO: its formulas against numbers worked by hand, its results against known optima."""

import contextlib
import math
from dataclasses import replace

import pytest

from common.errors import UserError
from training.rl.policy import (
    assess,
    draw,
    gae,
    improve,
    make_policy,
    policy_loss,
    read,
    speaking_as_reference,
    update,
    value_loss,
    whiten,
)
from training.rl.ppo_config import PPOConfig
from training.rl.ppo_trainer import optimizer, training_arguments, with_reference

VOCABULARY, PAD, END, WANTED = 24, 0, 2, 7
PROMPTS = ([1, 5, 9], [1, 4], [1, 11, 12, 13, 6])

CONFIG = PPOConfig(
    rollout_batch_size=48,
    minibatch_size=24,
    forward_batch_size=24,
    epochs=4,
    learning_rate=5e-3,
    value_learning_rate=1e-2,
    value_coef=0.5,
    kl_coef=0.0,
    max_completion_length=4,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def toy(seed=0, ends=(END,), temperature=1.0):
    """A policy over a random Llama that knows 24 tokens."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        initializer_range=0.2,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=END,
        pad_token_id=PAD,
    )
    lora = LoraConfig(r=8, lora_alpha=16, lora_dropout=0.3, target_modules="all-linear")
    return make_policy(get_peft_model(LlamaForCausalLM(config), lora), PAD, ends, temperature)


def share_of_wanted(ids, spoken, longest):
    """The reward of the toy problem: how much of the longest reply is the wanted token."""
    return ((ids == WANTED) & spoken).sum(1).div(longest).tolist()


def trained(policy, config, steps, reward=share_of_wanted):
    """Train on the toy problem; the mean reward of every step, and the last experience."""
    adam = optimizer(policy, config)
    means = []
    for _ in range(steps):
        asked = [PROMPTS[row % len(PROMPTS)] for row in range(config.rollout_batch_size)]
        replies = draw(policy, asked, config.max_completion_length)
        written = replies.ids[:, -replies.spoken.shape[1] :]
        scores = reward(written, replies.spoken, config.max_completion_length)
        seen = assess(policy, replies, scores, config.kl_coef, config)
        improve(policy, adam, seen, config)
        means.append(sum(scores) / len(scores))
    return means, seen


def chance(policy, prompt, *, reference=False):
    """The probability of the wanted token after `prompt`."""
    import torch

    speaking = speaking_as_reference(policy) if reference else contextlib.nullcontext()
    with torch.no_grad(), speaking:
        logits = policy.model(input_ids=torch.tensor([prompt])).logits[0, -1]
    return logits.softmax(-1)[WANTED].item()


def tensor(*rows):
    import torch

    return torch.tensor(rows)


# Formulas


def test_advantages_of_an_episode_worked_by_hand():
    found = gae(tensor([0.0, 0.0, 1.0]), tensor([0.5, 0.6, 0.7]), tensor([True] * 3), 0.9, 0.8)
    # d = 0.9*0.6-0.5, 0.9*0.7-0.6, 1-0.7 = 0.04, 0.03, 0.3; A = d + 0.72 * A of the next step
    assert found[0].tolist() == pytest.approx([0.04 + 0.72 * (0.03 + 0.72 * 0.3), 0.246, 0.3])


def test_an_episode_ends_with_its_last_token_whatever_the_columns_after_it_hold():
    spoken = tensor([True, True, False, False])
    found = gae(tensor([0.0, 1.0, 9.0, 9.0]), tensor([0.5, 0.6, 8.0, 8.0]), spoken, 1.0, 0.5)
    assert found[0].tolist() == pytest.approx([0.1 + 0.5 * 0.4, 0.4, 0.0, 0.0])


def test_without_discounts_the_advantage_is_the_return_above_the_value():
    rewards, values = tensor([0.1, -0.2, 0.5]), tensor([0.3, 0.9, -0.4])
    found = gae(rewards, values, tensor([True] * 3), 1.0, 1.0)
    assert (found + values)[0].tolist() == pytest.approx([0.4, 0.3, 0.5])


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss"),
    [
        (1.0, 2.0, -2.0),
        (1.5, 2.0, -2.4),  # clipped: no more is gained by going on
        (0.5, 2.0, -1.0),  # the way back is open
        (1.5, -2.0, 3.0),
        (0.5, -2.0, 1.6),  # clipped
    ],
)
def test_the_clipped_objective_worked_by_hand(ratio, advantage, loss):
    found = policy_loss(tensor(ratio), tensor(advantage), 0.2)
    assert found.item() == pytest.approx(loss)


def test_a_clipped_ratio_has_no_gradient():
    ratio = tensor(1.5, 0.5, 1.1).requires_grad_()
    policy_loss(ratio, tensor(1.0, -1.0, 1.0), 0.2).sum().backward()
    assert ratio.grad.tolist() == [0.0, 0.0, -1.0]


@pytest.mark.parametrize(
    ("value", "old", "wanted", "loss"),
    [
        (0.5, 0.5, 1.0, 0.125),
        (0.9, 0.5, 1.0, 0.045),  # held at 0.7, which is further off
        (2.0, 0.5, 1.0, 0.5),
    ],
)
def test_the_clipped_value_loss_worked_by_hand(value, old, wanted, loss):
    assert value_loss(tensor(value), tensor(old), tensor(wanted), 0.2).item() == pytest.approx(loss)


def test_whitening_counts_spoken_tokens_alone():
    found = whiten(tensor([1.0, 3.0, 99.0], [5.0, 99.0, 99.0]), tensor([1, 1, 0], [1, 0, 0]) > 0)
    deviation = math.sqrt(8 / 3)
    assert found[0].tolist() == pytest.approx([-2 / deviation, 0.0, 0.0], abs=1e-6)
    assert found[1].tolist() == pytest.approx([2 / deviation, 0.0, 0.0], abs=1e-6)


def test_the_penalty_adapts_to_its_target_by_at_most_a_fifth_of_the_horizon():
    config = PPOConfig(kl_target=6.0, kl_horizon=1000)
    assert config.adapted(0.1, kl=6.0, replies=100) == 0.1
    assert config.adapted(0.1, kl=6.6, replies=100) == pytest.approx(0.1 * 1.01)
    assert config.adapted(0.1, kl=60.0, replies=100) == pytest.approx(0.1 * 1.02)
    assert config.adapted(0.1, kl=0.0, replies=100) == pytest.approx(0.1 * 0.98)
    assert PPOConfig().adapted(0.1, kl=60.0, replies=100) == 0.1


# Reading and drawing


def test_the_first_ratios_of_an_update_are_exactly_one():
    policy = toy()
    replies = draw(policy, [PROMPTS[row % 3] for row in range(12)], 6)
    config = replace(CONFIG, minibatch_size=6, forward_batch_size=3, learning_rate=1e-2)
    seen = assess(policy, replies, [float(row % 2) for row in range(12)], 0.1, config)
    adam = optimizer(policy, config)
    assert update(policy, adam, seen, range(6), config)["drift"] == 0.0
    assert update(policy, adam, seen, range(6), config)["drift"] > 0.0


def test_padding_on_either_side_moves_no_log_probability():
    import torch

    policy = toy(temperature=0.7)
    replies = draw(policy, [*PROMPTS, *PROMPTS], 6)
    length = replies.spoken.shape[1]
    found, _, entropy = read(policy, replies.ids, replies.mask, length)
    for row, prompt in enumerate([*PROMPTS, *PROMPTS]):
        said = int(replies.spoken[row].sum())
        ids = replies.ids[row, -length:][:said]
        alone = torch.tensor([[*prompt, *ids.tolist()]])
        logits = policy.model(input_ids=alone).logits[0, -said - 1 : -1] / 0.7
        logs = logits.log_softmax(-1)
        expected = logs.gather(1, ids[:, None])[:, 0].tolist()
        assert found[row, :said].tolist() == pytest.approx(expected, abs=1e-4)
        spread = -(logs.exp() * logs).sum(-1)
        assert entropy[row, :said].tolist() == pytest.approx(spread.tolist(), abs=1e-4)


def test_a_reply_ends_with_its_first_end_mark():
    replies = draw(toy(ends=(2, 3, 4, 5, 6, 7)), [*PROMPTS] * 8, 8)
    ends = {2, 3, 4, 5, 6, 7}
    lengths = set()
    for ids, spoken in zip(replies.ids[:, 5:].tolist(), replies.spoken.tolist(), strict=True):
        said = sum(spoken)
        lengths.add(said)
        assert spoken == [place < said for place in range(len(spoken))]
        assert not ends & set(ids[: said - 1])
        assert said == len(ids) or ids[said - 1] in ends
    assert len(lengths) > 2
    assert replies.mask[:, 5:].bool().equal(replies.spoken)


def test_the_config_of_the_base_does_not_narrow_the_draw():
    policy = toy()
    inner = policy.model.get_base_model().generation_config
    inner.do_sample, inner.top_k, inner.top_p = True, 1, 0.01
    inner.temperature, inner.repetition_penalty = 0.01, 5.0
    replies = draw(policy, [PROMPTS[0]] * 64, 1)
    assert len(set(replies.ids[:, -1].tolist())) > 5


def test_draws_follow_the_policy():
    policy = toy()
    drawn = draw(policy, [PROMPTS[0]] * 2000, 1).ids[:, -1]
    share = (drawn == WANTED).float().mean().item()
    assert share == pytest.approx(chance(policy, PROMPTS[0]), abs=0.03)


def test_a_policy_that_starts_from_an_adapter_is_held_to_a_frozen_copy_of_it():
    policy = toy()
    trained(policy, CONFIG, 2)
    started = make_policy(with_reference(policy.model, None), PAD, (END,), 1.0)
    assert started.reference == "reference"
    replies = draw(started, [PROMPTS[0]] * 4, 4)
    assert assess(started, replies, [0.0] * 4, 1.0, CONFIG).kl.abs().max() == 0.0
    before = chance(started, PROMPTS[0], reference=True)
    _, seen = trained(started, CONFIG, 2)
    assert chance(started, PROMPTS[0], reference=True) == before
    assert chance(started, PROMPTS[0]) != before
    assert seen.kl.abs().max() > 0.0
    names = [name for name, weight in started.model.named_parameters() if weight.requires_grad]
    assert names
    assert all(".default." in name for name in names)


# Known optima


def test_a_reply_of_the_wanted_token_alone_is_learnt():
    """Chance is 1 in 24; the optimum is 1."""
    means, _ = trained(toy(), CONFIG, 24)
    assert means[0] < 0.15
    assert sum(means[-3:]) / 3 > 0.9


def test_with_a_penalty_the_policy_comes_to_its_closed_form():
    """The optimum of E[r] - b KL is proportional to p exp(r / b); with b = 1/4 no longer 0 or 1."""
    policy = toy()
    config = replace(
        CONFIG,
        kl_coef=0.25,
        max_completion_length=1,
        rollout_batch_size=192,
        minibatch_size=96,
        forward_batch_size=96,
        learning_rate=3e-3,
    )
    trained(policy, config, 25)
    trained(policy, replace(config, learning_rate=5e-4), 10)
    for prompt in PROMPTS[:2]:
        p = chance(policy, prompt, reference=True)
        tilted = p * math.exp(1 / 0.25)
        assert chance(policy, prompt) == pytest.approx(tilted / (tilted + 1 - p), abs=0.08)


def test_a_heavy_penalty_keeps_the_policy_where_it_was():
    free, held = (trained(toy(), replace(CONFIG, kl_coef=coef), 8) for coef in (0.0, 20.0))
    far, near = (seen.kl.sum(1).mean().item() for _, seen in (free, held))
    assert far > 5.0
    assert near < far / 10
    assert held[0][-1] < free[0][-1] / 3


def test_the_critic_learns_what_to_expect():
    _, seen = trained(toy(), replace(CONFIG, learning_rate=1e-9), 12, reward=always_one)
    error = (seen.values[seen.replies.spoken] - 1).abs().mean()
    assert error < 0.2  # it starts at 1: the head is zero


def always_one(ids, spoken, longest):
    return [1.0] * len(ids)


# Numbers


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"max_steps": 0}, "training.max_steps is 0; make it more than 0"),
        ({"clip_range": -0.1}, "training.clip_range is -0.1; make it more than 0"),
        ({"gamma": 1.5}, "training.gamma is 1.5; make it between 0 and 1"),
        ({"kl_coef": -1.0}, "training.kl_coef is -1.0; make it 0 or more"),
        ({"learning_rate": math.nan}, "training.learning_rate is nan"),
        ({"minibatch_size": 6, "forward_batch_size": 4}, "6 is no multiple of"),
        ({"kl_target": 0.0}, "training.kl_target is 0.0; make it more than 0"),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(numbers, said):
    with pytest.raises(UserError, match=r"^recipe: ") as refused:
        PPOConfig(**numbers)
    assert said in str(refused.value)


def test_several_processes_are_refused(monkeypatch):
    from transformers import TrainingArguments

    monkeypatch.setattr(TrainingArguments, "world_size", 2)
    with pytest.raises(UserError, match="one process"):
        training_arguments(PPOConfig(output_dir="unused", use_cpu=True))
