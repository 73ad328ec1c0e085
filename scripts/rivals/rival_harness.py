"""Time one client beside httpx and a signature by hand, in turns; one line of JSON a row.

Runs inside the client's own environment: httpx, cryptography and the standard library only. A
driver says what it can: `create` and `create_on_a_loop` open the client and give a function that
places one order and returns its id, `drain` reads every fill and returns how many. What it leaves
out has a reason in `CANNOT`. A client that raises, or returns something else, cannot either.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

RAIN = "KXRAIN-26DEC31-NYC"
KEY_ID = "5a1f8a4e-0000-4000-8000-000000000001"
AT_ONCE = 50
ORDER_ID = "ee0e1a5c-"


class Signed(httpx.Auth):
    """Signs each request, as the exchange's documentation shows."""

    def __init__(self, key_file: str) -> None:
        key: Any = load_pem_private_key(Path(key_file).read_bytes(), None)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        rsa = isinstance(key, RSAPrivateKey)
        self.sign = (lambda text: key.sign(text, pss, hashes.SHA256())) if rsa else key.sign

    def auth_flow(self, request: httpx.Request) -> Any:
        """Add the three headers."""
        stamp = str(int(time.time() * 1000))
        text = stamp + request.method + request.url.path
        request.headers["KALSHI-ACCESS-KEY"] = KEY_ID
        request.headers["KALSHI-ACCESS-TIMESTAMP"] = stamp
        request.headers["KALSHI-ACCESS-SIGNATURE"] = base64.b64encode(
            self.sign(text.encode())
        ).decode()
        yield request


def order() -> dict[str, Any]:
    """Describe a resting order as the exchange reads it."""
    return {
        "ticker": RAIN,
        "side": "bid",
        "count": "1.00",
        "price": "0.01",
        "client_order_id": str(uuid.uuid4()),
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }


class Race:
    """One driver's turns with httpx by hand."""

    def __init__(self, driver: dict[str, Any]) -> None:
        self.driver = driver
        task = json.loads(os.environ["RIVAL_TASK"])
        self.url, self.keys, self.fills = task["url"], task["keys"], task["fills"]
        self.turns, self.orders = task["turns"], task["orders"]
        self.cannot: dict[str, str] = driver.get("CANNOT", {})

    def run(self) -> None:
        """Time every row."""
        for kind, key_file in self.keys.items():
            self.row(f"create, sync, {kind}", "create", partial(self.creates, key_file))
        for kind, key_file in self.keys.items():
            for name, size in (("in turn", 1), (f"{AT_ONCE} at a time", AT_ONCE)):
                work = partial(self.creates_on_a_loop, key_file, size)
                self.row(f"create, async, {name}, {kind}", "create_on_a_loop", work)
        self.row(f"drain {self.fills:,} fills, typed", "drain", self.drains)

    def row(self, name: str, part: str, work: Callable[[], list[tuple[float, float]]]) -> None:
        """Print a row, or why there is none."""
        told: dict[str, Any] = {"row": name}
        if part in self.cannot or part not in self.driver:
            told["reason"] = self.cannot.get(part, "it has no such call")
        else:
            try:
                told["turns"] = work()
            except Exception as error:  # noqa: BLE001 - whatever a foreign client raises is the reason
                text = " ".join(f"{type(error).__name__}: {error}".split())
                told["reason"] = text if len(text) < 160 else f"{text[:160]}…"
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()

    def in_turns(self, ours: Any, plain: Any, units: int) -> list[tuple[float, float]]:
        """Return the microseconds of a unit on both sides; the first turn warms up."""
        turns = [(cpu(ours) / units, cpu(plain) / units) for _ in range(self.turns + 1)]
        return turns[1:]

    def creates(self, key_file: str) -> list[tuple[float, float]]:
        """Place orders one after the other."""
        options: dict[str, Any] = {"base_url": self.url, "auth": Signed(key_file)}
        with self.driver["create"](self.url, key_file) as create, httpx.Client(**options) as plain:

            def ours() -> None:
                for _ in range(self.orders):
                    check(create())

            def by_hand() -> None:
                for _ in range(self.orders):
                    answer = plain.post("/portfolio/events/orders", json=order())
                    check(answer.raise_for_status().json()["order_id"])

            return self.in_turns(ours, by_hand, self.orders)

    def creates_on_a_loop(self, key_file: str, size: int) -> list[tuple[float, float]]:
        """Place orders with asyncio, so many at once, beside httpx one after the other."""

        async def ours(create: Any) -> None:
            for _ in range(self.orders // size):
                for answer in await asyncio.gather(*(create() for _ in range(size))):
                    check(answer)

        async def by_hand(plain: httpx.AsyncClient) -> None:
            for _ in range(self.orders):
                answer = await plain.post("/portfolio/events/orders", json=order())
                check(answer.raise_for_status().json()["order_id"])

        with asyncio.Runner() as runner:
            opened = self.driver["create_on_a_loop"](self.url, key_file)
            create = runner.run(opened.__aenter__())
            plain = httpx.AsyncClient(base_url=self.url, auth=Signed(key_file))
            turns = self.in_turns(
                lambda: runner.run(ours(create)), lambda: runner.run(by_hand(plain)), self.orders
            )
            runner.run(plain.aclose())
            runner.run(opened.__aexit__(None, None, None))
        return turns

    def drains(self) -> list[tuple[float, float]]:
        """Read every fill, beside httpx and json."""
        key_file = self.keys["RSA"]

        def ours() -> None:
            found = self.driver["drain"](self.url, key_file)
            if found != self.fills:
                raise ValueError(f"it read {found} fills of {self.fills}")

        def by_hand() -> None:
            rows: list[Any] = []
            query: dict[str, Any] = {"limit": 1000}
            with httpx.Client(base_url=self.url, auth=Signed(key_file)) as plain:
                while query.get("cursor", "first"):
                    page = json.loads(plain.get("/portfolio/fills", params=query).content)
                    rows += page["fills"]
                    query["cursor"] = page["cursor"]

        return self.in_turns(ours, by_hand, self.fills)


def check(order_id: object) -> None:
    """Notice a client that did not understand its answer."""
    if not str(order_id).startswith(ORDER_ID):
        raise ValueError(f"it understood {order_id!r} as the order's id")


def cpu(work: Callable[[], object]) -> float:
    """Return the microseconds of CPU that some work takes this process."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1e6
