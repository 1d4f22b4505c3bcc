"""Who types a command, as far as the machine and its environment can tell."""

import getpass
import os
import unicodedata
from dataclasses import dataclass

from pydantic import ConfigDict

from common.visible import visible

ACTORS = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN")
"""Variables in which a CI service says whose job it is."""

BEFORE = ("SUDO_USER", "DOAS_USER")
"""Variables in which whoever lends another account says whose it was before."""

LOOKS = str.maketrans(
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    "\u0430\u0435\u0455\u0456\u0458\u043a\u043c\u043e\u0440\u0441\u0442\u0443\u0445\u04bb\u0501\u051b\u051d\u04cf"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u03b1\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
    "ABESIJKMHOPCTYXaesijkmopctyxhdqwlABEZHIKMNOPTYXaikvoptux",
)
"""Letters of Cyrillic and Greek that are drawn as letters of Latin."""


@dataclass(frozen=True, slots=True)
class Person:
    """One of them, without the machine's name.

    Attributes:
        account: of the process, whatever the environment calls it.
        named: what the environment calls it or who borrowed it (`BEFORE`), where that differs.
        actor: for whom a CI service runs it.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    account: str
    named: str | None = None
    actor: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Whatever this person is called, as `folded` has it."""
        known = (self.account, self.named, self.actor)
        return frozenset(folded(each) for each in known if each)

    @property
    def words(self) -> str:
        """As in "root (as ada)" or "runner (for ada)"."""
        more = [f"as {self.named}"] if self.named else []
        more += [f"for {self.actor}"] if self.actor else []
        return f"{self.account} ({', '.join(more)})" if more else self.account


def folded(name: str) -> str:
    r"""What names are compared by: two that a reader takes for one are one.

    >>> folded("Ａda"), folded("a\u200bd\u0430"), folded(" Ada  Byron ")
    ('ada', 'ada', 'ada byron')
    """
    shown = visible(unicodedata.normalize("NFKC", name)).translate(LOOKS)
    return " ".join(shown.casefold().replace("\N{REPLACEMENT CHARACTER}", "").split())


def are_same(one: Person, other: Person) -> bool:
    """Whether two may be one person: any name that they share, as `folded` has it.

    The jobs of a CI service share an account, so between two of them the actors decide.

    >>> are_same(Person("runner", actor="ada"), Person("runner", actor="bob"))
    False
    >>> are_same(Person("runner", actor="ada"), Person("Ada"))
    True
    """
    if one.actor and other.actor:
        return folded(one.actor) in other.names or folded(other.actor) in one.names
    return not one.names.isdisjoint(other.names)


def person() -> Person:
    """Who runs this process."""
    account = account_name()
    try:
        named = _set(BEFORE) or getpass.getuser()
    except (KeyError, OSError):
        named = account
    return Person(account, named if named != account else None, _set(ACTORS))


def _set(names: tuple[str, ...]) -> str | None:
    """The first of these variables that is set."""
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def account_name() -> str:
    """The account of the process, whatever the environment calls it."""
    import pwd

    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"
