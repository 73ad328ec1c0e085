"""A bare id goes with what is known of its order: ticker, shard and subaccount."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.protocol.flow import request
from kalshi_ext.protocol.messages import Reply, Request
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.requests.known import KnownOrders, Route

ID = ex.row()["order_id"]
ELSEWHERE = ex.row(exchange_index=2, subaccount_number=3)
ACK = {"order_id": ID, "fill_count": "0.00", "remaining_count": "4.00"}


def where(asked: Request) -> dict[str, Any]:
    """Return what a request says of where its order lives."""
    said = dict(asked.query) | json.loads(asked.body or b"{}")
    names = ("market_ticker", "ticker", "exchange_index", "subaccount")
    return {name: str(said[name]) for name in names if name in said}


def lives_on_shard_2(asked: Request) -> Reply | None:
    if asked.method not in ("POST", "DELETE"):
        return None
    if where(asked).get("exchange_index") != "2":
        return ex.not_found()
    cancelled = core.reply(200, {"order_id": ID, "reduced_by": "5.00"})
    return cancelled if asked.method == "DELETE" else core.reply(200, ACK)


def cancel(exchange: ex.FakeExchange) -> Any:
    return exchange.run(writes.cancel(core.CURRENT, Target.of(ID), exchange.context))


def decrease(exchange: ex.FakeExchange) -> Any:
    ticket = DecreaseTicket.of(Target.of(ID), to=4)
    return exchange.run(writes.decrease(core.CURRENT, ticket, exchange.context))


def amend(exchange: ex.FakeExchange) -> Any:
    ticket = AmendTicket.of(
        ID, ticker=ex.TICKER, side="bid", price="0.56", count=4, exchange_index=0
    )
    return exchange.run(writes.amend(core.CURRENT, ticket, exchange.context))


CHANGES = {"cancel": cancel, "decrease": decrease, "amend": amend}
SOURCES: dict[str, Callable[[ex.FakeExchange], Any]] = {
    "list": lambda e: e.run(request(core.CURRENT.orders.list(ListQuery()), e.context)),
    "read": lambda e: e.run(request(core.CURRENT.orders.get(ID), e.context)),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("change", ["cancel", "decrease"])
def test_an_order_that_was_seen_is_changed_where_it_lives(source: str, change: str) -> None:
    exchange = ex.FakeExchange([lives_on_shard_2], orders=[ELSEWHERE])
    SOURCES[source](exchange)
    CHANGES[change](exchange)
    (asked,) = [r for r in exchange.requests if r.method != "GET"]
    assert where(asked) == {"market_ticker": ex.TICKER, "exchange_index": "2", "subaccount": "3"}


def test_an_order_that_was_placed_is_cancelled_where_it_was_placed() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created()), lives_on_shard_2])
    ticket = ex.ticket(exchange_index=2, subaccount=1)
    exchange.run(writes.place(core.CURRENT, ticket, exchange.context))
    cancel(exchange)
    asked = exchange.sent("DELETE")[0]
    assert where(asked) == {"market_ticker": ex.TICKER, "exchange_index": "2", "subaccount": "1"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_404_is_followed_to_where_the_order_lives(change: str) -> None:
    exchange = ex.FakeExchange([lives_on_shard_2], orders=[ELSEWHERE])
    CHANGES[change](exchange)
    asked = [where(r) for r in exchange.requests if r.method != "GET"]
    assert [each.get("exchange_index") for each in asked] in ([None, "2"], ["0", "2"])
    assert asked[-1]["subaccount"] == "3"


@pytest.mark.parametrize("change", CHANGES)
def test_an_order_that_is_nowhere_is_not_asked_for_twice(change: str) -> None:
    exchange = ex.FakeExchange([lives_on_shard_2])
    with pytest.raises(errors.NotFound):
        CHANGES[change](exchange)
    assert len([r for r in exchange.requests if r.method != "GET"]) == 1


def test_after_a_restart_the_journal_tells_where_an_order_lives() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created()), lives_on_shard_2])
    exchange.run(
        writes.place(core.CURRENT, ex.ticket(exchange_index=2, subaccount=1), exchange.context)
    )
    exchange.restart()
    decrease(exchange)
    assert where(exchange.sent("POST")[-1])["exchange_index"] == "2"


def test_what_is_known_is_bounded_and_the_newest_stays() -> None:
    known = KnownOrders(most=3)
    for number in range(5):
        known.add(f"o{number}", Route("T", number))
    assert [known.route(f"o{number}") for number in (1, 2)] == [None, Route("T", 2)]
    known.add("o2", Route("T", None, 7))
    known.add("o9", Route("T"))
    assert known.route("o2") == Route("T", 2, 7)


def test_what_the_caller_says_goes_before_what_is_known() -> None:
    known = KnownOrders()
    known.add(ID, Route("T", 2, 3))
    target = known.complete(Target.of(ID, exchange_index=1))
    assert (target.ticker, target.exchange_index, target.subaccount) == ("T", 1, 3)
    classic = known.complete(Target.of(ID), routed=False)
    assert (classic.ticker, classic.exchange_index, classic.subaccount) == ("T", None, None)
