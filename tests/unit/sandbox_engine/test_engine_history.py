"""History behind moving cutoffs, and reads that lag."""

from __future__ import annotations

from datetime import timedelta

from engine_desk import TICKER, Desk
from hypothesis import given, settings
from hypothesis import strategies as st

from kalshi_ext.sandbox.engine import admin


def test_rows_older_than_the_cutoff_are_only_historical_and_resting_ones_always_live():
    desk = Desk()
    resting = desk.place("bid", "0.01", "1")
    old = desk.place("bid", "0.40", "1")
    desk.place("ask", "0.40", "1", by="bob")
    desk.later(100)
    new = desk.place("bid", "0.40", "1")
    desk.cancel(new)
    boundary = desk.now - timedelta(seconds=50)
    desk.admin(admin.cutoff(orders=boundary, trades=boundary, positions=boundary))
    live = [row["order_id"] for row in desk.get("GetOrders")["orders"]]
    past = [row["order_id"] for row in desk.get("GetHistoricalOrders")["orders"]]
    assert (live, past) == ([new, resting], [old])
    assert desk.get("GetFills")["fills"] == []
    assert len(desk.get("GetFillsHistorical")["fills"]) == 1
    assert desk.call("GetOrder", path={"order_id": old}).status == 404
    assert len(desk.get("GetPositions")["market_positions"]) == 1
    cutoff = desk.get("GetHistoricalCutoff")
    assert cutoff["orders_updated_ts"] == "2026-11-23T15:00:50.000000Z"


def test_a_closed_position_goes_to_history_and_an_open_one_does_not():
    desk = Desk()
    desk.place("bid", "0.40", "1")
    desk.place("ask", "0.40", "1", by="bob")
    desk.admin(admin.settle(TICKER, "yes"))
    desk.later(10)
    desk.admin(admin.cutoff(positions=desk.now))
    assert desk.get("GetPositions", settlement_status="all")["market_positions"] == []
    rows = desk.get("GetHistoricalPositions")["market_positions"]
    assert [row["ticker"] for row in rows] == [TICKER]


def test_cutoffs_move_by_themselves_with_the_window_and_never_back():
    desk = Desk(history_window_days=1)
    order = desk.place("bid", "0.40", "1")
    desk.cancel(order)
    desk.later(86_500)
    assert desk.get("GetOrders")["orders"] == []
    assert len(desk.get("GetHistoricalOrders")["orders"]) == 1
    before = desk.get("GetHistoricalCutoff")
    desk.admin(admin.cutoff(orders=desk.now - timedelta(days=400)))
    assert desk.get("GetHistoricalCutoff") == before


def test_lagging_reads_see_the_past_and_say_how_old_it_is():
    desk = Desk()
    order = desk.place("bid", "0.40")
    desk.admin(admin.configure(read_lag_seconds=2))
    desk.later(10)
    desk.place("ask", "0.40", "4", by="bob")
    second = desk.place("bid", "0.30")

    def seen() -> tuple[object, ...]:
        rows = desk.get("GetOrders")["orders"]
        return (
            [(row["order_id"], row["fill_count_fp"]) for row in rows],
            len(desk.get("GetFills")["fills"]),
            desk.get("GetBalance")["balance_dollars"],
            len(desk.get("GetPositions")["market_positions"]),
            desk.call("GetOrder", path={"order_id": second}).status,
        )

    desk.later(1.9)
    before = seen()
    assert before == ([(order, "0.00")], 0, "996.0000", 0, 404)
    assert desk.get("GetUserDataTimestamp")["as_of_time"] == "2026-11-23T15:00:09.900000Z"
    desk.later(0.2)
    assert seen() == ([(second, "0.00"), (order, "4.00")], 1, "993.0000", 1, 200)


def test_a_lagging_read_still_says_resting_after_an_acknowledged_cancel():
    desk = Desk(read_lag_seconds=0.5)
    desk.later(5)
    order = desk.place("bid", "0.40")
    desk.later(5)
    desk.cancel(order)
    desk.later(0.36)
    rows = desk.get("GetOrders", status="resting")["orders"]
    assert [row["order_id"] for row in rows] == [order]
    assert desk.cancel(order).status == 404
    desk.later(0.2)
    assert desk.get("GetOrders", status="resting")["orders"] == []


def test_what_reads_have_seen_is_never_unseen_when_the_lag_grows():
    desk = Desk()
    order = desk.place("bid", "0.40")
    assert len(desk.get("GetOrders")["orders"]) == 1
    desk.admin(admin.configure(read_lag_seconds=60))
    desk.later(1)
    desk.cancel(order)
    assert desk.get("GetOrders")["orders"][0]["status"] == "resting"
    desk.admin(admin.configure(read_lag_seconds=0))
    assert desk.get("GetOrders")["orders"][0]["status"] == "canceled"


@settings(deadline=None, max_examples=25)
@given(
    moves=st.lists(st.sampled_from(["place", "hit", "cancel", "wait"]), max_size=14),
    lag=st.sampled_from([1, 3]),
)
def test_a_lagging_read_equals_an_undelayed_read_made_then(moves, lag):
    desk = Desk(read_lag_seconds=lag, history_window_days=None)
    desk.later(100)
    truth: dict[object, object] = {}
    twin = Desk(history_window_days=None)
    twin.now = desk.now

    def look(at: Desk) -> object:
        reads = ("GetOrders", "GetFills", "GetPositions", "GetBalance", "GetSubaccountBalances")
        return [at.get(read) for read in reads]

    for move in moves:
        for at in (desk, twin):
            at.later(0.5)
            if move == "place":
                at.order("bid", "0.40", "3")
            elif move == "hit":
                at.order("ask", "0.40", "4", by="bob", time_in_force="immediate_or_cancel")
            elif move == "cancel":
                at.call("CancelAllOrders")
            at.later(0.5)
        truth[twin.now] = look(twin)
        then = desk.now - timedelta(seconds=lag)
        if then in truth:
            assert look(desk) == truth[then]
