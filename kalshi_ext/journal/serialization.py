"""Entries as rows and as JSON. Times are whole microseconds since 1970, UTC."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import fields

from kalshi_ext.journal.entry import Entry

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TIMES: Final = frozenset({"created_at", "sent_at", "updated_at"})

COLUMNS: Final = tuple(part.name for part in fields(Entry))
"""The columns of a stored entry, in the order of `to_row`."""


def micros(moment: datetime) -> int:
    """Count the microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(count: int) -> datetime:
    """Turn microseconds since 1970 into a datetime."""
    return _EPOCH + timedelta(microseconds=count)


def to_row(entry: Entry) -> dict[str, Any]:
    """Write an entry as column values."""
    return {name: _stored(getattr(entry, name)) for name in COLUMNS}


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return micros(value)
    return str(value) if isinstance(value, str) else value  # a State becomes plain text


def from_row(values: Sequence[Any]) -> Entry:
    """Read column values in the order of COLUMNS. Raises ValueError when one cannot be."""
    row = dict(zip(COLUMNS, values, strict=True))
    for name in _TIMES:
        row[name] = None if row[name] is None else _moment(row[name])
    return Entry(**row)


def _moment(count: Any) -> datetime:
    try:
        return from_micros(count)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"no time in microseconds: {count!r}") from error


def to_json(entry: Entry) -> dict[str, Any]:
    """Write an entry for people and exports: ISO times, ticket and verdict as JSON values."""
    written: dict[str, Any] = {name: getattr(entry, name) for name in COLUMNS}
    for name in _TIMES:
        written[name] = None if written[name] is None else written[name].isoformat()
    return written | {name: _parsed(written[name]) for name in ("ticket", "verdict")}


def _parsed(text: str | None) -> Any:
    return json.loads(text) if text is not None and _is_json(text) else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def row_problems(row: Sequence[Any]) -> list[str]:
    """Name what is wrong with a stored row: its position, then the values of an entry."""
    try:
        entry = from_row(row[1:])
    except (ValueError, TypeError) as error:
        return [f"row {row[0]}: {error}"]
    return [f"entry {entry.key}: {problem}" for problem in _problems(entry)]


def _problems(entry: Entry) -> list[str]:
    texts = {"ticket": entry.ticket, "verdict": entry.verdict}
    found = [f"{name} is not JSON" for name, text in texts.items() if text and not _is_json(text)]
    if entry.updated_at < entry.created_at:
        found.append("updated_at lies before created_at")
    if not entry.owner:
        found.append("it has no owner")
    return found
