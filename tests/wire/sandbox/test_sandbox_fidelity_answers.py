"""Answers, pages, history, lag, limits and pauses as the exchange is known to give them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sandbox_client import TICKER, SignedClient, order_body, signed_client
from sandbox_contract import traffic_violations

from kalshi_ext.sandbox import LoggedRequest, Sandbox
from kalshi_ext.sandbox.engine import admin

EVENTS = "/portfolio/events/orders"
ORDERS = "/portfolio/orders"


def test_a_duplicate_is_a_409_that_names_no_order_whatever_its_payload(
    caller: SignedClient,
) -> None:
    order_id = caller.place("one").json["order_id"]
    for changes in ({}, {"count": "7.00", "price": "0.20", "side": "ask"}):
        duplicate = caller.place("one", **changes)
        assert (duplicate.status, duplicate.code) == (409, "order_already_exists")
        assert order_id.encode() not in duplicate.raw
        assert b"order_id" not in duplicate.raw


@pytest.mark.parametrize(
    ("mode", "open_again", "cancelled", "later"),
    [("forever", 409, 409, 409), ("while_open", 409, 201, 409), ("seconds", 409, 409, 201)],
)
def test_how_long_an_id_stays_taken_is_a_switch(
    exchange: Sandbox, caller: SignedClient, mode: str, open_again: int, cancelled: int, later: int
) -> None:
    exchange.configure(dedupe=mode, dedupe_seconds=30)
    order_id = caller.place("one").json["order_id"]
    statuses = [caller.place("one").status]
    caller.call("DELETE", f"{EVENTS}/{order_id}")
    statuses.append(caller.place("one").status)
    exchange.clock.advance(31)
    with signed_client(exchange, skew=31) as after:
        statuses.append(after.place("one").status)
    assert statuses == [open_again, cancelled, later]


def test_a_garbage_cursor_answers_page_one_again(caller: SignedClient) -> None:
    first = caller.call("GET", f"{ORDERS}?limit=2").json
    assert caller.call("GET", f"{ORDERS}?limit=2&cursor=garbage").json == first
    second = caller.call("GET", f"{ORDERS}?limit=2&cursor={first['cursor']}").json
    assert second["orders"] != first["orders"]


def test_a_page_stays_as_it_was_while_rows_arrive(caller: SignedClient) -> None:
    first = caller.call("GET", f"{ORDERS}?limit=2").json
    path = f"{ORDERS}?limit=2&cursor={first['cursor']}"
    second = caller.call("GET", path).raw
    caller.place()
    assert caller.call("GET", path).raw == second


def test_a_limit_over_the_maximum_is_refused_and_an_empty_one_is_no_number(
    caller: SignedClient,
) -> None:
    for limit in ("1001", "0", "ten", ""):
        answer = caller.call("GET", f"{ORDERS}?limit={limit}")
        assert (answer.status, list(answer.json)) == (400, ["msg"])


def test_reads_lag_and_the_watermark_says_how_far(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.configure(read_lag_seconds=3600)
    ack = caller.place().json
    assert caller.call("GET", f"{ORDERS}/{ack['order_id']}").status == 404
    watermark = caller.call("GET", "/exchange/user_data_timestamp").json["as_of_time"]
    assert datetime.fromisoformat(watermark) < exchange.clock.now()
    exchange.configure(read_lag_seconds=0)
    assert caller.call("GET", f"{ORDERS}/{ack['order_id']}").status == 200


def test_what_lies_behind_the_cutoff_is_only_historical(
    exchange: Sandbox, caller: SignedClient
) -> None:
    executed = caller.place("old", price="0.56").json["order_id"]
    resting = caller.place("open").json["order_id"]
    moved = exchange.clock.now() + timedelta(seconds=1)
    exchange.do(admin.cutoff(orders=moved, trades=moved))
    live = {row["order_id"] for row in caller.call("GET", ORDERS).json["orders"]}
    past = {row["order_id"] for row in caller.call("GET", "/historical/orders").json["orders"]}
    assert resting in live
    assert executed in past - live
    cutoff = caller.call("GET", "/historical/cutoff").json["orders_updated_ts"]
    assert datetime.fromisoformat(cutoff) == moved


def test_a_storm_is_answered_429_without_a_word_about_waiting(exchange: Sandbox) -> None:
    with signed_client(exchange) as caller:
        exchange.clock.set(exchange.clock.now())  # no token comes back but one a command
        exchange.configure(rate_limits=True)
        answers = [caller.call("GET", "/portfolio/balance") for _ in range(60)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert {answer.raw for answer in refused} == {b'{"error":"too many requests"}'}
    names = {name for answer in refused for name in answer.headers}
    assert not [name for name in names if "retry" in name or "rate" in name]
    exchange.configure(rate_limits=False)
    exchange.clock.set(None)


def test_a_batch_must_fit_its_bucket_at_once(exchange: Sandbox, caller: SignedClient) -> None:
    exchange.configure(rate_limits=True)
    batch = {"orders": [order_body(f"b-{n}") for n in range(11)]}
    whole = caller.call("POST", f"{EVENTS}/batched", batch)
    assert whole.status == 429
    fitting = caller.call("POST", f"{EVENTS}/batched", {"orders": batch["orders"][:10]})
    assert fitting.status == 201
    exchange.configure(rate_limits=False)
    assert len(exchange.truth.orders(client_order_id="b-0")) == 1


def test_a_trading_pause_lets_cancels_through_and_an_exchange_pause_nothing(
    exchange: Sandbox, caller: SignedClient
) -> None:
    order_id = caller.place().json["order_id"]
    exchange.markets.pause()
    paused = caller.place()
    assert (paused.status, paused.code) == (409, "trading_is_paused")
    status = caller.call("GET", "/exchange/status").json
    assert (status["trading_active"], status["exchange_active"]) == (False, True)
    exchange.markets.pause("exchange")
    assert caller.call("DELETE", f"{EVENTS}/{order_id}").status == 503
    exchange.markets.resume("exchange")
    assert caller.call("DELETE", f"{EVENTS}/{order_id}").status == 200


def test_time_does_not_run_backwards_although_the_clock_is_put_back(
    exchange: Sandbox, caller: SignedClient
) -> None:
    before = caller.place("before").json["order_id"]
    exchange.clock.advance(-8)
    after = caller.place("after").json["order_id"]
    rows = {row["order_id"]: row for row in caller.call("GET", f"{ORDERS}?limit=2").json["orders"]}
    assert list(rows) in ([after, before], [before, after])
    assert rows[after]["created_time"] >= rows[before]["created_time"]
    exchange.truth.check_invariants()


def test_errors_are_nested_and_have_the_observed_codes(caller: SignedClient) -> None:
    refused = caller.place(price="0.565")
    assert (refused.status, refused.code) == (400, "invalid_order")
    number = caller.place(price=0.56)
    assert (number.status, number.code) == (400, "bad_request")
    missing = caller.call("POST", EVENTS, {"ticker": TICKER})
    assert (missing.status, missing.code) == (400, "missing_parameters")


def test_a_market_of_an_event_lists_its_positions_under_it(caller: SignedClient) -> None:
    caller.place(price="0.56")
    positions = caller.call("GET", f"/portfolio/positions?ticker={TICKER}").json
    assert [row["ticker"] for row in positions["market_positions"]] == [TICKER]
    assert [row["event_ticker"] for row in positions["event_positions"]] == [
        TICKER.rpartition("-")[0]
    ]


def test_the_judge_of_all_traffic_sees_an_answer_that_breaks_the_contract() -> None:
    moment = datetime.fromisoformat("2026-11-23T15:00:00+00:00")

    def violations(status: int, body: bytes, **fields: int) -> list[str]:
        entry = LoggedRequest(1, moment, "GET", "/", {}, b"", operation="GetBalance", **fields)
        entry.status, entry.answer = status, body
        return traffic_violations([entry])

    assert violations(200, b"{}") != []
    assert violations(418, b"{}") != []
    assert violations(200, b'{"balance":"5"}') != []
    assert violations(200, b"{}", fault=1) == []


def test_resting_orders_of_a_subaccount_are_its_own(caller: SignedClient) -> None:
    order_id = caller.place(subaccount=1).json["order_id"]
    assert caller.call("DELETE", f"{EVENTS}/{order_id}?market_ticker={TICKER}").status == 404
    path = f"{EVENTS}/{order_id}?market_ticker={TICKER}&subaccount=1"
    assert caller.call("DELETE", path).status == 200
