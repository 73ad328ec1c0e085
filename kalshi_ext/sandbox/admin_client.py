"""The client of a sandbox's admin side: what stands behind box.faults, box.truth and the like."""

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
from kalshi_ext.sandbox.request_log import LoggedRequest


class SandboxError(KalshiError):
    """The sandbox could not do what its admin side was asked."""


# Seconds a quiet connection is used again. The server drops it after 75, and a request sent just
# then would be lost: nobody could tell whether the command ran.
MAX_IDLE = 30.0


@define
class AdminClient:
    """Run admin commands over one connection; threads take turns."""

    url: str
    token: str = field(repr=False)
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)
    _used: float = field(default=0.0, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, repr=False)

    def run(self, command: str, /, **arguments: Any) -> Any:
        """Run one command; raises SandboxError with what the exchange said."""
        with self._lock:
            try:
                status, data = self._round_trip(command, arguments)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                raise SandboxError(f"{command}: the sandbox does not answer: {error}") from error
        if status != 200:
            raise SandboxError(f"{command}: {data['error']}")
        return data["result"]

    def close(self) -> None:
        """Close the connection; the next command opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _round_trip(self, command: str, arguments: Mapping[str, Any]) -> tuple[int, Any]:
        if time.monotonic() - self._used > MAX_IDLE:
            self.close()
        if self._connection is None:
            address = urlsplit(self.url)
            self._connection = http.client.HTTPConnection(
                str(address.hostname), address.port, timeout=30
            )
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self._connection.request("POST", f"/run/{command}", json.dumps(arguments), headers)
        response = self._connection.getresponse()
        body = response.read()
        self._used = time.monotonic()
        return response.status, json.loads(body)


@frozen
class Faults:
    """Switch faults on and off; the catalogue says which there are."""

    _client: AdminClient

    def add(self, kind: str, /, **rule: Any) -> int:
        """Add a fault and give its number.

        Which requests: operation="CreateOrderV2" (patterns, commas), account, skip, times (None:
        for ever), every, chance; whatever else is a parameter of the kind.
        """
        number: int = self._client.run("faults.add", kind=kind, **rule)["number"]
        return number

    def load(self, rules: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add several, as a faults file lists them."""
        return [self._client.run("faults.add", **rule)["number"] for rule in rules]

    def remove(self, number: int | None = None) -> None:
        """Take one fault back, or all."""
        self._client.run("faults.remove", number=number)

    def list(self) -> Sequence[dict[str, Any]]:
        """List the rules, each with how often it matched (seen) and acted (fired)."""
        rules: list[dict[str, Any]] = self._client.run("faults.list")
        return rules


@frozen
class Truth:
    """Read what truly happened, past the API: no lag, no pages, no faults."""

    _client: AdminClient

    def requests(self, *, since: int = 0) -> list[LoggedRequest]:
        """List every request that reached the exchange complete, oldest first."""
        return [
            LoggedRequest.from_data(row) for row in self._client.run("oracle.requests", since=since)
        ]

    def network(self) -> list[dict[str, Any]]:
        """List what network faults acted on: bytes that came, went on, came back, were returned."""
        rows: list[dict[str, Any]] = self._client.run("oracle.network")
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
        names: list[str] = self._client.run("truth.accounts")
        return names

    def digest(self) -> str:
        """Fingerprint the whole state."""
        return str(self._client.run("digest"))

    def check_invariants(self) -> None:
        """Raise SandboxError when money, contracts or books do not reconcile."""
        self._client.run("check")

    def _rows(self, name: str, **filters: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._client.run(f"truth.{name}", **filters)
        return rows


@frozen
class Markets:
    """Run the markets from the exchange's side."""

    _client: AdminClient

    def add(self, ticker: str, **rules: Any) -> None:
        """List a market; rules as engine.admin.add_market takes them."""
        administer(self._client, admin.add_market(ticker, **rules))

    def quote(
        self, ticker: str, side: str, price: str, count: str, **options: Any
    ) -> dict[str, Any]:
        """Place another trader's order (side bid or ask, YES price); it may trade at once."""
        answer: dict[str, Any] = administer(
            self._client, admin.liquidity(ticker, side, price, count, **options)
        )
        return answer

    def settle(self, ticker: str, result: str, *, value: str | None = None) -> None:
        """Settle a market: yes, no, or scalar with what YES pays."""
        administer(self._client, admin.settle(ticker, result, value=value))

    def close(self, ticker: str) -> None:
        """Stop trading a market for good."""
        administer(self._client, admin.close_market(ticker))

    def pause(
        self,
        what: str = "trading",
        *,
        exchange_index: int | None = None,
        until: datetime | None = None,
        ticker: str | None = None,
    ) -> None:
        """Pause trading, exchange or transfers on one shard or all; or one market."""
        command = admin.pause(what, exchange_index=exchange_index, until=until, ticker=ticker)
        administer(self._client, command)

    def resume(
        self, what: str = "trading", *, exchange_index: int | None = None, ticker: str | None = None
    ) -> None:
        """End the pause that is named, and no other one."""
        administer(self._client, admin.resume(what, exchange_index=exchange_index, ticker=ticker))

    def list(self) -> Sequence[dict[str, Any]]:
        """List every market and its rules."""
        rows: list[dict[str, Any]] = self._client.run("truth.markets")
        return rows

    def book(self, ticker: str) -> dict[str, Any]:
        """Show a market's depth, best price first."""
        depth: dict[str, Any] = self._client.run("truth.book", ticker=ticker)
        return depth


@frozen
class ClockControl:
    """Move the exchange's time."""

    _client: AdminClient

    def now(self) -> datetime:
        """Read the exchange's time."""
        return datetime.fromisoformat(self._client.run("clock.now"))

    def set(self, time: datetime | None) -> None:
        """Fix it; None lets it run again."""
        self._client.run("clock.set", to=time.isoformat() if time else None)

    def advance(self, seconds: float) -> None:
        """Move it; what is due by then happens."""
        self._client.run("clock.advance", seconds=seconds)


def administer(client: AdminClient, command: Admin) -> Any:
    """Execute one command of the exchange's own side and give the body of its answer."""
    return client.run("admin", action=command.action, params=dict(command.params))
