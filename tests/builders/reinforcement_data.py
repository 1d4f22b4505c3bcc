"""Rows about an invented contract, a recipe over a tiny random model, and a reward it can earn."""

from dataclasses import replace

import yaml

from fixtures.retrieval.passages import Passage
from models.prompted import NOT_FOUND, Template
from training.command import run_command
from training.data.examples import Example, Meta, write_examples, write_meta

LAWS = ("Nevada", "Ohio", "Utah", "Texas", "Maine", "Iowa")


def example(law, *, answerable=True):
    """One question about a lease; its passage answers it or does not."""
    text = f"This lease is governed by the law of {law}." if answerable else "Rent is due monthly."
    passage = Passage("lease", 0, len(text), text)
    question = "Which state's law governs this lease?"
    return Example(
        prompt=Template("Quote the lease.").messages(question, [passage]),
        completion=f"the law of {law}" if answerable else NOT_FOUND,
        kind="answerable" if answerable else "unanswerable",
        contract="lease",
        case="0" * 64,
        category="Governing Law",
        gold=(f"the law of {law}",) if answerable else (),
    )


def write_recipe(folder, base, training, rows=None, **keys):
    """A recipe and its data in `folder`; returns the recipe's path."""
    data = folder / "rows.jsonl"
    rows = rows or [example(law, answerable=len(law) != 4) for law in LAWS]
    write_examples(data, rows)
    write_meta(data, Meta(command="test", dataset="invented", dataset_identity="", model="tiny"))
    recipe = {"name": "tiny", "base": str(base), "data": str(data), "training": training}
    path = folder / "recipe.yaml"
    lora = {} if "adapter" in keys else {"lora": {"r": 4, "lora_alpha": 8}}
    path.write_text(yaml.safe_dump({**lora, **recipe, **keys}))
    return path


def run(method, recipe, folder, *options, reward=None, killed_at=None):
    """The exit code of a run that leaves everything in `folder`.

    `reward` maps the text of a reply to a number; the call numbered `killed_at` is interrupted.
    """
    calls = []

    def rewarded(prompts, completions, completion_ids, **columns):
        calls.append(len(completions))
        if len(calls) == killed_at:
            raise KeyboardInterrupt
        replies = [each if isinstance(each, str) else each[-1]["content"] for each in completions]
        return [float(reward(text)) for text in replies]

    if reward:
        method = replace(method, reward=lambda *given: rewarded)
    places = [f"--{name}={folder / name}" for name in ("registry", "adapters", "runs")]
    return run_command(method, [str(recipe), *places, *options])


def vowels(text):
    """A reward that random words earn."""
    return sum(text.count(vowel) for vowel in "aeiou") / 10


def weights(folder, name="tiny"):
    """The adapter that was delivered, in 32 bit."""
    from safetensors.torch import load_file

    found = load_file(folder / "adapters" / name / "adapter_model.safetensors")
    return {key: value.float() for key, value in found.items()}


def same(one, two):
    """Whether two adapters are equal to the bit."""
    return one.keys() == two.keys() and all(one[key].equal(two[key]) for key in one)
