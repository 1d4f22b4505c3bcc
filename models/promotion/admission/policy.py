"""The policy file, typed: what a promotion asks of an exam, and where data may be sent."""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from common.identity import digest
from common.settings import read_toml
from models.manifest import Sha256
from models.promotion.record.file import SHIPPED as SHIPPED_FOLDER
from models.promotion.record.people import folded

FILE = "policy.toml"
SHIPPED = SHIPPED_FOLDER / FILE
WRITE = "python -m models.promote --write-policy"
ANY = "*"
BUCKET = "s3://"
HOST = re.compile(rf"\*|(\*\.|{BUCKET})?[a-z0-9_]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:]*:[0-9a-f:.]*")

Count = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Yes = Annotated[bool, Field(strict=True)]
Reason = Annotated[str, Field(strict=True, min_length=1, pattern=r"\S")]
Word = Annotated[str, Field(strict=True, min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AllowedLimit(_Table):
    """A `--limit` that may be given, with `--balanced` or without."""

    cases: Count
    balanced: Yes = False


class AllowedRetriever(_Table):
    """How passages may be found: whatever is named here must be so, the rest may be anything."""

    kind: Word | None = None
    k: Count | None = None
    chunk_size: Count | None = None
    chunk_overlap: Annotated[int, Field(strict=True, ge=0)] | None = None
    identity: Sha256 | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError('say what of a retriever is allowed, as in { kind = "bm25", k = 5 }')
        return self


class AskedOfExam(_Table):
    """What an exam must have been, before anything it found counts.

    `datasets` are allowed by identity, `without_margin` metrics that may gate by a floor alone
    where there is a champion; both say why. `limits` empty asks every case.
    """

    datasets: dict[Sha256, Reason]
    split: Literal["test"] = "test"
    least_contracts: Count
    least_cases: Count
    limits: tuple[AllowedLimit, ...] = ()
    leave_out_trained: Yes = False
    retrievers: tuple[AllowedRetriever, ...] = Field(min_length=1)
    judges: tuple[Word, ...] = ()
    without_margin: dict[Word, Reason] = {}


class Sealed(_Table):
    """Of contracts that are kept for promotions: how often they may be opened."""

    openings: Count = 10


class AskedOfPeople(_Table):
    """How many others must approve of a promotion, for how long at most, and by which keys.

    `needed` 0 asks nobody. `people` are public keys by name, each as the SHA-256 of its PEM: where
    there are any, nobody else approves, and each signs.
    """

    needed: Annotated[int, Field(strict=True, ge=0, le=100)] = 0
    days: Annotated[int, Field(strict=True, ge=1, le=3650)] = 14
    people: dict[Word, Sha256] = {}

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        for what, each in (("name", map(folded, self.people)), ("key", self.people.values())):
            if len(set(each)) < len(self.people):
                raise ValueError(f"two of `people` have one {what}: a person counts once")
        if self.people and len(self.people) < self.needed:
            raise ValueError(
                f"{self.needed} are needed and `people` lists {len(self.people)}: nothing could "
                "be promoted"
            )
        return self


NOBODY = AskedOfPeople()


class Policy(_Table):
    """The whole file.

    `gates` are allowed by `Gate.identity`, `excused` models by name, both with the reason; whoever
    is no `approver` may not promote, and everyone may where there is none. `egress` names, for each
    data set, the hosts that it may be sent to.
    """

    gates: dict[Sha256, Reason]
    exam: AskedOfExam
    approvers: tuple[Word, ...] = ()
    versioned: Yes = True
    excused: dict[Word, Reason] = {}
    sealed: Sealed = Sealed()
    approval: AskedOfPeople = NOBODY
    egress: dict[Word, tuple[Word, ...]] = {}

    @field_validator("egress")
    @classmethod
    def _are_hosts(cls, egress: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, hosts in egress.items():
            for host in hosts:
                if not HOST.fullmatch(host):
                    raise ValueError(
                        f"{host!r}, to which {name} may be sent, is no host: write it without "
                        "scheme, port and path, in small letters, as in api.example.com, or "
                        "*.example.com for all below it, or s3://BUCKET"
                    )
        return egress

    @cached_property
    def identity(self) -> str:
        """SHA-256 of what the file says, comments and order aside.

        What asks nothing of people says nothing: so a policy of before is the same one.
        """
        silent = {"approval"} if self.approval == NOBODY else None
        return digest("policy", self.model_dump(mode="json", exclude=silent))


def policy_path(registry: Path) -> Path:
    """Where the policy of a registry lies: beside it, as the champion does."""
    return registry.parent / FILE


def read_policy(path: Path = SHIPPED) -> Policy | None:
    """Read a policy file; None where there is none, which allows nothing.

    Raises:
        UserError: it cannot be read, has a key that is not known or a value that cannot be.
    """
    if not path.exists() and not path.is_symlink():
        return None
    policy: Policy = read_toml(path, Policy)
    return policy
