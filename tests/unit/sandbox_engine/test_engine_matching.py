"""Matching: price first, time second, in YES prices."""

from __future__ import annotations

from engine_harness import TICKER, UNKNOWN, Harness, error_code

from kalshi_ext.sandbox.engine import admin


def trades(harness: Harness) -> list[tuple[str, str, str]]:
    """List (maker's order, price, count) in sequence."""
    return [
        (fill["order_id"], fill["yes_price_dollars"], fill["count_fp"])
        for fill in harness.truth.fills()
        if not fill["is_taker"]
    ]


def test_the_better_price_trades_first_and_the_earlier_order_within_a_price():
    harness = Harness()
    late_best = harness.place("ask", "0.41")
    harness.wait(1)
    first = harness.place("ask", "0.42", "3")
    harness.wait(1)
    second = harness.place("ask", "0.42", "3")
    taker = harness.order("bid", "0.43", "15", by="bob")
    assert trades(harness) == [
        (late_best, "0.4100", "10.00"),
        (first, "0.4200", "3.00"),
        (second, "0.4200", "2.00"),
    ]
    assert taker.body["fill_count"] == "15.00"
    assert taker.body["average_fill_price"] == "0.413333"
    assert harness.stored_order(second)["remaining_count_fp"] == "1.00"


def test_a_trade_happens_at_the_resting_orders_price():
    harness = Harness()
    harness.place("bid", "0.60")
    harness.place("ask", "0.10", by="bob")
    assert {row["yes_price_dollars"] for row in harness.truth.fills()} == {"0.6000"}


def test_what_does_not_cross_rests():
    harness = Harness()
    harness.place("bid", "0.40")
    harness.place("ask", "0.41", by="bob")
    assert harness.book() == ([["0.4000", "10.00"]], [["0.4100", "10.00"]])


def test_both_sides_of_a_trade_share_its_trade_id_and_differ_in_fill_id():
    harness = Harness()
    harness.place("bid", "0.40")
    harness.place("ask", "0.40", by="bob")
    maker, taker = harness.truth.fills()
    assert maker["trade_id"] == taker["trade_id"]
    assert maker["fill_id"] != taker["fill_id"]
    assert (maker["is_taker"], taker["is_taker"]) == (False, True)
    assert (maker["book_side"], taker["book_side"]) == ("bid", "ask")
    assert (maker["outcome_side"], taker["outcome_side"]) == ("yes", "no")


def test_fractions_of_a_contract_trade():
    harness = Harness()
    harness.place("bid", "0.40", "0.01")
    answer = harness.order("ask", "0.40", "0.03", by="bob")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("0.01", "0.02")


def test_an_immediate_or_cancel_order_without_a_match_is_accepted_and_empty():
    harness = Harness()
    answer = harness.order("bid", "0.40", time_in_force="immediate_or_cancel")
    assert answer.status == 201
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("0.00", "0.00")
    assert "average_fill_price" not in answer.body
    assert harness.stored_order(answer.body["order_id"])["status"] == "canceled"


def test_an_immediate_or_cancel_order_takes_what_is_there_and_never_rests():
    harness = Harness()
    harness.place("ask", "0.40", "4")
    answer = harness.order("bid", "0.40", by="bob", time_in_force="immediate_or_cancel")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("4.00", "0.00")
    assert harness.book() == ([], [])


def test_fill_or_kill_without_volume_is_a_409_and_nothing_happens():
    harness = Harness()
    harness.place("ask", "0.40", "9.99")
    answer = harness.order("bid", "0.40", by="bob", time_in_force="fill_or_kill")
    assert error_code(answer) == (409, "fill_or_kill_insufficient_resting_volume")
    assert harness.truth.fills() == []
    assert harness.truth.orders(account="bob") == []


def test_fill_or_kill_with_volume_over_several_prices_fills_whole():
    harness = Harness()
    harness.place("ask", "0.39", "4")
    harness.place("ask", "0.40", "6")
    answer = harness.order("bid", "0.40", by="bob", time_in_force="fill_or_kill")
    assert answer.body["fill_count"] == "10.00"


def test_fill_or_kill_does_not_count_its_own_accounts_orders():
    harness = Harness()
    harness.place("ask", "0.39", "6")
    harness.place("ask", "0.40", "6", by="bob")
    for prevention in ("maker", "taker_at_cross"):
        answer = harness.order(
            "bid",
            "0.40",
            time_in_force="fill_or_kill",
            self_trade_prevention_type=prevention,
        )
        assert answer.status == 409


def test_a_post_only_order_that_would_cross_is_refused():
    harness = Harness()
    harness.place("ask", "0.40", by="bob")
    assert error_code(harness.order("bid", "0.40", post_only=True)) == (400, "invalid_order")
    assert harness.order("bid", "0.39", post_only=True).status == 201


def test_self_trade_prevention_taker_at_cross_cancels_the_incoming_order():
    harness = Harness()
    foreign = harness.place("ask", "0.38", "2", by="bob")
    own = harness.place("ask", "0.39")
    answer = harness.order("bid", "0.40")
    assert (answer.body["fill_count"], answer.body["remaining_count"]) == ("2.00", "0.00")
    assert harness.stored_order(own)["status"] == "resting"
    assert harness.stored_order(foreign)["status"] == "executed"
    assert harness.stored_order(answer.body["order_id"])["reason"] == "stp"


def test_self_trade_prevention_maker_cancels_the_resting_order_and_goes_on():
    harness = Harness()
    own = harness.place("ask", "0.39")
    foreign = harness.place("ask", "0.40", by="bob")
    answer = harness.order("bid", "0.40", self_trade_prevention_type="maker")
    assert answer.body["fill_count"] == "10.00"
    assert harness.stored_order(own)["status"] == "canceled"
    assert harness.stored_order(foreign)["status"] == "executed"


def test_subaccounts_of_one_account_do_not_trade_with_each_other_unless_switched_on():
    for scope, filled in (("account", "0.00"), ("subaccount", "10.00")):
        harness = Harness(self_trade_scope=scope)
        harness.admin(admin.fund("amy", "100", subaccount=1))
        harness.place("ask", "0.40")
        answer = harness.order("bid", "0.40", subaccount=1)
        assert answer.body["fill_count"] == filled


def test_reduce_only_never_takes_more_than_the_position():
    harness = Harness()
    harness.place("ask", "0.40", "5", by="bob")
    harness.place("bid", "0.40", "5")
    harness.place("bid", "0.30", "50", by="bob")
    answer = harness.order(
        "ask", "0.30", "20", reduce_only=True, time_in_force="immediate_or_cancel"
    )
    assert answer.body["fill_count"] == "5.00"
    assert harness.truth.positions(account="amy")[0]["position"] == "0.00"


def test_reduce_only_without_a_position_ends_at_once_and_needs_ioc_or_fok():
    """FACTS: an order that ends at once (reduce_only beyond the position): 201 and zeros."""
    harness = Harness()
    resting = harness.place("bid", "0.30", by="bob")
    alone = harness.order("ask", "0.30", reduce_only=True, time_in_force="immediate_or_cancel")
    assert alone.status == 201
    assert (alone.body["fill_count"], alone.body["remaining_count"]) == ("0.00", "0.00")
    assert harness.stored_order(alone.body["order_id"])["status"] == "canceled"
    assert harness.stored_order(resting)["status"] == "resting"
    killed = harness.order("ask", "0.30", reduce_only=True, time_in_force="fill_or_kill")
    assert error_code(killed) == (409, "fill_or_kill_insufficient_resting_volume")
    assert error_code(harness.order("ask", "0.30", reduce_only=True)) == (400, "invalid_order")


def test_an_order_expires_at_its_moment_even_when_nobody_calls():
    harness = Harness()
    when = int(harness.now.timestamp()) + 10
    order = harness.place("bid", "0.40", expiration_time=when)
    harness.wait(9.5)
    assert harness.cancel(UNKNOWN).status == 404
    assert harness.stored_order(order)["status"] == "resting"
    harness.wait(100)
    assert harness.order("ask", "0.40", by="bob").body["fill_count"] == "0.00"
    gone = harness.stored_order(order)
    assert (gone["status"], gone["reason"]) == ("canceled", "expired")
    assert gone["last_update_time"] == "2026-11-23T15:00:10.000000Z"


def test_queue_positions_count_the_contracts_ahead():
    harness = Harness()
    harness.place("bid", "0.41", "2", by="bob")
    harness.place("bid", "0.40", "3", by="bob")
    order = harness.place("bid", "0.40")
    path = {"order_id": order}
    assert harness.get("GetOrderQueuePosition", path=path) == {"queue_position_fp": "5.00"}
    rows = harness.get("GetOrderQueuePositions", market_tickers=TICKER)["queue_positions"]
    assert rows == [{"order_id": order, "market_ticker": TICKER, "queue_position_fp": "5.00"}]
    harness.cancel(order)
    assert error_code(harness.call("GetOrderQueuePosition", path=path)) == (404, "not_found")
