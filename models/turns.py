"""Turns of a chat, for models that have no turn for the rules."""

from collections.abc import Sequence

from models.chat import Message


def without_system(turns: Sequence[Message]) -> tuple[Message, ...]:
    """The turns, with what the system says at the head of the user's turn that follows."""
    found: list[Message] = []
    rules: list[str] = []
    for turn in turns:
        if turn.role == "system":
            rules.append(turn.content)
            continue
        content = "\n\n".join(filter(None, [*rules, turn.content]))
        found.append(Message(turn.role, content) if turn.role == "user" else turn)
        rules = [] if turn.role == "user" else rules
    return (*found, *(Message("user", each) for each in ["\n\n".join(rules)] if rules))
