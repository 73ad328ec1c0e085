"""Any path of the exchange as a call, for operations that no contract here names.

The path is data of a caller, perhaps built from data of others, and the request will be signed: so
it can only be a path below the exchange's base URL, of the characters that its ids are made of.
Nothing is known of what the operation does, so anything but a GET counts as a write without a key:
it goes again only where the attempt before was certainly not executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TypeAlias, TypeGuard
from uuid import UUID

from kalshi_ext.arguments import MAX_ENTRIES, entries, must_be, plain, safely
from kalshi_ext.contracts.decoding import to_json
from kalshi_ext.errors import Misuse
from kalshi_ext.protocol.messages import Call, Document, Operation, Repeat, Request
from kalshi_ext.redact import clean_text, is_a, redacted_repr

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
# A path as the exchange has them (observed). No percent sign: some servers take %2e%2e for dots.
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~:-]+", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9_.\[\]-]+", re.ASCII)
MAX_DIGITS: Final = 100
MAX_PATH: Final = 2_000
_SUCCESS: Final = frozenset(range(200, 300))

ParameterValue: TypeAlias = str | int | bool | Decimal | UUID | None
Parameters: TypeAlias = Mapping[str, ParameterValue | Sequence[str | int]]


def any_call(method: str, path: str, params: Parameters | None, json: Document) -> Call[Any]:
    """Check a request to any path and bind it to its answer, the parsed JSON. Raises Misuse."""
    verb, where = _method(method), _path(path)
    if verb == "GET" and json is not None:
        raise Misuse("json must be None for GET: say params")
    operation = Operation(
        id=f"{verb} {where}",
        method=verb,
        path=where,
        facade="request",
        repeat=Repeat.READ if verb == "GET" else Repeat.UNKEYED,
        success=_SUCCESS,
        any_json=True,
    )
    body = None if json is None else _body(json)
    return Call(operation, Request(verb, where, _query(params), body), lambda document: document)


def _method(method: object) -> str:
    given = plain(method)
    verb = given.upper() if type(given) is str and len(given) < 10 else ""
    if verb not in METHODS:
        raise Misuse(f"method must be one of {', '.join(METHODS)}, not {redacted_repr(method)}")
    return verb


def _path(path: object) -> str:
    # fullmatch, because `$` lets a newline pass.
    rule = "must be a path below the exchange's base URL, such as '/portfolio/balance'"
    if type(path) is not str or not path.startswith("/") or len(path) > MAX_PATH:
        raise Misuse(f"path={redacted_repr(path)}: {rule}")
    segments = path[1:].split("/")
    for segment in segments:
        if not _SEGMENT.fullmatch(segment) or not segment.strip("."):
            raise Misuse(
                f"path={redacted_repr(path)}: {rule}; each part is made of letters, digits and "
                "._~:- and is not dots alone; the query goes into params"
            )
    if segments[0] == "trade-api":
        raise Misuse(f"path={redacted_repr(path)}: {rule}; leave /trade-api/v2 out")
    return path


def _query(params: Parameters | None) -> tuple[tuple[str, str], ...]:
    if params is None:
        return ()
    if not is_a(params, (Mapping,)):
        raise must_be("params", params, "a mapping of names to values")
    listed: Any = safely(_items, params, "params", "cannot be read")
    return tuple(pair for name, value in listed for pair in _pairs(name, value))


def _items(params: Parameters) -> list[Any]:
    return list(islice(params.items(), MAX_ENTRIES))


def _pairs(name: object, value: object) -> Iterator[tuple[str, str]]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Misuse(f"params: {redacted_repr(name)} is no name of a parameter")
    if value is None:
        return
    for each in entries(value, f"params[{redacted_repr(name)}]") if _is_list(value) else [value]:
        yield name, _text(name, each)


def _is_list(value: object) -> TypeGuard[Iterable[object]]:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _text(name: str, given: object) -> str:
    value = plain(given)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= MAX_DIGITS:
        return f"{value:f}"
    if isinstance(value, int):
        if value.bit_length() > 64:  # not shown: Python refuses to write very long ones
            raise Misuse(f"params['{name}']= holds a number of more than 64 bits")
        return str(value)
    if isinstance(value, UUID) or (isinstance(value, str) and _is_utf8(value)):
        return str(value)
    raise Misuse(
        f"params['{name}']={redacted_repr(value)}: must be text, a whole number, a Decimal, "
        "True, False or None, or a list of those"
    )


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)  # half of a pair, alone


def _body(json: Document) -> bytes:
    try:
        return to_json(json)
    except Exception as error:  # noqa: BLE001 - the object is the caller's, and what it raises
        reason = clean_text(str(error), 100)
    # Outside: the chained error would show the value.
    raise Misuse(f"json must be plain JSON, with amounts as text: {reason}")
