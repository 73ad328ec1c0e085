"""A world in which time, network and process are simulated: the real flows against the real engine.

One number decides everything that happens: which messages get lost, late or doubled, when the
process dies, how stale reads are. No sockets, no threads, no real clock: a run takes milliseconds
and can be replayed by its seed.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from heapq import heappop, heappush
from typing import Any, TypeVar
from urllib.parse import unquote

from attrs import define, field, frozen

from kalshi_ext.calls import Lost, Operation, Reply
from kalshi_ext.contracts import contract
from kalshi_ext.flow import (
    AdjustClock,
    Context,
    Effect,
    Flow,
    Now,
    Policy,
    Record,
    Send,
    Sleep,
)
from kalshi_ext.journal import MemoryJournal
from kalshi_ext.pacing import Backoff, Budget
from kalshi_ext.sandbox.engine import Call, Caller, Engine, Settings, admin

T = TypeVar("T")

START = 1_790_000_000.0
TOLERANCE = 30.0  # seconds a signature's timestamp is accepted; our policy assumes at most 60
ACCOUNT = "trader"
TICKERS = ("KXRAIN-26DEC31-NYC", "KXBTC-26DEC31-B100")


class Crash(BaseException):
    """The process dies: nothing after this line runs."""


@frozen
class Chances:
    """How often what happens, per request or effect."""

    refuse: float = 0.05  # connection refused: no byte left
    lose_request: float = 0.08  # left, never arrives
    lose_answer: float = 0.10  # executed, the answer is lost
    delay: float = 0.08  # the request arrives up to a minute later, its answer never
    double: float = 0.06  # delivered now and once more later
    storm: float = 0.08  # an HTML 502 or 520, executed or not
    limit: float = 0.04  # 429
    garble: float = 0.05  # executed, the answer is cut or is something else
    wrong_ack: float = 0.02  # executed, the acknowledgement names another order
    crash: float = 0.004  # per effect

    @classmethod
    def calm(cls) -> Chances:
        """Return a world without faults."""
        return cls(*([0.0] * 10))


def _routes(operations: dict[str, Operation]) -> list[tuple[str, re.Pattern[str], str]]:
    routes = []
    # Literal paths before templates: /orders/batched is not an order id.
    for operation in sorted(operations.values(), key=lambda o: o.path.count("{")):
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.path)
        routes.append((operation.method, re.compile(pattern + r"\Z"), operation.id))
    return routes


@define(slots=False)
class World:
    """The exchange, the network in front of it, and the clock of both."""

    seed: int
    dedupe: str = "forever"
    chances: Chances = field(factory=Chances)
    time: float = START
    requests: int = 0
    executed_writes: int = 0
    crashes: int = 0
    waiting: list[tuple[float, int, Send, float]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        lag = self.rng.choice((0.0, 0.0, 0.4, 3.0))
        settings = Settings(
            seed=self.seed % 2**31,
            dedupe=self.dedupe,  # type: ignore[arg-type]
            dedupe_seconds=5,
            read_lag_seconds=lag,
            batch_answers=self.rng.choice(("request", "reversed", "shuffled")),  # type: ignore[arg-type]
            cancel_names_client_order_id=self.rng.random() < 0.5,
            error_shape=self.rng.choice(("nested", "flat")),  # type: ignore[arg-type]
            log_events=False,
        )
        self.engine = Engine(settings)
        self.contract = contract("current")
        self.routes = _routes(self.contract.operations)
        self._serial = 0
        self._found()

    def _found(self) -> None:
        self._admin(admin.add_account(ACCOUNT, funds="100000"))
        self._admin(admin.fund(ACCOUNT, "100000", exchange_index=2))
        for shard, ticker in zip((0, 2), TICKERS, strict=True):
            self._admin(admin.add_market(ticker, exchange_index=shard))
        self._admin(admin.liquidity(TICKERS[0], side="ask", price="0.60", count="40"))
        self._admin(admin.liquidity(TICKERS[0], side="bid", price="0.40", count="40"))

    def _admin(self, command: Any) -> None:
        answer = self.engine.execute(command, now=self.moment())
        assert answer.status == 200, answer

    def moment(self) -> datetime:
        """Return the exchange's time."""
        return datetime.fromtimestamp(self.time, UTC)

    def advance(self, seconds: float) -> None:
        """Let time pass and deliver what was on its way."""
        until = self.time + seconds
        while self.waiting and self.waiting[0][0] <= until:
            at, _, send, signed = heappop(self.waiting)
            self.time = max(self.time, at)
            self._deliver(send, signed)
        self.time = until

    def later(self, send: Send, signed: float) -> None:
        """Put a copy of a request on a slow way."""
        self._serial += 1
        at = self.time + self.rng.uniform(0.05, TOLERANCE * 1.5)
        heappush(self.waiting, (at, self._serial, send, signed))

    def _deliver(self, send: Send, signed: float) -> tuple[int, Any]:
        """Execute a request at the exchange; one signed too long ago is refused."""
        if not send.public and abs(self.time - signed) > TOLERANCE:
            return 401, {"error": {"code": "header_timestamp_expired", "message": "too old"}}
        call = self._call(send)
        answer = self.engine.execute(call, now=self.moment())
        return answer.status, answer.body

    def _call(self, send: Send) -> Call:
        request = send.request
        for method, pattern, operation in self.routes:
            found = pattern.match(request.path)
            if found and method == request.method:
                path = {name: unquote(value) for name, value in found.groupdict().items()}
                body = None if request.body is None else json.loads(request.body)
                kind = "absent" if request.body is None else "json"
                return Call(operation, Caller(ACCOUNT), path, dict(request.query), body, kind)
        raise AssertionError(f"no route for {request}")

    def send(self, send: Send) -> Reply | Lost:
        """Carry one request through the network."""
        self.requests += 1
        chances, rng = self.chances, self.rng
        sent_at = self.time
        self.advance(rng.uniform(0.0005, 0.02))
        dice = rng.random()
        for chance, happens in (
            (chances.refuse, self._refused),
            (chances.lose_request, self._lost),
            (chances.lose_answer, self._unanswered),
            (chances.delay, self._delayed),
            (chances.double, self._doubled),
            (chances.storm, self._storm),
            (chances.limit, self._limited),
            (chances.garble, self._garbled),
            (chances.wrong_ack, self._wrong),
        ):
            if dice < chance:
                return happens(send, sent_at)
            dice -= chance
        status, body = self._deliver(send, sent_at)
        return self._reply(status, body, sent_at)

    def _reply(self, status: int, body: Any, sent_at: float) -> Reply:
        raw = b"" if body is None else json.dumps(body).encode()
        return self._raw(status, raw, sent_at)

    def _raw(self, status: int, raw: bytes, sent_at: float) -> Reply:
        self.advance(self.rng.uniform(0.0005, 0.02))
        headers = {"date": formatdate(self.time, usegmt=True)}
        return Reply(status, headers, raw, sent_at, self.time)

    def _refused(self, send: Send, sent_at: float) -> Lost:
        return Lost(False, "ConnectError: refused", sent_at)

    def _timeout(self, send: Send, sent_at: float) -> Lost:
        self.advance(send.timeout if self.rng.random() < 0.5 else 0.01)
        return Lost(True, "ReadTimeout", sent_at)

    def _lost(self, send: Send, sent_at: float) -> Lost:
        return self._timeout(send, sent_at)

    def _unanswered(self, send: Send, sent_at: float) -> Lost:
        self._deliver(send, sent_at)
        return self._timeout(send, sent_at)

    def _delayed(self, send: Send, sent_at: float) -> Lost:
        self.later(send, sent_at)
        return self._timeout(send, sent_at)

    def _doubled(self, send: Send, sent_at: float) -> Reply:
        # A copy that a proxy makes of an executed request is beyond any client where nothing at
        # the exchange tells it from a new one: a difference, or an id that was forgotten.
        if self.dedupe == "forever" and b"reduce_by" not in (send.request.body or b""):
            self.later(send, sent_at)
        status, body = self._deliver(send, sent_at)
        return self._reply(status, body, sent_at)

    def _storm(self, send: Send, sent_at: float) -> Reply:
        if self.rng.random() < 0.5:
            self._deliver(send, sent_at)
        return self._raw(self.rng.choice((500, 502, 503, 520)), b"<html>bad gateway", sent_at)

    def _limited(self, send: Send, sent_at: float) -> Reply:
        return self._reply(429, {"error": "too many requests"}, sent_at)

    def _garbled(self, send: Send, sent_at: float) -> Reply:
        status, body = self._deliver(send, sent_at)
        raw = json.dumps(body).encode()
        cut = self.rng.choice((b"", raw[: len(raw) // 2], b"[]", b'{"error":"x"}', b"<html>"))
        return self._raw(status, cut, sent_at)

    def _wrong(self, send: Send, sent_at: float) -> Reply:
        status, body = self._deliver(send, sent_at)
        if status in (200, 201) and isinstance(body, dict) and send.request.method != "GET":
            body = {**body, "client_order_id": "somebody-elses", "order_id": "another-order"}
        return self._reply(status, body, sent_at)

    def truth(self, client_order_id: str) -> list[dict[str, Any]]:
        """Return every order the exchange ever made under an id."""
        return self.engine.truth.orders(client_order_id=client_order_id)


@define
class Process:
    """One run of a bot: a context of its own over the journal that outlives it."""

    world: World
    journal: MemoryJournal
    may_crash: bool = True
    context: Context = field(init=False)

    def __attrs_post_init__(self) -> None:
        policy = Policy(
            backoff=Backoff(rng=self.world.rng), attempts=3, resend=self.world.rng.random() < 0.8
        )
        self.context = Context(policy=policy, budget=Budget(capacity=10_000))

    def run(self, flow: Flow[T]) -> T:
        """Perform the effects of a flow; at any of them the process may die."""
        step: Callable[[], Effect] = lambda: next(flow)  # noqa: E731
        try:
            while True:
                effect = step()
                self._maybe_crash()
                step = self._performed(flow, effect)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def _performed(self, flow: Flow[Any], effect: Effect) -> Callable[[], Effect]:
        try:
            result = self._perform(effect)
        except Exception as error:
            caught = error
            return lambda: flow.throw(caught)
        self._maybe_crash()
        return lambda: flow.send(result)

    def _maybe_crash(self) -> None:
        if self.may_crash and self.world.rng.random() < self.world.chances.crash:
            self.world.crashes += 1
            raise Crash

    def _perform(self, effect: Effect) -> Any:
        world = self.world
        if isinstance(effect, Now):
            return world.time
        if isinstance(effect, Sleep):
            return world.advance(effect.seconds)
        if isinstance(effect, AdjustClock):
            return None
        if isinstance(effect, Record):
            return getattr(self.journal, effect.verb)(*effect.args)
        assert isinstance(effect, Send)
        return world.send(effect)
