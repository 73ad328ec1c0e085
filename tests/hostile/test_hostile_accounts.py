"""Several accounts and exchanges: what is one's is never told of the other's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from hostile_bot import TIMES, on_thread
from hostile_exchange import HostileExchange
from hostile_freedoms import Fault, Freedoms
from hostile_network import HostileNetwork
from hostile_scenario import RAIN, new_key

from kalshi_ext import AsyncKalshi, KalshiError, Misuse, OutcomeUnknown, Policy

ORDER: dict[str, Any] = {"side": "bid", "count": 3, "price": "0.40", "intent": "morning"}


@define
class Place:
    """An exchange on a port of its own, with the keys of two accounts."""

    network: HostileNetwork = field(factory=lambda: HostileNetwork(HostileExchange(Freedoms())))
    pems: dict[str, bytes] = field(factory=dict)
    url: str = ""

    async def open(self) -> Place:
        for name in ("anna", "bert"):
            self.pems[name], public = new_key()
            self.network.exchange.keys[name] = (name, public)
        self.url = await self.network.open()
        return self

    async def client(self, name: str, journal: Path | str) -> AsyncKalshi:
        """Open an account's client; opening a file blocks."""
        return await on_thread(
            AsyncKalshi,
            key_id=name,
            private_key=self.pems[name],
            environment=self.url,
            policy=Policy(**TIMES),
            timeout=TIMES["timeout"],
            journal=str(journal),
        )

    def orders(self, name: str) -> int:
        return sum(order.account == name for order in self.network.exchange.books.orders)


async def _anna_is_in_doubt(place: Place, journal: Path) -> None:
    """Let Anna's order stand, its answer be lost, and every look at it fail."""
    place.network.faults += [Fault("create", "lose_answer")]
    place.network.faults += [Fault("list", "lose_answer", times=99)]
    client = await place.client("anna", journal)
    with pytest.raises(OutcomeUnknown):
        await client.orders.place(RAIN, **ORDER)
    await client.aclose()
    place.network.faults.clear()


async def _bert_recovers(folder: Path) -> tuple[list[Any], int]:
    place, journal = await Place().open(), folder / "orders.db"
    await _anna_is_in_doubt(place, journal)
    resolutions: list[Any] = []
    try:
        bert = await place.client("bert", journal)
        resolutions = await bert.recover()
        await bert.aclose()
    except Misuse:  # a file that is Anna's is refused, naming both
        pass
    anna = await place.client("anna", journal)
    again = await anna.orders.place(RAIN, **ORDER)
    assert again.order_id == place.network.exchange.books.orders[0].order_id
    await anna.aclose()
    await place.network.close()
    return resolutions, place.orders("anna")


def test_one_account_never_settles_what_another_left_open(tmp_path: Path) -> None:
    resolutions, orders = asyncio.run(_bert_recovers(tmp_path))
    assert (resolutions, orders) == ([], 1)


async def _other_exchange(folder: Path) -> int:
    first, second = await Place().open(), await Place().open()
    try:
        return await _place_at_both(first, second, folder / "orders.db")
    finally:
        await first.network.close()
        await second.network.close()


async def _place_at_both(first: Place, second: Place, journal: Path) -> int:
    client = await first.client("anna", journal)
    await client.orders.place(RAIN, **ORDER)
    await client.aclose()
    try:
        client = await second.client("anna", journal)
        await client.orders.place(RAIN, **ORDER)
        await client.aclose()
    except Misuse:
        return 1  # said before anything is sent, and not told as done
    except KalshiError as error:
        raise AssertionError(repr(error)) from error
    return second.orders("anna")


def test_an_order_of_one_exchange_is_no_order_of_another(tmp_path: Path) -> None:
    assert asyncio.run(_other_exchange(tmp_path)) == 1
