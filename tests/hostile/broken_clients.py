"""Clients that are wrong on purpose: for each of them the judge must find what it does wrong.

They are small, sign for themselves and share the bot's words only, so that a judge that misses one
is the judge's fault. `Naive` does what people write first; each subclass trusts one thing it should
not. Where one keeps a journal, it is a dict.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from decimal import Decimal
from typing import Any

import httpx
from attrs import define, field
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hostile_bot import Bot
from hostile_exchange import ROOT
from hostile_network import HostileNetwork
from hostile_scenario import (
    KEY_ID,
    SLOTS,
    TRANSFERS,
    Run,
    Scenario,
    Step,
    SteppingClock,
    WantedOrder,
)

from kalshi_ext import NotSent, OutcomeUnknown, Refused

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # one for all: to make one takes long
ORDERS = "/portfolio/events/orders"


@define
class Said:
    """What a naive client takes for an acknowledgement."""

    order_id: str


@define
class Resolved:
    """What a naive client's recovery returns."""

    key: str
    state: str
    order_id: str | None = None
    operation: str = ""


class Naive:
    """Places and cancels on the current contract; knows of one wish at a time."""

    def __init__(self, url: str, pem: bytes) -> None:
        self.states: dict[str, str] = {}
        self.order_ids: dict[str, str] = {}
        self.open_operations: list[str] = []
        self._key: Any = load_pem_private_key(pem, None)
        self._http = httpx.AsyncClient(base_url=url, timeout=0.4, verify=_NO_TLS, trust_env=False)

    async def send(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        """Sign and send once."""
        stamp = str(int(time.time() * 1000))
        signature = self._key.sign(f"{stamp}{method}{ROOT}{path}".encode())
        headers = {
            "KALSHI-ACCESS-KEY": KEY_ID,
            "KALSHI-ACCESS-TIMESTAMP": stamp,
            "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
        }
        return await self._http.request(method, path, json=body, headers=headers, params=query)

    async def place(self, wanted: WantedOrder) -> Said:
        """Place an order and believe an answer that names it."""
        self.states[wanted.client_order_id] = "unknown"
        body = {
            "ticker": wanted.ticker,
            "client_order_id": wanted.client_order_id,
            "side": wanted.side,
            "count": f"{wanted.count}.00",
            "price": wanted.price,
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }
        try:
            answer = await self.send("POST", ORDERS, body)
        except httpx.HTTPError as error:
            return await self.lost(wanted, body, error)
        return await self.judge(wanted, body, answer)

    async def judge(self, wanted: WantedOrder, body: Any, answer: httpx.Response) -> Said:
        """Say what an answer means."""
        ours = answer.is_success and wanted.client_order_id in answer.text
        if not ours:
            return await self.lost(wanted, body, None)
        return self.done(wanted, answer.json()["order_id"])

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        """Say what an answer that never came means."""
        raise OutcomeUnknown("lost")

    def done(self, wanted: WantedOrder, order_id: str) -> Said:
        """Keep and tell that it was done."""
        self.states[wanted.client_order_id] = "acknowledged"
        self.order_ids[wanted.client_order_id] = order_id
        return Said(order_id)

    def denied(self, wanted: WantedOrder, error: Exception) -> Exception:
        """Keep that nothing stands."""
        self.states[wanted.client_order_id] = "not_sent"
        return error

    async def cancel_all(self) -> None:
        """Cancel all, and believe any answer."""
        try:
            await self.send("DELETE", ORDERS)
        except httpx.HTTPError as error:
            raise OutcomeUnknown("lost") from error

    async def recover(self) -> list[Resolved]:
        """Recover nothing."""
        return []

    async def listed(self, wanted: WantedOrder) -> list[Any]:
        """Read the ticker's orders once."""
        answer = await self.send("GET", "/portfolio/orders", ticker=wanted.ticker)
        return answer.json().get("orders") or []

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class SendsAgainAtOnce(Naive):
    """A lost answer is sent again at once: two orders where the exchange forgets ids."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        answer = await self.send("POST", ORDERS, body)
        return await Naive.judge(self, wanted, body, answer)


class AmendsAfterALostOne(Naive):
    """Changes an order though an earlier change of it may still be on its way."""

    async def amend(self, order_id: str, *, price: Decimal, count: int, **words: Any) -> None:
        """Amend, and say that nobody knows where the answer is lost."""
        body = {**words, "price": str(price), "count": f"{count}.00"}
        try:
            await self.send("POST", f"{ORDERS}/{order_id}/amend", body)
        except httpx.HTTPError as error:
            raise OutcomeUnknown("lost") from error

    async def decrease(self, order_id: str, *, to: int, **words: Any) -> None:
        """Decrease to a size, likewise."""
        try:
            await self.send("POST", f"{ORDERS}/{order_id}/decrease", {"reduce_to": f"{to}.00"})
        except httpx.HTTPError as error:
            raise OutcomeUnknown("lost") from error


class GivesUp(Naive):
    """A timeout is taken for "not sent"."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        raise self.denied(wanted, NotSent("timed out"))


class TrustsOneList(Naive):
    """A list without the order, read once, is taken for its absence."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        for row in await self.listed(wanted):
            if row.get("client_order_id") == wanted.client_order_id:
                return self.done(wanted, row["order_id"])
        raise self.denied(wanted, NotSent("not there"))


class TrustsAnEmptyObject(TrustsOneList):
    """The same after a long while: only what proves nothing for ever still deceives it."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        await asyncio.sleep(2)
        return await super().lost(wanted, body, error)


class TrustsTheFirstRow(Naive):
    """The newest order of the ticker is taken for its own."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        rows = await self.listed(wanted)
        return self.done(wanted, rows[0]["order_id"] if rows else "o-none")


class BelievesAnyAck(Naive):
    """Any success is taken for this order's acknowledgement."""

    async def judge(self, wanted: WantedOrder, body: Any, answer: httpx.Response) -> Said:
        if answer.is_success:
            return self.done(wanted, answer.json().get("order_id", "o-none"))
        return await self.lost(wanted, body, None)


class BelievesAStatus(Naive):
    """A 4xx is taken for a refusal, whoever wrote it."""

    async def judge(self, wanted: WantedOrder, body: Any, answer: httpx.Response) -> Said:
        if answer.is_client_error:
            raise self.denied(wanted, Refused("refused"))
        return await Naive.judge(self, wanted, body, answer)


class KeepsNoJournal(Naive):
    """Says that it is unknown, and forgets it."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        self.states.pop(wanted.client_order_id)
        raise OutcomeUnknown("lost")


class TakesAConflictForARefusal(Naive):
    """Sends again, and takes "this id exists" for "nothing stands"."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        answer = await self.send("POST", ORDERS, body)
        if answer.status_code == 409:
            raise self.denied(wanted, Refused("exists"))
        return await Naive.judge(self, wanted, body, answer)


class RaisesWhateverComes(Naive):
    """Lets the errors of its HTTP library out."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        raise error or RuntimeError("what is this?")


class NeverLooksAgain(Naive):
    """Keeps what is unknown, and its recovery does nothing."""


class NeverEnds(Naive):
    """Goes on long after its caller's deadline."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        await asyncio.sleep(4)
        raise OutcomeUnknown("lost")


class RecoversByGuess(Naive):
    """Recovers everything as done."""

    async def recover(self) -> list[Resolved]:
        return [Resolved(key, "resolved", "o-000001") for key in self.states]


class PersistsForEver(Naive):
    """Sends a lost wish again long after its call, whatever happened meanwhile."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        await asyncio.sleep(2)
        answer = await self.send("POST", ORDERS, body)
        return await Naive.judge(self, wanted, body, answer)


class OutlivesAKillSwitch(PersistsForEver):
    """The same, seen beside a cancel_all."""


class ForgetsWhomItTold(Naive):
    """Keeps a verdict, and its recovery does not speak of those that nobody was told."""

    def done(self, wanted: WantedOrder, order_id: str) -> Said:
        super().done(wanted, order_id)
        raise asyncio.CancelledError


@define
class _Record:
    state: str
    order_id: str | None


@define
class BrokenBot(Bot):
    """The bot of a scenario, with a broken client in its hands."""

    kind: type[Naive] = field(kw_only=True)

    async def open(self) -> None:
        """Begin the only life."""
        self.client = self.client or self.kind(self.url, self.pem)

    async def close(self) -> None:
        """Keep the only life."""

    async def end(self) -> None:
        """End it."""
        await self.client.aclose()

    async def live(self, run: Run, network: HostileNetwork) -> None:
        """Run the script."""
        await Bot.live(self, run, network)

    async def call(self, path: str, *args: Any, **options: Any) -> Any:
        """Call one of the few methods a naive client has."""
        if path.split(".")[0] in ("subaccounts", "portfolio", "order_groups"):
            return await getattr(self.client, path.replace(".", "_"))(*args, **options)
        if path in ("close", "aclose"):
            return await self.client.aclose()
        if path == "orders.place":
            names = {wanted.client_order_id: wanted for wanted in SLOTS}
            return await self.client.place(names[options["client_order_id"]])
        return await getattr(self.client, path.removeprefix("orders."))(*args, **options)

    def _twin(self, other: Any) -> Bot:
        twin = BrokenBot(
            self.url, self.pem, self.scenario, self.clock, None, self.client, kind=self.kind
        )
        twin.client = self.kind(self.url, self.pem)
        twin.client.states, twin.client.order_ids = self.client.states, self.client.order_ids
        return twin

    async def _open_again(self, step: Step) -> None:
        again = self.kind(self.url, self.pem)
        again.states, again.order_ids = self.client.states, self.client.order_ids
        self.client = again

    async def _entry(self, slot: int) -> Any:
        key = SLOTS[slot].client_order_id
        state = self.client.states.get(key)
        return None if state is None else _Record(state, self.client.order_ids.get(key))

    async def _state(self, step: Step) -> str | None:
        if step.word == "transfer":
            return self.client.states.get(TRANSFERS[step.slot].key)  # type: ignore[no-any-return]
        entry = await self._entry(step.slot)
        return None if entry is None else entry.state  # type: ignore[no-any-return]

    async def _operations(self) -> list[str]:
        return list(self.client.open_operations)

    async def _open_entries(self) -> int:
        return sum(state == "unknown" for state in self.client.states.values())


def connect_broken(
    url: str, pem: bytes, scenario: Scenario, clock: SteppingClock, place: type[Naive]
) -> BrokenBot:
    """Make the bot of a scenario on the broken client that `place` names."""
    return BrokenBot(url, pem, scenario, clock, None, kind=place)
