"""From the generated client's keyword arguments to a request, and from rows to pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard, TypeVar, cast

from kalshi_ext.protocol.messages import DeviationCounter, Document, Request
from kalshi_ext.protocol.pagination import InvalidRow, Page
from kalshi_ext.values.enums import OpenEnum

T = TypeVar("T")
E = TypeVar("E", bound=OpenEnum)

# What stands beside the rows of a page; positions come as two lists in one.
_ENVELOPE = frozenset({"cursor", "market_positions", "event_positions"})

DECODE_ERRORS = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)


def build_request(kwargs: Mapping[str, Any]) -> Request:
    """Turn what a generated `_get_kwargs` returns into a request; JSON compact, in order."""
    body = kwargs.get("json")
    return Request(
        method=kwargs["method"].upper(),
        path=kwargs["url"],
        query=tuple((name, _text(value)) for name, value in kwargs.get("params", {}).items()),
        body=None if body is None else to_json(body),
    )


def to_json(document: Document) -> bytes:
    """Write JSON the one way this library does: compact, UTF-8, no NaN."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def decode_page(
    document: Document,
    key: str,
    shape: type,
    read: Callable[[Any, DeviationCounter], T],
    watch: DeviationCounter,
) -> Page[T]:
    """Read one page: null or absent lists are empty, an unreadable row is set aside."""
    good: list[T] = []
    aside: list[InvalidRow] = []
    for row in _rows(document, key, watch):
        try:
            good.append(read(notice(row, shape, watch), watch))
        except DECODE_ERRORS as error:
            aside.append(_invalid_row(row, error, shape, watch))
    return Page(tuple(good), _cursor(document), tuple(aside))


def _rows(document: Document, key: str, watch: DeviationCounter) -> list[Any]:
    foreign = sorted(document.keys() - _ENVELOPE - {key})
    for name in foreign:
        watch.add("unknown_field", f"page.{name}")
    if document.get(key) is not None:
        return as_list(document[key], key)
    # Absent may be empty, but not where something else may hold the rows, or an error.
    holding = [name for name in foreign if isinstance(document[name], list | dict)]
    if any(document[name] for name in holding):
        raise ValueError(f"{key} is missing, and {', '.join(holding)} is there instead")
    return []


def as_list(value: object, name: str) -> list[Any]:
    """Return a list that must be one. TypeError names what is not."""
    if not _is_list(value):
        raise TypeError(f"{name} is no list")
    return value


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _cursor(document: Document) -> str | None:
    cursor = document.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise TypeError("cursor is no text")
    return cursor or None


def _invalid_row(row: Any, error: Exception, shape: type, watch: DeviationCounter) -> InvalidRow:
    watch.add("invalid_row", shape.__name__)
    if isinstance(error, KeyError):
        watch.add("missing_field", f"{shape.__name__}.{error.args[0]}")
        return InvalidRow(row, f"field {error.args[0]!r} is missing")
    return InvalidRow(row, str(error) or type(error).__name__)


_KNOWN: dict[type, frozenset[str]] = {}
# Calling an enum class takes seven times as long as a look into a dict, five times for each order.
_MEMBERS: dict[type[OpenEnum], dict[str, OpenEnum]] = {}


def notice(row: Any, shape: type, watch: DeviationCounter) -> Any:
    """Report the fields of a row that its contract does not know; return the row."""
    known = _KNOWN.get(shape)
    if known is None:
        known = _KNOWN[shape] = frozenset(shape.__annotations__)
    if not row.keys() <= known:
        for name in row.keys() - known:
            watch.add("unknown_field", f"{shape.__name__}.{name}")
    return row


def enum_member(kind: type[E], value: Any, watch: DeviationCounter) -> E:
    """Read an enum member; a member the contract does not know is reported and kept open."""
    members = _MEMBERS.get(kind)
    if members is None:
        members = _MEMBERS[kind] = {member.value: member for member in kind}
    if type(value) is str and value in members:
        return cast("E", members[value])
    if not isinstance(value, str):
        raise TypeError(f"{kind.__name__} must be text, not {type(value).__name__}")
    found = kind(value)
    if not found.known:
        watch.add("unknown_member", kind.__name__)
    return found


def optional_enum_member(kind: type[E], value: Any, watch: DeviationCounter) -> E | None:
    """Read an enum member that may be absent, null or empty."""
    return enum_member(kind, value, watch) if value else None


def required_text(row: Any, name: str) -> str:
    """Return a text that must be there and hold something: an id or a ticker."""
    value = row[name]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is not a text that names something")
    return value


def required(value: T | None, name: str) -> T:
    """Return a value that must be there; KeyError names the field that is not."""
    if value is None:
        raise KeyError(name)
    return value


def decode_nothing(document: Document, watch: DeviationCounter) -> None:
    """Read the answer of a write that says nothing but yes."""
    if document is not None and not isinstance(document, Mapping):
        raise TypeError("expected an object or nothing")
