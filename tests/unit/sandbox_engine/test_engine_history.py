"""History behind moving cutoffs, and reads that lag."""

from __future__ import annotations

from datetime import timedelta

from engine_harness import TICKER, Harness
from hypothesis import given, settings
from hypothesis import strategies as st

from kalshi_ext.sandbox.engine import admin


def test_rows_older_than_the_cutoff_are_only_historical_and_resting_ones_always_live():
    harness = Harness()
    resting = harness.place("bid", "0.01", "1")
    old = harness.place("bid", "0.40", "1")
    harness.place("ask", "0.40", "1", by="bob")
    harness.wait(100)
    new = harness.place("bid", "0.40", "1")
    harness.cancel(new)
    boundary = harness.now - timedelta(seconds=50)
    harness.admin(admin.cutoff(orders=boundary, trades=boundary, positions=boundary))
    live = [row["order_id"] for row in harness.get("GetOrders")["orders"]]
    past = [row["order_id"] for row in harness.get("GetHistoricalOrders")["orders"]]
    assert (live, past) == ([new, resting], [old])
    assert harness.get("GetFills")["fills"] == []
    assert len(harness.get("GetFillsHistorical")["fills"]) == 1
    assert harness.call("GetOrder", path={"order_id": old}).status == 404
    assert len(harness.get("GetPositions")["market_positions"]) == 1
    cutoff = harness.get("GetHistoricalCutoff")
    assert cutoff["orders_updated_ts"] == "2026-11-23T15:00:50.000000Z"


def test_a_closed_position_goes_to_history_and_an_open_one_does_not():
    harness = Harness()
    harness.place("bid", "0.40", "1")
    harness.place("ask", "0.40", "1", by="bob")
    harness.admin(admin.settle(TICKER, "yes"))
    harness.wait(10)
    harness.admin(admin.cutoff(positions=harness.now))
    assert harness.get("GetPositions", settlement_status="all")["market_positions"] == []
    rows = harness.get("GetHistoricalPositions")["market_positions"]
    assert [row["ticker"] for row in rows] == [TICKER]


def test_cutoffs_move_by_themselves_with_the_window_and_never_back():
    harness = Harness(history_window_days=1)
    order = harness.place("bid", "0.40", "1")
    harness.cancel(order)
    harness.wait(86_500)
    assert harness.get("GetOrders")["orders"] == []
    assert len(harness.get("GetHistoricalOrders")["orders"]) == 1
    before = harness.get("GetHistoricalCutoff")
    harness.admin(admin.cutoff(orders=harness.now - timedelta(days=400)))
    assert harness.get("GetHistoricalCutoff") == before


def test_lagging_reads_see_the_past_and_say_how_old_it_is():
    harness = Harness()
    order = harness.place("bid", "0.40")
    harness.admin(admin.configure(read_lag_seconds=2))
    harness.wait(10)
    harness.place("ask", "0.40", "4", by="bob")
    second = harness.place("bid", "0.30")

    def visible() -> tuple[object, ...]:
        rows = harness.get("GetOrders")["orders"]
        return (
            [(row["order_id"], row["fill_count_fp"]) for row in rows],
            len(harness.get("GetFills")["fills"]),
            harness.get("GetBalance")["balance_dollars"],
            len(harness.get("GetPositions")["market_positions"]),
            harness.call("GetOrder", path={"order_id": second}).status,
        )

    harness.wait(1.9)
    before = visible()
    assert before == ([(order, "0.00")], 0, "996.0000", 0, 404)
    assert harness.get("GetUserDataTimestamp")["as_of_time"] == "2026-11-23T15:00:09.900000Z"
    harness.wait(0.2)
    assert visible() == ([(second, "0.00"), (order, "4.00")], 1, "993.0000", 1, 200)


def test_a_lagging_read_still_says_resting_after_an_acknowledged_cancel():
    harness = Harness(read_lag_seconds=0.5)
    harness.wait(5)
    order = harness.place("bid", "0.40")
    harness.wait(5)
    harness.cancel(order)
    harness.wait(0.36)
    rows = harness.get("GetOrders", status="resting")["orders"]
    assert [row["order_id"] for row in rows] == [order]
    assert harness.cancel(order).status == 404
    harness.wait(0.2)
    assert harness.get("GetOrders", status="resting")["orders"] == []


def test_what_reads_have_seen_is_never_unseen_when_the_lag_grows():
    harness = Harness()
    order = harness.place("bid", "0.40")
    assert len(harness.get("GetOrders")["orders"]) == 1
    harness.admin(admin.configure(read_lag_seconds=60))
    harness.wait(1)
    harness.cancel(order)
    assert harness.get("GetOrders")["orders"][0]["status"] == "resting"
    harness.admin(admin.configure(read_lag_seconds=0))
    assert harness.get("GetOrders")["orders"][0]["status"] == "canceled"


@settings(deadline=None, max_examples=25)
@given(
    moves=st.lists(st.sampled_from(["place", "hit", "cancel", "wait"]), max_size=14),
    lag=st.sampled_from([1, 3]),
)
def test_a_lagging_read_equals_an_undelayed_read_made_then(moves, lag):
    harness = Harness(read_lag_seconds=lag, history_window_days=None)
    harness.wait(100)
    undelayed: dict[object, object] = {}
    twin = Harness(history_window_days=None)
    twin.now = harness.now

    def read_all(at: Harness) -> object:
        reads = ("GetOrders", "GetFills", "GetPositions", "GetBalance", "GetSubaccountBalances")
        return [at.get(read) for read in reads]

    for move in moves:
        for at in (harness, twin):
            at.wait(0.5)
            if move == "place":
                at.order("bid", "0.40", "3")
            elif move == "hit":
                at.order("ask", "0.40", "4", by="bob", time_in_force="immediate_or_cancel")
            elif move == "cancel":
                at.call("CancelAllOrders")
            at.wait(0.5)
        undelayed[twin.now] = read_all(twin)
        as_of = harness.now - timedelta(seconds=lag)
        if as_of in undelayed:
            assert read_all(harness) == undelayed[as_of]
