"""What a round does: commands in their order, each with what it reads and leaves."""

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from common.doors import DOORS, as_typed
from common.redaction import outward
from models.local.entry import LocalEntry
from models.promotion.admission.policy import FILE as PROMOTIONS
from models.promotion.champion import FILE as CHAMPION
from models.registry import entry_path, is_registered, read_entry
from training.loop.journal import STATE, folder_of
from training.loop.policy import LoopPolicy, Training

CAPS = ("--max-calls", "--max-cost")
"""Options that are given what a budget has left."""

HOURS = "--hours"
"""The option by which a job on SageMaker ends itself when the hours of the round do."""

Kind = Literal["rows", "training", "exam", "approval", "promotion"]


@dataclass(frozen=True, slots=True)
class Step:
    """One command.

    Attributes:
        name: within its round.
        kind: what tells whether it has done its work.
        module: the command; `pytest` is the exam.
        arguments: behind it.
        takes: files and folders that it reads.
        leaves: those that it writes; of an exam and a promotion what is found afterwards.
        capped: its options that are given what the budget has left.
    """

    name: str
    kind: Kind
    module: str
    arguments: tuple[str, ...]
    takes: tuple[Path, ...] = ()
    leaves: tuple[Path, ...] = ()
    capped: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """As it is typed, without the secrets of an address in it."""
        words = outward(shlex.join(self.arguments))
        if self.module == "pytest":
            return as_typed(f"pytest evals {words}")
        return as_typed(f"python -m {self.module} {words}")

    def command(self, further: tuple[str, ...] = ()) -> list[str]:
        """As a process is begun, in a clone as where the product is installed."""
        return module_command(self.module, (*self.arguments, *further))


def module_command(module: str, arguments: tuple[str, ...]) -> list[str]:
    """The words that run a command of the house in another process."""
    door = next((each for each in DOORS.values() if each.module == module), None)
    words = ("bar_exam", *door.name.split()) if door else (module,)
    return [sys.executable, "-m", *words, *arguments]


def steps_of(
    policy: LoopPolicy, number: int, state: Path = STATE, *, people: bool, champion: str = ""
) -> tuple[Step, ...]:
    """Every step of a round, in its order.

    Args:
        policy: what a round does.
        number: of the round.
        state: folder of the journals.
        people: whether there is feedback that the round may use.
        champion: the adapter that was in service when it began; empty where there was none.
    """
    people = people and policy.preferences.feedback and policy.align is not None
    folder = folder_of(number, state)
    return tuple(_steps(policy, policy.candidate(number), folder, people, champion))


def _steps(
    policy: LoopPolicy, candidate: str, folder: Path, people: bool, champion: str
) -> Iterator[Step]:
    data = ("--dataset", policy.dataset)
    feedback = folder / "feedback.jsonl" if people else None
    if feedback:
        # What people say later is of the next round: the files are no input that may change.
        files = tuple(map(str, policy.feedback))
        arguments = ("sift", *files, *data, "--output", str(feedback))
        yield Step("sift", "rows", "training.loop", arguments, leaves=(feedback,))
    synthetic = folder / "synthetic.jsonl"
    if policy.synthesize:
        yield _synthesis(policy, data, synthetic)
    rows = folder / "sft.jsonl"
    added = ("--synthetic", str(synthetic)) if policy.synthesize else ()
    yield Step(
        "data", "rows", "training.data",
        (*data, *added, *policy.data.arguments, *policy.places, "--output", str(rows)),
        (synthetic,) if policy.synthesize else (),
        (rows, rows.with_suffix(".meta.json"), rows.with_suffix(".validation.jsonl")),
    )  # fmt: skip
    sft = f"{candidate}-sft" if policy.align else candidate
    if policy.sft:
        before = champion if policy.sft.start == "champion" else ""
        from_ = start_of(policy, before) if before else None
        yield _training(policy, "sft", policy.sft, sft, rows, rows, before, from_)
    if policy.align:
        pairs = folder / "preferences.jsonl"
        yield _preferences(policy, sft if policy.sft else None, rows, feedback, pairs)
        start = sft if policy.sft and policy.align.method == "dpo" else ""
        from_ = adapter_folder(policy, sft) if start else None
        yield _training(policy, "align", policy.align, candidate, pairs, rows, start, from_)
    yield from _judging(policy, candidate)


def _synthesis(policy: LoopPolicy, data: tuple[str, ...], output: Path) -> Step:
    asked = policy.synthesize
    assert asked is not None
    return Step(
        "synthesize", "rows", "training.synthesize",
        (*data, "--n", str(asked.n), "--judge", asked.judge, *asked.arguments, *policy.places,
         *policy.kept, "--output", str(output)),
        leaves=(output, output.with_suffix(".meta.json")),
        capped=CAPS,
    )  # fmt: skip


def adapter_folder(policy: LoopPolicy, model: str) -> Path:
    """Where the adapter of a model of the loop lies."""
    return policy.models / "adapters" / model


def start_of(policy: LoopPolicy, model: str) -> Path:
    """What the adapter of a model is known by: its folder; of one in S3 its entry."""
    if not is_registered(model, policy.registry):
        return adapter_folder(policy, model)
    entry = read_entry(model, policy.registry)
    if isinstance(entry, LocalEntry) and isinstance(entry.adapter, Path):
        return entry.adapter
    return entry_path(model, policy.registry)


def _training(
    policy: LoopPolicy,
    name: str,
    training: Training,
    model: str,
    rows: Path,
    examples: Path,
    start: str,
    from_: Path | None,
) -> Step:
    own = {
        "name": model,
        "data": str(rows),
        "validation": str(examples.with_suffix(".validation.jsonl")),
    }
    if start or training.method != "dpo":  # DPO without [sft] starts from what its recipe names
        own["adapter"] = start or "null"
    if start and training.method == "sft":
        own["lora"] = "{}"  # that of the recipe is for a new adapter
    given = (*training.settings, *(f"{key}={value}" for key, value in own.items()))
    settings = tuple(word for each in given for word in ("--set", each))
    words = (str(training.recipe), *settings, *training.arguments)
    module, caps = f"training.{training.method}", tuple[str, ...]()
    if training.where == "sagemaker":
        module, words = "training.sagemaker", (training.method, *words, "--wait")
        caps = () if HOURS in training.arguments else (HOURS,)
    elif policy.places:
        words = (*words, *policy.places, "--adapters", str(policy.models / "adapters"))
    takes = (training.recipe, rows, *((from_,) if from_ else ()))
    leaves = (entry_path(model, policy.registry), adapter_folder(policy, model))
    return Step(name, "training", module, words, takes, leaves, caps)


def _preferences(
    policy: LoopPolicy, model: str | None, rows: Path, feedback: Path | None, output: Path
) -> Step:
    wanted = policy.preferences
    words = (
        *(("--model", model) if model else ()),
        *("--judge", ",".join(wanted.judges), "--examples", str(rows)),
        *(("--feedback", str(feedback)) if feedback else ()),
        *wanted.arguments,
        *policy.places,
        *policy.kept,
        *("--output", str(output)),
    )
    takes = (rows, *((feedback,) if feedback else ()))
    from_ = (adapter_folder(policy, model),) if model else ()
    leaves = (output, output.with_suffix(".meta.json"))
    return Step(
        "preferences", "rows", "training.preferences", words, (*takes, *from_), leaves,
        CAPS if model else (),
    )  # fmt: skip


def _judging(policy: LoopPolicy, candidate: str) -> Iterator[Step]:
    adapter = adapter_folder(policy, candidate)
    champion, promotions = policy.models / CHAMPION, policy.models / PROMOTIONS
    # What either says now is what the exam has to stand on: where it changed, so does the exam.
    standing = tuple(each for each in (champion, promotions) if each.is_file())
    against = ("--baseline", "champion") if champion in standing else ()
    asked = ("--model", candidate, "--dataset", policy.dataset, *against)
    exam = (
        *asked, *policy.examine.arguments, *policy.places, *policy.reports, *policy.kept, "-q",
    )  # fmt: skip
    yield Step("examine", "exam", "pytest", exam, (adapter, *standing), capped=CAPS)
    if policy.examine.sealed:
        words = (*exam, "--sealed")
        yield Step("sealed", "exam", "pytest", words, (adapter, *standing), capped=CAPS)
    if policy.approval:
        words = (candidate, "--status", "--json", *policy.places, *policy.reports)
        yield Step("approve", "approval", "models.approve", words, (adapter, *standing))
    words = (candidate, *policy.places, *policy.reports)
    yield Step("promote", "promotion", "models.promote", words, (adapter,))
