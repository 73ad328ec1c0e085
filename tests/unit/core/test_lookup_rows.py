"""Lookups among rows that cannot be read whole, and an order that GET does not find."""

from __future__ import annotations

from typing import Any

import core_clients as clients
import core_samples as core
import fake_exchange as ex
import httpx
import pytest

from kalshi_ext import errors, reads, writes
from kalshi_ext.requests import DecreaseTicket, Target
from kalshi_ext.requests.filters import ListQuery

LOST = core.lost(bytes_sent=True)
ORDERS, HISTORY, FILLS = "/portfolio/orders", "/historical/orders", "/portfolio/fills"
ORDER_ID = ex.row()["order_id"]
FILL = {"fill_id": "f1", "order_id": ORDER_ID, "ticker": ex.TICKER, "book_side": "bid"}


def place(exchange: ex.FakeExchange) -> Any:
    return exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context))


def find(exchange: ex.FakeExchange) -> Any:
    query = ListQuery(ticker=ex.TICKER)
    return exchange.run(reads.find_order(core.CURRENT, "c1", query, exchange.context))


@pytest.mark.parametrize(
    "garbage",
    [
        {"expiration_time": "0"},
        {"expiration_time": "soon"},
        {"taker_fees_dollars": "n/a", "maker_fees_dollars": {}},
        {"yes_price_dollars": "n/a", "created_time": 1e300, "exchange_index": "x"},
    ],
    ids=str,
)
def test_what_says_nothing_of_an_orders_identity_does_not_hide_it_from_a_lookup(
    garbage: dict[str, Any],
) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[ex.row(**garbage)])
    ack = place(exchange)
    assert (ack.order_id, ack.replayed, exchange.waited) == (ORDER_ID, True, 0.0)


def test_an_order_that_is_there_and_cannot_be_read_is_not_denied() -> None:
    broken = ex.row(status=None)
    for lists in ({"orders": [broken]}, {"history": [broken]}, {"orders": [ex.row(2), broken]}):
        with pytest.raises(
            errors.Unintelligible, match=r"orders.find: the order c1 cannot be read"
        ):
            find(ex.FakeExchange(**lists))


def test_another_order_that_cannot_be_read_does_not_hide_the_wanted_one() -> None:
    assert find(ex.FakeExchange(orders=[ex.row(2, status=None), ex.row()])).order_id == ORDER_ID
    assert find(ex.FakeExchange(orders=[ex.row(2, status=None)])) is None


def test_a_list_of_unreadable_orders_that_name_others_proves_an_absence() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, ex.created())], orders=[ex.row(2, status=None)])
    assert place(exchange).order_id == ORDER_ID
    assert len(exchange.sent("POST")) == 2


def test_an_unreadable_fill_that_names_its_order_leads_to_it() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], fills=[{**FILL, "count_fp": "many"}])
    found = core.reply(200, {"order": ex.row(status="executed")})
    exchange.handlers.append(ex.always(found, method="GET", ending=ORDER_ID))
    assert place(exchange).replayed
    nameless = ex.FakeExchange([ex.once(LOST)], fills=[{"count_fp": "many"}])
    with pytest.raises(errors.OutcomeUnknown):
        place(nameless)


def unreachable(**lists: Any) -> ex.FakeExchange:
    """Make an exchange whose GET of the order is a 404."""
    exchange = ex.FakeExchange(**lists)
    exchange.handlers.append(ex.always(ex.not_found(), method="GET", ending=ORDER_ID))
    return exchange


def get(exchange: ex.FakeExchange, ticker: str | None) -> Any:
    return exchange.run(reads.get_order(core.CURRENT, ORDER_ID, exchange.context, ticker=ticker))


def test_after_a_404_an_order_is_looked_for_in_the_live_list_of_its_ticker() -> None:
    exchange = unreachable(orders=[ex.row(2), ex.row()])
    assert get(exchange, ex.TICKER).order_id == ORDER_ID
    (listing,) = exchange.sent("GET", ORDERS)
    assert ("ticker", ex.TICKER) in listing.query


def test_without_a_ticker_a_404_stands() -> None:
    exchange = unreachable(orders=[ex.row()])
    with pytest.raises(errors.NotFound):
        get(exchange, None)
    assert exchange.sent("GET", ORDERS) == []


def test_a_404_stands_where_the_list_does_not_show_the_order_or_cannot_be_read() -> None:
    for exchange in (unreachable(orders=[ex.row(2)]), unreachable(orders=[ex.row(status=None)])):
        with pytest.raises(errors.NotFound):
            get(exchange, ex.TICKER)
    failing = unreachable()
    failing.handlers.append(ex.always(core.reply(500), method="GET", ending=ORDERS))
    with pytest.raises(errors.NotFound):
        get(failing, ex.TICKER)


def test_a_list_is_not_read_on_behind_the_unreadable_row_of_the_order() -> None:
    exchange = unreachable()
    body = {"orders": [ex.row(status=None)], "cursor": "more"}
    exchange.handlers.append(ex.always(core.reply(200, body), method="GET", ending=ORDERS))
    with pytest.raises(errors.NotFound):
        get(exchange, ex.TICKER)
    assert len(exchange.sent("GET", ORDERS)) == 1


def test_a_decrease_of_an_order_that_get_does_not_find_reads_it_from_the_list() -> None:
    exchange = unreachable(orders=[ex.row()])
    done = core.reply(200, {"order_id": ORDER_ID, "remaining_count": "3.00", "ts_ms": 1})
    exchange.handlers.append(ex.always(done, method="POST", ending="/decrease"))
    ticket = DecreaseTicket.of(Target.of(ORDER_ID, ticker=ex.TICKER), by=2)
    ack = exchange.run(writes.decrease(core.CURRENT, ticket, exchange.context))
    assert (ack.remaining_count, exchange.waited) == (3, 0.0)


def test_a_cancel_whose_answer_was_lost_is_found_in_the_list_where_get_is_a_404() -> None:
    exchange = unreachable(orders=[ex.row(status="canceled")])
    exchange.handlers.append(ex.once(*[LOST] * 9, method="DELETE"))
    target = Target.of(ORDER_ID, ticker=ex.TICKER)
    ack = exchange.run(writes.cancel(core.CURRENT, target, exchange.context))
    assert (ack.order_id, ack.ended) == (ORDER_ID, True)


def test_get_takes_the_ticker_in_both_clients() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(ORDER_ID):
            return httpx.Response(404, json={"error": {"code": "not_found", "message": "no"}})
        return httpx.Response(200, json={"orders": [ex.row()], "cursor": ""})

    transport = clients.RecordingTransport(answer)
    found = clients.sync_and_async(lambda c: c.orders.get(ORDER_ID, ticker=ex.TICKER), transport)
    assert [order.order_id for order in found] == [ORDER_ID] * 2
    bad = clients.sync_and_async(lambda c: c.orders.get(ORDER_ID, ticker=""), transport)
    assert core.kinds(bad) == {"Misuse"}
