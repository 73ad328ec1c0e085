"""The classic client on what it may meet: its documents, the wire of 2.x, and today's exchange."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import core_clients as clients
import pytest

from kalshi_ext import AsyncKalshi, Kalshi, Misuse, NotFound, OrderTicket, Retired
from kalshi_ext.sandbox import Sandbox

RAIN, BITCOIN = "KXRAIN-26DEC31-NYC", "KXBTC-26DEC31-B100"
SERVED = {
    "documents": {"contract": "classic"},
    "recorded": {"contract": "classic", "settings": {"classic_dialect": "recorded"}},
    "today": {"contract": "both-today"},
}
LISTS: dict[str, Callable[[Any], Any]] = {
    "orders": lambda c: c.orders.list(),
    "fills": lambda c: c.portfolio.fills(),
    "positions": lambda c: c.portfolio.positions(),
    "event positions": lambda c: c.portfolio.event_positions(),
    "settlements": lambda c: c.portfolio.settlements(),
}


@pytest.fixture(scope="module")
def boxes() -> Iterator[dict[str, Sandbox]]:
    """Start one sandbox for each dialect, all with the same seed data."""
    opened = {name: Sandbox(proxy=False, **options) for name, options in SERVED.items()}
    for box in opened.values():
        box.start()
    yield opened
    for box in opened.values():
        box.close()


def run(kind: str, box: Sandbox, work: Callable[[Any], Any], contract: str = "classic") -> Any:
    """Do something with a sync or an async client."""
    options: dict[str, Any] = {
        "key_id": box.key_id,
        "private_key": box.private_key,
        "environment": box.url,
        "contract": contract,
    }

    async def asynchronously() -> Any:
        async with AsyncKalshi(**options) as client:
            value = clients.finish(work(client))
            return await value if inspect.isawaitable(value) else value

    if kind == "async":
        return asyncio.run(asynchronously())
    with Kalshi(**options) as client:
        return clients.finish(work(client))


KINDS = pytest.mark.parametrize("kind", ["sync", "async"])


@KINDS
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("dialect", SERVED)
def test_every_row_is_read_in_every_dialect(
    boxes: dict[str, Sandbox], dialect: str, name: str, kind: str
) -> None:
    """`Classic reads today`: of 13 rows none was read, without an exception."""
    rows = run(kind, boxes[dialect], LISTS[name])
    assert len(rows) >= {"orders": 6, "fills": 2, "settlements": 3}.get(name, 2)
    with Kalshi(
        key_id=boxes[dialect].key_id,
        private_key=boxes[dialect].private_key,
        environment=boxes[dialect].url,
        contract="classic",
    ) as client:
        listed = LISTS[name](client)
        assert len(listed.all()) == len(rows)
        assert listed.invalid_rows == ()


@KINDS
def test_the_three_dialects_tell_the_same(boxes: dict[str, Sandbox], kind: str) -> None:
    told: dict[str, Any] = {}
    for dialect, box in boxes.items():
        orders = run(kind, box, LISTS["orders"])
        fills = run(kind, box, LISTS["fills"])
        done = run(kind, box, LISTS["settlements"])
        told[dialect] = (  # 2.x has whole cents
            {(o.client_order_id, o.book_side, int(o.price * 100), o.count) for o in orders},
            {(f.ticker, f.book_side, int(f.price * 100), f.count) for f in fills},
            {(s.ticker, s.revenue, s.yes_count, s.no_count) for s in done},
        )
    assert told["documents"] == told["recorded"] == told["today"]


@KINDS
@pytest.mark.parametrize("dialect", SERVED)
def test_groups_are_made_reset_and_deleted_in_every_dialect(
    boxes: dict[str, Sandbox], dialect: str, kind: str
) -> None:
    box = boxes[dialect]
    group = run(kind, box, lambda c: c.order_groups.create(contracts_limit=5))
    assert group.id in {row.id for row in run(kind, box, lambda c: c.order_groups.list())}
    assert run(kind, box, lambda c: c.order_groups.reset(group.id)) is None
    assert run(kind, box, lambda c: c.order_groups.delete(group.id)) is None
    assert group.id not in {row.id for row in run(kind, box, lambda c: c.order_groups.list())}


@KINDS
@pytest.mark.parametrize("dialect", ["recorded", "today"])
def test_one_group_is_read_where_the_wire_has_it(
    boxes: dict[str, Sandbox], dialect: str, kind: str
) -> None:
    box = boxes[dialect]
    group = run(kind, box, lambda c: c.order_groups.create(contracts_limit=5))
    read = run(kind, box, lambda c: c.order_groups.get(group.id))
    assert (read.id, read.is_auto_cancel_enabled, read.orders) == (group.id, True, ())
    with pytest.raises(NotFound):
        run(kind, boxes["documents"], lambda c: c.order_groups.get(group.id))
    with pytest.raises(Misuse, match="no subaccount"):
        run(kind, box, lambda c: c.order_groups.get(group.id, subaccount=1))


@KINDS
@pytest.mark.parametrize("dialect", ["documents", "recorded"])
def test_batches_are_read_in_both_dialects_of_2x(
    boxes: dict[str, Sandbox], dialect: str, kind: str
) -> None:
    tickets = [
        OrderTicket.of(RAIN, side="yes", action="buy", count=1, price="0.03") for _ in range(2)
    ]
    box = boxes[dialect]
    acks = run(kind, box, lambda c: c.orders.place_many(tickets))
    assert [ack.remaining_count for ack in acks] == [1, 1]
    cancelled = run(kind, box, lambda c: c.orders.cancel_many(acks))
    assert [ack.reduced_by for ack in cancelled] == [1, 1]


@KINDS
@pytest.mark.parametrize("dialect", ["recorded", "today"])
def test_queue_positions_are_a_get_list_on_the_wire(
    boxes: dict[str, Sandbox], dialect: str, kind: str
) -> None:
    box = boxes[dialect]
    resting = {
        row.order_id
        for row in run(kind, box, lambda c: c.orders.list(status="resting"))
        if row.ticker == RAIN
    }
    rows = run(kind, box, lambda c: c.orders.queue_positions(tickers=[RAIN]))
    assert {row.order_id for row in rows} == resting != set()
    assert {row.ticker for row in rows} == {RAIN}


@KINDS
def test_an_order_off_shard_0_is_found_by_its_ticker_where_get_does_not_reach(kind: str) -> None:
    """FACTS, open: whether GET of an order needs `market_ticker` off shard 0."""
    settings = {"get_order_reaches": "shard_0"}
    with Sandbox(proxy=False, settings=settings) as box:
        ack = run(
            kind,
            box,
            lambda c: c.orders.place(BITCOIN, side="bid", count=1, price="0.02"),
            "current",
        )
        with pytest.raises(NotFound):
            run(kind, box, lambda c: c.orders.get(ack.order_id), "current")
        order = run(kind, box, lambda c: c.orders.get(ack.order_id, ticker=BITCOIN), "current")
        assert (order.order_id, order.exchange_index) == (ack.order_id, 2)
        done = run(kind, box, lambda c: c.orders.decrease(order, to="0.5"), "current")
        assert done.remaining_count == Decimal("0.5")


@KINDS
def test_an_order_as_todays_exchange_tells_it_can_be_handed_back(
    boxes: dict[str, Sandbox], kind: str
) -> None:
    """Its row names a shard, which the classic contract cannot say: the exchange answers, 410."""
    box = boxes["today"]
    order = next(row for row in run(kind, box, LISTS["orders"]) if row.exchange_index)
    changes: list[Callable[[Any], Any]] = [
        lambda c: c.orders.cancel(order),
        lambda c: c.orders.cancel_many([order]),
        lambda c: c.orders.decrease(order, by=1),
        lambda c: c.orders.amend(order, price="0.10", count=1),
    ]
    for change in changes:
        with pytest.raises(Retired):
            run(kind, box, change)
    for given in ({"exchange_index": 1}, {"subaccount": 1}):
        with pytest.raises(Misuse, match="no subaccount or exchange_index"):
            run(kind, box, lambda c, given=given: c.orders.cancel(order, **given))
