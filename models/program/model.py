"""A dspy program that takes the exam: one module, and the chat model that it asks."""

import asyncio
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.identity import digest
from common.threads import Threads
from fixtures.cases import Case
from fixtures.retrieval.passages import Passage
from fixtures.retrieval.retrieval import Retriever
from models.chat import Answer, Chat, ChatModel, Decoding, Message
from models.fitting import fitting
from models.program.asked import Asked
from models.program.entry import ProgramEntry
from models.program.examples import Examples
from models.program.faults import described
from models.program.search import Search, open_search
from models.spoken import answered

if TYPE_CHECKING:
    from models.program.loading import Program

THREADS = 64
"""Cases that a program which is called, not awaited, answers at once."""

FRAME = 128
"""Tokens of a prompt beside its passages, as a first guess: what fits is found by trying."""

NUMBERING = 8
"""Tokens that a prompt puts around a passage, likewise."""

TRIES = 12

NOT_CARRIED = (StopIteration, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit)
"""What a program may raise in a thread and no future hands on as one case's: who awaits it would
wait for ever (`next()` that finds nothing), or all would end."""


@dataclass
class Pipeline:
    """The program of an entry, loaded when it is first needed, and the threads that it runs in."""

    name: str
    entry: ProgramEntry

    @cached_property
    def program(self) -> "Program":
        """The module; dspy is imported here.

        Raises:
            UserError: it cannot be loaded.
        """
        from models.program.loading import load_program

        return load_program(self.entry, self.name)

    @cached_property
    def threads(self) -> tuple[Threads, asyncio.Semaphore]:
        """Those of a module that is called, and how many of them may be under way."""
        return Threads(), asyncio.Semaphore(THREADS)

    @cached_property
    def retriever(self) -> Retriever:
        """What searches a contract for it."""
        return open_search(self.entry.search)

    @cached_property
    def examples(self) -> Examples | None:
        """Where its examples come from, where it takes any."""
        said = self.entry.examples if "examples" in self.program.takes else None
        return Examples(said.dataset, said.k) if said else None

    @property
    def key(self) -> str:
        """SHA-256 of the program, and of what is searched and shown for it."""
        searched = self.retriever.identity if "search" in self.program.takes else ""
        return digest(self.program.key, searched, self.examples.identity if self.examples else "")

    def search(self, case: Case) -> Search:
        """A search of the case's contract."""
        return Search(case, self.retriever)

    async def inputs(self, case: Case, shown: Sequence[Passage], search: Search) -> dict[str, Any]:
        """What the module takes of what there is."""

        async def searched(query: str) -> list[str]:
            return await asyncio.to_thread(search, query)

        given: dict[str, Any] = {
            "question": case.question,
            "passages": [passage.text for passage in shown],
            "search": searched if self.program.awaits else search,
        }
        if self.examples is not None:
            best = shown[0].text if shown else ""
            given["examples"] = await asyncio.to_thread(self.examples.of, case, best)
        return {name: given[name] for name in self.program.takes}

    async def called(self, asked: Asked, inputs: dict[str, Any]) -> Any:
        """What the module makes of the inputs, with all its calls made by `asked`."""
        from models.program.engine import asked_by, language_model

        loop = asyncio.get_running_loop()
        model = language_model(asked.ask, loop, asked.draw)
        module = self.program.module
        adapter = getattr(module, "adapter", None)
        if self.program.awaits:
            with asked_by(model, adapter):
                return await module.acall(**inputs)

        def call() -> Any:
            try:
                with asked_by(model, adapter):
                    return module(**inputs)
            except NOT_CARRIED as error:
                said = RuntimeError(described(error))
                raise said.with_traceback(error.__traceback__) from error

        threads, places = self.threads
        async with places:
            return await threads.run(partial(copy_context().run, call))

    def close(self) -> None:
        """Let go of the threads; what hangs in a user's code is left behind."""
        if "threads" in vars(self):
            threads, _ = vars(self).pop("threads")
            threads.close()


@dataclass(frozen=True)
class ProgramModel:
    """Answers with what a program makes of `generator`.

    It makes no call of its own: `answer_through` is handed who makes them.
    """

    pipeline: Pipeline
    generator: ChatModel
    free: bool = False

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.pipeline.name

    @property
    def uses_passages(self) -> bool:
        """Whether it is shown passages."""
        return self.pipeline.entry.passages

    @property
    def program(self) -> "Program":
        """What it runs.

        Raises:
            UserError: it cannot be loaded.
        """
        return self.pipeline.program

    @property
    def reads_contract(self) -> bool:
        """Whether its answers depend on more of a contract than the passages that it is offered."""
        return bool({"search", "examples"} & self.program.takes)

    @cached_property
    def identity(self) -> str:
        """Digest of the program, and of the chat model that it asks."""
        shown = self.pipeline.entry.most_passages if self.uses_passages else 0
        generator = self.generator
        return digest("program", 1, self.pipeline.key, generator.identity, generator.context, shown)

    @property
    def decoding(self) -> Decoding | None:
        """How its generator picks tokens, where that is known."""
        return getattr(self.generator, "decoding", None)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where manifests lie: beside the compiled program, and beside the generator's weights."""
        compiled = self.pipeline.entry.folder
        voice = getattr(self.generator, "voice", None)
        return (*((compiled,) if compiled else ()), *(voice.folders if voice else ()))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of its results has to know of how it was asked."""
        return tuple(getattr(self.generator, "remarks", ()))

    async def preflight(self) -> None:
        """Load the program; its generator is checked by whoever makes the calls.

        Raises:
            UserError: it cannot be loaded.
        """
        await asyncio.to_thread(lambda: self.program)

    def most_tokens(self, case: Case, passages: Sequence[Passage]) -> int:
        """See Model: none of its own; each of its calls is reserved by itself."""
        return 0

    def shown(self, case: Case, passages: Sequence[Passage]) -> tuple[Passage, ...]:
        """See Model: what fits beside a short prompt. A program may have room for less."""
        return self._fitting(passages, self.generator.context - FRAME)

    async def answer(self, case: Case, passages: Sequence[Passage]) -> Answer:
        """The answer, by calls that nobody keeps."""
        return await self.answer_through(case, passages, _directly)

    async def answer_through(self, case: Case, passages: Sequence[Passage], chat: Chat) -> Answer:
        """The answer, with its calls made by `chat`.

        Where a prompt does not fit, the program is called again without the last passages; calls
        before it are then made again.

        Raises:
            UserError: no later call can succeed either.
        """
        shown, context = self.shown(case, passages), self.generator.context
        for _ in range(TRIES):
            asked = Asked(self.generator, chat)
            answer = await self._answered(case, shown, asked)
            if not asked.longest or not shown:
                break
            room = self._cost(shown) - (asked.longest - context) - FRAME // 8
            shown = self._fitting(shown, room)
        if asked.longest:
            error = f"its prompt has {asked.longest} tokens, {context} fit"
            answer = Answer("", error=error, lasting=True)
        return replace(asked.counted(answer), passages=answer.passages or shown)

    async def _answered(self, case: Case, shown: Sequence[Passage], asked: Asked) -> Answer:
        """What the program says of these passages."""
        search = self.pipeline.search(case)
        inputs = await self.pipeline.inputs(case, shown, search)
        error: BaseException | None = None
        said: Any = None
        try:
            said = await self.pipeline.called(asked, inputs)
        except (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as raised:  # whatever it is, it is this case's
            error = raised
        if asked.raised is not None:
            raise asked.raised
        if asked.failed is not None:
            return asked.failed
        if error is not None:
            return _failure(error, self.program.file)
        found = (each for each in search.found if each not in shown)
        return replace(_spoken(said, asked), passages=(*shown, *found))

    async def logprobs(self, case: Case, passages: Sequence[Passage], reply: str) -> None:
        """It has none: an answer is made of several replies."""

    def drawn(self, temperature: float, seed: int) -> "ProgramModel | None":
        """See Model: a generator that is its own draw always says the same."""
        generator = self.generator.drawn(temperature, seed)
        return None if generator is self.generator else replace(self, generator=generator)

    async def close(self) -> None:
        """Close the generator, and let go of the threads."""
        self.pipeline.close()
        await self.generator.close()

    def _fitting(self, passages: Sequence[Passage], room: int) -> tuple[Passage, ...]:
        if not self.uses_passages:
            return ()
        return fitting(passages[: self.pipeline.entry.most_passages], room, self._cost_of)

    def _cost(self, passages: Sequence[Passage]) -> int:
        costs = (self._cost_of(number, each.text) for number, each in enumerate(passages, 1))
        return sum(costs) + 2 * len(passages)

    def _cost_of(self, number: int, text: str) -> int:
        return self.generator.count(text) + NUMBERING


async def _directly(generator: ChatModel, messages: Sequence[Message]) -> Answer:
    return await generator.chat(messages)


def _spoken(said: Any, asked: Asked) -> Answer:
    """The Answer in what a program returned."""
    text = said if isinstance(said, str) else getattr(said, "answer", None)
    if not isinstance(text, str):
        what = "no field `answer`" if text is None else f"a {type(text).__name__} as answer"
        return Answer(
            "", error=f"the program returned {what}, where a text is wanted", lasting=True
        )
    reasoning = getattr(said, "reasoning", None)
    finish = asked.replies[-1].finish_reason if asked.replies else "stop"
    return answered(text, reasoning=str(reasoning or ""), finish_reason=finish)


def _failure(error: BaseException, file: Path | None) -> Answer:
    """The Answer of a program that raised: what a call lacked, or where the program is wrong."""
    from dspy import LMError
    from dspy.utils.exceptions import AdapterParseError

    from models.program.engine import Unanswered, unwrapped

    if isinstance(error, LMError):
        error = unwrapped(error)
    if isinstance(error, Unanswered):
        return replace(error.answer, text="")
    if isinstance(error, AdapterParseError):
        fields = ", ".join(error.signature.output_fields)
        reply = " ".join(error.lm_response.split())[:80]
        line = f"a reply cannot be read as {fields}: {reply!r}"
    else:
        line = f"the program raised {described(error, file)}"
    return Answer("", error=line, lasting=True)
