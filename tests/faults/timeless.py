"""The real client over the exchange's engine in virtual time: no wire, no waiting."""

from __future__ import annotations

import json
import re
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
from kalshi_ext.sandbox.engine import ApiRequest, Caller, Engine, Settings, admin
from kalshi_ext.transport.driver import Driver

TICKER = "KXRAIN-26DEC31-NYC"
POLICY = Policy(poll=1.0, poll_ceiling=30.0)
START = 1_790_000_000.0


def _routes() -> list[tuple[str, re.Pattern[str], str]]:
    operations = sorted(contract("current").operations.values(), key=lambda o: o.path.count("{"))
    return [
        (o.method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", o.path) + r"\Z"), o.id)
        for o in operations
    ]


ROUTES = _routes()


@define
class Place(httpx.BaseTransport):
    """The exchange's engine behind a transport; time stands still but for sleeps.

    `lose` is the number of the write whose answer is lost, 0 for none.
    """

    dedupe: str = "while_open"
    time: float = START
    lose: int = 0
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

    def adjust(self, seconds: float) -> None:
        """Refuse a correction: the clocks agree."""
        raise AssertionError(seconds)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Execute a request, and answer unless the answer is to be lost."""
        self.time += 0.001
        answer = self.engine.execute(self._call(request), now=self.moment())
        self.time += 0.001
        if request.method != "GET" and self.lose:
            self.lose -= 1
            if not self.lose:
                raise httpx.ReadError("the answer is lost")
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        return httpx.Response(
            answer.status, headers={"date": formatdate(self.time, usegmt=True)}, content=content
        )

    def _call(self, request: httpx.Request) -> ApiRequest:
        path = request.url.raw_path.split(b"?")[0].decode().removeprefix("/trade-api/v2")
        for method, pattern, operation in ROUTES:
            if method == request.method and (found := pattern.match(path)):
                names = {name: unquote(value) for name, value in found.groupdict().items()}
                body = json.loads(request.content) if request.content else None
                kind = "json" if request.content else "absent"
                query = dict(request.url.params)
                return ApiRequest(operation, Caller("trader"), names, query, body, kind)
        raise AssertionError(request)


@define
class TimelessDriver(Driver):
    """Sleeps by moving the exchange's clock."""

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Sleep):
            self.transport.time += effect.seconds  # type: ignore[attr-defined]
            return None
        return Driver._perform(self, effect)


def client(place: Place, journal: Journal | None = None) -> Kalshi:
    """Make the real client over a place."""
    kalshi = Kalshi(
        bearer_token="t", environment="http://127.0.0.1:1/trade-api/v2", policy=POLICY,
        transport=place, journal=journal,
    )  # fmt: skip
    object.__setattr__(kalshi.session.endpoint, "clock", place)
    kalshi.driver = TimelessDriver(kalshi.session.endpoint, place, kalshi._journal)
    return kalshi
