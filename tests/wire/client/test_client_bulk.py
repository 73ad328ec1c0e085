"""Bulk calls and bare ids on the wire, sync and async, on both contracts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kalshi_ext import AmendTicket, AsyncKalshi, Kalshi, NotSent, OrderAck, OrderTicket
from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.engine import admin

RAIN, BITCOIN = "KXRAIN-26DEC31-NYC", "KXBTC-26DEC31-B100"


@pytest.fixture(scope="module", params=["current", "classic"])
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(contract=request.param, proxy=False) as running:
        yield running


def options_of(box: Sandbox, name: str, tier: str = "premier") -> dict[str, Any]:
    key = box.account(name)
    if box.options.contract == "current":
        box.do(admin.set_account(name, tier=tier))
        box.do(admin.fund(name, "1000", exchange_index=2))
    named = {"key_id": key.key_id, "private_key": key.private_key, "environment": box.url}
    return named | {"contract": box.options.contract}


def sync_run(options: dict[str, Any], work: Callable[[Any], Any]) -> Any:
    with Kalshi(**options) as client:
        return work(client)


def async_run(options: dict[str, Any], work: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        async with AsyncKalshi(**options) as client:
            return await work(client)

    return asyncio.run(run())


RUN = {"sync": sync_run, "async": async_run}


def tickets(count: int, ticker: str = RAIN, **more: Any) -> Iterator[OrderTicket]:
    for _ in range(count):
        side = {"side": "yes", "action": "buy"}
        yield OrderTicket.of(ticker, count=2, price="0.01", **side, **more)


@pytest.mark.parametrize("how", RUN)
def test_more_than_a_bucket_holds_is_placed_changed_and_cancelled_and_nothing_is_refused(
    box: Sandbox, how: str
) -> None:
    name, seen = f"bulk-{how}", []
    options = options_of(box, name)

    def note(done: int, total: int) -> None:
        seen.append((done, total))

    count = 60 if box.options.contract == "current" else 14
    acks = RUN[how](options, lambda c: c.orders.place_many(tickets(count), on_progress=note))
    assert [type(ack) for ack in acks] == [OrderAck] * count
    assert len({ack.order_id for ack in acks}) == count
    assert seen[-1] == (count, count)
    changes = [
        AmendTicket.of(
            *(ack.order_id,),
            ticker=RAIN,
            side="yes",
            action="buy",
            price="0.02",
            count=2,
            client_order_id=ack.client_order_id,
        )
        for ack in acks[:3]
    ]
    amended = RUN[how](options, lambda c: c.orders.amend_many(iter(changes)))
    assert [ack.order_id for ack in amended] == [ack.order_id for ack in acks[:3]]
    ids = [ack.order_id for ack in acks]
    ended = RUN[how](options, lambda c: c.orders.cancel_many(iter([*ids, ids[0]])))
    assert [ack.order_id for ack in ended] == [*ids, ids[0]]
    asked = [each for each in box.truth.requests() if each.account == name]
    assert {each.status for each in asked} <= {200, 201}


@pytest.mark.parametrize("how", RUN)
def test_at_the_deadline_what_was_placed_is_told_and_the_rest_is_not_sent(
    box: Sandbox, how: str
) -> None:
    options = options_of(box, f"late-{how}", tier="basic")
    work = lambda c: c.orders.place_many(tickets(80), deadline=2.0)  # noqa: E731
    results = RUN[how](options, work)
    kinds = [type(each) for each in results]
    assert set(kinds) == {OrderAck, NotSent}
    assert kinds == sorted(kinds, key=lambda kind: kind is NotSent)
    asked = [each for each in box.truth.requests() if each.account == f"late-{how}"]
    assert {each.status for each in asked} <= {200, 201}


@pytest.mark.parametrize("how", RUN)
def test_an_order_on_another_shard_is_changed_by_its_bare_id(box: Sandbox, how: str) -> None:
    if box.options.contract == "classic":
        pytest.skip("the classic contract has no shards")
    options = options_of(box, f"shard-{how}")
    order = {"side": "bid", "count": 2, "price": "0.01", "exchange_index": 2}
    placed = RUN[how](options, lambda c: c.orders.place(BITCOIN, **order)).order_id
    # A client that never saw it: the 404 of shard 0 is followed.
    RUN[how](options, lambda c: c.orders.decrease(placed, to=1))
    ack = RUN[how](options, lambda c: c.orders.cancel(placed))
    assert ack.order_id == placed
    again = RUN[how](options, lambda c: c.orders.place(BITCOIN, **order)).order_id

    def seen_and_cancelled(client: Any) -> Any:
        if how == "sync":
            client.orders.get(again)
            return client.orders.cancel(again)

        async def work() -> Any:
            await client.orders.get(again)
            return await client.orders.cancel(again)

        return work()

    RUN[how](options, seen_and_cancelled)
    (cancel,) = [
        each for each in box.truth.requests() if each.method == "DELETE" and again in each.target
    ]
    assert "exchange_index=2" in cancel.target
