"""Functions that do nothing when they are called, and the numbers of numpy and pandas."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from kalshi_ext import AsyncKalshi, Kalshi, Limits, Misuse, OrderTicket
from kalshi_ext.protocol.limits import checked_deadline

TICKER = "KXRAIN-26DEC31-NYC"


async def coroutine(*_: object) -> None: ...


def generator(*_: object) -> Any:
    yield


async def both(*_: object) -> Any:
    yield


class Called:
    async def __call__(self, *_: object) -> None: ...


IDLE: list[Any] = [coroutine, generator, both, Called(), partial(coroutine), Called().__call__]


@pytest.mark.parametrize("idle", IDLE)
@pytest.mark.parametrize("kind", [Kalshi, AsyncKalshi])
def test_a_function_whose_call_does_nothing_is_refused(kind: Any, idle: Any) -> None:
    with pytest.raises(Misuse, match=r"^on_event must be a plain function"):
        kind(on_event=idle)
    with pytest.raises(Misuse, match="reference must be a plain function"):
        Limits(price_band="0.05", reference=idle)
    ticket = OrderTicket.of(TICKER, side="bid", count=1, price="0.5")
    client = kind(bearer_token="t" * 20)
    for call, items in (
        (client.orders.place_many, [ticket]),
        (client.orders.cancel_many, ["o1"]),
    ):
        with pytest.raises(Misuse, match=r"^on_progress must be a plain function"):
            finished(call(items, on_progress=idle))


def finished(result: Any) -> Any:
    """Take the first step of what an async client gives; a sync one has done it all."""
    return result.send(None) if hasattr(result, "send") else result


class Float64(float):
    """What numpy.float64 is: a float of another class, with a kind and a shape."""

    dtype, shape, ndim = type("dtype", (), {"kind": "f"}), (), 0


class Table:
    """What a pandas.DataFrame does: it has two dimensions, and its entries are column names."""

    ndim = 2

    def __iter__(self) -> Any:
        return iter(["order_id"])


def test_floats_of_numpy_are_seconds_and_never_prices_or_counts() -> None:
    deadline = checked_deadline(Float64(0.5))
    assert (deadline, type(deadline)) == (0.5, float)
    given: dict[str, Any] = {"side": "bid", "count": 1, "price": "0.5"}
    for wrong in ({"price": Float64(0.5)}, {"count": Float64(7.0)}):
        with pytest.raises(Misuse):
            OrderTicket.of(TICKER, **(given | wrong))


def test_the_columns_of_a_table_are_no_entries() -> None:
    table: Any = Table()
    with Kalshi(bearer_token="t" * 20) as client, pytest.raises(Misuse, match="must be a list"):
        client.orders.cancel_many(table)
