"""The admin side: the commands, and the HTTP that runs them.

`POST /run/{command}` with a JSON object of arguments is answered {"result": ...}, or 400 with
{"error": ..., "kind": ...}. It has a port of its own, which the API's port does not lead to. A
caller must hold the token. A request must also have been meant for this machine: a browser would
send one that another site's page made, so a foreign Host or Origin is answered 403.

Example: `POST /run/clock.advance` with {"seconds": 60}.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime

from attrs import define, field

from kalshi_ext.errors import KalshiError, Misuse
from kalshi_ext.sandbox.auth import issue_key, key_kind
from kalshi_ext.sandbox.bootstrap import add_rule, register_key, reset_exchange, save_clock
from kalshi_ext.sandbox.engine import Event
from kalshi_ext.sandbox.exchange import SimulatedExchange
from kalshi_ext.sandbox.http_messages import (
    Asgi,
    Headers,
    HttpResponse,
    Json,
    Message,
    Receive,
    Send,
    json_response,
    read_body,
    send_response,
)
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.proxy.proxy import Proxy

RUN = "/run/"
_TRUTH_READS = ("orders", "fills", "balances", "positions", "book", "markets", "accounts")


@define
class AdminCommands:
    """Run admin commands on an exchange: one method a command, plain data in and out."""

    exchange: SimulatedExchange
    options: Options
    proxy: Proxy
    commands: dict[str, Callable[..., Json]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.commands = {
            **{f"truth.{name}": self._truth_reader(name) for name in _TRUTH_READS},
            "truth.events": self._events,
            "admin": self._administer,
            "clock.now": lambda: self.exchange.clock.now().isoformat(),
            "clock.set": self._set_clock,
            "clock.advance": self._advance_clock,
            "faults.add": self._add_fault,
            "faults.remove": self._remove_fault,
            "faults.list": lambda: [rule.to_data() for rule in self.exchange.faults.rules],
            "oracle.requests": self._requests,
            "oracle.network": lambda: [fault.to_data() for fault in self.proxy.fired],
            "keys.issue": self._issue_key,
            "keys.of": self._key_of,
            "keys.list": self.keys,
            "reset": self._reset,
            "check": lambda: self.exchange.engine.check_invariants(),
            "digest": lambda: self.exchange.engine.digest(),
        }

    def run(self, name: str, arguments: Mapping[str, Json]) -> Json:
        """Run one command; raises KalshiError for what cannot be done."""
        if name not in self.commands:
            raise Misuse(f"admin: one of {', '.join(self.commands)}, not {name!r}")
        try:
            return self.commands[name](**arguments)
        except KalshiError:  # says already what is wrong
            raise
        except Exception as error:  # any value may stand in the arguments
            raise Misuse(f"{name}: {error!r:.200}") from error

    def keys(self) -> list[Json]:
        """List every key issued."""
        return [key.to_data() for key in self.exchange.authenticator.keyring.issued]

    def _reset(self) -> None:
        reset_exchange(self.exchange, self.options)
        self.proxy.fired.clear()

    def _truth_reader(self, name: str) -> Callable[..., Json]:
        def read(**arguments: Json) -> Json:
            # Looked up at each call: a reset puts a new engine in place.
            return getattr(self.exchange.engine.truth, name)(**arguments)

        return read

    def _events(self, since: int = 0) -> Json:
        return [_event_data(event) for event in self.exchange.engine.truth.events(since=since)]

    def _administer(self, action: str, params: Mapping[str, Json]) -> Json:
        return self.exchange.administer(action, params).body

    def _set_clock(self, to: str | None) -> None:
        self.exchange.clock.set(None if to is None else datetime.fromisoformat(to))
        self._clock_moved()

    def _advance_clock(self, seconds: float) -> None:
        self.exchange.clock.advance(seconds)
        self._clock_moved()

    def _clock_moved(self) -> None:
        save_clock(self.exchange)
        # What is due by the new time happens now, not with the next request.
        self.exchange.engine.advance(now=self.exchange.clock.now())

    def _add_fault(self, **data: Json) -> Json:
        return add_rule(self.exchange, self.options, data).to_data()

    def _remove_fault(self, number: int | None = None) -> None:
        self.exchange.faults.remove(number)

    def _requests(self, since: int = 0) -> Json:
        return [entry.to_data() for entry in self.exchange.request_log.since(since)]

    def _issue_key(
        self,
        account: str,
        kind: str = "rsa",
        scopes: tuple[str, ...] = ("read", "write"),
        subaccount: int | None = None,
    ) -> Json:
        key = issue_key(
            account, kind=key_kind(kind), scopes=frozenset(scopes), subaccount=subaccount
        )
        return register_key(self.exchange, key).to_data()

    def _key_of(self, account: str) -> Json:
        key = self.exchange.authenticator.keyring.unrestricted_key(account)
        return key.to_data() if key else None


def _event_data(event: Event) -> Json:
    return {
        "seq": event.seq,
        "time": event.time.isoformat(),
        "kind": event.kind,
        "data": dict(event.data),
    }


@define
class AdminApi:
    """Serve the admin commands over HTTP, to whoever holds the token."""

    commands: AdminCommands
    token: str = field(repr=False)
    ui: Asgi | None = None
    """Answers every other path, when there is a page."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if not _is_same_origin(dict(scope["headers"])):
            response = json_response(403, {"error": "only for pages of this address"})
            await send_response(response, send)
            return
        if self.ui is not None and not scope["path"].startswith(RUN):
            await self.ui(scope, receive, send)
            return
        body = await read_body(receive)
        if body is not None:
            await send_response(self._respond(scope, body), send)

    def authorized(self, authorization: str) -> bool:
        """Compare the Authorization header's value with our token, in constant time."""
        token = authorization.removeprefix("Bearer ")
        # As bytes: compare_digest refuses text beyond ASCII, which anybody may send.
        return hmac.compare_digest(token.encode(), self.token.encode())

    def _respond(self, scope: Message, body: bytes) -> HttpResponse:
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not self.authorized(authorization):
            return json_response(401, {"error": "the admin token is missing or wrong"})
        if scope["method"] != "POST" or not scope["path"].startswith(RUN):
            return json_response(404, {"error": "POST /run/{word}"})
        return self._run(scope["path"].removeprefix(RUN), body)

    def _run(self, name: str, body: bytes) -> HttpResponse:
        try:
            arguments: Json = json.loads(body or b"{}")
            return json_response(200, {"result": self.commands.run(name, arguments)})
        except (KalshiError, ValueError, RecursionError) as error:
            return json_response(400, {"error": str(error), "kind": type(error).__name__})


def _is_same_origin(headers: Headers) -> bool:
    """Tell whether a request was meant for this machine, and not sent by another site's page.

    A name that an attacker points at loopback shows in Host (DNS rebinding), a page that is not
    ours in Origin.
    """
    host = headers.get(b"host", b"")
    if host.rpartition(b":")[0] not in (b"127.0.0.1", b"localhost"):
        return False
    # Programs send no Origin, browsers do with every POST.
    return headers.get(b"origin", b"http://" + host) == b"http://" + host
