"""ORPO with the loss on completions only.

trl's trainer takes the likelihood term over prompt and reply; here prompts are contract text ten
times as long as the reply, and the model would learn to write contracts.
"""

from typing import Any

from training.loss.completion_head import add_completion_head


def trainer_class() -> Any:
    """The trainer of trl with this loss; what it derives from takes seconds to import."""
    from trl.experimental.orpo import ORPOTrainer
    from trl.trainer.utils import add_fused_lm_head

    class CompletionORPOTrainer(ORPOTrainer):  # type: ignore[misc]
        """Takes rows that are tokenized already, and scores the positions that have labels."""

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            base = self.model.get_base_model()
            on_cpu = self.accelerator.device.type == "cpu"
            outputs = ("log_probs", "mean_logits")
            (add_completion_head if on_cpu else add_fused_lm_head)(base, outputs=outputs)

        def tokenize_row(self, feature: Any, model: Any = None) -> Any:
            return feature

        def concatenated_forward(self, model: Any, batch: Any) -> tuple[Any, ...]:
            both = self.concatenated_inputs(
                batch, padding_value=self.padding_value, device=self.accelerator.device
            )
            output = model(
                input_ids=both["concatenated_input_ids"],
                attention_mask=both["concatenated_attention_mask"],
                labels=both["concatenated_labels"],
                fused_lm_head=True,
            )
            seen = self.accelerator.gather(both["concatenated_attention_mask"].sum())
            self.state.num_input_tokens_seen += int(seen.sum())
            sums, sizes = output.log_probs.sum(1), output.label_mask.sum(1)
            chosen = len(batch["chosen_labels"])
            means = sums / sizes
            likelihood = -sums[:chosen].sum() / sizes[:chosen].sum()
            logits = output.mean_logits[:chosen], output.mean_logits[chosen:]
            return (means[:chosen], means[chosen:], *logits, likelihood)

    return CompletionORPOTrainer
