"""What a model that is read from files is, as data: all that its identities are made of."""

from dataclasses import dataclass
from pathlib import Path

from models.chat import Decoding, Model


@dataclass(frozen=True, slots=True)
class Voice:
    """Weights on this machine, as they answer.

    Attributes:
        base: the folder of the base.
        dtype: torch's name of it.
        adapter: the folder of the adapter; None for the bare base.
        decoding: how tokens are picked.
    """

    base: Path
    dtype: str
    adapter: Path | None
    decoding: Decoding

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where it is read from, the adapter first."""
        return (self.adapter, self.base) if self.adapter else (self.base,)


@dataclass(frozen=True, slots=True)
class Prompt:
    """How a chat model is asked a case.

    Attributes:
        context: prompt tokens that fit beside the longest answer.
        sample: role and words of each turn that asks one question about one passage.
        most_passages: so many are shown at most; None for all, 0 for a closed book.
    """

    context: int
    sample: tuple[tuple[str, str], ...]
    most_passages: int | None


@dataclass(frozen=True, slots=True)
class Spec:
    """A local model that takes the exam: whose voice, and how it is asked."""

    voice: Voice
    prompt: Prompt


def folders_of(model: Model) -> tuple[Path, ...]:
    """The folders that a model is read from, what was trained last first; manifests lie there.

    A model that is made of others says them itself (its `folders`).
    """
    spec, own = spec_of(model), getattr(model, "folders", None)
    return own if own is not None else spec.voice.folders if spec else ()


def spec_of(model: Model) -> Spec | None:
    """What a model says that it is (its `spec`); None of one that is read from no files."""
    spec: Spec | None = getattr(model, "spec", None)
    return spec
