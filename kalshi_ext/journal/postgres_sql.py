"""The statements of a PostgreSQL journal, for one schema."""

from __future__ import annotations

from typing import Final

from attrs import frozen
from psycopg import sql

from kalshi_ext.journal.entry import OPEN
from kalshi_ext.journal.rows import COLUMNS
from kalshi_ext.journal.sqlite_schema import OPEN_STATES
from kalshi_ext.journal.store import Selection

_TYPES: Final = {
    "subaccount": "integer",
    "attempts": "integer",
    "created_at": "bigint",
    "sent_at": "bigint",
    "updated_at": "bigint",
}
_LIST: Final = ", ".join(COLUMNS)
_TYPED: Final = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)
_SETS: Final = ", ".join(f"{name} = x.{name}" for name in COLUMNS if name != "key")


@frozen
class Statements:
    """Build statements for the tables of a schema. One statement takes any number of rows."""

    schema: str

    def _build(self, text: str) -> bytes:
        # Column and state names come from this library; the schema's name is quoted.
        return text.format(table=sql.Identifier(self.schema, "entry").as_string()).encode()

    def load(self, *, lock: bool) -> bytes:
        """Read by keys and intents. In the order of keys, so that two lockers never deadlock."""
        end = "ORDER BY key FOR UPDATE" if lock else ""
        where = "WHERE key = ANY(%s) OR intent = ANY(%s)"
        return self._build(f"SELECT {_LIST} FROM {{table}} {where} {end}")  # noqa: S608 - names

    def insert(self) -> bytes:
        """Insert rows given as JSON; a taken key or intent gives no row back."""
        return self._build(
            f"INSERT INTO {{table}} ({_LIST}) SELECT {_LIST} FROM json_to_recordset(%s::json)"  # noqa: S608 - names
            f" AS x({_TYPED}) ORDER BY key ON CONFLICT DO NOTHING RETURNING key"
        )

    def update(self) -> bytes:
        """Update rows given as JSON."""
        return self._build(
            f"UPDATE {{table}} e SET {_SETS} FROM json_to_recordset(%s::json) AS x({_TYPED})"  # noqa: S608 - names
            " WHERE e.key = x.key RETURNING e.key"
        )

    def select(self, selection: Selection) -> bytes:
        """List rows of a selection by position."""
        names = ", ".join(f"'{name}'" for name in selection.state_names)
        states = OPEN_STATES if selection.states == OPEN else names or "NULL"
        ticker = "" if selection.ticker is None else "AND ticker = %(ticker)s"
        return self._build(
            f"SELECT seq, {_LIST} FROM {{table}} WHERE state IN ({states}) AND seq > %(after)s"  # noqa: S608 - names
            f" {ticker} ORDER BY seq LIMIT %(limit)s"
        )
