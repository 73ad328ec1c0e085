"""Orders, matching, groups, shards and money as the exchange is known to do them, over HTTP."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from sandbox_client import BTC, HttpAnswer, SignedClient, signed_client

from kalshi_ext.sandbox import Sandbox

EVENTS = "/portfolio/events/orders"
EMPTY = "KXEMPTY-26DEC31-A"


@pytest.fixture
def market(exchange: Sandbox) -> str:
    """A market with an empty book and prices as fine as they get."""
    bands = [{"start": "0.0001", "end": "0.9999", "step": "0.0001"}]
    exchange.markets.add(EMPTY, price_ranges=bands)
    return EMPTY


@pytest.fixture
def other(exchange: Sandbox) -> Any:
    """A second trader."""
    with signed_client(exchange, "other") as client:
        yield client


def place_empty(
    caller: SignedClient, price: str, count: str, side: str = "bid", **changes: Any
) -> HttpAnswer:
    """Place an order in the empty market."""
    return caller.place(ticker=EMPTY, price=price, count=count, side=side, **changes)


def rest_order(
    caller: SignedClient, price: str, count: str, side: str = "bid", **changes: Any
) -> str:
    answer = place_empty(caller, price, count, side, **changes)
    assert answer.status == 201, answer.raw
    return str(answer.json["order_id"])


def read_order(caller: SignedClient, order_id: str) -> dict[str, Any]:
    return dict(caller.call("GET", f"/portfolio/orders/{order_id}").json["order"])


def test_price_then_time_at_the_resting_price(
    market: str, caller: SignedClient, other: SignedClient
) -> None:
    late = rest_order(caller, "0.40", "2")
    best = rest_order(caller, "0.41", "1")
    last = rest_order(other, "0.40", "2")
    taker = rest_order(other, "0.39", "2", "ask", self_trade_prevention_type="maker")
    fills = caller.call("GET", f"/portfolio/fills?ticker={EMPTY}").json["fills"]
    assert {(f["order_id"], f["count_fp"], f["yes_price_dollars"]) for f in fills} == {
        (best, "1.00", "0.4100"),
        (late, "1.00", "0.4000"),
    }
    assert [f["is_taker"] for f in fills] == [False, False]
    assert read_order(other, taker)["status"] == "executed"
    assert read_order(other, last)["remaining_count_fp"] == "2.00"


@pytest.mark.parametrize(
    ("kind", "incoming_status", "resting_status"),
    [("taker_at_cross", "canceled", "resting"), ("maker", "resting", "canceled")],
)
def test_self_trade_prevention_stops_the_incoming_or_the_resting_order(
    market: str, caller: SignedClient, kind: str, incoming_status: str, resting_status: str
) -> None:
    first = rest_order(caller, "0.40", "2")
    second = rest_order(caller, "0.40", "2", "ask", self_trade_prevention_type=kind)
    assert (read_order(caller, second)["status"], read_order(caller, first)["status"]) == (
        incoming_status,
        resting_status,
    )
    assert caller.call("GET", f"/portfolio/fills?ticker={EMPTY}").json["fills"] == []


def test_time_in_force_post_only_and_reduce_only(
    market: str, caller: SignedClient, other: SignedClient
) -> None:
    nothing = place_empty(caller, "0.40", "2", time_in_force="immediate_or_cancel")
    assert nothing.status == 201
    assert (nothing.json["fill_count"], nothing.json["remaining_count"]) == ("0.00", "0.00")
    killed = place_empty(caller, "0.40", "2", time_in_force="fill_or_kill")
    assert (killed.status, killed.code) == (409, "fill_or_kill_insufficient_resting_volume")
    rest_order(other, "0.40", "5", "ask")
    crossing = place_empty(caller, "0.40", "2", post_only=True)
    assert (crossing.status, crossing.code) == (400, "invalid_order")
    rest_order(caller, "0.40", "2")
    rest_order(other, "0.30", "9")
    sale = {"reduce_only": True, "time_in_force": "immediate_or_cancel"}
    assert place_empty(caller, "0.30", "9", "ask", **sale).json["fill_count"] == "2.00"
    assert place_empty(caller, "0.30", "9", "ask", reduce_only=True).status == 400


def test_an_order_expires_at_its_moment(
    market: str, exchange: Sandbox, caller: SignedClient
) -> None:
    expiration = int(exchange.clock.now().timestamp()) + 30
    order_id = rest_order(caller, "0.40", "2", expiration_time=expiration)
    assert place_empty(caller, "0.40", "2", expiration_time=1).status == 400
    exchange.clock.advance(31)
    with signed_client(exchange, skew=31) as later:
        assert read_order(later, order_id)["status"] == "canceled"


def test_an_amend_keeps_the_turn_only_when_it_takes_away(
    market: str, caller: SignedClient, other: SignedClient
) -> None:
    order_id = rest_order(caller, "0.40", "5")
    rest_order(other, "0.40", "3")
    path = f"/portfolio/orders/{order_id}/queue_position"
    amendment = {"ticker": EMPTY, "side": "bid", "price": "0.40"}
    for count, ahead in (("4", "0.00"), ("6", "3.00")):
        amended = caller.call("POST", f"{EVENTS}/{order_id}/amend", {**amendment, "count": count})
        assert amended.status == 200, amended.raw
        assert caller.call("GET", path).json["queue_position_fp"] == ahead
    repeated = caller.call("POST", f"{EVENTS}/{order_id}/amend", {**amendment, "count": "6"})
    assert (repeated.status, repeated.code) == (400, "AMEND_ORDER_NO_OP")


def test_reduce_to_is_absolute_and_reduce_by_is_not(market: str, caller: SignedClient) -> None:
    order_id = rest_order(caller, "0.40", "9")
    path = f"{EVENTS}/{order_id}/decrease"
    left = [
        caller.call("POST", path, body).json["remaining_count"]
        for body in ({"reduce_to": "7"}, {"reduce_to": "7"}, {"reduce_by": "2"}, {"reduce_by": "2"})
    ]
    assert left == ["7.00", "7.00", "5.00", "3.00"]
    assert caller.call("POST", path, {"reduce_by": "1", "reduce_to": "1"}).status == 400


def test_a_cancel_that_races_with_fills_takes_what_they_left(
    market: str, exchange: Sandbox, caller: SignedClient
) -> None:
    order_id = rest_order(caller, "0.40", "50")

    def sell() -> None:
        with signed_client(exchange, "other") as seller:
            for _ in range(25):
                place_empty(seller, "0.40", "2", "ask", time_in_force="immediate_or_cancel")

    thread = threading.Thread(target=sell)
    thread.start()
    answer = caller.call("DELETE", f"{EVENTS}/{order_id}?market_ticker={EMPTY}")
    thread.join()
    truth = next(row for row in exchange.truth.orders() if row["order_id"] == order_id)
    filled = Decimal(truth["fill_count_fp"])
    fills = sum(Decimal(fill["count_fp"]) for fill in exchange.truth.fills(order_id=order_id))
    reduced = Decimal(answer.json["reduced_by"]) if answer.status == 200 else Decimal(0)
    assert filled == fills
    assert filled + reduced == 50


def test_a_group_is_bound_by_its_volume_of_15_seconds(
    market: str, exchange: Sandbox, caller: SignedClient
) -> None:
    path = "/portfolio/order_groups"
    group = caller.call("POST", f"{path}/create", {"contracts_limit": 5}).json["order_group_id"]
    member = {"order_group_id": group}
    rest_order(caller, "0.30", "50", **member)
    rest_order(caller, "0.40", "5", **member)
    exchange.markets.quote(EMPTY, "ask", "0.40", "5")
    exchange.clock.advance(16)
    with signed_client(exchange, skew=16) as later:
        assert len(later.call("GET", f"{path}/{group}").json["orders"]) == 1
        exchange.markets.quote(EMPTY, "ask", "0.30", "6")
        assert later.call("GET", f"{path}/{group}").json["orders"] == []
        assert place_empty(later, "0.30", "1", **member).code == "invalid_order"
        assert later.call("PUT", f"{path}/{group}/reset", {}).status == 200
        assert place_empty(later, "0.30", "1", **member).status == 201
        assert later.call("PUT", f"{path}/{group}/trigger", {}).status == 200
        assert place_empty(later, "0.30", "1", **member).status == 400


def test_a_cancel_that_names_neither_ticker_nor_shard_misses_other_shards(
    caller: SignedClient,
) -> None:
    order_id = caller.place(ticker=BTC, price="0.100").json["order_id"]
    assert caller.call("DELETE", f"{EVENTS}/{order_id}").status == 404
    assert caller.call("DELETE", f"{EVENTS}/{order_id}?exchange_index=0").status == 404
    assert caller.call("DELETE", f"{EVENTS}/{order_id}?exchange_index=2").status == 200


def test_a_404_is_the_same_for_cancelled_executed_and_unknown(caller: SignedClient) -> None:
    cancelled = caller.place().json["order_id"]
    caller.call("DELETE", f"{EVENTS}/{cancelled}")
    executed = caller.place(price="0.56").json["order_id"]
    answers = {
        caller.call("DELETE", f"{EVENTS}/{name}").raw
        for name in (cancelled, executed, "00000000-0000-4000-a000-000000000000")
    }
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("price", "count", "fee", "nets"),
    [
        ("0.0550", "1", "0.0085", ["0.015000", "0.005000", "0.015000"]),
        ("0.5000", "0.30", "0.0041", ["0.010000", "0.000000", "0.010000"]),
        ("0.3301", "0.03", None, ["0.010097", "0.000097", "0.000097"]),
    ],
)
def test_the_documented_fees_come_out_to_the_last_digit(
    exchange: Sandbox,
    price: str,
    count: str,
    fee: str | None,
    nets: list[str],
) -> None:
    bands = [{"start": "0.0001", "end": "0.9999", "step": "0.0001"}]
    exchange.markets.add(EMPTY, price_ranges=bands, fixed_fee=fee)
    # The examples are of an account that is no direct member.
    key = exchange.account("cents", funds="1000", precision="0.01")
    for _ in range(3):
        exchange.markets.quote(EMPTY, "ask", price, count)
    with SignedClient(exchange.url, key.key_id, key.private_key) as caller:
        before = Decimal(caller.call("GET", "/portfolio/balance").json["balance_dollars"])
        order_id = rest_order(caller, price, str(3 * Decimal(count)))
        fills = caller.call("GET", f"/portfolio/fills?order_id={order_id}").json["fills"]
        assert sorted(fill["fee_cost"] for fill in fills) == sorted(nets)
        assert [fill["fee_cost"] for fill in exchange.truth.fills(order_id=order_id)] == nets
        after = Decimal(caller.call("GET", "/portfolio/balance").json["balance_dollars"])
        paid = 3 * Decimal(price) * Decimal(count) + sum(map(Decimal, nets))
        assert before - after == paid


@pytest.mark.parametrize(
    ("result", "value", "revenue"), [("yes", None, 400), ("no", None, 0), ("scalar", "0.37", 148)]
)
def test_a_market_settles_to_yes_no_or_a_value(
    market: str,
    exchange: Sandbox,
    caller: SignedClient,
    result: str,
    value: str | None,
    revenue: int,
) -> None:
    exchange.markets.quote(EMPTY, "ask", "0.40", "4")
    rest_order(caller, "0.40", "4")
    before = caller.call("GET", "/portfolio/balance").json["balance"]
    exchange.markets.settle(EMPTY, result, value=value)
    row = caller.call("GET", f"/portfolio/settlements?ticker={EMPTY}").json["settlements"][0]
    assert (row["market_result"], row["revenue"], row["yes_count_fp"]) == (result, revenue, "4.00")
    assert caller.call("GET", "/portfolio/balance").json["balance"] - before == revenue
    late = place_empty(caller, "0.40", "4")
    assert (late.status, late.code) == (409, "market_closed")


def test_cash_collateral_and_positions_reconcile_between_two_traders(
    market: str, exchange: Sandbox, caller: SignedClient, other: SignedClient
) -> None:
    def worth(client: SignedClient) -> Decimal:
        balance = client.call("GET", "/portfolio/balance").json
        return Decimal(balance["balance_dollars"]) + Decimal(balance["portfolio_value"]) / 100

    before = worth(caller) + worth(other)
    rest_order(caller, "0.40", "10")
    rest_order(other, "0.40", "10", "ask")
    fees = sum(Decimal(fill["fee"]) for fill in _fills(exchange))
    assert worth(caller) + worth(other) == before - fees


def _fills(exchange: Sandbox) -> list[dict[str, Any]]:
    events = exchange.truth.events()
    return [e["data"] for e in events if e["kind"] == "fill" and e["data"]["ticker"] == EMPTY]
