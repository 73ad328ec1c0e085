"""A canned exchange for `bench.py`, in a process of its own: `bench_exchange.py --fills 100000`.

It answers every order as one that rests, and lists of fills that are made before, each after a
while (`--delay`, seconds), packed for who accepts gzip where `--gzip` says so; it prints its port.
Fills lie evenly over ten days; `min_ts`, `max_ts`, `limit` and `cursor` are understood.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import subprocess
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import count
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from bench_turns import core_of, keep_to

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


def order_answer(order: dict[str, Any], number: int) -> bytes:
    """Answer an order as one that rests."""
    ack = {
        "order_id": f"ee0e1a5c-0000-4000-8000-{number:012d}",
        "client_order_id": order.get("client_order_id", ""),
        "fill_count": "0.00",
        "remaining_count": order.get("count", "0.00"),
        "ts_ms": 1_764_000_000_000,
    }
    return json.dumps(ack).encode()


def classic_answer(order: dict[str, Any], number: int) -> bytes:
    """Answer an order of the classic contract as one that rests."""
    rest = {
        "order_id": f"ee0e1a5c-0000-4000-8000-{number:012d}",
        "user_id": "00000000-0000-4000-8000-000000000001",
        "status": "resting",
        "no_price": 100 - order["yes_price"],
        "initial_count": order["count"],
        "remaining_count": order["count"],
        "fill_count": 0,
        "created_time": "2026-11-23T10:00:00.000000Z",
    }
    return json.dumps({"order": order | rest}).encode()


class Connection(asyncio.Protocol):
    """Answers the requests of one connection, one after the other."""

    numbers = count(1)

    def __init__(self, fills: Fills, delay: float, packed: bool) -> None:
        self.fills, self.delay, self.packed, self.buffer = fills, delay, packed, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            words = head.lower()
            length = int(words.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(rest) < length:
                return
            body, self.buffer = rest[:length], rest[length:]
            answer = self._answer(head, words, body)
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self.transport.write, answer)
            else:
                self.transport.write(answer)

    def _answer(self, head: bytes, words: bytes, body: bytes) -> bytes:
        method, target = head.split(b" ", 2)[:2]
        if method == b"POST":
            answer = order_answer if b"/events/" in target else classic_answer
            return response(b"201 Created", answer(json.loads(body), next(self.numbers)))
        if self.packed and b"gzip" in words.partition(b"accept-encoding:")[2].split(b"\r\n")[0]:
            return response(b"200 OK", packed_page(self.fills, target.decode()), b"gzip")
        return response(b"200 OK", page(self.fills, target.decode()))


def response(status: bytes, body: bytes, encoding: bytes = b"") -> bytes:
    """Write an answer of JSON."""
    kind = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\n" % status
    if encoding:
        kind += b"content-encoding: %s\r\n" % encoding
    return kind + b"content-length: %d\r\n\r\n" % len(body) + body


def page(fills: Fills, target: str) -> bytes:
    """Answer a read: the fills, none before the cutoff, and the cutoff."""
    parts = urlsplit(target)
    if parts.path.endswith("/cutoff"):
        at = START.isoformat().replace("+00:00", "Z")
        return json.dumps({"orders_updated_ts": at, "trades_created_ts": at}).encode()
    if "/historical/" in parts.path:
        return b'{"fills":[],"cursor":""}'
    return fills.page(parse_qs(parts.query))


@lru_cache(maxsize=1024)
def packed_page(fills: Fills, target: str) -> bytes:
    """Answer a read packed; kept, so that packing is paid once."""
    return gzip.compress(page(fills, target))


async def serve(total: int, delay: float, packed: bool) -> None:
    """Serve until killed; the port is the first line printed."""
    made = partial(Connection, Fills(total), delay, packed)
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def canned_exchange(fills: int = 0, delay: float = 0.0, *, packed: bool = False) -> Iterator[str]:
    """Run it in a process of its own; give its URL."""
    command = [sys.executable, __file__, "--fills", str(fills), "--delay", str(delay)]
    command += ["--gzip"] * packed
    if (core := core_of("exchange")) is not None:
        command += ["--core", str(core)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(cast('Any', process.stdout).readline())}/trade-api/v2"
        finally:
            process.kill()


def main() -> None:
    """Serve what the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--core", type=int)
    options = parser.parse_args()
    keep_to(options.core)
    asyncio.run(serve(options.fills, options.delay, options.gzip))


if __name__ == "__main__":
    main()
