"""What the rest of the sandbox may use of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from attrs import field, frozen

from kalshi_ext.errors import KalshiError
from kalshi_ext.sandbox.engine.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

Json: TypeAlias = Any


class InvariantBroken(KalshiError):
    """Report that the books no longer reconcile; the message names what broke and by how much."""


@frozen
class Caller:
    """Name who calls, as the server's authentication found out."""

    account: str
    scopes: frozenset[str] = frozenset({"read", "write"})
    """What the key may do; reads need "read", every other operation "write" (403 else)."""
    subaccount: int | None = None
    """The only subaccount the key may act on; None: all."""


@frozen
class Call:
    """Carry one API request, already authenticated and routed."""

    operation: str
    """An operationId: "CreateOrderV2" (current contract) or "createOrder" (classic)."""
    caller: Caller | None = None
    """None: unauthenticated; anything but a public operation is then answered 401."""
    path: Mapping[str, str] = field(factory=dict)
    """Path parameters by name, percent-decoded."""
    query: Mapping[str, str] = field(factory=dict)
    """Query parameters by name, text as received (last one wins)."""
    body: Json = None
    """The body as json.loads gave it."""
    body_is: Literal["absent", "json", "garbage"] = "absent"
    """Whether a body came: absent (no bytes), json (see body), garbage (not JSON)."""


@frozen
class Admin:
    """Carry one command of the exchange's own side; see README and admin.py for the actions."""

    action: str
    params: Mapping[str, Json] = field(factory=dict)
    """JSON-ready; money and counts as decimal text, times as ISO text or Unix seconds."""


Command: TypeAlias = Call | Admin


@frozen
class Answer:
    """Carry what goes back: an HTTP status and a JSON-ready body (None: no body at all)."""

    status: int
    body: Json = None


@frozen
class Event:
    """State one thing that truly happened."""

    seq: int
    """Counts from 1 without holes."""
    time: datetime
    kind: str
    """account order fill cancel amend decrease group settle transfer funds pause market refused"""
    data: Mapping[str, Json]
    """JSON-ready."""


def command_to_data(command: Command) -> dict[str, Json]:
    """Render a command as JSON-ready plain data, for a log."""
    raise NotImplementedError


def command_from_data(data: Mapping[str, Json]) -> Command:
    """Read back what command_to_data wrote."""
    raise NotImplementedError


class Truth:
    """Read what truly is, without lag, scopes or pages; never changes anything."""

    def orders(
        self, *, account: str | None = None, client_order_id: str | None = None
    ) -> Sequence[dict[str, Json]]:
        """List every order ever accepted, oldest first, JSON-ready (Order of the current
        contract plus "account", "group", "expired").
        """
        raise NotImplementedError

    def fills(
        self, *, account: str | None = None, order_id: str | None = None
    ) -> Sequence[dict[str, Json]]:
        """List every fill, oldest first, JSON-ready (Fill plus "account", "client_order_id")."""
        raise NotImplementedError

    def balances(self, *, account: str) -> Sequence[dict[str, Json]]:
        """List cash, reserved and collateral for each subaccount and shard, in dollars text."""
        raise NotImplementedError

    def positions(self, *, account: str) -> Sequence[dict[str, Json]]:
        """List every open position: subaccount, ticker, position, cost."""
        raise NotImplementedError

    def book(self, ticker: str) -> dict[str, Json]:
        """Show a market's depth: {"bids": [[price, count], ...], "asks": [...]}, best first."""
        raise NotImplementedError

    def markets(self) -> Sequence[dict[str, Json]]:
        """List every market and its rules."""
        raise NotImplementedError

    def accounts(self) -> Sequence[str]:
        """List account names."""
        raise NotImplementedError

    def events(self, *, since: int = 0) -> Sequence[Event]:
        """List what happened after event number since, oldest first."""
        raise NotImplementedError


class Engine:
    """Run the exchange: one command in, one answer out, always the same for the same log."""

    truth: Truth

    def __init__(self, settings: Settings | None = None) -> None:
        raise NotImplementedError

    def execute(self, command: Command, *, now: datetime) -> Answer:
        """Do one command at a moment; the only door through which anything changes.

        now is aware; a moment earlier than the last one seen counts as the last one. Reads are
        commands too but change nothing except rate budgets and due expiries: a command log may
        leave them out when Settings.rate_limits is off (see changes()). An Admin command answers
        status 200 with what it made, or 400 with {"error": {...}}.
        """
        raise NotImplementedError

    def advance(self, *, now: datetime) -> None:
        """Let time pass: expire what is due. execute does so by itself."""
        raise NotImplementedError

    def changes(self, command: Command) -> bool:
        """Tell whether a command may change state, so that a log must keep it."""
        raise NotImplementedError

    def check_invariants(self) -> None:
        """Raise InvariantBroken when money, contracts or the books do not reconcile."""
        raise NotImplementedError

    def digest(self) -> str:
        """Fingerprint the whole state (sha256 hex): equal for equal command logs."""
        raise NotImplementedError
