"""An exchange of many fills for `bench.py`, in a process of its own: `bench_lists.py 100000`.

It answers pages that are made before, each after a while (`--delay`, seconds), and prints its port.
Fills lie evenly over ten days; `min_ts`, `max_ts`, `limit` and `cursor` are understood.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

START = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(days=10)


def fill_row(number: int, total: int) -> dict[str, Any]:
    """Make a fill as the exchange lists it; ids, times and prices differ from row to row."""
    moment = START + SPAN * (number / total)
    return {
        "fill_id": f"f0000000-0000-4000-8000-{number:012d}",
        "trade_id": f"f0000000-0000-4000-8000-{number:012d}",
        "order_id": f"ee0e1a5c-0000-4000-8000-{number // 3:012d}",
        "ticker": "KXRAIN-26DEC31-NYC",
        "market_ticker": "KXRAIN-26DEC31-NYC",
        "side": "yes",
        "action": "buy",
        "outcome_side": "yes",
        "book_side": "bid",
        "count_fp": f"{number % 40 + 1}.00",
        "yes_price_dollars": f"0.{number % 99 + 1:02d}00",
        "no_price_dollars": f"0.{99 - number % 99:02d}00",
        "is_taker": number % 2 == 0,
        "fee_cost": f"0.{number % 97:04d}",
        "created_time": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "ts": int(moment.timestamp()),
        "subaccount_number": 0,
        "exchange_index": 0,
    }


class Fills:
    """The fills, oldest first, as JSON, and their seconds."""

    def __init__(self, total: int) -> None:
        rows = [fill_row(number, total) for number in range(total)]
        self.seconds = [row["ts"] for row in rows]
        self.rows = [json.dumps(row, separators=(",", ":")).encode() for row in rows]

    def page(self, query: dict[str, list[str]]) -> bytes:
        """Answer one page, newest first; a cursor is the number of the row below the page."""
        first = bisect_left(self.seconds, int(query["min_ts"][0])) if "min_ts" in query else 0
        end = len(self.rows)
        if "max_ts" in query:
            end = bisect_right(self.seconds, int(query["max_ts"][0]))
        if "cursor" in query:
            end = min(end, int(query["cursor"][0]))
        begin = max(first, end - int(query.get("limit", ["100"])[0]))
        cursor = str(begin) if begin > first else ""
        rows = b",".join(self.rows[index] for index in range(end - 1, begin - 1, -1))
        return b'{"fills":[%s],"cursor":"%s"}' % (rows, cursor.encode())


async def answer(
    fills: Fills, delay: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the requests of one connection."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        target = urlsplit(head.split(b" ", 2)[1].decode())
        query = parse_qs(target.query)
        if target.path.endswith("/cutoff"):
            at = START.isoformat().replace("+00:00", "Z")
            body = json.dumps({"orders_updated_ts": at, "trades_created_ts": at}).encode()
        elif "/historical/" in target.path:
            body = b'{"fills":[],"cursor":""}'
        else:
            body = fills.page(query)
        await asyncio.sleep(delay)
        kind = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        writer.write(kind + b"content-length: %d\r\n\r\n" % len(body) + body)


async def serve(total: int, delay: float) -> None:
    """Serve until killed; the port is the first line printed."""
    fills = Fills(total)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(fills, delay, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("total", type=int)
    parser.add_argument("--delay", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(serve(options.total, options.delay))


if __name__ == "__main__":
    main()
