"""Who types a command, as far as the machine and its environment can tell."""

import getpass
import os
from dataclasses import dataclass

from pydantic import ConfigDict

ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN")
"""Variables in which a CI service says whose job it is."""


@dataclass(frozen=True, slots=True)
class Person:
    """One of them, without the machine's name.

    Attributes:
        account: of the process, whatever the environment calls it.
        named: what the environment calls it, where that differs.
        actor: for whom a CI service runs it.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    account: str
    named: str | None = None
    actor: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Whatever this person is called, in small letters."""
        known = (self.account, self.named, self.actor)
        return frozenset(each.casefold() for each in known if each)

    @property
    def words(self) -> str:
        """As in "root (as ada)" or "runner (for ada)"."""
        more = [f"as {self.named}"] if self.named else []
        more += [f"for {self.actor}"] if self.actor else []
        return f"{self.account} ({', '.join(more)})" if more else self.account


def are_same(one: Person, other: Person) -> bool:
    """Whether two may be one person: any name that they share, in whatever letter case.

    The jobs of a CI service share an account, so between two of them the actors decide.

    >>> are_same(Person("runner", actor="ada"), Person("runner", actor="bob"))
    False
    >>> are_same(Person("runner", actor="ada"), Person("Ada"))
    True
    """
    if one.actor and other.actor:
        return one.actor.casefold() in other.names or other.actor.casefold() in one.names
    return not one.names.isdisjoint(other.names)


def person() -> Person:
    """Who runs this process."""
    account = account_name()
    try:
        named = getpass.getuser()
    except (KeyError, OSError):
        named = account
    actor = next((os.environ[name] for name in ACTORS if os.environ.get(name)), None)
    return Person(account, named if named != account else None, actor)


def account_name() -> str:
    """The account of the process, whatever the environment calls it."""
    import pwd

    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"
