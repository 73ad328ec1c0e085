"""An exchange of fills and orders in two tiers, whose rows arrive and move while it is read."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from attrs import define, field

START = datetime(2026, 6, 1, tzinfo=UTC)
SECOND = 1_000_000


def text_of(at: int) -> str:
    """Write microseconds since the start as the exchange writes times."""
    return (START + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@define(frozen=True)
class ListedRow:
    """A fill, or an order: when it was made, and the time that the cutoff is compared with."""

    created: int
    id: str
    moves: int

    def json(self) -> dict[str, Any]:
        """Write the row as a fill and an order in one; each list takes what is its own."""
        return {"id": self.id, "created": text_of(self.created), "moves": text_of(self.moves)}


def fill(row: ListedRow) -> dict[str, Any]:
    """Write a row as a fill of today."""
    return {
        "fill_id": row.id,
        "trade_id": row.id,
        "order_id": "o",
        "ticker": "T",
        "market_ticker": "T",
        "outcome_side": "no",
        "book_side": "ask",
        "count_fp": "3.00",
        "yes_price_dollars": "0.0400",
        "no_price_dollars": "0.9600",
        "is_taker": True,
        "fee_cost": "0.0081",
        "created_time": text_of(row.created),
        "exchange_index": 0,
    }


def order(row: ListedRow) -> dict[str, Any]:
    """Write a row as an order of today."""
    dollars = ("taker_fees", "maker_fees", "taker_fill_cost", "maker_fill_cost")
    return {
        "order_id": row.id,
        "client_order_id": "c",
        "ticker": "T",
        "user_id": "u",
        "outcome_side": "no",
        "book_side": "ask",
        "status": "canceled",
        "type": "limit",
        "yes_price_dollars": "0.0400",
        "no_price_dollars": "0.9600",
        **dict.fromkeys(("initial_count_fp", "fill_count_fp", "remaining_count_fp"), "1.00"),
        **{f"{name}_dollars": "0.0000" for name in dollars},
        "created_time": text_of(row.created),
        "last_update_time": text_of(row.moves),
    }


@define
class ListingExchange(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answer lists newest first, in pages behind cursors; `events` happen before a request.

    `includes` says whether min_ts and max_ts include their own second; `keeps` whether they are
    looked at, `slow` how long a request of a number takes, in turns of the event loop.
    """

    rows: list[ListedRow]
    cutoff: int = 0
    includes: tuple[bool, bool] = (True, True)
    keeps: bool = True
    events: dict[int, Callable[[ListingExchange], None]] = field(factory=dict)
    slow: Callable[[int], int] = lambda number: 0
    requests: list[httpx.Request] = field(factory=list)
    under_way: int = 0
    most_under_way: int = 0
    _lock: Any = field(factory=threading.Lock)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            return self._answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        for _ in range(self.slow(len(self.requests))):
            await asyncio.sleep(0)
        self.under_way -= 1
        return self._answer(request)

    def close(self) -> None:
        """Hold nothing."""

    async def aclose(self) -> None:
        """Hold nothing."""

    def _answer(self, request: httpx.Request) -> httpx.Response:
        event = self.events.get(len(self.requests))
        self.requests.append(request)
        if event is not None:
            event(self)
        path = request.url.path.removeprefix("/trade-api/v2")
        if path == "/historical/cutoff":
            at = text_of(self.cutoff)
            return httpx.Response(200, json={"orders_updated_ts": at, "trades_created_ts": at})
        return httpx.Response(200, content=json.dumps(self._page(path, request.url.params)))

    def _page(self, path: str, query: httpx.QueryParams) -> dict[str, Any]:
        historical, name = path.startswith("/historical"), path.rpartition("/")[2]
        after = query.get("cursor")
        rows = [
            row
            for row in sorted(self.rows, key=lambda row: (row.created, row.id), reverse=True)
            if (row.moves < self.cutoff) == historical
            and (not self.keeps or self._is_in_range(row, query))
            and (after is None or f"{row.created:020}:{row.id}" < after)
        ]
        size = int(query.get("limit", 100))
        page, more = rows[:size], len(rows) > size
        cursor = f"{page[-1].created:020}:{page[-1].id}" if more else ""
        write = fill if name == "fills" else order
        return {name: [write(row) for row in page], "cursor": cursor}

    def _is_in_range(self, row: ListedRow, query: httpx.QueryParams) -> bool:
        base, second = int(START.timestamp()), row.created // SECOND
        least = int(query.get("min_ts", base - 10**6)) - base
        most = int(query.get("max_ts", base + 10**9)) - base
        from_least = row.created >= least * SECOND if self.includes[0] else second > least
        to_most = second <= most if self.includes[1] else row.created < most * SECOND
        return from_least and to_most

    def expected(self, since: int | None = None) -> Iterator[str]:
        """Give the ids of the rows there are now, newest first."""
        least = -1 if since is None else since * SECOND
        rows = sorted(self.rows, key=lambda row: (row.created, row.id), reverse=True)
        return (row.id for row in rows if row.created >= least)
