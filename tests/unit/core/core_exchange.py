"""An exchange of a few lines for the write flows: what it answers is a function of the test."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import core_samples as core
from attrs import define, field

from kalshi_ext.journal import MemoryJournal
from kalshi_ext.protocol.flow import (
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
from kalshi_ext.protocol.messages import Lost, Reply, Request
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec

Answer = Reply | Lost | None
TICKER = "KXRAIN-26DEC31-NYC"
ORDER_ID = "11111111-1111-4111-8111-111111111111"


@define(slots=False)
class Floor:
    """Runs flows against answers: the first of `answers` that says something, else the default.

    An answer gets the request and says None where it is not about it. `watermark` is how far the
    reads' freshness lies behind the clock; None is an unreadable one.
    """

    answers: list[Callable[[Request], Answer]] = field(factory=list)
    time: float = core.EPOCH
    watermark: float | None = 0.0
    journal: MemoryJournal = field(init=False)
    context: Context = field(init=False)
    requests: list[Request] = field(factory=list)
    orders: list[dict[str, Any]] = field(factory=list)
    history: list[dict[str, Any]] = field(factory=list)
    fills: list[dict[str, Any]] = field(factory=list)
    waited: float = 0.0
    offset: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.journal = MemoryJournal(now=lambda: journal_codec.instant(self.time))
        self.context = Context(policy=Policy(backoff=core.no_jitter(first=0.0)))

    def run(self, flow: Flow[Any]) -> Any:
        """Run a flow to its end."""
        try:
            effect = next(flow)
            while True:
                try:
                    result = self._perform(effect)
                except Exception as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            return stop.value
        finally:
            flow.close()

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Now):
            return self.time + self.offset
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
        sent_at = self.time + self.offset
        for answer in self.answers:
            if (found := answer(effect.request)) is not None:
                return _at(found, sent_at)
        return _at(self._default(effect.request), sent_at)

    def _default(self, request: Request) -> Reply:
        if request.path == "/exchange/user_data_timestamp":
            return self._as_of()
        lists = {
            "/portfolio/orders": ("orders", self.orders),
            "/historical/orders": ("orders", self.history),
            "/portfolio/fills": ("fills", self.fills),
        }
        if request.path in lists and request.method == "GET":
            name, rows = lists[request.path]
            return core.reply(200, {name: rows, "cursor": ""})
        if request.method == "GET" and request.path.startswith("/portfolio/orders/"):
            found = [row for row in self.orders if row["order_id"] in request.path]
            return core.reply(200, {"order": found[0]}) if found else not_found()
        return not_found()

    def _as_of(self) -> Reply:
        if self.watermark is None:
            return core.reply(503, b"<html>")
        as_of = journal_codec.instant(self.time - self.watermark).isoformat()
        return core.reply(200, {"as_of_time": as_of}, date=formatdate(self.time, usegmt=True))

    def sent(self, method: str, ending: str = "") -> list[Request]:
        """Return the requests of a method whose path ends so."""
        return [r for r in self.requests if r.method == method and r.path.endswith(ending)]


def _at(answer: Reply | Lost, sent_at: float) -> Reply | Lost:
    if isinstance(answer, Lost):
        return Lost(answer.bytes_sent, answer.reason, sent_at)
    return Reply(answer.status, answer.headers, answer.body, sent_at, sent_at)


def not_found() -> Reply:
    """Make the 404 of the exchange."""
    return core.reply(404, {"error": {"code": "not_found", "message": "not found"}})


def once(*outcomes: Answer, method: str = "POST", ending: str = "") -> Callable[[Request], Answer]:
    """Answer the requests of a method with one outcome after another, then no more."""
    left = list(outcomes)

    def answer(request: Request) -> Answer:
        mine = request.method == method and request.path.endswith(ending)
        return left.pop(0) if mine and left else None

    return answer


def always(outcome: Answer, *, method: str, ending: str = "") -> Callable[[Request], Answer]:
    """Answer every request of a method with one outcome."""

    def answer(request: Request) -> Answer:
        mine = request.method == method and request.path.endswith(ending)
        return outcome if mine else None

    return answer


def ticket(number: int = 1, **more: Any) -> OrderTicket:
    """Make an order's ticket."""
    words: dict[str, Any] = {"side": "bid", "count": 5, "price": "0.56"}
    return OrderTicket.of(TICKER, **(words | {"client_order_id": f"c{number}"} | more))


def row(number: int = 1, **more: Any) -> dict[str, Any]:
    """Make the exchange's row of that order."""
    said = {
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
    return said | more


def created(number: int = 1, **more: Any) -> Reply:
    """Make the answer to a create."""
    said = {
        "order_id": f"{number:08d}-1111-4111-8111-111111111111",
        "client_order_id": f"c{number}",
        "fill_count": "0.00",
        "remaining_count": "5.00",
        "ts_ms": int(core.EPOCH * 1000),
    }
    return core.reply(201, said | more)


def refused(status: int, code: str | None) -> Reply:
    """Make a refusal."""
    return core.reply(status, {"error": {"code": code, "message": "no"}})
