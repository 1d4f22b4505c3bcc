"""The model card: README.md beside the weights."""

from typing import Any

from fixtures.download.archive import ATTRIBUTION
from models.manifest import Manifest

CARD = """---
base_model: {base}
library_name: peft
tags: [lora, {method}, contracts, question-answering]
{license}---
# {name}

{description}

A LoRA adapter of `{base}`{start}.
It is for questions about one contract: it answers with the contract's own words, or with
"Not found." where the passages shown do not answer.

## Method
{about}.
Source: {source}.

Steps: {steps}, of which the weights are those of step {delivered}. Tokens: {tokens:,}. Minutes:
{minutes:.0f}. Recipe, seeds, versions, hardware, losses and the titles of the contracts that were
trained on stand in `manifest.json`.

## Data
{data}

## Validation
{validation}

## How to examine it
```
{command}
```
Not legal advice. The adapter quotes; it may quote the wrong clause, and may miss one.
"""


def card(name: str, manifest: Manifest, about: str, source: str, command: str) -> str:
    """The card as Markdown, from the manifest of the adapter."""
    facts = manifest.model_dump()
    recipe = facts["recipe"]
    start = f", trained on from `{facts['start']['name']}`" if facts["start"] else ""
    return CARD.format(
        name=name,
        base=recipe["base"],
        license="license: apache-2.0\n" if recipe["base"] == "embedded:smollm2" else "",
        start=start,
        description=recipe["description"] or f"Trained by {facts['method']}.",
        method=facts["method"],
        about=f"{about[0].upper()}{about[1:]}",
        source=source,
        steps=facts["steps"],
        delivered=facts["delivered_step"],
        tokens=facts["tokens"],
        minutes=facts["seconds"] / 60,
        data=_data(facts),
        validation=_validation(facts["validation"]),
        command=command,
    )


def _data(facts: dict[str, Any]) -> str:
    """Where the rows come from; the data sets that an earlier adapter saw are credited too."""
    data, seen = facts["data"], facts["datasets"]
    said = [f"Made by `{data['command']}` from {data['contracts']} contracts."]
    if facts["start"]:
        said.append(f"With what it started from, it saw {len(facts['contracts'])}.")
    if "cuad" in seen:
        said.append(f"{ATTRIBUTION}.")
    if "sample" in seen:
        said.append("The contracts of `sample` were written for this project.")
    return " ".join(said)


def _validation(curve: list[dict[str, Any]]) -> str:
    if not curve:
        return "No validation exam was held."
    names = [name for name in curve[0] if name != "step"]
    head = ["step", *(name.replace("_", " ") for name in names)]
    lines = [head, ["---:"] * len(head)]
    lines += [[str(each["step"]), *(f"{each[name]:.3f}" for name in names)] for each in curve]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"On contracts that were not trained on, each in 0..1:\n\n{table}"
