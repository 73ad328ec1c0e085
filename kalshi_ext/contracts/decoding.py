"""From the generated client's keyword arguments to a request, and from JSON to pages.

Only identity, direction, counts and status may cost a row; every other field that is absent, null
or "" becomes None. A row that cannot be read becomes an `InvalidRow` and its page is kept. An
answer whose envelope cannot be read raises, and `protocol/responses` makes it `Unintelligible`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard, TypeVar, cast

from kalshi_ext.arguments import is_storable
from kalshi_ext.protocol.deviations import printable
from kalshi_ext.protocol.messages import Document, InvalidRow, Page, Request
from kalshi_ext.redact import clean_text
from kalshi_ext.values.enums import OpenEnum
from kalshi_ext.values.json_text import compact

T = TypeVar("T")
E = TypeVar("E", bound=OpenEnum)

# What stands beside the rows of a page; positions come as two lists in one.
_ENVELOPE = frozenset({"cursor", "market_positions", "event_positions"})

MAX_CURSOR = 8192  # characters; those seen have about 100, a URL holds 65,536
MAX_NAME = 512  # characters of an id or a ticker

# What reading JSON of any shape can raise. Anything else is a bug of ours and must not be hidden.
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
    if type(document) is dict:
        return compact(cast("dict[str, Any]", document), _ENCODER)
    return _ENCODER.encode(document).encode()


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"  # str(True) is "True", which the exchange refuses
    return str(value)


def decode_page(document: Document, key: str, shape: type, read: Callable[[Any], T]) -> Page[T]:
    """Read one page; `shape` is the contract's type of a row. Null or absent lists are empty.

    A row that cannot be read becomes an InvalidRow, so that one row does not cost the page.
    """
    items: list[T] = []
    invalid: list[InvalidRow] = []
    reasons: dict[str, str] = {}
    for row in _rows(document, key):
        try:
            items.append(read(row))
        except DECODE_ERRORS as error:
            invalid.append(_invalid_row(row, error, shape, reasons))
    return Page(tuple(items), _cursor(document), tuple(invalid), keyed=_is_whole(document, key))


def _is_whole(document: Document, key: str) -> bool:
    """Say whether a page has its list, and neither an error beside it nor another list of rows."""
    others = document.keys() - _ENVELOPE - {key}
    foreign = any(isinstance(document[name], list) and document[name] for name in others)
    return key in document and not foreign and not document.get("error")


def _rows(document: Document, key: str) -> list[Any]:
    rows = document.get(key)
    if rows is not None:
        return as_list(rows, key)
    # An absent key may mean an empty list (observed), but not where something else holds rows.
    foreign = sorted(document.keys() - _ENVELOPE)
    holding = [name for name in foreign if isinstance(document[name], list | dict)]
    if any(document[name] for name in holding):
        names = ", ".join(printable(name) for name in holding[:3])  # they come from the wire
        raise ValueError(f"{key} is missing, and {names} is there instead")
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
    # Absent, null and "" end a list (observed). Any other value would be sent back as it came.
    if cursor is not None and not isinstance(cursor, str):
        raise TypeError("cursor is no text")
    if cursor and (len(cursor) > MAX_CURSOR or not is_storable(cursor)):
        raise ValueError("cursor is a text that cannot be sent back")
    return cursor or None


_MOST_REASONS: Final = 100  # of a page that are told apart; cleaning one costs most of a row


def _invalid_row(row: Any, error: Exception, shape: type, reasons: dict[str, str]) -> InvalidRow:
    if isinstance(error, KeyError):
        missing = str(error.args[0])
        return InvalidRow(row, f"field '{missing}' is missing", shape.__name__, missing)
    said = str(error)  # it may quote the row
    if said not in reasons and len(reasons) < _MOST_REASONS:
        reasons[said] = clean_text(said, 200)
    return InvalidRow(row, reasons.get(said) or type(error).__name__, shape.__name__)


# Calling an enum class takes seven times as long as a look into a dict, five times for each order.
_MEMBERS: dict[type[OpenEnum], dict[str, OpenEnum]] = {}


def enum_member(kind: type[E], value: Any) -> E:
    """Read an enum member; one that the contract does not know stays open (`.known` is False)."""
    members = _MEMBERS.get(kind)
    if members is None:
        members = _MEMBERS[kind] = {member.value: member for member in kind}
    if type(value) is str and value in members:
        return cast("E", members[value])
    if not isinstance(value, str):
        raise TypeError(f"{kind.__name__} must be text, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{kind.__name__} is blank")  # which says as little as null
    return kind(value)


def optional_enum_member(kind: type[E], value: Any) -> E | None:
    """Read an enum member that may be absent, null or empty."""
    return enum_member(kind, value) if value else None


def required_text(row: Any, name: str) -> str:
    """Return a text that must be there and hold something: an id or a ticker."""
    value = row[name]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is not a text that names something")
    if not can_be_id(value):
        raise ValueError(f"{name} is a text that no id can be")
    return value


def can_be_id(value: str) -> bool:
    """Say whether a text can be an id: it goes into URLs, journals and databases."""
    return len(value) <= MAX_NAME and is_storable(value)


def optional_text(row: Any, name: str) -> str | None:
    """Return a text that may be absent, null or empty, like a client_order_id."""
    return required_text(row, name) if row.get(name) else None


def required(value: T | None, name: str) -> T:
    """Return a value that must be there; KeyError names the field that is not."""
    if value is None:
        raise KeyError(name)
    return value


def decode_nothing(document: Document) -> None:
    """Read the answer of a write that says nothing but yes; `responses` refused all but objects."""
    del document
