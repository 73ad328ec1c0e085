"""Values that no argument may be, and values that one kind of argument may not be."""

from __future__ import annotations

import decimal
import enum
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn


class Hostile:
    """An object whose every operator raises."""

    def _raise(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("hostile")

    __repr__ = __str__ = __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __bool__ = __len__ = _raise
    __iter__ = __index__ = __int__ = __float__ = __contains__ = __getitem__ = _raise
    __hash__ = _raise  # type: ignore[assignment]
    __fspath__ = _raise

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError("hostile")


class Array:
    """What numpy's arrays do: compare by element, have no truth, print over several lines."""

    dtype = type("dtype", (), {"kind": "i"})()
    shape = (2,)

    def __len__(self) -> int:
        return 2

    def __eq__(self, other: object) -> Array:  # type: ignore[override]
        return self

    __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __eq__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> NoReturn:
        raise ValueError("The truth value of an array with more than one element is ambiguous")

    def __iter__(self) -> Iterator[Any]:
        return iter([object(), object()])

    def __repr__(self) -> str:
        return "array([1,\n       2])"


class NotAvailable:
    """What pandas.NA does: every comparison is itself, and it has no truth."""

    def __eq__(self, other: object) -> NotAvailable:  # type: ignore[override]
        return self

    __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __eq__  # type: ignore[assignment]

    def __hash__(self) -> int:
        return 1

    def __bool__(self) -> NoReturn:
        raise TypeError("boolean value of NA is ambiguous")


class NotATime(datetime):
    """What pandas.NaT does: a datetime that compares to nothing and has no parts."""

    year = month = day = float("nan")  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return False

    __lt__ = __gt__ = __le__ = __ge__ = __eq__  # type: ignore[assignment]
    __hash__ = datetime.__hash__

    def utcoffset(self) -> Any:
        return float("nan")

    def __sub__(self, other: Any) -> Any:
        return self


class BrokenZone(tzinfo):
    """A time zone whose offset cannot be told."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        raise RuntimeError("hostile")


class Posing:
    """What proxies, lazy values and mocks do: say that they are of another class."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    @property
    def __class__(self) -> type:  # type: ignore[override]
        return self._kind


class Unbound:
    """What a proxy of nothing does: it cannot even say its class."""

    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise RuntimeError("hostile")


def _hostile(*_: Any, **__: Any) -> Any:
    raise RuntimeError("hostile")


_HOOKS = ("__eq__", "__hash__", "__bool__", "__repr__", "__getattribute__", "__instancecheck__")
_Meta: Any = type("Meta", (type,), dict.fromkeys(_HOOKS, _hostile))
OfHostileClass: Any = type.__call__(_Meta, "OfHostileClass", (), {})
"""A class with which no comparison, look-up or question of its attributes ends well."""


class Bytes(bytes):
    """Bytes whose every method raises."""

    def _raise(self, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("hostile")

    __len__ = __getitem__ = __iter__ = __eq__ = __repr__ = decode = _raise  # type: ignore[assignment]
    __hash__ = _raise  # type: ignore[assignment]


class Word(str):
    """A text of another class, with another text as its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\ud800"

    strip = lower = encode = __str__  # type: ignore[assignment]


class Number(enum.IntEnum):
    HUGE = 10**400


def endless() -> Iterator[object]:
    while True:
        yield object()


PEM = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw" * 40 + "\n-----END"
LONG = "x" * 100_000


def for_all() -> list[Any]:
    """List values that no argument of any method may be; made anew for each use."""
    return [
        Hostile(), Array(), NotAvailable(), NotATime(2026, 1, 1), object(), type, 1j, b"bytes",
        float("nan"), float("inf"), -float("inf"), 1e400, 10**400, -(10**400), 10**5000, Number.HUGE,  # noqa: E501
        Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e9999999"), Decimal("-0.5"),
        "", " ", "\ud800", "a\0b", "a\r\nX-Header: b", LONG, "9" * 9000, PEM, Word("\0"),
        [], {}, set(), (), frozenset(), range(0), memoryview(b""), bytearray(b"x"),
        datetime.max, datetime.min, datetime(2026, 1, 1, tzinfo=BrokenZone()),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-23))), timedelta(1), tzinfo(),
        RuntimeError("x"), NotImplemented, ..., decimal.Context(), Unbound(), Bytes(b"x"),
        OfHostileClass(),
        *map(Posing, (str, int, bool, float, Decimal, datetime, date, bytes, list, dict, tuple)),
        Posing(Path),
    ]  # fmt: skip


def for_iterables() -> list[Any]:
    """List more for the arguments that take several entries."""
    return [endless(), [Hostile()], [None], [[]], {"a": 1}, "KX", [b"x"], iter(())]


BY_KIND: dict[str, list[Any]] = {
    "price": ["0", "1", "1.5", "-0.1", "0.56789", 0.5, 1, True, "5e-1", "0,5", "$0.5", "０.５", "abc"],  # noqa: E501
    "count": ["0", "-1", "0.001", 0.5, 0, -1, True, "1e3", "1_0", "ten", 10**12],
    "size": ["-1", "0.001", 0.5, -1, True, "1e3", "1_0", "ten", 10**12],
    "dollars": ["0", "-1", "0.00001", 5, 5.0, True, "1e3", "a lot", 10**14],
    "moment": ["9999-12-31T24:00:00Z", "24:00", "yesterday", "2026-01-01T00:00:00", -1, 10**12, True, "5", "12:00", datetime(2026, 1, 1)],  # noqa: E501
    "id": [".", "..", "a/b", "a b", "a?b", "ü", "%2e%2e", "x" * 129, 5, True],
    "client id": ["ü", " a", "a ", "x" * 65, 5, True],
    "ticker": [".", "..", "a\tb", "a\u200bb", "x" * 129, 5, True],
    "depth": [0, -1, 101, 1.0, True, "5"],
    "deadline": [0, -1, True, "soon", "2030-01-01T00:00:00Z", datetime(2030, 1, 1)],
    "floor": [-1, 10**10, 1.0, 1.5, True, "1"],
    "number": [-2, 1000, 1.0, 1.5, True, "1", "one", Decimal(1)],
    "rows": [0, -1, 1.0, True, "5", Decimal(5)],
    "flag": [0, 1, "true", "yes", "False", 1.0],
    "side": ["buy", "YES NO", "long", 1, True, "y"],
    "action": ["yes", "hold", "b", 1, True],
    "word": ["GTD", "now", 5, True, "gtc,ioc"],
    "filter": ["a b", "resting&limit=1", ",", "a,,b", "ü", 5, True],
    "uuid": ["x", "5d1a9c52", 5, True],
    "text": [5, True, "x" * 513],
    "percent": [{0: 101}, {0: -1}, {-1: 50}, {0: 0.5}, {0: True}, {101: 1}, {0: 60, 1: 60}, [(0, 50)], 5],  # noqa: E501
    "tickets": [[5], ["T"], [{"ticker": "T"}], 5, True],
    "orders": [["."], [5], 5, True],
    "tickers": [["."], [5], 5, True, ["a,b"]],
    "function": [5, "print", True],
}  # fmt: skip

MARKET_TIMES = ("created", "updated", "close", "settled")
# What a parameter is, by its name; whoever adds one says here what it is.
KINDS: dict[str, str] = {
    **dict.fromkeys(("ticker", "event_ticker"), "ticker"),
    **dict.fromkeys(("order_id", "order", "group_id", "transfer_id", "order_group_id"), "id"),
    **dict.fromkeys(("client_order_id", "updated_client_order_id"), "client id"),
    **dict.fromkeys(("since", "until", "expires"), "moment"),
    **{f"{name}_{end}": "moment" for name in MARKET_TIMES for end in ("since", "until")},
    "deadline": "deadline",
    "expire_at_deadline": "flag",
    "depth": "depth",
    "series_ticker": "ticker",
    "mve_filter": "word",
    "is_block_trade": "flag",
    **dict.fromkeys(("subaccount", "exchange_index", "from_subaccount", "to_subaccount"), "number"),
    **dict.fromkeys(("source_exchange_shard", "destination_exchange_shard"), "number"),
    **dict.fromkeys(("source_subaccount", "destination_subaccount"), "number"),
    "sell_position_floor": "floor",
    **dict.fromkeys(("limit", "max_pages", "page_size"), "rows"),
    **dict.fromkeys(("post_only", "reduce_only", "cancel_order_on_pause", "enabled"), "flag"),
    **dict.fromkeys(("time_in_force", "self_trade_prevention", "source", "destination"), "word"),
    **dict.fromkeys(("settlement_status", "resting_margin_reservation"), "word"),
    **dict.fromkeys(("status", "count_filter"), "filter"),
    **dict.fromkeys(("amount", "max_cost"), "dollars"),
    **dict.fromkeys(("count", "contracts_limit", "by"), "count"),
    "price": "price",
    "to": "size",
    "side": "side",
    "action": "action",
    "client_transfer_id": "uuid",
    "intent": "text",
    "percent": "percent",
    "tickets": "tickets",
    "orders": "orders",
    "tickers": "tickers",
    "on_progress": "function",
}
ITERABLE = frozenset({"tickets", "orders", "tickers"})


def of_parameter(name: str) -> list[Any]:
    """List what no argument may be, and what one of its kind may not be, where it has a kind."""
    values = for_all() + BY_KIND.get(KINDS.get(name, ""), [])
    return values + for_iterables() if name in ITERABLE else values
