"""What happens between the steps: the validation exam, early stopping, the clock, NaN."""

import math
import time
from collections.abc import Callable
from typing import Any

from training.trainer.checkpoints import exhausted
from training.trainer.failures import diverged
from training.trainer.recipe import ValidationExam


def callbacks(exam: ValidationExam | None) -> list[Any]:
    """The callbacks of a run."""
    return [_watch(), _exams(exam)] if exam else [_watch()]


def _watch() -> Any:
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        """Stops at a loss that is no number, before it reaches the weights, and notes seconds."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.since = time.perf_counter()

        def on_pre_optimizer_step(
            self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
        ) -> None:
            if not args.fp16 and not _finite(model):
                raise diverged(state.global_step + 1)

        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any
        ) -> None:
            if not math.isfinite(float((logs or {}).get("loss", 0.0))):
                raise diverged(state.global_step)
            now = time.perf_counter()
            if state.log_history:
                state.log_history[-1]["seconds"] = now - self.since
            self.since = now

    return Watch()


def _exams(plan: ValidationExam) -> Any:
    from transformers import TrainerCallback

    class Exams(TrainerCallback):  # type: ignore[misc]
        """Asks for an exam every so many steps and at the end, and stops when patience is out."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
            last = state.global_step >= state.max_steps
            control.should_evaluate = last or state.global_step % plan.every == 0
            return control

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
            control.should_save = True
            if exhausted(state.log_history, plan.patience):
                control.should_training_stop = True
            return control

    return Exams()


def examined_by(trainer: Any, exam: Callable[[], dict[str, float]]) -> None:
    """Let `trainer` evaluate by an exam's scores instead of by a loss over an evaluation set."""

    def evaluate(*args: Any, **kwargs: Any) -> dict[str, float]:
        found = {f"eval_{name}": value for name, value in exam().items()}
        trainer.log(found)
        trainer.control = trainer.callback_handler.on_evaluate(
            trainer.args, trainer.state, trainer.control, found
        )
        return found

    trainer.evaluate = evaluate


def _finite(model: Any) -> bool:
    """Whether the gradients are numbers, tested by their sum: one pass, one number read back."""
    sums = [p.grad.sum() for p in model.parameters() if p.grad is not None]
    return not sums or math.isfinite(float(sum(sums)))
