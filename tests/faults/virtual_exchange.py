"""The sandbox's engine in virtual time, behind a router and a transport for the real client.

No wire and no waiting. Each request takes two milliseconds; otherwise time stands still until the
client sleeps, and a sleep moves the clock of both at once.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote

import httpx
from attrs import define, field

from kalshi_ext import Kalshi, Policy
from kalshi_ext.contracts import contract
from kalshi_ext.journal import Journal
from kalshi_ext.protocol.flow import Effect, Sleep
from kalshi_ext.protocol.messages import Operation
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.sandbox.engine import ApiRequest, Caller, Engine, Settings, admin
from kalshi_ext.transport.driver import Driver, RunningCall

TICKER = "KXRAIN-26DEC31-NYC"
POLICY = Policy(poll=1.0, poll_ceiling=30.0, resend_within=180.0)
START = 1_790_000_000.0


class RequestRouter:
    """Finds the operation of a request by method and path, as the exchange's router does."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        # Literal paths go before templates: in /orders/batched, "batched" is no order id.
        self._literal = {
            (operation.method, operation.path): operation.id
            for operation in operations.values()
            if "{" not in operation.path
        }
        self._templates: dict[tuple[str, int], list[tuple[re.Pattern[str], str]]] = defaultdict(
            list
        )
        for operation in sorted(operations.values(), key=lambda o: o.path.count("{")):
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.path)
            method_and_depth = (operation.method, operation.path.count("/"))
            self._templates[method_and_depth].append((re.compile(pattern + r"\Z"), operation.id))

    def route(self, method: str, path: str) -> tuple[str, dict[str, str]]:
        """Return the operation's id and the path parameters."""
        literal = self._literal.get((method, path))
        if literal is not None:
            return literal, {}
        for pattern, operation in self._templates[method, path.count("/")]:
            if match := pattern.match(path):
                return operation, {name: unquote(v) for name, v in match.groupdict().items()}
        raise AssertionError(f"no route for {method} {path}")


ROUTER = RequestRouter(contract("current").operations)


@define
class VirtualExchange(httpx.BaseTransport):
    """The engine behind an httpx transport.

    `lose_answer_of` is the number of the write whose answer is lost, 0 for none.
    """

    dedupe: str = "while_open"
    time: float = START
    lose_answer_of: int = 0
    engine: Engine = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.engine = Engine(Settings(seed=1, dedupe=self.dedupe, log_events=False))
        for command in (admin.add_account("trader", funds="1000"), admin.add_market(TICKER)):
            self.engine.execute(command, now=self.moment())

    def moment(self) -> datetime:
        """Return the exchange's time."""
        return datetime.fromtimestamp(self.time, UTC)

    def now(self) -> float:
        """Return the client's time: the same."""
        return self.time

    def monotonic(self) -> float:
        """Return the clock that nobody sets: it stands with the exchange's too."""
        return self.time

    def adjust(self, seconds: float) -> None:
        """Refuse a correction: the two clocks agree, so a client that corrects its own is wrong."""
        raise AssertionError(seconds)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Execute a request, and answer unless the answer is to be lost."""
        self.time += 0.001
        answer = self.engine.execute(self._call(request), now=self.moment())
        self.time += 0.001
        if request.method != "GET" and self.lose_answer_of:
            self.lose_answer_of -= 1
            if not self.lose_answer_of:
                raise httpx.ReadError("the answer is lost")
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        return httpx.Response(
            answer.status, headers={"date": formatdate(self.time, usegmt=True)}, content=content
        )

    def _call(self, request: httpx.Request) -> ApiRequest:
        path = request.url.raw_path.split(b"?")[0].decode().removeprefix("/trade-api/v2")
        operation, parameters = ROUTER.route(request.method, path)
        body = json.loads(request.content) if request.content else None
        kind = "json" if request.content else "absent"
        query = dict(request.url.params)
        return ApiRequest(operation, Caller("trader"), parameters, query, body, kind)


@define
class VirtualTimeDriver(Driver):
    """The client's own driver, but a sleep moves the exchange's clock instead of waiting."""

    def _perform(self, effect: Effect, call: RunningCall) -> Any:
        if isinstance(effect, Sleep):
            self.transport.time += effect.seconds  # type: ignore[attr-defined]
            return None
        return Driver._perform(self, effect, call)


def make_client(exchange: VirtualExchange, journal: Journal | None = None) -> Kalshi:
    """Make the real client over a virtual exchange."""
    client = Kalshi(
        bearer_token="t", environment="http://127.0.0.1:1/trade-api/v2", policy=POLICY,
        transport=exchange, journal=journal,
        pace=Pacer.learning(),  # the account's own would know another exchange's time
    )  # fmt: skip
    # The session is frozen and has no option for a clock: nobody but a test needs another one.
    object.__setattr__(client.session.endpoint, "clock", exchange)
    client.driver = VirtualTimeDriver(client.session.endpoint, exchange, client._journal)
    return client
