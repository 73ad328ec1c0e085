"""What goes through the engine's door: commands in, answers and events out.

Commands are written to the state file as command_to_data gives them. The words of it ("call",
"caller", "admin", "params", ...) are the file format: old files must stay readable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from attrs import field, frozen

from kalshi_ext.errors import KalshiError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Json: TypeAlias = Any


class InvariantBroken(KalshiError):
    """The books no longer reconcile; the message names the rule and both numbers."""


@frozen
class Caller:
    """Name who calls, as the server authenticated it."""

    account: str
    scopes: frozenset[str] = frozenset({"read", "write"})
    """What the key may do; reads need "read", every other operation "write" (403 else)."""
    subaccount: int | None = None
    """The only subaccount the key may act on; None: all."""


@frozen
class ApiRequest:
    """Carry one API request, already authenticated and routed."""

    operation: str
    """An operationId: "CreateOrderV2" (current contract) or "createOrder" (classic)."""
    caller: Caller | None = None
    """None: unauthenticated; anything but a public operation is then answered 401."""
    path: Mapping[str, str] = field(factory=dict[str, str])
    """Path parameters by name, percent-decoded."""
    query: Mapping[str, str] = field(factory=dict[str, str])
    """Query parameters by name, text as received (last one wins)."""
    body: Json = None
    """The body as json.loads gave it."""
    body_is: Literal["absent", "json", "garbage"] = "absent"
    """Whether a body came: absent (no bytes), json (see body), garbage (not JSON)."""


@frozen
class Admin:
    """Carry one command of the exchange's own side; see README and admin.py for the actions."""

    action: str
    params: Mapping[str, Json] = field(factory=dict[str, Any])
    """JSON-ready; money and counts as decimal text, times as ISO text or Unix seconds."""


Command: TypeAlias = ApiRequest | Admin


@frozen
class Answer:
    """Carry what goes back: an HTTP status and a JSON-ready body (None: no body at all)."""

    status: int
    body: Json = None


@frozen
class Event:
    """State one thing that happened, whatever lagging reads tell of it."""

    seq: int
    """Counts from 1 without holes."""
    time: datetime
    kind: str
    """account market order fill cancel amend decrease group settle transfer funds pause."""
    data: Mapping[str, Json]
    """JSON-ready; money, prices and counts as decimal text."""


def command_to_data(command: Command) -> dict[str, Json]:
    """Render a command as JSON-ready plain data, for a log."""
    if isinstance(command, Admin):
        return {"admin": command.action, "params": dict(command.params)}
    caller = command.caller
    return {
        "call": command.operation,
        "caller": None if caller is None else _caller_to_data(caller),
        "path": dict(command.path),
        "query": dict(command.query),
        "body": command.body,
        "body_is": command.body_is,
    }


def _caller_to_data(caller: Caller) -> dict[str, Json]:
    return {
        "account": caller.account,
        "scopes": sorted(caller.scopes),
        "subaccount": caller.subaccount,
    }


def command_from_data(data: Mapping[str, Json]) -> Command:
    """Read what command_to_data wrote, by this version or an older one."""
    if "admin" in data:
        return Admin(data["admin"], data["params"])
    row = data["caller"]
    caller = row and Caller(row["account"], frozenset(row["scopes"]), row["subaccount"])
    return ApiRequest(
        data["call"], caller, data["path"], data["query"], data["body"], data["body_is"]
    )
