"""Dspy programs of a user's, with a chat model that replies by a script."""

from dataclasses import dataclass, field

from fixtures.cases import Case, Contract
from fixtures.retrieval.passages import Chunker
from models.chat import Answer, Decoding
from models.echo import EchoChat
from models.program.entry import ProgramEntry
from models.program.model import Pipeline, ProgramModel

TEXT = (
    "1. Term. This Agreement runs for two years. "
    "2. Law. The laws of Nevada govern this Agreement. "
    "3. Fees. The fee is $5,000 a month, due in advance. "
)

CAREFUL = '''
import dspy


class Careful(dspy.Module):
    """Drafts an answer, and looks at it again."""

    def __init__(self):
        self.draft = dspy.Predict("passages: list[str], question -> answer")
        self.check = dspy.Predict("passages: list[str], question, draft -> answer")

    def forward(self, question, passages):
        draft = self.draft(question=question, passages=passages).answer
        return self.check(question=question, passages=passages, draft=draft)
'''


@dataclass(frozen=True)
class Scripted(EchoChat):
    """Replies with what `reply` makes of a chat: a text, or an Answer. `heard` are the chats."""

    name: str = "scripted"
    reply: object = None
    decoding: Decoding = field(default_factory=Decoding)
    heard: list = field(default_factory=list)
    identity: str = "scripted-1"

    async def chat(self, messages):
        self.heard.append((self.decoding, tuple(messages)))
        said = self.reply(messages) if self.reply else fields(answer="Nevada")
        words = sum(self.count(message.content) for message in messages)
        return said if isinstance(said, Answer) else Answer(said, tokens_in=words, tokens_out=3)

    def drawn(self, temperature, seed):
        decoding = Decoding(temperature=temperature, seed=seed)
        identity = f"{self.identity} {temperature} {seed}"
        return Scripted(self.name, self.context, self.reply, decoding, self.heard, identity)


def fields(**said):
    """A reply in dspy's layout."""
    parts = [f"[[ ## {name} ## ]]\n{text}" for name, text in said.items()]
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])


def contract_case(text=TEXT, question="Which law governs?", name="K"):
    return Case(name, name, Contract(name, text), "Governing Law", question, ())


def cut(case, size=60):
    return Chunker(size=size, overlap=0).split(case.contract)


def written(folder, source=CAREFUL, name="careful.py"):
    """A user's file."""
    path = folder / name
    path.write_text(source)
    return path


def program(entry_program="rag", chat=None, name="candidate", **said):
    """A model of a program: a shipped one's name, or a user's file."""
    said = {"kind": "program", "program": str(entry_program), "generator": "scripted", **said}
    return ProgramModel(Pipeline(name, ProgramEntry(**said)), chat or Scripted())
