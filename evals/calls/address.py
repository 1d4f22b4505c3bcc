"""From what `--store` says to the database that it names."""

from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import UserError
from common.files import private_file, private_folder
from common.redaction import keep_secrets_of

if TYPE_CHECKING:
    from sqlalchemy import URL


DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}

URLS = "give a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE"


def address_of(url: str, shown: str) -> "URL":
    """What SQLAlchemy is to open: a path is one, whatever its characters."""
    from sqlalchemy import URL, make_url

    if "://" not in url:
        return URL.create("sqlite+pysqlite", database=url)
    try:
        address = make_url(url)
    except Exception as error:  # it is not always an ArgumentError
        raise UserError(f"--store {shown}: it is no URL; {URLS}") from error
    if address.drivername not in DRIVERS:
        raise UserError(f"--store {shown}: no store is kept in {address.drivername}; {URLS}")
    keep_secrets_of(url)
    return address.set(drivername=DRIVERS[address.drivername])


def file_of(address: "URL", shown: str) -> Path:
    """SQLite's file, made where there is none: the database would make one for all to read."""
    database = address.database or ""
    if database in ("", ":memory:") or database.startswith("file:") or address.query:
        raise UserError(
            f"--store {shown}: names no file that could be kept, and that alone; {URLS}"
        )
    file = Path(database).resolve()
    try:
        private_folder(file.parent)
        private_file(file)
    except OSError as error:
        raise UserError(f"--store {shown}: {error.strerror}; give another path") from error
    return file
