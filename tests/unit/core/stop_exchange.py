"""A fake exchange with order groups and cancels, for the tests of stops."""

from __future__ import annotations

import json
from typing import Any

import core_samples as core
import fake_exchange as ex
from attrs import field

from kalshi_ext import stop as stops
from kalshi_ext.journal import Latch
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.messages import Reply, Request

NOTHING = core.reply(200, {})
NO_CONTENT = core.reply(204)
GROUP = "11111111-aaaa-4aaa-8aaa-111111111111"
POLICY = Policy(backoff=core.no_jitter(first=0.0))
ALL = Latch()


class Exchange(ex.FakeExchange):
    """A fake exchange with order groups and cancels, whose client shares its journal's record."""

    triggered: set[str] = field(factory=set[str])

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.triggered = set()
        self.restart()

    def restart(self) -> None:
        record = self.journal.stops.record
        self.context = Context(policy=POLICY, auto_groups=self.context.auto_groups)
        self.context.stops.record = record

    def _default_response(self, request: Request) -> Reply:
        path = request.path
        if path.endswith("/trigger"):
            self.triggered.add(path.split("/")[-2])
            self.orders = [each for each in self.orders if each.get("order_group_id") != GROUP]
            return NOTHING
        if path.endswith("/reset"):
            return NOTHING
        if request.method == "DELETE" and path == "/portfolio/events/orders":
            self.orders = []
            return NO_CONTENT
        if path.endswith("/batched") and request.method == "DELETE":
            wanted = [each["order_id"] for each in json.loads(request.body or b"")["orders"]]
            self.orders = [each for each in self.orders if each["order_id"] not in wanted]
            rows = [{"order_id": each, "reduced_by": "5.00", "ts_ms": 1} for each in wanted]
            return core.reply(200, {"orders": rows})
        if request.method == "POST" and path == "/portfolio/order_groups/create":
            return core.reply(201, {"order_group_id": GROUP, "subaccount": 0, "exchange_index": 0})
        if path == "/portfolio/order_groups":
            return core.reply(200, {"order_groups": []})
        if path.startswith("/markets/"):
            return core.reply(200, {"market": {"ticker": ex.TICKER, "exchange_index": 0}})
        return super()._default_response(request)


def exchange_of(*handlers: Any, group: bool = False, **options: Any) -> Exchange:
    exchange = Exchange(list(handlers), **options)
    if group:
        exchange.journal.change_stops(lambda each: each.with_groups({"0/0": GROUP}))
    return exchange


def stop(exchange: Exchange, latch: Latch = ALL, **options: Any) -> stops.StopReport:
    report: stops.StopReport = exchange.run(
        stops.stop(core.CURRENT, exchange.context, latch, **options)
    )
    return report
