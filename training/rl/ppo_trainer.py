"""PPO in the frame of transformers' Trainer: checkpoints, callbacks, log and schedule are its own.

One step of the trainer is one rollout with all its updates (`training/rl/policy.py`).
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from common.errors import UserError
from training.rl.policy import REFERENCE, Policy, assess, draw, improve, make_policy
from training.rl.ppo_config import PPOConfig
from training.trainer.checkpoints import load_trained
from training.trainer.failures import diverged
from training.trainer.method import TRAINED

CRITIC = "critic.safetensors"


def trainer_class() -> Any:
    """The trainer; what it derives from takes seconds to import."""
    import torch
    from transformers import Trainer

    class PPOTrainer(Trainer):  # type: ignore[misc]
        """Called as trl's trainers are; `reward_funcs` is one function."""

        def __init__(
            self, model: Any, args: PPOConfig, reward_funcs: Any, peft_config: Any = None, **kw: Any
        ) -> None:
            model = with_reference(model, peft_config)
            super().__init__(model=model, args=training_arguments(args), data_collator=list, **kw)
            self.numbers, self.reward, self.kl_coef = args, reward_funcs, args.kl_coef
            self.policy = policy_of(self)
            self.seen: list[dict[str, float]] = []

        def create_optimizer(self, model: Any = None) -> Any:
            found: Any = getattr(self, "optimizer", None) or optimizer(self.policy, self.numbers)
            self.optimizer = found
            return found

        def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
            self.seen.append(step(self, inputs))
            return torch.tensor(self.seen[-1]["objective"], device=self.args.device)

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            super().log(logs | means_of(self.seen) if "loss" in logs else logs, start_time)

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            save(self, Path(output_dir or self.args.output_dir))

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            load(self, Path(resume_from_checkpoint))

        def floating_point_ops(self, inputs: Any) -> int:
            return 0

    return PPOTrainer


def policy_of(trainer: Any) -> Policy:
    """The policy of a trainer whose model and tokenizer stand."""
    tokenizer = trainer.processing_class
    ends = end_marks(trainer.model, tokenizer)
    return make_policy(trainer.model, tokenizer.pad_token_id, ends, trainer.numbers.temperature)


def means_of(seen: list[dict[str, float]]) -> dict[str, float]:
    """Means over the steps since the last line of the log, which are forgotten with it."""
    names = sorted({name for means in seen for name in means})
    found = {name: fmean(means[name] for means in seen if name in means) for name in names}
    seen.clear()
    return found


def training_arguments(config: PPOConfig) -> Any:
    """The frame of a run: transformers' arguments.

    Raises:
        UserError: there are several processes or GPUs; gradients are not shared between them.
    """
    from transformers import TrainingArguments

    arguments = TrainingArguments(
        output_dir=config.output_dir,
        max_steps=config.max_steps,
        per_device_train_batch_size=config.rollout_batch_size,
        gradient_accumulation_steps=1,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.lr_scheduler_type,
        warmup_steps=config.warmup_steps,
        max_grad_norm=0.0,  # every update of the policy clips its own
        logging_steps=config.logging_steps,
        logging_nan_inf_filter=False,
        save_steps=config.save_steps,
        save_total_limit=config.save_total_limit,
        report_to=config.report_to,
        seed=config.seed,
        data_seed=config.seed,
        use_cpu=config.use_cpu,
        bf16=False,
        remove_unused_columns=False,
        metric_for_best_model=config.metric_for_best_model,
        greater_is_better=config.greater_is_better,
        dataloader_pin_memory=False,
        restore_callback_states_from_checkpoint=False,
    )
    if max(arguments.world_size, arguments.n_gpu) > 1:
        raise UserError(
            "ppo trains in one process on one GPU; start it with python and "
            "CUDA_VISIBLE_DEVICES=0, or take grpo or rloo"
        )
    return arguments


def with_reference(model: Any, peft_config: Any) -> Any:
    """The PEFT model to train; of one that has an adapter already, a frozen copy is kept.

    A new adapter needs no copy: without it the model is the bare base.
    """
    from peft import get_peft_model

    if peft_config is not None:
        return get_peft_model(model, peft_config)
    model.add_adapter(REFERENCE, model.peft_config[TRAINED])
    weights = dict(model.named_parameters())
    for name, weight in weights.items():
        if f".{REFERENCE}." in name:
            weight.data.copy_(weights[name.replace(f".{REFERENCE}.", f".{TRAINED}.")].data)
    model.set_adapter(TRAINED)
    return model


def end_marks(model: Any, tokenizer: Any) -> list[int]:
    """The ids that end a reply: the tokenizer's, and those of the base's generation config."""
    named = model.generation_config.eos_token_id
    others = named if isinstance(named, list) else [named]
    return sorted({tokenizer.eos_token_id, *others} - {None})


def optimizer(policy: Policy, config: PPOConfig) -> Any:
    """AdamW over the adapter and the value head, each at its own rate."""
    import torch

    trained = [weight for weight in policy.model.parameters() if weight.requires_grad]
    groups = [
        {"params": trained, "lr": config.learning_rate},
        {"params": list(policy.head.parameters()), "lr": config.value_learning_rate},
    ]
    return torch.optim.AdamW(groups, eps=1e-5, weight_decay=0.0)


def step(trainer: Any, rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Draw a reply to every row, have them rewarded, and improve; what is logged, by name.

    Raises:
        UserError: a loss is not a number.
    """
    policy, config, tokenizer = trainer.policy, trainer.numbers, trainer.processing_class
    policy.model.eval()
    replies = draw(policy, [row["prompt_ids"] for row in rows], config.max_completion_length)
    written = replies.ids[:, -replies.spoken.shape[1] :]
    ids = [row[said].tolist() for row, said in zip(written, replies.spoken, strict=True)]
    texts = tokenizer.batch_decode(
        ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    marks: dict[str, float] = {}
    columns = {name: [row[name] for row in rows] for name in rows[0] if name != "prompt"}
    scores = trainer.reward(
        prompts=[row["prompt"] for row in rows],
        completions=texts,
        completion_ids=ids,
        log_metric=marks.__setitem__,
        **columns,
    )
    seen = assess(policy, replies, scores, trainer.kl_coef, config)
    means = improve(policy, trainer.optimizer, seen, config)
    if not math.isfinite(sum(means.values())):
        raise diverged(trainer.state.global_step + 1)
    kl = seen.kl.sum(1).mean().item()
    used, trainer.kl_coef = trainer.kl_coef, config.adapted(trainer.kl_coef, kl, len(rows))
    trainer.state.num_input_tokens_seen += int(replies.mask.sum())
    return {
        **means,
        **marks,
        "objective": means["policy_loss"] + config.value_coef * means["value_loss"],
        "reward": fmean(scores),
        "kl": kl,
        "kl_coef": used,
        "reply_tokens": fmean(map(len, ids)),
    }


def save(trainer: Any, folder: Path) -> None:
    """Write adapter, value head and the penalty's coefficient into a checkpoint."""
    import torch
    from safetensors.torch import save_file

    trainer.model.save_pretrained(folder, selected_adapters=[TRAINED])
    critic = dict(trainer.policy.head.state_dict())
    critic["kl_coef"] = torch.tensor(trainer.kl_coef, dtype=torch.float64)
    save_file(critic, folder / CRITIC)


def load(trainer: Any, folder: Path) -> None:
    """Read what `save` wrote.

    Raises:
        UserError: the checkpoint has no value head.
    """
    from safetensors.torch import load_file

    if not (folder / CRITIC).is_file():
        raise UserError(f"{folder} holds no {CRITIC}; remove it, and the one before is taken")
    load_trained(trainer.model, folder)
    critic = load_file(folder / CRITIC)
    trainer.kl_coef = critic.pop("kl_coef").item()
    trainer.policy.head.load_state_dict(critic)
