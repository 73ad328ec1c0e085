"""An exchange of a few lines for the write flows: what it answers is a function of the test."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import core_samples as core
from attrs import define, evolve, field

from kalshi_ext.journal import Entry, MemoryJournal, State
from kalshi_ext.protocol.flow import (
    AdjustClock,
    Context,
    Effect,
    Flow,
    Monotonic,
    Now,
    Policy,
    Record,
    Send,
    Sleep,
    Told,
)
from kalshi_ext.protocol.messages import Lost, Reply, Request
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec

Response = Reply | Lost | None
Handler = Callable[[Request], Response]
TICKER = "KXRAIN-26DEC31-NYC"


# Most tests are about what is sent again, and when; few about an order's age.
PATIENT = Policy(backoff=core.no_jitter(first=0.0), resend_within=1_000.0)


@define(slots=False)
class FakeExchange:
    """Runs flows: the first of `handlers` that has a response gives it, else the default does.

    A handler gets the request and returns None where it is not about it. `watermark` is how many
    seconds reads lag behind the clock; None makes it unreadable.
    """

    handlers: list[Handler] = field(factory=list)
    time: float = core.EPOCH
    watermark: float | None = 0.0
    journal: MemoryJournal = field(init=False)
    context: Context = field(init=False)
    requests: list[Request] = field(factory=list)
    orders: list[dict[str, Any]] = field(factory=list)
    history: list[dict[str, Any]] = field(factory=list)
    fills: list[dict[str, Any]] = field(factory=list)
    waited: float = 0.0
    offset: float = 0.0  # of the client's clock

    def __attrs_post_init__(self) -> None:
        self.journal = MemoryJournal(now=lambda: journal_codec.instant(self.time))
        self.context = Context(policy=PATIENT)

    def run(self, flow: Flow[Any]) -> Any:
        """Run a flow to its end; then its caller has heard what it says it tells."""
        told: tuple[str, ...] = ()
        try:
            effect = next(flow)
            while True:
                if isinstance(effect, Told):
                    told = effect.keys
                try:
                    result = self.perform(effect)
                except Exception as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            return stop.value
        finally:
            flow.close()
            self.journal.mark_told(told)

    def run_until(self, flow: Flow[Any], reached: Callable[[Effect], bool]) -> None:
        """Run a flow up to an effect, which is not performed."""
        effect = next(flow)
        while not reached(effect):
            effect = flow.send(self.perform(effect))

    def crash(self, flow: Flow[Any]) -> None:
        """Drop a flow where its first POST is on the wire."""
        self.run_until(flow, is_post)
        flow.close()

    def restart(self) -> None:
        """Forget what a client remembers outside its journal."""
        self.context = Context(policy=self.context.policy)

    def perform(self, effect: Effect) -> Any:
        """Do an effect and return its result."""
        if isinstance(effect, Monotonic):
            return self.monotonic()
        if isinstance(effect, Now):
            return self.time + self.offset
        if isinstance(effect, Told):
            return None  # the flow has not ended yet: see `run`
        if isinstance(effect, Sleep):
            self.time += effect.seconds
            self.waited += effect.seconds
            return None
        if isinstance(effect, AdjustClock):
            self.offset += effect.seconds
            return None
        if isinstance(effect, Record):
            return getattr(self.journal, effect.verb)(*effect.args)
        assert isinstance(effect, Send)
        self.time += 0.01
        self.requests.append(effect.request)
        for handler in self.handlers:
            if (response := handler(effect.request)) is not None:
                return self._dated(response)
        return self._dated(self._default_response(effect.request))

    def monotonic(self) -> float:
        """Return the clock that nobody sets, which began somewhere else."""
        return self.time - core.EPOCH + 1_000.0

    def _dated(self, response: Reply | Lost) -> Reply | Lost:
        """Give a response its times; every answer has a Date, unless the test gave it headers."""
        sent_at, stamp = self.monotonic(), self.time + self.offset
        if isinstance(response, Lost):
            return evolve(response, sent_at=sent_at, stamp=stamp)
        headers = response.headers or {"date": formatdate(self.time, usegmt=True)}
        times = {"sent_at": sent_at, "received_at": sent_at, "stamp": stamp}
        return evolve(response, headers=headers, **times)

    def _default_response(self, request: Request) -> Reply:
        if request.path == "/exchange/user_data_timestamp":
            return self._as_of_time()
        lists = {
            "/portfolio/orders": ("orders", self.orders),
            "/historical/orders": ("orders", self.history),
            "/portfolio/fills": ("fills", self.fills),
        }
        if request.path in lists and request.method == "GET":
            name, rows = lists[request.path]
            return core.reply(200, {name: rows, "cursor": ""})
        if request.method == "GET" and request.path.startswith("/portfolio/orders/"):
            matches = [row for row in self.orders if row["order_id"] in request.path]
            return core.reply(200, {"order": matches[0]}) if matches else not_found()
        return not_found()

    def _as_of_time(self) -> Reply:
        if self.watermark is None:
            return core.reply(503, b"<html>")
        as_of = journal_codec.instant(self.time - self.watermark).isoformat()
        return core.reply(200, {"as_of_time": as_of}, date=formatdate(self.time, usegmt=True))

    def sent(self, method: str, ending: str = "") -> list[Request]:
        """Return the requests of a method whose path ends so."""
        return [r for r in self.requests if r.method == method and r.path.endswith(ending)]

    def entry(self, key: str = "c1") -> Entry:
        """Return the journal's entry under a key, which must exist."""
        entry = self.journal.get(key)
        assert entry is not None
        return entry

    def states(self) -> list[State]:
        """Return the states of all entries of the journal, oldest first."""
        return [entry.state for entry in self.journal.entries()]


def is_send(effect: Effect) -> bool:
    """Say whether an effect sends a request."""
    return isinstance(effect, Send)


def is_post(effect: Effect) -> bool:
    """Say whether an effect sends a POST."""
    return isinstance(effect, Send) and effect.request.method == "POST"


def not_found() -> Reply:
    """Make the 404 of the exchange."""
    return core.reply(404, {"error": {"code": "not_found", "message": "not found"}})


def once(*responses: Response, method: str = "POST", ending: str = "") -> Handler:
    """Answer the requests of a method with one response after another, then no more."""
    remaining = list(responses)

    def handler(request: Request) -> Response:
        matches = request.method == method and request.path.endswith(ending)
        return remaining.pop(0) if matches and remaining else None

    return handler


def always(response: Response, *, method: str, ending: str = "") -> Handler:
    """Answer every request of a method with one response."""

    def handler(request: Request) -> Response:
        matches = request.method == method and request.path.endswith(ending)
        return response if matches else None

    return handler


def ticket(number: int = 1, **changes: Any) -> OrderTicket:
    """Make an order's ticket."""
    arguments: dict[str, Any] = {"side": "bid", "count": 5, "price": "0.56"}
    return OrderTicket.of(TICKER, **(arguments | {"client_order_id": f"c{number}"} | changes))


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Make the exchange's row of that order."""
    fields = {
        "order_id": f"{number:08d}-1111-4111-8111-111111111111",
        "client_order_id": f"c{number}",
        "ticker": TICKER,
        "book_side": "bid",
        "outcome_side": "yes",
        "status": "resting",
        "type": "limit",
        "yes_price_dollars": "0.5600",
        "initial_count_fp": "5.00",
        "fill_count_fp": "0.00",
        "remaining_count_fp": "5.00",
        "created_time": journal_codec.instant(core.EPOCH).isoformat(),
        "last_update_time": journal_codec.instant(core.EPOCH).isoformat(),
        "exchange_index": 0,
    }
    return fields | changes


def created(number: int = 1, **changes: Any) -> Reply:
    """Make the answer to a create."""
    fields = {
        "order_id": f"{number:08d}-1111-4111-8111-111111111111",
        "client_order_id": f"c{number}",
        "fill_count": "0.00",
        "remaining_count": "5.00",
        "ts_ms": int(core.EPOCH * 1000),
    }
    return core.reply(201, fields | changes)


def refused(status: int, code: str | None) -> Reply:
    """Make a refusal."""
    return core.reply(status, {"error": {"code": code, "message": "no"}})
