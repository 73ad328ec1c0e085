"""Refuse what a fault cannot be told, before any request meets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from kalshi_ext.errors import Misuse

Check: TypeAlias = tuple[str, Callable[[Any], bool]]
"""The rule in words, and whether a value keeps it."""


def _whole(least: int, most: float = float("inf")) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

    return fits


def _number(least: float, most: float) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and least <= value <= most

    return fits


def _or_none(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _places(value: Any) -> bool:
    at = _whole(0)
    return isinstance(value, list | tuple) and all(map(at, cast("list[Any]", value)))


def _commands(value: Any) -> bool:
    rows = cast("list[Any]", value if isinstance(value, list | tuple) else [None])
    return all(
        isinstance(row, dict) and _text(cast("dict[str, Any]", row).get("action")) for row in rows
    )


_COUNT: Check = ("a whole number from 0", _whole(0))
_FLAG: Check = ("true or false", _flag)
_TEXT: Check = ("text", _text)
_TEXT_OR_NOT: Check = ("text, or null", _or_none(_text))
_DAY = 86_400

FIELDS: Mapping[str, Check] = {
    "operation": _TEXT_OR_NOT,
    "account": _TEXT_OR_NOT,
    "skip": _COUNT,
    "times": ("a whole number from 0, or null for ever", _or_none(_whole(0))),
    "every": ("a whole number from 1", _whole(1)),
    "chance": ("a number from 0 to 1", _number(0, 1)),
}
PARAMETERS: Mapping[str, Check] = {
    "status": ("a status from 200 to 599", _whole(200, 599)),
    "executed": _FLAG,
    "forward": _FLAG,
    "code": _TEXT,
    "content_type": _TEXT,
    "body": ("anything", lambda _value: True),
    "order_id": _TEXT_OR_NOT,
    "to": ("list, null, text or numbers", ("list", "null", "text", "numbers").__contains__),
    "where": ("request or response", ("request", "response").__contains__),
    "keep": _COUNT,
    "size": ("a whole number from 1", _whole(1)),
    "later": _COUNT,
    "at": _COUNT,
    "seconds": ("a number from 0 to 86400", _number(0, _DAY)),
    "entries": ("a list of places from 0", _places),
    "commands": ('a list of {"action": ..., "params": {...}}', _commands),
}
_SPECIAL: Mapping[tuple[str, str], Check] = {
    ("skew", "seconds"): ("a number of seconds, at most a day either way", _number(-_DAY, _DAY)),
    ("reset_request", "at"): ("a whole number from 0, or null for the end", _or_none(_whole(0))),
}


def check(kind: str, fields: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    """Raise Misuse for a value that a fault of this kind cannot use."""
    for name, value in fields.items():
        _insist(name, value, FIELDS[name])
    for name, value in parameters.items():
        _insist(f"{kind}: {name}", value, _SPECIAL.get((kind, name)) or PARAMETERS[name])


def _insist(name: str, value: object, rule: Check) -> None:
    words, fits = rule
    if not fits(value):
        raise Misuse(f"{name}: {words}, not {value!r:.80}")
