"""Canned answers for `bench.py`, so that no network is measured: one order, one page of 1000."""

from __future__ import annotations

import json
from typing import Any

import httpx

ROWS = 1000


def order_row(number: int) -> dict[str, Any]:
    """Make an order as the exchange lists it; ids, times and prices differ from row to row."""
    minute, second = number // 60 % 60, number % 60
    moment = f"2026-11-23T10:{minute:02d}:{second:02d}.{number:06d}Z"
    return {
        "order_id": f"ee0e1a5c-0000-4000-8000-{number:012d}",
        "user_id": "00000000-0000-4000-8000-000000000001",
        "client_order_id": f"c0000000-0000-4000-8000-{number:012d}",
        "ticker": "KXRAIN-26DEC31-NYC",
        "side": "yes",
        "action": "buy",
        "outcome_side": "yes",
        "book_side": "bid",
        "type": "limit",
        "status": "resting",
        "yes_price_dollars": f"0.{number % 99 + 1:02d}00",
        "no_price_dollars": f"0.{99 - number % 99:02d}00",
        "fill_count_fp": "0.00",
        "remaining_count_fp": "10.00",
        "initial_count_fp": "10.00",
        "taker_fees_dollars": "0.0000",
        "maker_fees_dollars": "0.0000",
        "taker_fill_cost_dollars": "0.0000",
        "maker_fill_cost_dollars": "0.0000",
        "expiration_time": None,
        "created_time": moment,
        "last_update_time": moment,
        "self_trade_prevention_type": "taker_at_cross",
        "order_group_id": None,
        "cancel_order_on_pause": False,
        "subaccount_number": 0,
        "exchange_index": 0,
    }


PAGE = json.dumps({"orders": [order_row(number) for number in range(ROWS)], "cursor": ""}).encode()


def answer(request: httpx.Request) -> httpx.Response:
    """Answer a list with the page, and anything else as a new order that rests."""
    headers = {"content-type": "application/json"}
    if request.method == "GET":
        return httpx.Response(200, headers=headers, content=PAGE)
    order = json.loads(request.content)
    ack = {
        "order_id": "ee0e1a5c-0000-4000-8000-000000000001",
        "client_order_id": order.get("client_order_id", ""),
        "fill_count": "0.00",
        "remaining_count": order["count"],
        "ts_ms": 1_764_000_000_000,
    }
    return httpx.Response(201, headers=headers, content=json.dumps(ack).encode())
