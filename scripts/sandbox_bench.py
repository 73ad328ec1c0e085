"""Measure how many signed orders a second the sandbox exchange serves.

    python scripts/sandbox_bench.py [--orders 20000] [--connections 16] [--proxy] [--match]

The load generator signs once a second, which is honest towards the server: a signature covers
timestamp, method and path, not the body, so each order is verified in full all the same. Orders
travel one at a time on each connection, as a client sends them.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kalshi_ext.sandbox import Sandbox
from kalshi_ext.sandbox.engine import admin

TICKER = "KXRAIN-26DEC31-NYC"


class RequestBuilder:
    """Sign once a second, and build whole requests."""

    def __init__(self, sandbox: Sandbox, *, match: bool) -> None:
        key = load_pem_private_key(sandbox.private_key.encode(), None)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("this measurement signs with RSA")
        self._key, self._key_id, self._match = key, sandbox.key_id, match
        self._path = urlsplit(sandbox.url).path + "/portfolio/events/orders"
        self._head, self._until = b"", 0.0

    def request(self, number: int) -> bytes:
        """Build the request of one order; sides alternate, prices rest apart or match."""
        if time.monotonic() > self._until:
            self._sign()
        bid = number % 2 == 0
        price = "0.50" if self._match else (f"0.0{1 + number % 5}" if bid else "0.95")
        order = {
            "ticker": TICKER,
            "client_order_id": f"bench-{number}",
            "side": "bid" if bid else "ask",
            "count": "1.00",
            "price": price,
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }
        body = json.dumps(order).encode()
        return self._head + str(len(body)).encode() + b"\r\n\r\n" + body

    def _sign(self) -> None:
        stamp = str(int(time.time() * 1000))
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        signature = self._key.sign((stamp + "POST" + self._path).encode(), pss, hashes.SHA256())
        self._head = (
            f"POST {self._path} HTTP/1.1\r\nHost: sandbox\r\nContent-Type: application/json\r\n"
            f"KALSHI-ACCESS-KEY: {self._key_id}\r\nKALSHI-ACCESS-TIMESTAMP: {stamp}\r\n"
            f"KALSHI-ACCESS-SIGNATURE: {base64.b64encode(signature).decode()}\r\nContent-Length: "
        ).encode()
        self._until = time.monotonic() + 1


class OrderConnection(asyncio.Protocol):
    """Send an order, wait for its answer, send the next."""

    def __init__(
        self, signer: RequestBuilder, numbers: Iterator[int], statuses: dict[bytes, int]
    ) -> None:
        self._signer, self._numbers, self._statuses = signer, numbers, statuses
        self._pending = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._pending += data
        head, end, body = self._pending.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and len(body) == int(length):
            self._pending = b""
            self._statuses[head[9:12]] = self._statuses.get(head[9:12], 0) + 1
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if not self.done.done():
            self.done.set_result(None)

    def _next(self) -> None:
        number = next(self._numbers, None)
        if number is None:
            self._transport.close()
        else:
            self._transport.write(self._signer.request(number))


async def place_orders(sandbox: Sandbox, args: argparse.Namespace) -> dict[bytes, int]:
    """Place all orders over several connections; count the statuses."""
    statuses: dict[bytes, int] = {}
    numbers, signer = iter(range(args.orders)), RequestBuilder(sandbox, match=args.match)
    address = urlsplit(sandbox.url if args.proxy else sandbox.direct_url)
    loop = asyncio.get_running_loop()
    connections = [OrderConnection(signer, numbers, statuses) for _ in range(args.connections)]
    for connection in connections:
        await loop.create_connection(lambda c=connection: c, address.hostname, address.port)
    await asyncio.gather(*(connection.done for connection in connections))
    return statuses


def cpu_seconds(pid: int) -> float:
    """Read the CPU time a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--proxy", action="store_true", help="go through the TCP proxy")
    parser.add_argument("--match", action="store_true", help="let the orders trade")
    parser.add_argument("--state", type=Path, help="keep the state in this SQLite file")
    parser.add_argument("--no-record", action="store_true", help="turn the request log off")
    args = parser.parse_args()
    began = time.perf_counter()
    with Sandbox(
        state=args.state, record=not args.no_record, settings={"rate_limits": False}
    ) as sandbox:
        up = time.perf_counter() - began
        sandbox.do(admin.fund("trader", "1000000000"))
        before, start = cpu_seconds(sandbox.pid or 0), time.perf_counter()
        statuses = asyncio.run(place_orders(sandbox, args))
        took = time.perf_counter() - start
        used = cpu_seconds(sandbox.pid or 0) - before
    served = sum(statuses.values())
    print(f"started in {up:.2f} s")
    print(f"{served} orders in {took:.2f} s: {served / took:,.0f}/s, answers {statuses}")
    print(f"server CPU {used:.2f} s: {used / max(served, 1) * 1e6:,.0f} us an order")


if __name__ == "__main__":
    main()
