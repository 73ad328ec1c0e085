"""When a market takes orders again, and where an order lives: what the two reads believe."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.journal import JournalUnusable
from kalshi_ext.protocol.flow import CallLimits
from kalshi_ext.protocol.messages import Reply, Request
from kalshi_ext.reads.reopening import note_reopening, wait_until_open
from kalshi_ext.reads.routing import follow, locate
from kalshi_ext.requests import DecreaseTicket, Target

ID = ex.row()["order_id"]
LIMITS = CallLimits(1_000.0, 10_000.0)


def instant(seconds: float) -> str:
    return datetime.fromtimestamp(core.EPOCH + seconds, UTC).isoformat()


def status(trading: bool = True, *shards: tuple[int, bool], resume: Any = None) -> Any:
    rows = [
        {"exchange_index": number, "exchange_active": True, "trading_active": active}
        for number, active in shards
    ]
    body = {"exchange_active": True, "trading_active": trading, "exchange_index_statuses": rows}
    return core.reply(200, {**body, "exchange_estimated_resume_time": resume})


def market(word: str = "active", **changes: Any) -> Any:
    row = {
        "ticker": ex.TICKER,
        "event_ticker": "KXRAIN-26DEC31",
        "status": word,
        "market_type": "binary",
    }
    return core.reply(200, {"market": {**row, **changes}})


def world(markets: Any, exchange: Any = None) -> ex.FakeExchange:
    return ex.FakeExchange(
        [
            ex.always(markets, method="GET", ending=f"/markets/{ex.TICKER}"),
            ex.always(exchange or status(), method="GET", ending="/exchange/status"),
        ]
    )


def wait(exchange: ex.FakeExchange, deadline: float | None = 200.0) -> Any:
    flow = wait_until_open(core.CURRENT, ex.TICKER, exchange.context, deadline=deadline)
    return exchange.run(flow)


@pytest.mark.parametrize(
    ("shard", "told", "opens"),
    [
        (2, status(True, (0, True), (2, False)), False),
        (2, status(False, (0, False), (2, True)), True),
        (None, status(False, (0, True), (2, False)), True),
        (2, status(True, (0, False)), True),
        (2, status(False, (0, True)), False),
    ],
)
def test_the_shard_of_a_market_says_whether_it_trades(
    shard: int | None, told: Any, opens: bool
) -> None:
    exchange = world(market(exchange_index=shard), told)
    if opens:
        assert wait(exchange).ticker == ex.TICKER
        assert exchange.waited == 0
        return
    with pytest.raises(errors.MarketNotOpen, match="did not open before the deadline"):
        wait(exchange, 1_000)  # longer than a write is looked for
    assert exchange.waited == pytest.approx(1_000, abs=10)


@pytest.mark.parametrize(
    ("markets", "told", "opens"),
    [
        (market("initialized", open_time=instant(600)), status(), instant(600)),
        (market("inactive", open_time=instant(600)), status(), None),
        (market(), status(False, resume=instant(500)), instant(500)),
        (core.reply(503, b"<html>"), status(), None),
    ],
)
def test_what_did_not_open_in_time_says_when_it_may(markets: Any, told: Any, opens: Any) -> None:
    with pytest.raises(errors.MarketNotOpen) as caught:
        wait(world(markets, told))
    assert caught.value.reopens_at == (None if opens is None else datetime.fromisoformat(opens))


@pytest.mark.parametrize("word", ["closed", "determined", "disputed", "amended", "finalized"])
def test_a_market_that_has_ended_is_looked_at_once(word: str) -> None:
    exchange = world(market(word))
    with pytest.raises(errors.MarketClosed, match=word):
        wait(exchange, None)
    assert len(exchange.requests) == 1


@pytest.mark.parametrize(
    ("opens_at", "least", "most"),
    [(600, 60, 60), (20, 20, 20), (0.6, 0.6, 1.6), (-5, 5, 5), (None, 5, 5)],
)
def test_between_two_looks_it_waits_for_the_moment_told_but_no_minute(
    opens_at: float | None, least: float, most: float
) -> None:
    told = None if opens_at is None else instant(opens_at)
    exchange = world(market("initialized", open_time=told))
    looks: list[float] = []

    def note(request: Request) -> Reply | None:
        if "/markets/" not in request.path:
            return None
        looks.append(exchange.time)
        return market() if len(looks) > 1 else None

    exchange.handlers.insert(0, note)
    assert wait(exchange, None).status == "active"
    assert least - 1.1 <= looks[1] - looks[0] <= most + 0.1


@pytest.mark.parametrize("deadline", [5.4, 10.6, 64.9])
def test_it_waits_until_the_deadline_itself(deadline: float) -> None:
    exchange = world(market("inactive"))
    with pytest.raises(errors.MarketNotOpen):
        wait(exchange, deadline)
    assert exchange.monotonic() - 1_000 == pytest.approx(deadline, abs=0.1)


def refusal(kind: type[errors.Refused] = errors.MarketNotOpen) -> Any:
    return kind("no")


@pytest.mark.parametrize("answer", [core.reply(404), core.reply(500)])
def test_refused_orders_cost_one_read_of_the_schedule_in_ten_minutes(answer: Any) -> None:
    exchange = ex.FakeExchange([ex.always(answer, method="GET")])

    def note(contract: Any, *results: Any) -> int:
        exchange.requests.clear()
        exchange.run(note_reopening(contract, exchange.context, LIMITS, results))
        return len(exchange.requests)

    assert note(core.CURRENT, refusal(errors.MarketClosed), errors.BadRequest("no")) == 0
    assert note(core.CLASSIC, refusal()) == 0
    assert note(core.CURRENT, refusal(errors.MarketClosed), refusal()) > 0
    exchange.time += 590
    assert note(core.CURRENT, refusal()) == 0
    exchange.time += 20
    assert note(core.CURRENT, refusal()) > 0


@pytest.mark.parametrize(
    ("asked", "row", "moved"),
    [
        ({}, {"exchange_index": 2}, True),
        ({}, {"exchange_index": 0}, False),
        ({"ticker": ex.TICKER}, {"exchange_index": 2}, False),
        ({"exchange_index": -1}, {"exchange_index": 2}, False),
        ({"exchange_index": 1}, {"exchange_index": 2}, True),
        ({"exchange_index": 2}, {"exchange_index": 2}, False),
        ({"exchange_index": 2}, {"exchange_index": None}, False),
        ({}, {"subaccount_number": 0}, False),
        ({}, {"subaccount_number": 1}, True),
        ({"subaccount": 0}, {"subaccount_number": 0}, False),
        ({"subaccount": 1}, {"subaccount_number": 1}, False),
        ({"subaccount": 1}, {"subaccount_number": 0}, True),
        ({}, {"exchange_index": 2, "status": "canceled"}, False),
    ],
)
def test_an_order_is_followed_only_to_where_it_was_not_asked(
    asked: dict[str, Any], row: dict[str, Any], moved: bool
) -> None:
    exchange = ex.FakeExchange(orders=[ex.row(**row)])
    target = Target.of(ID, **asked)
    found = exchange.run(follow(core.CURRENT, target, exchange.context, LIMITS))
    assert (found is not None) is moved
    if found is not None:
        assert found.ticker == ex.TICKER
        assert (found.exchange_index or 0) == (row.get("exchange_index") or 0)
    exchange.requests.clear()
    assert exchange.run(follow(core.CLASSIC, target, exchange.context, LIMITS)) is None
    assert exchange.requests == []


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(("shard", "known"), [(None, None), (-1, None), (0, "0"), (1, "1")])
def test_a_shard_that_was_named_is_known_after_placing_and_after_a_restart(
    shard: int | None, known: str | None, restarts: bool
) -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    ticket = ex.ticket(exchange_index=shard)
    exchange.run(writes.place(core.CURRENT, ticket, exchange.context))
    if restarts:
        exchange.restart()
    done = core.reply(200, {"order_id": ID, "remaining_count": "4.00"})
    exchange.handlers = [ex.once(done)]
    smaller = DecreaseTicket.of(Target.of(ID), to=4)
    exchange.run(writes.decrease(core.CURRENT, smaller, exchange.context))
    asked = exchange.sent("POST")[-1]
    said = dict(asked.query) | json.loads(asked.body or b"{}")
    assert said.get("exchange_index") in (known, None if known is None else int(known))


def test_the_journal_is_read_once_for_the_routes_of_orders_that_it_does_not_know() -> None:
    exchange, reads = ex.FakeExchange(), list[int]()
    page = exchange.journal.page

    def counted(*arguments: Any) -> Any:
        reads.append(1)
        return page(*arguments)

    exchange.journal.page = counted  # type: ignore[method-assign]
    exchange.run(locate(core.CURRENT, Target.of(ID), exchange.context))
    first = len(reads)
    exchange.run(locate(core.CURRENT, Target.of(ex.row(2)["order_id"]), exchange.context))
    assert len(reads) == first > 0
    exchange.restart()
    named = Target.of(ID, ticker=ex.TICKER)
    assert exchange.run(locate(core.CURRENT, named, exchange.context)) == named
    assert len(reads) == first  # a ticker routes it already


def test_an_order_of_a_journal_that_fails_is_changed_without_what_it_knows() -> None:
    exchange = ex.FakeExchange()

    def broken(*_: Any) -> Any:
        raise JournalUnusable("disk full")

    exchange.journal.page = broken  # type: ignore[method-assign]
    assert exchange.run(locate(core.CURRENT, Target.of(ID), exchange.context)) == Target.of(ID)
    assert not exchange.context.known_orders.is_journal_read  # it is asked again
