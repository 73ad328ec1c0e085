"""Speak to a sandbox's admin side: the handles tests hold."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field, frozen

from kalshi_ext.errors import KalshiError
from kalshi_ext.sandbox.engine import Admin, admin
from kalshi_ext.sandbox.oracle import Exchanged


class SandboxError(KalshiError):
    """The sandbox could not do what its admin side was asked."""


# Seconds a quiet connection is used again; the server drops it after 75.
KEPT = 30.0


@define
class Link:
    """Call admin words over one connection; threads take turns."""

    url: str
    token: str = field(repr=False)
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)
    _used: float = field(default=0.0, repr=False)
    _turn: threading.Lock = field(factory=threading.Lock, repr=False)

    def run(self, word: str, **given: Any) -> Any:
        """Run one word; raises SandboxError with what the exchange said."""
        with self._turn:
            try:
                status, data = self._exchange(word, given)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                raise SandboxError(f"{word}: the sandbox does not answer: {error}") from error
        if status != 200:
            raise SandboxError(f"{word}: {data['error']}")
        return data["result"]

    def close(self) -> None:
        """Close the connection; the next word opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, word: str, given: Mapping[str, Any]) -> tuple[int, Any]:
        if time.monotonic() - self._used > KEPT:
            self.close()
        if self._connection is None:
            address = urlsplit(self.url)
            self._connection = http.client.HTTPConnection(
                str(address.hostname), address.port, timeout=30
            )
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self._connection.request("POST", f"/run/{word}", json.dumps(given), headers)
        answer = self._connection.getresponse()
        body = answer.read()
        self._used = time.monotonic()
        return answer.status, json.loads(body)


@frozen
class Faults:
    """Switch faults on and off; the catalogue says which there are."""

    _link: Link

    def add(self, kind: str, /, **rule: Any) -> int:
        """Add a fault and give its number.

        Which requests: operation="CreateOrderV2" (patterns, commas), account, skip, times (None:
        for ever), every, chance; whatever else is a parameter of the kind.
        """
        number: int = self._link.run("faults.add", kind=kind, **rule)["number"]
        return number

    def load(self, rules: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add several, as a faults file lists them."""
        return [self._link.run("faults.add", **rule)["number"] for rule in rules]

    def remove(self, number: int | None = None) -> None:
        """Take one fault back, or all."""
        self._link.run("faults.remove", number=number)

    def list(self) -> Sequence[dict[str, Any]]:
        """List the rules, each with how often it matched (seen) and acted (fired)."""
        rules: list[dict[str, Any]] = self._link.run("faults.list")
        return rules


@frozen
class Truth:
    """Read what truly happened, past the API: no lag, no pages, no lies."""

    _link: Link

    def requests(self, *, since: int = 0) -> list[Exchanged]:
        """List every request that reached the exchange complete, oldest first."""
        return [Exchanged.from_data(row) for row in self._link.run("oracle.requests", since=since)]

    def network(self) -> list[dict[str, Any]]:
        """List what network faults acted on: bytes that came, went on, came back, were returned."""
        rows: list[dict[str, Any]] = self._link.run("oracle.network")
        return rows

    def orders(
        self, *, account: str | None = None, client_order_id: str | None = None
    ) -> list[dict[str, Any]]:
        """List every order ever accepted, oldest first."""
        return self._rows("orders", account=account, client_order_id=client_order_id)

    def fills(
        self, *, account: str | None = None, order_id: str | None = None
    ) -> list[dict[str, Any]]:
        """List every fill, oldest first."""
        return self._rows("fills", account=account, order_id=order_id)

    def balances(self, *, account: str) -> list[dict[str, Any]]:
        """List cash, reserved and collateral for each subaccount and shard."""
        return self._rows("balances", account=account)

    def positions(self, *, account: str) -> list[dict[str, Any]]:
        """List every open position."""
        return self._rows("positions", account=account)

    def events(self, *, since: int = 0) -> list[dict[str, Any]]:
        """List what happened after event number since."""
        return self._rows("events", since=since)

    def accounts(self) -> list[str]:
        """List account names."""
        names: list[str] = self._link.run("truth.accounts")
        return names

    def digest(self) -> str:
        """Fingerprint the whole state."""
        return str(self._link.run("digest"))

    def check_invariants(self) -> None:
        """Raise SandboxError when money, contracts or books do not reconcile."""
        self._link.run("check")

    def _rows(self, name: str, **given: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._link.run(f"truth.{name}", **given)
        return rows


@frozen
class Markets:
    """Run the markets from the exchange's side."""

    _link: Link

    def add(self, ticker: str, **rules: Any) -> None:
        """List a market; rules as engine.admin.add_market takes them."""
        do(self._link, admin.add_market(ticker, **rules))

    def quote(self, ticker: str, side: str, price: str, count: str, **more: Any) -> dict[str, Any]:
        """Place another trader's order (side bid or ask, YES price); it may trade at once."""
        answer: dict[str, Any] = do(self._link, admin.liquidity(ticker, side, price, count, **more))
        return answer

    def settle(self, ticker: str, result: str, *, value: str | None = None) -> None:
        """Settle a market: yes, no, or scalar with what YES pays."""
        do(self._link, admin.settle(ticker, result, value=value))

    def close(self, ticker: str) -> None:
        """Stop trading a market for good."""
        do(self._link, admin.close_market(ticker))

    def pause(self, what: str = "trading", *, exchange_index: int | None = None) -> None:
        """Pause trading, exchange or transfers, on one shard or all."""
        do(self._link, admin.pause(what, exchange_index=exchange_index))

    def resume(self, what: str = "trading", *, exchange_index: int | None = None) -> None:
        """End a pause."""
        do(self._link, admin.resume(what, exchange_index=exchange_index))

    def list(self) -> Sequence[dict[str, Any]]:
        """List every market and its rules."""
        rows: list[dict[str, Any]] = self._link.run("truth.markets")
        return rows

    def book(self, ticker: str) -> dict[str, Any]:
        """Show a market's depth, best price first."""
        depth: dict[str, Any] = self._link.run("truth.book", ticker=ticker)
        return depth


@frozen
class ClockHandle:
    """Move the exchange's time."""

    _link: Link

    def now(self) -> datetime:
        """Read it."""
        return datetime.fromisoformat(self._link.run("clock.now"))

    def set(self, moment: datetime | None) -> None:
        """Fix it at a moment; None lets it run again."""
        self._link.run("clock.set", to=moment.isoformat() if moment else None)

    def advance(self, seconds: float) -> None:
        """Move it; what is due by then happens."""
        self._link.run("clock.advance", seconds=seconds)


def do(link: Link, command: Admin) -> Any:
    """Carry out one admin command and give the body of its answer."""
    return link.run("admin", action=command.action, params=dict(command.params))
