"""What a writer makes of a seed, before it is sifted."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from training.data.synthetic import QuestionKind
from training.synthesize.seeds import Seed


@dataclass(frozen=True, slots=True)
class Draft:
    """A question with its answer as a writer gives them, before they are sifted.

    `start` is the answer's offset in the contract, None where it is still to be looked for.
    """

    question: str
    answer: str
    kind: QuestionKind
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The drafts of a seed, and what was written beside them that is no draft, by reason.

    `failed` says why there is no reply at all.
    """

    drafts: tuple[Draft, ...] = ()
    lost: Counter[str] = field(default_factory=Counter)
    failed: str = ""


Writer = Callable[[Seed], Awaitable[Written]]
