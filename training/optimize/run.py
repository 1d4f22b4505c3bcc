"""One optimisation: an optimiser in a thread of its own, whose calls a loop makes.

Imports dspy: import this module where it is used.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dspy

from common.errors import UserError
from common.files import private_folder, private_opener
from models.chat import Answer, ChatModel, Message
from models.program.engine import asked_by, language_model
from training.optimize.calls import FinalCalls
from training.optimize.demonstrations import OwnLayout
from training.optimize.optimizers import ALL, Task, optimized
from training.optimize.recipe import Settings


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is optimised, and by what.

    Attributes:
        program: the module as it is.
        adapter: lays out its prompts and reads its replies.
        metric: a metric function of dspy.
        train: examples to make demonstrations and proposals from.
        validation: examples of other contracts, to choose by.
        model: answers.
        teacher: whose replies become demonstrations.
        proposer: proposes instructions.
    """

    program: dspy.Module
    adapter: dspy.Adapter
    metric: Callable[..., Any]
    train: Sequence[dspy.Example]
    validation: Sequence[dspy.Example]
    model: ChatModel
    teacher: ChatModel
    proposer: ChatModel


@dataclass(frozen=True, slots=True)
class Optimized:
    """What came of it, with the mean scores on the validation examples, in 0..1."""

    program: dspy.Module
    before: float
    after: float


async def optimize(given: Assignment, recipe: Settings, calls: FinalCalls, log: Path) -> Optimized:
    """Run the optimiser; whatever it prints goes into the log.

    Raises:
        UserError: a call failed or was declined, or the optimiser cannot go on.
    """
    loop = asyncio.get_running_loop()
    model, teacher, proposer = (
        _model(chat, calls, loop) for chat in (given.model, given.teacher, given.proposer)
    )
    task = Task(
        given.program,
        given.metric,
        given.train,
        given.validation,
        model,
        teacher,
        proposer,
        recipe.threads,
        recipe.seed,
    )

    layout = OwnLayout(given.adapter, given.program)

    def work() -> Optimized:
        with _logged(log), asked_by(model, layout), dspy.context(max_errors=ALL):
            before = _score(given.program, task)
            program = optimized(recipe.optimizer, task)
            return Optimized(program, before, _score(program, task))

    try:
        return await calls.serve(work)
    except UserError:
        raise
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{recipe.optimizer.kind} cannot go on: {line}; see {log}") from error


def state_of(program: dspy.Module) -> dict[str, Any]:
    """What dspy saves of a program: instructions and demonstrations, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.json"
        program.save(path)
        state: dict[str, Any] = json.loads(path.read_bytes())
    return state


def _model(chat: ChatModel, calls: FinalCalls, loop: asyncio.AbstractEventLoop) -> dspy.LM:
    """Dspy's language model; what dspy asks at a temperature is drawn, each time anew."""

    async def draw(messages: Sequence[Message], temperature: float, number: int) -> Answer:
        return await calls.chat(chat.drawn(temperature, number), messages)

    return language_model(partial(calls.chat, chat), loop, draw)


def _score(program: dspy.Module, task: Task) -> float:
    evaluate = dspy.Evaluate(
        devset=list(task.validation),
        metric=task.metric,
        num_threads=task.threads,
        max_errors=ALL,
    )
    found = evaluate(program)
    return sum(float(score) for *_, score in found.results) / len(found.results)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Whatever dspy prints and logs goes into a file of its owner's alone: contracts are in it."""
    with ExitStack() as stack:
        try:
            private_folder(path.parent)
            file = stack.enter_context(
                open(path, "w", encoding="utf-8", errors="replace", opener=private_opener)
            )
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}; name --logs") from error
        stack.enter_context(redirect_stdout(file))
        stack.enter_context(redirect_stderr(file))
        yield
