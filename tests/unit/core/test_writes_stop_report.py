"""What a stop asks for in each round, in how many seconds, and what its report says of it."""

from __future__ import annotations

import json
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve
from stop_exchange import ALL, POLICY, Exchange, exchange_of, stop

from kalshi_ext import errors, writes
from kalshi_ext import stop as stops
from kalshi_ext.journal import Latch
from kalshi_ext.protocol.flow import Effect, Send
from kalshi_ext.protocol.messages import Lost, Reply, Request
from kalshi_ext.protocol.pacer import Costs, Pacer
from kalshi_ext.protocol.rate_limits import TokenBucket
from kalshi_ext.stop import AutoGroups
from kalshi_ext.values import count
from kalshi_ext.writes import journal_codec

MARKET = Latch(ticker=ex.TICKER)
EVENT = "KXRAIN-26DEC31"
BATCHED = ("DELETE", "/portfolio/events/orders/batched")


def paced(exchange: Exchange, capacity: float, cost: float) -> Exchange:
    pacer = Pacer(TokenBucket(1000, 1000), TokenBucket(1000, capacity))
    pacer.costs = Costs(special={BATCHED: cost})
    exchange.context = evolve(exchange.context, pacer=pacer)
    return exchange


@pytest.mark.parametrize(
    ("capacity", "cost", "sizes"),
    [
        (1_000, 2, [20, 5]),  # no more than a batch may hold
        (20, 2, [10, 10, 5]),
        (17, 2, [8, 8, 4, 5]),  # of each 20 what fits: a part is no entry
        (10, 10, [1] * 25),
        (10, 11, [1] * 25),  # no entry fits, by numbers that may be wrong: it goes all the same
        (10, 0, [20, 5]),
    ],
)
def test_a_stop_sends_batches_that_its_bucket_can_hold(
    capacity: float, cost: float, sizes: list[int]
) -> None:
    exchange = paced(exchange_of(orders=[ex.row(n) for n in range(1, 26)]), capacity, cost)
    report = stop(exchange, MARKET)
    batches = exchange.sent("DELETE", "/batched")
    assert [len(json.loads(each.body or b"")["orders"]) for each in batches] == sizes
    assert (report.outcome, exchange.orders) == ("flat", [])


ENTRY = {"order_id": ex.row()["order_id"], "error": {"code": "locked", "message": "it is locked"}}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (core.reply(200, {"orders": [ENTRY]}), "it is locked"),
        (core.reply(400, {"error": {"code": "no", "message": "not today"}}), "not today"),
        (core.lost(bytes_sent=False), "it took too long"),
    ],
)
def test_the_reason_why_an_order_was_not_cancelled_is_told(answer: Reply | Lost, why: str) -> None:
    exchange = exchange_of(ex.always(answer, method="DELETE"), orders=[ex.row()])
    report = stop(exchange, MARKET, deadline=5)
    (resting,) = report.resting
    assert why in resting.why
    assert report.summary()["resting"][0]["why"] == resting.why


def later_row(number: int) -> dict[str, Any]:
    later = journal_codec.instant(core.EPOCH + 3_600).isoformat()
    return ex.row(number, status="canceled", last_update_time=later)


def cancelled_list(*rows: Any) -> ex.Handler:
    """Answer the list of cancelled orders."""

    def handler(request: Request) -> Reply | None:
        is_list = request.path == "/portfolio/orders"
        is_asked = is_list and dict(request.query).get("status") == "canceled"
        return core.reply(200, {"orders": rows}) if is_asked else None

    return handler


@pytest.mark.parametrize("subaccount", [None, 3])
def test_cancel_all_counts_and_never_says_that_it_is_flat(subaccount: int | None) -> None:
    exchange = exchange_of(cancelled_list(later_row(1)), orders=[ex.row(1)])
    report = exchange.run(stops.cancel_all(core.CURRENT, exchange.context, subaccount))
    assert (report.outcome, report.flat, report.verified) == ("unknown", False, False)
    assert [each.order_id for each in report.cancelled] == [ex.row(1)["order_id"]]
    assert (report.uncounted, report.subaccount) == ((), subaccount)
    assert report.latch_error == "cancel_all shuts none"
    assert exchange.context.stops.latches == ()


def test_what_cancel_all_left_is_told_with_a_reason() -> None:
    left = ex.always(core.reply(200, {"orders": [ex.row()]}), method="GET", ending="/orders")
    exchange = exchange_of(left)
    report = exchange.run(stops.cancel_all(core.CURRENT, exchange.context, None))
    assert report.outcome == "resting"
    assert [each.why for each in report.resting] == ["reads may not show yet that it was cancelled"]


@pytest.mark.parametrize("late", [0.0, 100.0])
def test_a_stop_whose_time_is_over_still_counts_what_it_did(late: float) -> None:
    def slow(request: Request) -> None:
        exchange.time += late if request.path.endswith("/user_data_timestamp") else 0.0

    exchange = exchange_of(slow, cancelled_list(later_row(1)), orders=[ex.row(1)])
    report = stop(exchange, deadline=50)
    assert [each.order_id for each in report.cancelled] == [ex.row(1)["order_id"]]
    assert report.uncounted == ()
    assert exchange.sent("GET", "/fills")


def market_list(*tickers: str) -> ex.Handler:
    rows = [
        {"ticker": each, "event_ticker": EVENT, "status": "active", "market_type": "binary"}
        for each in tickers
    ]
    return ex.always(core.reply(200, {"markets": rows}), method="GET", ending="/markets")


@pytest.mark.parametrize(
    ("markets", "again"),
    [
        (ex.always(ex.not_found(), method="GET", ending="/markets"), False),
        (ex.always(core.reply(200, {}), method="GET", ending="/markets"), False),
        (market_list(ex.TICKER), False),
        (market_list(ex.TICKER, "KXSUN-26DEC31-NYC"), True),
    ],
)
def test_an_event_is_looked_at_again_only_where_its_list_named_more(
    markets: ex.Handler, again: bool
) -> None:
    exchange = exchange_of(markets)
    assert stop(exchange, Latch(event_ticker=EVENT)).flat
    paths = [each.path for each in exchange.requests]
    assert ("/exchange/user_data_timestamp" in paths[paths.index("/markets") :]) is again


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [(30.0, [2, 4, 8, 16, 30, 30]), (5.0, [2, 4, 5, 5, 5, 5]), (1.0, [1] * 6)],
)
def test_each_round_gives_a_request_twice_the_time_up_to_the_policys(
    timeout: float, seconds: list[float]
) -> None:
    exchange = exchange_of(watermark=None)
    exchange.context = evolve(exchange.context, policy=evolve(POLICY, timeout=timeout))
    sends: list[Send] = []

    def six_rounds(effect: Effect) -> bool:
        if isinstance(effect, Send) and effect.request.path.endswith("/user_data_timestamp"):
            sends.append(effect)
        return len(sends) == len(seconds)

    flow = stops.stop(core.CURRENT, exchange.context, ALL)
    exchange.run_until(flow, six_rounds)
    flow.close()
    assert [each.timeout for each in sends] == seconds


# In which group an order is put


def placed(exchange: Exchange, contract: Any = core.CURRENT, **changes: Any) -> dict[str, str]:
    """Place an order that the exchange refuses; return the groups that are kept then."""
    exchange.context = evolve(exchange.context, auto_groups=AutoGroups(count(10)))
    exchange.handlers.append(ex.always(core.refused(400), method="POST", ending="/orders"))
    with pytest.raises(errors.BadRequest):
        exchange.run(writes.place(contract, ex.ticket(**changes), exchange.context))
    return dict(exchange.journal.stops.record.read().groups)


def market(**row: Any) -> ex.Handler:
    return ex.always(core.reply(200, row), method="GET", ending=ex.TICKER)


@pytest.mark.parametrize("told", [2, 2.0, "2"])
def test_an_order_gets_a_group_on_the_shard_of_its_market(told: object) -> None:
    exchange = exchange_of(market(market={"exchange_index": told}))
    assert list(placed(exchange)) == ["0/2"]
    (create,) = exchange.sent("POST", "/create")
    assert json.loads(create.body or b"")["exchange_index"] == 2


def test_the_shard_that_an_order_names_is_not_asked_for() -> None:
    exchange = exchange_of()
    assert list(placed(exchange, exchange_index=2, subaccount=3)) == ["3/2"]
    assert exchange.sent("GET", ex.TICKER) == []


NO_SHARDS: list[Any] = [None, "x", 2.5, -1, True, [2], {}]
NO_MARKETS: list[Any] = [None, "odd", {}, *({"exchange_index": odd} for odd in NO_SHARDS)]


@pytest.mark.parametrize("told", NO_MARKETS)
def test_a_market_that_tells_no_shard_is_on_shard_0(told: object) -> None:
    assert list(placed(exchange_of(market(market=told)))) == ["0/0"]


def test_an_order_of_the_classic_contract_gets_a_group_without_a_shard() -> None:
    exchange = exchange_of(market(market={"exchange_index": 2}))
    assert list(placed(exchange, core.CLASSIC)) == ["0/0"]
    assert exchange.sent("GET", ex.TICKER) == []


def test_a_shard_is_asked_for_once_for_each_market() -> None:
    exchange = exchange_of(market(market={"exchange_index": 2}))
    placed(exchange)
    with pytest.raises(errors.BadRequest):
        exchange.run(writes.place(core.CURRENT, ex.ticket(2), exchange.context))
    assert len(exchange.sent("GET", ex.TICKER)) == 1
