"""The store's tables, and a database that is brought to them: a new one, or one of long ago."""

from typing import TYPE_CHECKING, Any

from common.errors import UserError
from evals.calls.odd_rows import odd_row

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData


VERSION = "1"


def exam_tables() -> "MetaData":
    """Every table by its name, each with a `key`; nothing is asked of a database yet."""
    from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Text

    metadata = MetaData()

    def table(name: str, *columns: Column[Any]) -> None:
        Table(name, metadata, Column("key", String(64), primary_key=True), *columns)

    table("meta", Column("value", Text))
    table("retrievals", Column("passages", Text), Column("contract", String(64)))
    table(
        "answers",
        Column("model", Text),
        Column("text", Text),
        Column("tokens_in", Integer),
        Column("tokens_out", Integer),
        Column("latency", Float),
        Column("finish_reason", Text),
        Column("confidence", Float),
        Column("passages", Text),
        Column("asked_at", Float),
        Column("reasoning", Text),
        Column("cost", Text),
        Column("contract", String(64)),
    )
    table(
        "scores",
        Column("metric", Text),
        Column("value", Float),
        Column("reason", Text),
        Column("cost", Text),
        Column("contract", String(64)),
    )
    table(
        "payments",
        Column("exam", String(64), index=True),
        Column("call", String(32)),
        Column("state", Text),
        Column("cost", Text),
    )
    return metadata


def prepare(connection: "Connection", metadata: "MetaData", url: str) -> None:
    """Make what is missing of the tables, in the transaction of the connection.

    Args:
        connection: to the database.
        metadata: what `exam_tables` says.
        url: what the database is called in an error.

    Raises:
        UserError: the database is another program's, of another version, or in an encoding that
            cannot hold every answer.
    """
    from sqlalchemy import inspect, select

    meta = metadata.tables["meta"]
    present = set(inspect(connection).get_table_names())
    if present and "meta" not in present:
        raise UserError(f"store {url} belongs to another program; give another --store")
    if connection.dialect.name == "postgresql":
        encoding = connection.exec_driver_sql("show server_encoding").scalar_one()
        if encoding != "UTF8":
            raise UserError(
                f"store {url} is encoded in {encoding}, which cannot hold every answer; "
                "make its database with ENCODING 'UTF8'"
            )
    metadata.create_all(connection)
    _add_new_columns(connection, metadata, present)
    kept = {row.key: row.value for row in connection.execute(select(meta))}
    if not kept:
        connection.execute(meta.insert(), {"key": "version", "value": VERSION})
    elif set(kept) != {"version"}:
        key = next(key for key in kept if key != "version")
        raise odd_row(url, connection.dialect.name, "meta", key, "is not ours")
    elif kept["version"] != VERSION:
        raise UserError(
            f"store {url} was written by store version {kept['version']}, this is {VERSION}; "
            f"keep it and start another: `mv {url} {url}.v{kept['version']}`"
        )


def _add_new_columns(connection: "Connection", metadata: "MetaData", present: set[str]) -> None:
    """Columns that a store written by an earlier release does not have yet, empty."""
    from sqlalchemy import inspect, text

    for name in present & set(metadata.tables):
        there = {column["name"] for column in inspect(connection).get_columns(name)}
        for column in metadata.tables[name].columns:
            if column.name not in there:
                kind = column.type.compile(connection.dialect)
                connection.execute(text(f"ALTER TABLE {name} ADD COLUMN {column.name} {kind}"))
