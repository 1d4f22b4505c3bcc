"""What becomes of a request: asked, answered, logged, and asked of a shadow."""

import asyncio
import secrets
import sys
import time
from dataclasses import dataclass, field, replace

from common.errors import UserError
from common.loading import first_line
from fixtures.cases import Case, Contract
from fixtures.retrieval.passages import Passage
from fixtures.retrieval.retrieval import Retriever
from fixtures.served import Served
from fixtures.shown import shown_case
from models.chat import Answer
from models.serve.asked import Asked
from models.serve.log import Log
from models.serve.opened import Voice
from models.serve.roster import Roster
from models.serve.waves import FullError, Waves


@dataclass(frozen=True, slots=True)
class Given:
    """What a request was answered: by whom, and whether it stands in the log."""

    id: str
    voice: Voice
    answer: Answer
    logged: bool


@dataclass(frozen=True, slots=True)
class _Put:
    """A request as models are asked it; of a chat there is no case.

    `fault` is why its passages could not be found, where they could not: no model is asked then.
    """

    asked: Asked
    case: Case | None = None
    passages: tuple[Passage, ...] = ()
    fault: str = ""

    async def ask(self, voice: Voice) -> Answer:
        if self.fault:
            return Answer("", error=self.fault)
        if self.case is None:
            assert voice.chat
            return await voice.chat.chat(self.asked.messages)
        return await voice.model.answer(self.case, self.passages)

    def row(self, name: str, at: float, began: float, voice: Voice, answer: Answer) -> Served:
        """How the log has it, answered just now."""
        shown = answer.passages or (self.passages if self.case else ())
        return Served(
            id=name,
            time=at,
            question=self.asked.question,
            contract=self.asked.contract,
            passages=tuple(each.text for each in shown),
            answer="" if answer.error else answer.text,
            model=voice.name,
            identity=voice.identity,
            category=self.asked.category,
            latency=time.monotonic() - began,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            error=answer.error or "",
        )


@dataclass
class Service:
    """Answers requests by who is in service.

    Attributes:
        roster: who that is.
        log: where requests are written.
        retriever: finds passages of a contract that is sent whole.
        waves: requests on their way.
        answered: requests so far, those with an error too.
        shadows_missed: requests without a shadow's answer, since too many waited for it.
    """

    roster: Roster
    log: Log
    retriever: Retriever
    waves: Waves = field(default_factory=Waves)
    answered: int = 0
    shadows_missed: int = 0
    _shadows: "set[asyncio.Task[None]]" = field(default_factory=set, repr=False)
    _searching: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def answer(self, asked: Asked, kind: str) -> Given:
        """Answer a request, and log it.

        Args:
            asked: the request.
            kind: how its id begins.

        Raises:
            KeyError: its model is not served.
            FullError: too many wait.
            UserError: the model cannot chat.
        """
        began, at, cast = time.monotonic(), time.time(), self.roster.cast(asked)
        if asked.messages and not cast.voice.chat:
            raise UserError(f"{cast.voice.name} answers questions on a contract; ask /v1/answers")
        put, name = await self._put(asked), f"{kind}-{secrets.token_hex(12)}"
        answer = await self._asked(put, cast.voice)
        row = replace(
            put.row(name, at, began, cast.voice, answer),
            arm=cast.arm or "",
            split=cast.split,
            pair=name if cast.shadow else "",
        )
        logged = await self.log.write(row, asked.user)
        self.answered += 1
        if cast.shadow:
            task = asyncio.create_task(self._shadow(put, cast.shadow, row))
            self._shadows.add(task)
            task.add_done_callback(self._shadows.discard)
        return Given(name, cast.voice, answer, logged)

    async def _put(self, asked: Asked) -> _Put:
        if asked.messages:
            return _Put(asked)
        if asked.passages:
            shown = shown_case(asked.question, asked.contract, asked.passages, asked.category)
            return _Put(asked, *shown)
        contract = Contract(asked.contract or "contract", asked.text)
        case = Case("served", "served", contract, asked.category, asked.question, ())
        try:
            async with self._searching:  # the index takes one at a time
                (passages,) = await asyncio.to_thread(self.retriever.retrieve, [case])
        except Exception as error:  # of this machine, and not of the request
            return _Put(asked, case, fault=first_line(error))
        return _Put(asked, case, passages)

    async def _asked(self, put: _Put, voice: Voice, *, shadow: bool = False) -> Answer:
        """The model's answer; whatever it raises is an error of this request alone."""
        try:
            return await self.waves.answer(lambda: put.ask(voice), shadow=shadow)
        except FullError:
            raise
        except Exception as error:
            return Answer("", error=first_line(error))

    async def _shadow(self, put: _Put, voice: Voice, given: Served) -> None:
        """Ask the candidate what the champion was asked; nobody is given its answer."""
        began = time.monotonic()
        try:
            answer = await self._asked(put, voice, shadow=True)
        except FullError:
            self.shadows_missed += 1
            return
        row = put.row(f"{given.id}-shadow", given.time, began, voice, answer)
        row = replace(row, arm="candidate", shadow=True, pair=given.pair, split=given.split)
        await self.log.write(row, put.asked.user)

    async def finish(self, seconds: float) -> None:
        """Wait for shadows under way and lines that are late, no longer than so many seconds."""
        end = time.monotonic() + seconds
        if self._shadows:
            _, left = await asyncio.wait(self._shadows, timeout=seconds)
            self.shadows_missed += len(left)
        if self.shadows_missed:
            print(
                f"{self.shadows_missed:,} requests have no answer of the candidate in the shadow, "
                "which is asked when nobody else waits",
                file=sys.stderr,
            )
        await self.log.finish(max(0.0, end - time.monotonic()))
