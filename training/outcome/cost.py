"""What an adapter cost to make and costs to keep, for its manifest; unknown stays unknown."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import tomlkit

from common.command import Parser
from common.files import write_whole
from common.identity import file_digest
from models.manifest import Manifest, read_manifest, write_manifest
from models.price import read_dollars

HOUR = 3600
GIGABYTE = 2**30
"""Bytes, as storage is billed."""


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars of an hour of a machine, and of a gigabyte kept for a month; None is unknown."""

    hour: Decimal | None = None
    gigabyte_month: Decimal | None = None

    @property
    def named(self) -> bool:
        """Whether one of them is known."""
        return (self.hour, self.gigabyte_month) != (None, None)


def add_rates(parser: Parser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--hourly-price", metavar="USD", help="of the machine, for the manifest (unknown)")
    add("--storage-price", metavar="USD", help="of a GB and month, for the manifest (unknown)")


def read_rates(hourly: str | None, storage: str | None) -> Rates:
    """The rates that were typed.

    Raises:
        UserError: one is no amount.
    """
    return Rates(read_dollars("--hourly-price", hourly), read_dollars("--storage-price", storage))


def cost_of(rates: Rates, seconds: float | None, size: int) -> dict[str, Any]:
    """What a manifest holds of it under `cost`, amounts as text; None is unknown.

    Args:
        rates: what was named.
        seconds: that the machines were paid for, one after the other.
        size: of the adapter's files in bytes.

    >>> cost_of(Rates(hour=Decimal("1.2")), 1800, 9)["training"]
    {'seconds': 1800, 'usd_per_hour': '1.2', 'usd': '0.6000'}
    """
    hours = None if seconds is None else Decimal(str(seconds)) / HOUR
    return {
        "training": {
            "seconds": seconds,
            "usd_per_hour": _text(rates.hour),
            "usd": _product(rates.hour, hours),
        },
        "storage": {
            "bytes": size,
            "usd_per_gb_month": _text(rates.gigabyte_month),
            "usd_per_month": _product(rates.gigabyte_month, Decimal(size) / GIGABYTE),
        },
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _product(rate: Decimal | None, times: Decimal | None) -> str | None:
    """To a hundredth of a cent."""
    return None if rate is None or times is None else f"{rate * times:.4f}"


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def with_cost(manifest: Manifest, cost: dict[str, Any]) -> Manifest:
    """The manifest with what the adapter cost."""
    return Manifest.model_validate({**manifest.model_dump(), "cost": cost})


def note_cost(adapter: Path, entry: Path, rates: Rates, seconds: float | None) -> None:
    """Write what a job cost into the manifest that it left, and the digest of that into its entry.

    Nothing is written where nothing is known.
    """
    manifest = read_manifest(adapter)
    if manifest is None or (seconds is None and not rates.named):
        return
    cost = cost_of(rates, seconds, size_of(adapter))
    digest = file_digest(write_manifest(adapter, with_cost(manifest, cost)))
    if entry.is_file():
        facts = tomlkit.parse(entry.read_text(encoding="utf-8"))
        if "manifest" in facts:
            facts["manifest"] = digest
            write_whole(entry, tomlkit.dumps(facts), mend="free space and type the same line again")
