"""The card of an optimised program: README.md beside it."""

from fixtures.download.archive import ATTRIBUTION
from models.manifest import Manifest
from training.optimize.recipe import Recipe

CARD = """# {name}

{description}

The program `{program}`, asked of `{generator}`, as dspy's {method} left it: {did}.
It is for questions about one contract. Instructions and demonstrations stand in `program.json`;
the recipe, parents, versions and the titles of the contracts that were learnt from in
`manifest.json`.

- Learnt from {train} cases, chosen by {validation} others, of {contracts} contracts of the train
  split of `{dataset}`. {attribution}
- {metric} on those that chose: {before:.3f} as it was, {after:.3f} as it is. That is no estimate
  of what it does in an exam: the best of several was taken.
- Replies: {calls:,}, with {tokens_in:,} tokens in and {tokens_out:,} out{price}.

```
pytest evals --model {name} --baseline {program}
```
Not legal advice. Demonstrations quote contracts of the data set: who may not see these may not see
this folder.
"""

METHODS = {
    "bootstrap": ("BootstrapFewShot", "replies that the metric accepts became demonstrations"),
    "bootstrap-search": (
        "BootstrapFewShotWithRandomSearch",
        "of several sets of such demonstrations the best",
    ),
    "mipro": ("MIPROv2", "proposed instructions and demonstrations, by Bayesian search"),
    "gepa": ("GEPA", "instructions that were rewritten after reading why answers were wrong"),
}
"""What dspy calls an optimiser, and what it does, by kind."""


def card(recipe: Recipe, manifest: Manifest) -> str:
    """The card as Markdown, from the manifest of the candidate."""
    facts = manifest.model_dump()
    method, did = METHODS[recipe.optimizer.kind]
    return CARD.format(
        name=recipe.name,
        description=recipe.description or f"{recipe.program}, optimised.",
        program=recipe.program,
        generator=facts["base"],
        method=method,
        did=did,
        dataset=recipe.dataset,
        attribution=f"{ATTRIBUTION}." if recipe.dataset == "cuad" else "",
        **{key: facts["data"][key] for key in ("train", "validation", "contracts")},
        **{key: facts["scores"][key] for key in ("metric", "before", "after")},
        price=f", ${usd}" if (usd := facts["cost"].pop("usd")) else "",
        **facts["cost"],
    )
