"""The work that `bench.py` times: creates and lists of this library, and the same by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
from attrs import frozen
from bench_turns import Work
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kalshi_ext import AsyncKalshi, Kalshi, KalshiAuth
from kalshi_ext.transport.signing import signer

RAIN = "KXRAIN-26DEC31-NYC"
KINDS = ("RSA", "Ed25519")


def credentials_of(kind: str) -> dict[str, Any]:
    """Make a key of this kind, and its id."""
    key = Ed25519PrivateKey.generate() if kind == "Ed25519" else generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {"key_id": "bench", "private_key": pem}


@frozen
class ByHand:
    """A create as it is written by hand: httpx, a signature, json; no journal and no check."""

    url: str
    credentials: dict[str, Any]

    def options(self) -> dict[str, Any]:
        """Return what a client of httpx is made with."""
        return {"base_url": self.url, "auth": KalshiAuth(signer(**self.credentials))}

    def order(self) -> dict[str, Any]:
        """Return the arguments of the post."""
        order = {
            "ticker": RAIN,
            "side": "bid",
            "count": "1.00",
            "price": "0.01",
            "client_order_id": str(uuid4()),
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }
        return {"url": "/portfolio/events/orders", "json": order}

    def place(self, client: httpx.Client) -> Work:
        """Place one order."""
        return lambda: client.post(**self.order()).raise_for_status().json()

    async def place_in_turn(self, client: httpx.AsyncClient, count: int) -> None:
        """Place so many orders, one after the other."""
        for _ in range(count):
            (await client.post(**self.order())).raise_for_status().json()

    @contextmanager
    def loop(self) -> Iterator[Callable[[int], None]]:
        """Keep an event loop with a client of httpx; the function places so many orders."""
        with asyncio.Runner() as runner:
            client = httpx.AsyncClient(**self.options())
            yield lambda count: runner.run(self.place_in_turn(client, count))
            runner.run(client.aclose())


def place(client: Kalshi) -> Work:
    """Place one resting order with this library."""
    return lambda: client.orders.place(RAIN, side="bid", count=1, price="0.01")


@contextmanager
def client_of(url: str, credentials: dict[str, Any], **more: Any) -> Iterator[Kalshi]:
    """Open a client that waits for no rate limit: the canned exchange has none."""
    with Kalshi(environment=url, pace=None, **credentials, **more) as client:
        yield client


@contextmanager
def loop(url: str, credentials: dict[str, Any]) -> Iterator[Callable[[int, int], None]]:
    """Keep an event loop with a client; the function places so many orders, so many at once."""

    async def place_in_groups(client: AsyncKalshi, count: int, size: int) -> None:
        for _ in range(0, count, size):
            await asyncio.gather(
                *(client.orders.place(RAIN, side="bid", count=1, price="0.01") for _ in range(size))
            )

    async def made() -> AsyncKalshi:
        return AsyncKalshi(environment=url, pace=None, **credentials)

    with asyncio.Runner() as runner:
        client = runner.run(made())
        yield lambda count, size: runner.run(place_in_groups(client, count, size))
        runner.run(client.aclose())


def drain_plainly(url: str) -> int:
    """Read every fill with httpx and json alone, page by page."""
    rows: list[Any] = []
    query: dict[str, Any] = {"limit": 1000}
    with httpx.Client() as client:
        while query.get("cursor", "first"):
            page = json.loads(client.get(f"{url}/portfolio/fills", params=query).content)
            rows += page["fills"]
            query["cursor"] = page["cursor"]
    return len(rows)


def drain(url: str, **bounds: Any) -> int:
    """Read every fill, typed; in windows where `since` is among the bounds."""
    with Kalshi(bearer_token="t", environment=url, pace=None) as client:  # noqa: S106
        return len(client.portfolio.fills(page_size=1000, **bounds).all())


async def drain_on_a_loop(url: str, **bounds: Any) -> int:
    """Read every fill, typed, with the async client."""
    async with AsyncKalshi(bearer_token="t", environment=url, pace=None) as client:  # noqa: S106
        return len(await client.portfolio.fills(page_size=1000, **bounds).all())
