"""Pre-trade limits on the wire, sync and async, on both contracts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kalshi_ext import (
    AsyncKalshi,
    Denied,
    DryRun,
    Kalshi,
    Limits,
    Misuse,
    OrderAck,
    OrderTicket,
    OutcomeUnknown,
    TradingState,
)
from kalshi_ext.sandbox import Sandbox

RAIN, CHICAGO = "KXRAIN-26DEC31-NYC", "KXRAIN-26DEC31-CHI"
BUY: Any = {"side": "yes", "action": "buy"}


@pytest.fixture(scope="module", params=["current", "classic"])
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(contract=request.param, proxy=False) as running:
        yield running


def sync_run(options: dict[str, Any], work: Callable[[Any], Any]) -> Any:
    async def waited(client: Any) -> Any:
        return await work(Awaited(client))

    with Kalshi(**options) as client:
        return asyncio.run(waited(client))


def async_run(options: dict[str, Any], work: Callable[[Any], Any]) -> Any:
    async def run() -> Any:
        async with AsyncKalshi(**options) as client:
            return await work(client)

    return asyncio.run(run())


class Awaited:
    """A sync client whose calls can be awaited: one text of a test serves both."""

    def __init__(self, wrapped: Any) -> None:
        object.__setattr__(self, "_wrapped", wrapped)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._wrapped, name, value)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._wrapped, name)
        if not callable(found) or name in {"override", "set_reference", "note"}:
            return Awaited(found) if name in {"orders", "trading", "portfolio"} else found

        async def call(*args: Any, **options: Any) -> Any:
            return found(*args, **options)

        return call


RUN = {"sync": sync_run, "async": async_run}


def run(box: Sandbox, how: str, work: Callable[[Any], Any], limits: Any = None, **more: Any) -> Any:
    box.reset()
    box.configure(rate_limits=False)
    key = box.account(f"limits-{how}")
    options = {"key_id": key.key_id, "private_key": key.private_key, "environment": box.url}
    return RUN[how](options | {"contract": box.options.contract, "limits": limits} | more, work)


def orders_sent(box: Sandbox) -> int:
    writes = [each for each in box.truth.requests() if each.method != "GET"]
    return len(writes)


@pytest.mark.parametrize("how", RUN)
def test_an_order_beyond_a_limit_is_denied_and_nothing_reaches_the_exchange(
    box: Sandbox, how: str
) -> None:
    async def work(client: Any) -> Denied:
        with pytest.raises(Denied) as denied:
            await client.orders.place(RAIN, count=11, price="0.05", **BUY)
        return denied.value

    error = run(box, how, work, Limits(order_contracts=10))
    assert (error.code, error.limit, error.value) == ("order_contracts", Decimal(10), Decimal(11))
    assert orders_sent(box) == 0


@pytest.mark.parametrize("how", RUN)
def test_in_a_batch_each_order_beyond_the_limit_gets_its_denied_and_the_others_go(
    box: Sandbox, how: str
) -> None:
    async def work(client: Any) -> list[Any]:
        tickets = [OrderTicket.of(RAIN, count=4, price="0.05", **BUY) for _ in range(4)]
        outcomes: list[Any] = await client.orders.place_many(tickets)
        return outcomes

    outcomes = run(box, how, work, Limits(market_contracts=10))
    assert [type(each) for each in outcomes] == [OrderAck, OrderAck, Denied, Denied]
    assert outcomes[2].value == Decimal(12)


@pytest.mark.parametrize("how", RUN)
def test_a_cancel_gives_the_room_of_its_order_back_and_passes_while_halted(
    box: Sandbox, how: str
) -> None:
    async def work(client: Any) -> None:
        ack = await client.orders.place(RAIN, count=10, price="0.05", **BUY)
        with pytest.raises(Denied):
            await client.orders.place(RAIN, count=1, price="0.05", **BUY)
        client.trading.state = TradingState.HALTED
        await client.orders.cancel(ack)
        with pytest.raises(Denied, match="halted"):
            await client.orders.place(RAIN, count=1, price="0.05", **BUY)
        client.trading.state = "active"
        await client.orders.place(RAIN, count=10, price="0.05", **BUY)

    run(box, how, work, Limits(market_contracts=10))


@pytest.mark.parametrize("how", RUN)
def test_an_amend_is_held_to_the_limits_and_a_smaller_one_passes_while_reducing(
    box: Sandbox, how: str
) -> None:
    async def work(client: Any) -> None:
        ack = await client.orders.place(RAIN, count=8, price="0.05", **BUY)
        terms = {"ticker": RAIN, "client_order_id": ack.client_order_id, **BUY}
        with pytest.raises(Denied) as denied:
            await client.orders.amend(ack.order_id, price="0.05", count=12, **terms)
        assert (denied.value.code, denied.value.value) == ("total_contracts", Decimal(12))
        await client.orders.amend(ack.order_id, price="0.05", count=10, **terms)
        with pytest.raises(Denied):
            await client.orders.place(RAIN, count=1, price="0.05", **BUY)
        client.trading.state = "reducing"
        await client.orders.amend(ack.order_id, price="0.04", count=9, **terms)

    run(box, how, work, Limits(total_contracts=10))


@pytest.mark.parametrize("how", RUN)
def test_after_a_refresh_the_account_of_an_earlier_run_counts_and_may_be_left_while_reducing(
    box: Sandbox, how: str
) -> None:
    async def before(client: Any) -> Decimal:
        ack = await client.orders.place(RAIN, count=5, price="0.99", **BUY)
        await client.orders.place(CHICAGO, count=3, price="0.01", **BUY)
        filled: Decimal = ack.fill_count
        return filled

    async def after(client: Any) -> None:
        assert await client.trading.refresh() == ()
        with pytest.raises(Denied) as denied:
            await client.orders.place(CHICAGO, count=1, price="0.01", **BUY)
        assert denied.value.value == filled + 4
        client.trading.state = "reducing"
        sell = {"side": "yes", "action": "sell", "price": "0.99"}
        with pytest.raises(Denied, match="reducing"):
            await client.orders.place(RAIN, count=filled + 1, **sell)
        await client.orders.place(RAIN, count=filled, **sell)

    filled = run(box, how, before)
    assert filled > 0
    key = box.account(f"limits-{how}")
    options = {"key_id": key.key_id, "private_key": key.private_key, "environment": box.url}
    more = {"contract": box.options.contract, "limits": Limits(total_contracts=filled + 3)}
    RUN[how](options | more, after)


@pytest.mark.parametrize("how", RUN)
def test_a_price_off_the_markets_grid_is_denied(box: Sandbox, how: str) -> None:
    async def work(client: Any) -> None:
        await client.orders.place(RAIN, count=1, price="0.05", **BUY)
        if box.options.contract == "classic":  # whole cents alone can be said
            return
        with pytest.raises(Denied, match=r"tick_grid: .*0\.0503"):
            await client.orders.place(RAIN, count=1, price="0.0503", **BUY)

    run(box, how, work, Limits(tick_grid=True))


@pytest.mark.parametrize("how", RUN)
def test_a_dry_run_signs_and_checks_and_sends_nothing(
    box: Sandbox, how: str, tmp_path: Any
) -> None:
    journal = tmp_path / f"{how}.db"

    async def work(client: Any) -> None:
        with pytest.raises(DryRun) as rehearsed:
            await client.orders.place(RAIN, count=1, price="0.05", **BUY)
        assert rehearsed.value.method == "POST"
        assert RAIN.encode() in (rehearsed.value.body or b"")
        with pytest.raises(Denied):
            await client.orders.place(RAIN, count=11, price="0.05", **BUY)
        with pytest.raises(DryRun):
            await client.orders.cancel("some-order", ticker=RAIN)
        tickets = [OrderTicket.of(RAIN, count=4, price="0.05", **BUY) for _ in range(2)]
        outcomes = await client.orders.place_many(tickets)
        assert [type(each) for each in outcomes] == [DryRun, DryRun]

    run(box, how, work, Limits(order_contracts=10), dry_run=True, journal=journal)
    assert orders_sent(box) == 0


def test_without_limits_trading_is_active_and_says_how_to_set_them(box: Sandbox) -> None:
    async def work(client: Any) -> None:
        assert client.trading.state is TradingState.ACTIVE
        with pytest.raises(Misuse, match="limits=Limits"):
            client.trading.state = "HALTED"

    run(box, "async", work)


def lost(box: Sandbox, how: str, journal: Path, *, executed: bool) -> None:
    """Leave an order of 5 contracts in the journal whose outcome its run did not learn."""

    async def work(client: Any) -> None:
        box.faults.add("html", executed=executed, times=100)
        with pytest.raises(OutcomeUnknown):
            await client.orders.place(RAIN, count=5, price="0.05", deadline=0.3, **BUY)

    run(box, how, work, Limits(market_contracts=8), journal=journal)
    box.faults.remove()


@pytest.mark.parametrize("how", RUN)
def test_a_restart_counts_what_the_journal_holds_and_recovery_settles_it(
    box: Sandbox, how: str, tmp_path: Path
) -> None:
    lost(box, how, tmp_path / "j", executed=True)

    async def work(client: Any) -> tuple[str, str, Any]:
        order: dict[str, Any] = {"count": 5, "price": "0.04", **BUY}
        with pytest.raises(Denied) as before:
            await client.orders.place(RAIN, **order)
        (resolution,) = await client.recover()
        with pytest.raises(Denied) as after:
            await client.orders.place(RAIN, **order)
        await client.orders.cancel(resolution.order_id)
        return before.value.code, after.value.code, await client.orders.place(RAIN, **order)

    key = box.account(f"limits-{how}")
    options = {"key_id": key.key_id, "private_key": key.private_key, "environment": box.url}
    options |= {"contract": box.options.contract, "limits": Limits(market_contracts=8)}
    before, after, placed = RUN[how](options | {"journal": tmp_path / "j"}, work)
    assert (before, after) == ("market_contracts", "market_contracts")
    assert isinstance(placed, OrderAck)


@pytest.mark.parametrize("how", RUN)
def test_the_orders_of_a_day_are_counted_over_a_restart(
    box: Sandbox, how: str, tmp_path: Path
) -> None:
    async def two(client: Any) -> None:
        for _ in range(2):
            await client.orders.place(RAIN, count=1, price="0.05", **BUY)

    async def third(client: Any) -> str:
        with pytest.raises(Denied) as denied:
            await client.orders.place(RAIN, count=1, price="0.05", **BUY)
        return denied.value.code

    limits = Limits(orders_per_day=2)
    run(box, how, two, limits, journal=tmp_path / "j")
    assert run(box, how, third, limits, journal=tmp_path / "j") == "orders_per_day"
