"""Orders as people have them: each is sent, and sent as it was meant."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from numbers import Integral
from typing import Any, Final

import httpx
from attrs import frozen


class Int64:
    """What numpy's integers do: an Integral, no int, with an index."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __index__(self) -> int:
        return self._value

    __int__ = __index__

    def __eq__(self, other: object) -> bool:
        return self._value == other

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"np.int64({self._value})"


Integral.register(Int64)


class Bool:
    """What numpy's booleans do: no bool, of a dtype of kind b."""

    dtype = type("dtype", (), {"kind": "b"})()
    shape = ()

    def __init__(self, value: bool) -> None:
        self._value = value

    def __bool__(self) -> bool:
        return self._value


class Text(str):
    """What numpy's texts do: a subclass of str."""

    __slots__ = ()


Whole = Callable[[int], Any]
Truth = Callable[[bool], Any]


def number_types() -> tuple[list[Whole], list[Truth]]:
    """List what makes whole numbers and truths; numpy's own where it is installed."""
    wholes: list[Whole] = [int, Int64]
    truths: list[Truth] = [bool, Bool]
    try:
        import numpy as np
    except ImportError:
        return wholes, truths
    return [*wholes, np.int64, np.int32, np.uint8], [*truths, np.bool_]


@frozen
class GoodOrder:
    """The arguments of an order, and the fields its body must have."""

    arguments: dict[str, Any]
    body: dict[str, Any]


SPACES: Final = ("", "", " ", "\t", "\xa0", "\r\n")
TICKERS: Final = (
    "KXBTC-26NOV2215-T50000", "kxlower-1", "KX_UNDER", "KX A B", "KX/SLASH", "KX%20", "KX&B=1",
    "KX#1?", "KXÜMLAUT", "KX漢", "KX+1", "KX,1", "KX;1", "KX'\"", "x" * 128,
)  # fmt: skip
TIMES: Final = {"good_till_canceled": "GTC", "immediate_or_cancel": "IOC", "fill_or_kill": "FOK"}
DIRECTIONS: Final = {
    ("yes", "buy"): "bid", ("no", "sell"): "bid", ("no", "buy"): "ask", ("yes", "sell"): "ask",
    ("bid", None): "bid", ("ask", None): "ask",
}  # fmt: skip


def good_orders(seed: int, count: int) -> Iterator[GoodOrder]:
    """Make orders of the current contract, each said in some way people say them."""
    dice = random.Random(seed)
    wholes, truths = number_types()
    for _ in range(count):
        yield _order(dice, wholes, truths)


def _order(dice: random.Random, wholes: list[Whole], truths: list[Truth]) -> GoodOrder:
    (side, action), book = dice.choice(list(DIRECTIONS.items()))
    price, size = Decimal(dice.randint(1, 9999)).scaleb(-4), dice.randint(1, 5000)
    ticker, word = dice.choice(TICKERS), dice.choice(list(TIMES))
    subaccount, shard, key = dice.randint(0, 63), dice.randint(0, 3), f"c-{dice.random()}"
    yes = 1 - price if side == "no" else price
    arguments: dict[str, Any] = {
        "ticker": dice.choice((str, Text))(_spaced(dice, ticker)),
        "side": _cased(dice, side), "action": None if action is None else _cased(dice, action),
        "price": dice.choice((price, _spaced(dice, str(price)), f"{price:.4f}")),
        "count": dice.choice((dice.choice(wholes)(size) if size < 256 else size, f" {size} ",
                              Decimal(size), f"{size}.00")),
        "client_order_id": key,
        "time_in_force": dice.choice((_cased(dice, word), TIMES[word], TIMES[word].lower())),
        "subaccount": dice.choice(wholes)(subaccount), "exchange_index": dice.choice(wholes)(shard),
        "cancel_order_on_pause": dice.choice(truths)(True),
    }  # fmt: skip
    body = {
        "ticker": ticker, "side": book, "client_order_id": key, "time_in_force": word,
        "subaccount": subaccount, "exchange_index": shard, "cancel_order_on_pause": True,
        "price": yes, "count": Decimal(size),
    }  # fmt: skip
    if word == "good_till_canceled":
        arguments["expires"], body["expiration_time"] = _moment(dice)
    return GoodOrder(arguments, body)


def _spaced(dice: random.Random, text: str) -> str:
    return dice.choice(SPACES) + text + dice.choice(SPACES)


def _cased(dice: random.Random, word: str) -> str:
    return _spaced(dice, dice.choice((word, word.upper(), word.title())))


def _moment(dice: random.Random) -> tuple[Any, int]:
    moment = datetime(2027, 1, dice.randint(1, 28), dice.randint(0, 23), tzinfo=UTC)
    there = moment.astimezone(timezone(timedelta(hours=dice.randint(-12, 14))))
    seconds = int(moment.timestamp())
    day = date(2027, 2, dice.randint(1, 28))
    return dice.choice(
        [(moment, seconds), (there, seconds), (there.isoformat(), seconds), (seconds, seconds),
         (Int64(seconds), seconds), (f" {seconds} ", seconds),
         (day, int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))]
    )  # fmt: skip


class Accepting(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Acknowledge every order, and keep what was sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.sent.append(body)
        answer = {
            "order_id": "o1", "client_order_id": body["client_order_id"], "fill_count": "0.00",
            "remaining_count": "0.00", "ts_ms": 1,
        }  # fmt: skip
        return httpx.Response(201, json=answer)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


def differences(sent: dict[str, Any], order: GoodOrder) -> dict[str, tuple[Any, Any]]:
    """Return (meant, sent) of what was sent otherwise than it was meant."""
    read = sent | {name: Decimal(sent[name]) for name in ("price", "count")}
    pairs = {name: (meant, read.get(name)) for name, meant in order.body.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def place(client: Any, transport: Accepting, order: GoodOrder) -> str | None:
    """Place one order with the sync client; say what went wrong, None for nothing."""
    before = len(transport.sent)
    try:
        client.orders.place(**order.arguments)
    except Exception as error:
        return f"refused: {error}"
    wrong = differences(transport.sent[before], order)
    return f"sent otherwise: {wrong}" if wrong else None
