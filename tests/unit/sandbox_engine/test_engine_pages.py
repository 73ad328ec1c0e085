"""Pages, filters, history and lagging reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from engine_harness import TICKER, Harness
from hypothesis import given, settings
from hypothesis import strategies as st

from kalshi_ext.sandbox.engine import admin


def read_all_pages(
    harness: Harness, operation: str, name: str, **query: object
) -> list[dict[str, object]]:
    rows, cursor = [], ""
    while True:
        body = harness.get(operation, cursor=cursor, **query)
        rows += body.get(name) or []
        cursor = body.get("cursor", "")
        if not cursor:
            return rows


def place_orders(harness: Harness, orders: int, *, apart: float = 1) -> list[str]:
    ids = []
    for _ in range(orders):
        ids.append(harness.place("bid", "0.01", "1"))
        harness.wait(apart)
    return ids


def test_lists_run_newest_first():
    harness = Harness()
    ids = place_orders(harness, 5)
    assert [row["order_id"] for row in harness.get("GetOrders")["orders"]] == ids[::-1]


@settings(deadline=None, max_examples=25)
@given(orders=st.integers(0, 12), limit=st.integers(1, 13), apart=st.sampled_from([0, 1]))
def test_pages_hold_every_row_once_even_when_all_were_made_in_one_instant(orders, limit, apart):
    harness = Harness()
    ids = place_orders(harness, orders, apart=apart)
    rows = read_all_pages(harness, "GetOrders", "orders", limit=limit)
    assert sorted(str(row["order_id"]) for row in rows) == sorted(ids)


def test_pages_are_stable_while_rows_arrive_and_a_cursor_may_be_asked_again():
    harness = Harness()
    ids = place_orders(harness, 6)
    first = harness.get("GetOrders", limit=2)
    place_orders(harness, 3)
    second = harness.get("GetOrders", limit=2, cursor=first["cursor"])
    assert [row["order_id"] for row in second["orders"]] == [ids[3], ids[2]]
    assert harness.get("GetOrders", limit=2, cursor=first["cursor"]) == second


@pytest.mark.parametrize("cursor", ["garbage", "!!!", "", "ZmlsbHM6MTox", "é"])
def test_a_garbage_cursor_answers_page_one_again(cursor):
    harness = Harness()
    place_orders(harness, 3)
    assert harness.get("GetOrders", limit=2, cursor=cursor) == harness.get("GetOrders", limit=2)


def test_another_lists_cursor_is_garbage_too():
    harness = Harness()
    place_orders(harness, 3)
    cursor = harness.get("GetOrders", limit=1)["cursor"]
    harness.place("ask", "0.01", "3", by="bob")
    assert harness.get("GetFills", limit=1, cursor=cursor) == harness.get("GetFills", limit=1)


LISTS = {
    "GetOrders": 1000,
    "GetFills": 1000,
    "GetSettlements": 1000,
    "GetPositions": 1000,
    "GetSubaccountTransfers": 1000,
    "GetHistoricalOrders": 1000,
    "GetFillsHistorical": 1000,
    "GetHistoricalPositions": 1000,
    "GetDeposits": 500,
    "GetWithdrawals": 500,
    "GetIntraExchangeInstanceTransfers": 500,
    "getOrders": 200,
    "getFills": 200,
    "getPositions": 200,
    "getSettlements": 200,
    "getOrderGroups": 200,
}


@pytest.mark.parametrize("operation", LISTS)
def test_a_limit_over_the_maximum_is_a_400_and_not_clamped(operation):
    harness, most = Harness(), LISTS[operation]
    assert harness.call(operation, limit=most).status == 200
    for wrong in (most + 1, 0, -1, "ten", "1.5", "9" * 40):
        answer = harness.call(operation, limit=wrong)
        assert answer.status == 400
        assert list(answer.body) == ["msg"]


@pytest.mark.parametrize(
    ("mode", "body"),
    [
        ("array", {"orders": [], "cursor": ""}),
        ("omit", {}),
        ("null", {"orders": None, "cursor": ""}),
    ],
)
def test_an_empty_list_is_written_as_switched(mode, body):
    assert Harness(empty_lists=mode).get("GetOrders") == body


def test_a_full_last_page_may_carry_a_cursor_to_an_empty_one():
    for mode, more in (("when_more", False), ("always", True)):
        harness = Harness(full_page_cursor=mode)
        place_orders(harness, 2)
        assert bool(harness.get("GetOrders", limit=2)["cursor"]) is more
        assert len(read_all_pages(harness, "GetOrders", "orders", limit=2)) == 2


def test_orders_are_filtered_by_status_ticker_event_time_and_shard():
    harness = Harness()
    harness.admin(admin.add_market("OTHER-1", exchange_index=0))
    ids = place_orders(harness, 3)
    on_other_market = harness.place("bid", "0.02", "1", ticker="OTHER-1")
    harness.cancel(ids[0])

    def listed_ids(**query: object) -> list[object]:
        return [row["order_id"] for row in harness.get("GetOrders", **query)["orders"]]

    assert listed_ids(status="canceled") == [ids[0]]
    assert listed_ids(status="resting") == [on_other_market, ids[2], ids[1]]
    assert listed_ids(ticker="OTHER-1") == [on_other_market]
    assert listed_ids(event_ticker="OTHER,KXTEST-26NOV23") == [on_other_market, *ids[::-1]]
    assert listed_ids(event_ticker="NONE") == []
    start = int((harness.now - timedelta(seconds=3)).timestamp())
    assert listed_ids(min_ts=start + 1, max_ts=start + 1) == [ids[1]]
    assert listed_ids(exchange_index=1) == []
    assert harness.call("GetOrders", status="pending").status == 400


def test_fills_are_filtered_by_order_and_ticker():
    harness = Harness()
    first, second = harness.place("bid", "0.41", "1"), harness.place("bid", "0.40", "1")
    harness.place("ask", "0.40", "2", by="bob")
    rows = harness.get("GetFills", order_id=second)["fills"]
    assert [row["order_id"] for row in rows] == [second]
    assert len(harness.get("GetFills", ticker=TICKER)["fills"]) == 2
    assert harness.get("GetFills", ticker="NONE")["fills"] == []
    assert first != second
