"""Clipped PPO over a causal language model with LoRA: a policy, its critic, and one update.

`draw` writes replies, `assess` reads them and estimates advantages, `improve` updates. Tensors
have one row a reply and one column a token of it; `spoken` is True up to the end mark. Sources:
Schulman et al. 2017 (PPO) and 2016 (GAE), Ziegler et al. 2019 (penalty to a reference).
"""

import contextlib
import inspect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.rl.ppo_config import PPOConfig

if TYPE_CHECKING:
    from torch import Tensor


REFERENCE = "reference"
"""The adapter that a policy is held to, where it did not start from the bare base."""

Means = dict[str, float]


@dataclass(frozen=True)
class Policy:
    """A PEFT model whose `default` adapter is trained, and its critic.

    `head` maps the last hidden state to a value, in 32 bit. `ends` are the ids that end a reply.
    `reference` names the frozen adapter that the policy is held to; None is the bare base.
    """

    model: Any
    head: Any
    pad: int
    ends: tuple[int, ...]
    reference: str | None = None
    temperature: float = 1.0


@dataclass(frozen=True)
class Replies:
    """`ids` and `mask` are (rows, prompt + reply), padded on both sides."""

    ids: "Tensor"
    mask: "Tensor"
    spoken: "Tensor"


@dataclass(frozen=True)
class Experience:
    """What an update needs, each (rows, reply); `kl` is the log-ratio to the reference."""

    replies: Replies
    logprobs: "Tensor"
    values: "Tensor"
    kl: "Tensor"
    advantages: "Tensor"
    returns: "Tensor"


def make_policy(model: Any, pad: int, ends: Sequence[int], temperature: float) -> Policy:
    """A policy in evaluation mode for good, for under dropout no ratio is right; all values 0."""
    import torch

    head = torch.nn.Linear(model.config.get_text_config().hidden_size, 1, device=model.device)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    held = REFERENCE if REFERENCE in model.peft_config else None
    return Policy(model.eval(), head, pad, tuple(ends), held, temperature)


def draw(policy: Policy, prompts: Sequence[Sequence[int]], longest: int) -> Replies:
    """A reply of at most `longest` tokens to each prompt, all in one batch."""
    import torch
    from transformers import GenerationConfig

    width, model = max(map(len, prompts)), policy.model
    padding = [width - len(prompt) for prompt in prompts]
    rows = [[policy.pad] * n + list(p) for n, p in zip(padding, prompts, strict=True)]
    ids = torch.tensor(rows, device=model.device)
    mask = torch.tensor([[0] * n + [1] * (width - n) for n in padding], device=model.device)
    # All that shapes a draw is named: what is left out, the base's own config would fill in.
    drawing = GenerationConfig(
        do_sample=True, temperature=policy.temperature, top_k=0, top_p=1.0, repetition_penalty=1.0,
        no_repeat_ngram_size=0, num_beams=1, max_new_tokens=longest, use_cache=True,
        eos_token_id=list(policy.ends), pad_token_id=policy.pad,
    )  # fmt: skip
    with torch.no_grad():
        ids = model.generate(input_ids=ids, attention_mask=mask, generation_config=drawing)
    ends = torch.isin(ids[:, width:], torch.tensor(policy.ends, device=ids.device)).long()
    spoken = ends.cumsum(1) - ends == 0  # up to the first end mark, and it too
    return Replies(ids, torch.cat([mask, spoken.long()], 1), spoken)


def read(policy: Policy, ids: "Tensor", mask: "Tensor", length: int) -> tuple[Any, Any, Any]:
    """Log-probability, value and entropy (nats, no gradient) of the last `length` columns."""
    understood = inspect.signature(policy.model.get_base_model().forward).parameters
    places = (mask.cumsum(-1) - 1).clamp(min=0)  # padding is not counted
    options = {"position_ids": places, "logits_to_keep": length + 1, "use_cache": False}
    options = {name: value for name, value in options.items() if name in understood}
    output = policy.model(input_ids=ids, attention_mask=mask, output_hidden_states=True, **options)
    logits = output.logits[:, -length - 1 : -1].float() / policy.temperature
    total = logits.logsumexp(-1)
    logprobs = logits.gather(-1, ids[:, -length:, None])[..., 0] - total
    values = policy.head(output.hidden_states[-1][:, -length - 1 : -1].float())[..., 0]
    plain = logits.detach()
    return logprobs, values, total.detach() - (plain.softmax(-1) * plain).sum(-1)


def assess(
    policy: Policy, replies: Replies, scores: Sequence[float], kl_coef: float, config: PPOConfig
) -> Experience:
    """Read replies as policy, critic and reference do, and estimate advantages.

    `scores` holds one reward a reply, given at its last token; every token also pays `kl_coef`
    times its log-ratio to the reference. The policy is the one that drew them, unchanged since.
    """
    import torch

    spoken, device = replies.spoken, replies.ids.device
    logprobs = torch.zeros(spoken.shape, device=device)
    values, reference = logprobs.clone(), logprobs.clone()
    with torch.no_grad():
        for rows in chunks(range(len(spoken)), config.forward_batch_size):
            ids, mask, width = trimmed(replies, rows)
            logprobs[rows, :width], values[rows, :width], _ = read(policy, ids, mask, width)
            with speaking_as_reference(policy):
                reference[rows, :width], _, _ = read(policy, ids, mask, width)
    kl = (logprobs - reference) * spoken
    rewards = -kl_coef * kl
    last = (torch.arange(len(spoken), device=device), spoken.sum(1) - 1)
    rewards[last] += torch.tensor(scores, device=device)
    advantages = gae(rewards, values, spoken, config.gamma, config.lam)
    whitened = whiten(advantages, spoken)
    return Experience(replies, logprobs, values, kl, whitened, advantages + values)


def improve(policy: Policy, optimizer: Any, seen: Experience, config: PPOConfig) -> Means:
    """Go over the experience `epochs` times; means over the updates.

    The first epoch goes in the order and the batches in which `assess` read: the ratios of its
    first update are exactly 1.
    """
    import torch

    rows, found = len(seen.logprobs), list[Means]()
    for epoch in range(config.epochs):
        order = torch.randperm(rows).tolist() if epoch else range(rows)
        for batch in chunks(order, config.minibatch_size):
            found.append(update(policy, optimizer, seen, batch, config))
    return {name: sum(each[name] for each in found) / len(found) for name in found[0]}


def update(
    policy: Policy, optimizer: Any, seen: Experience, batch: Sequence[int], config: PPOConfig
) -> Means:
    """One step of the optimizer on the rows `batch`; means over their tokens."""
    import torch

    total: Means = defaultdict(float)
    for rows in chunks(batch, config.forward_batch_size):
        ids, mask, width = trimmed(seen.replies, rows)
        at = (rows, slice(width))
        logprobs, values, entropy = read(policy, ids, mask, width)
        ratio = (logprobs - seen.logprobs[at]).exp()
        drift = (ratio.detach() - 1).abs()
        held = (seen.values[at], seen.returns[at], config.value_clip_range)
        by_token = {
            "policy_loss": policy_loss(ratio, seen.advantages[at], config.clip_range),
            "value_loss": value_loss(values, *held),
            "entropy": entropy,
            "drift": drift,
            "clipped": (drift > config.clip_range).float(),
        }
        weight = seen.replies.spoken[at] / seen.replies.spoken[batch].sum()
        means = {name: (each * weight).sum() for name, each in by_token.items()}
        (means["policy_loss"] + config.value_coef * means["value_loss"]).backward()
        for name, mean in means.items():
            total[name] += mean.item()
    trained = [each for group in optimizer.param_groups for each in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(trained, config.max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()
    return {**total, "gradient": norm.item()}


def policy_loss(ratio: "Tensor", advantages: "Tensor", clip: float) -> "Tensor":
    """-min(r A, clip(r, 1 - c, 1 + c) A) by token; Schulman et al. 2017, equation 7."""
    return -(ratio * advantages).minimum(ratio.clamp(1 - clip, 1 + clip) * advantages)


def value_loss(values: "Tensor", old: "Tensor", returns: "Tensor", clip: float) -> "Tensor":
    """Half the larger squared error of a value and of it held within `clip` of the old one."""
    held = old + (values - old).clamp(-clip, clip)
    return ((values - returns) ** 2).maximum((held - returns) ** 2) / 2


def gae(rewards: "Tensor", values: "Tensor", spoken: "Tensor", gamma: float, lam: float) -> Any:
    """Advantages A_t = d_t + gamma lam A_{t+1} with d_t = r_t + gamma V_{t+1} - V_t; GAE, eq. 16.

    All are (rows, steps); after its last spoken step a row has ended, with value and advantage 0.
    """
    advantages = rewards.new_zeros(rewards.shape)
    following = later = rewards.new_zeros(len(rewards))  # value and advantage a step later
    for step in reversed(range(rewards.shape[1])):
        surprise = rewards[:, step] + gamma * following - values[:, step]
        later = (surprise + gamma * lam * later) * spoken[:, step]
        following = values[:, step] * spoken[:, step]
        advantages[:, step] = later
    return advantages


def whiten(numbers: "Tensor", spoken: "Tensor") -> "Tensor":
    """Mean 0 and variance 1 over the spoken tokens; 0 elsewhere."""
    chosen = numbers[spoken]
    return (numbers - chosen.mean()) / (chosen.std(correction=0) + 1e-8) * spoken


def chunks(rows: Sequence[int], size: int) -> list[list[int]]:
    """`size` row numbers at a time, in their order."""
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]


def trimmed(replies: Replies, rows: list[int]) -> "tuple[Tensor, Tensor, int]":
    """`ids` and `mask` of some rows without columns that are padding in all, and reply width."""
    mask, longest = replies.mask[rows], replies.spoken.shape[1]
    width = int(replies.spoken[rows].sum(1).max())
    kept = slice(int(mask.argmax(1).min()), mask.shape[1] - longest + width)
    return replies.ids[rows, kept], mask[:, kept], width


@contextlib.contextmanager
def speaking_as_reference(policy: Policy) -> Iterator[None]:
    """The model answers as the reference within."""
    if policy.reference is None:
        with policy.model.disable_adapter():
            yield
    else:
        policy.model.set_adapter(policy.reference)
        yield
        policy.model.set_adapter("default")
