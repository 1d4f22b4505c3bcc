"""The numbers of a PPO run: the `training:` of its recipe."""

import math
from dataclasses import dataclass, fields

from common.errors import UserError

MAY_BE_ZERO = {"kl_coef", "value_coef", "gamma", "lam", "warmup_steps", "seed"}
AT_MOST_ONE = {"gamma", "lam"}


@dataclass(frozen=True, slots=True)
class PPOConfig:
    """A step draws replies once and goes over them `epochs` times.

    Attributes:
        max_steps: how many of them.
        rollout_batch_size: replies drawn a step, one a prompt.
        minibatch_size: replies in one update of the weights.
        forward_batch_size: replies in memory at once, a divisor; gradients are added up.
        epochs: how often a step goes over its replies.
        learning_rate: of the adapter.
        value_learning_rate: of the value head, which starts at zero.
        lr_scheduler_type: transformers' name of the schedule of both, over the steps.
        warmup_steps: steps until the rates are reached.
        max_grad_norm: longer gradients are shortened to this.
        max_completion_length: longest reply, in tokens.
        temperature: of the draws, and of every log-probability.
        gamma: discount.
        lam: lambda of GAE.
        clip_range: how far a ratio may leave 1.
        value_clip_range: how far a value may leave what it was.
        value_coef: weight of the critic's loss.
        kl_coef: reward lost for every nat that a token is likelier than under the reference.
        kl_target: nats a reply that the coefficient is adapted to; None keeps it.
        kl_horizon: replies over which it adapts.
        logging_steps: steps between two lines of the log.
        save_steps: steps between checkpoints.
        save_total_limit: checkpoints kept.
        report_to: where the log goes beside: tensorboard, mlflow, wandb or none.
        output_dir, seed, use_cpu, metric_for_best_model, greater_is_better: set by the run.
    """

    max_steps: int = 200
    rollout_batch_size: int = 32
    minibatch_size: int = 8
    forward_batch_size: int = 4
    epochs: int = 2
    learning_rate: float = 5e-5
    value_learning_rate: float = 1e-3
    lr_scheduler_type: str = "constant"
    warmup_steps: int = 0
    max_grad_norm: float = 1.0
    max_completion_length: int = 96
    temperature: float = 1.0
    gamma: float = 1.0
    lam: float = 0.95
    clip_range: float = 0.2
    value_clip_range: float = 0.2
    value_coef: float = 0.1
    kl_coef: float = 0.05
    kl_target: float | None = None
    kl_horizon: int = 10_000
    logging_steps: int = 1
    save_steps: int = 10
    save_total_limit: int = 2
    report_to: str | list[str] = "none"
    output_dir: str = ""
    seed: int = 0
    use_cpu: bool = False
    metric_for_best_model: str | None = None
    greater_is_better: bool = True

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant.

        Raises:
            UserError: one is out of its range, or two do not go together.
        """
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            enough = value >= 0 if name in MAY_BE_ZERO else value > 0
            if not enough or not math.isfinite(value) or (name in AT_MOST_ONE and value > 1):
                least = "0 or more" if name in MAY_BE_ZERO else "more than 0"
                wanted = "between 0 and 1" if name in AT_MOST_ONE else least
                raise UserError(f"recipe: training.{name} is {value!r}; make it {wanted}")
        if self.minibatch_size % self.forward_batch_size:
            raise UserError(
                f"recipe: training.minibatch_size {self.minibatch_size} is no multiple of "
                f"training.forward_batch_size {self.forward_batch_size}; make it one"
            )

    def adapted(self, kl_coef: float, kl: float, replies: int) -> float:
        """The coefficient after `replies` of `kl` nats each; Ziegler et al. 2019, section 2.2."""
        if self.kl_target is None:
            return kl_coef
        error = min(max(kl / self.kl_target - 1, -0.2), 0.2)
        return kl_coef * (1 + error * replies / self.kl_horizon)
