"""Recovery of many entries: paced by what the exchange refuses, recorded as it goes, in time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import define, evolve, field

from kalshi_ext import writes
from kalshi_ext.journal import State
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.flow import Record
from kalshi_ext.protocol.messages import Reply, Request
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.protocol.rate_limits import TokenBucket
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec

READS_A_SECOND = 20.0
ENTRIES = 400


@define
class RateLimit:
    """Refuse reads beyond a bucket, as the exchange does, and count both."""

    exchange: ex.FakeExchange
    tokens: float = READS_A_SECOND
    at: float = core.EPOCH
    counts: Counter[str] = field(factory=Counter)
    by_ticker: Counter[str] = field(factory=Counter)

    def __call__(self, request: Request) -> Reply | None:
        passed = self.exchange.time - self.at
        self.tokens = min(READS_A_SECOND, self.tokens + passed * READS_A_SECOND)
        self.at = self.exchange.time
        if self.tokens < 1:
            self.counts["refused"] += 1
            return core.THROTTLED
        self.tokens -= 1
        self.counts["answered"] += 1
        return self._answer(request)

    def _answer(self, request: Request) -> Reply | None:
        ticker = dict(request.query).get("ticker")
        lists = {"/portfolio/orders": "orders", "/historical/orders": "orders"}
        if ticker is None or request.path not in lists:
            return None
        live = request.path == "/portfolio/orders"
        self.by_ticker[ticker] += live
        rows = [row for row in self.exchange.orders if live and row["ticker"] == ticker]
        return core.reply(200, {"orders": rows, "cursor": ""})


def ticker(number: int) -> str:
    return f"KXMANY-{number}"


def with_open_entries(share_found: float, **policy: Any) -> tuple[ex.FakeExchange, RateLimit]:
    """Make an exchange and a journal with many open orders, of which some are at the exchange."""
    exchange = ex.FakeExchange()
    exchange.context = Context(policy=Policy(**policy))
    entries = []
    for number in range(ENTRIES):
        ticket = OrderTicket.of(
            ticker(number), side="bid", count=5, price="0.56", client_order_id=f"c{number}"
        )
        entries.append(journal_codec.encode_order("CreateOrderV2", ticket, core.EPOCH))
        if number < ENTRIES * share_found:
            exchange.orders.append(ex.row(number, ticker=ticker(number)))
    exchange.journal.reserve_many(entries)
    limit = RateLimit(exchange)
    exchange.handlers.append(limit)
    return exchange, limit


@pytest.mark.parametrize(("share_found", "paced"), [(0.0, True), (0.5, False), (1.0, True)])
def test_four_hundred_entries_of_as_many_tickers_are_resolved_in_time(
    share_found: float, paced: bool
) -> None:
    exchange, limit = with_open_entries(share_found)
    if paced:
        pacer = Pacer(TokenBucket(READS_A_SECOND * 10, 200), TokenBucket(1, 10))
        exchange.context = evolve(exchange.context, pacer=pacer)
    resolutions = exchange.run(writes.recover(core.CURRENT, exchange.context))
    states = Counter(each.state for each in resolutions)
    found = int(ENTRIES * share_found)
    assert states == Counter({State.RESOLVED: found, State.NOT_SENT: ENTRIES - found})
    assert exchange.monotonic() - 1_000.0 <= 190.0
    assert limit.counts["refused"] <= limit.counts["answered"] / 10


def test_a_ticker_whose_entries_are_found_is_not_read_again() -> None:
    exchange, limit = with_open_entries(0.5)
    exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert {limit.by_ticker[ticker(number)] for number in range(ENTRIES // 2)} == {1}


def test_an_interrupted_recovery_keeps_what_it_found() -> None:
    exchange, _ = with_open_entries(1.0)
    recorded = 0

    def is_tenth(effect: Any) -> bool:
        nonlocal recorded
        recorded += isinstance(effect, Record) and effect.verb == "advance_many"
        return recorded == 10

    flow = writes.recover(core.CURRENT, exchange.context)
    exchange.run_until(flow, is_tenth)
    flow.close()
    assert Counter(exchange.states())[State.RESOLVED] == 9


def test_a_recovery_ends_within_its_bound_and_the_next_goes_on_where_it_was() -> None:
    exchange, _ = with_open_entries(0.0)
    flow = writes.recover(core.CURRENT, exchange.context, deadline=30.0)
    resolutions = exchange.run(flow)
    assert exchange.monotonic() - 1_000.0 <= 30.1
    assert {each.state for each in resolutions} == {State.UNKNOWN}
    exchange.time += 40.0  # what was seen before counts
    waited = exchange.monotonic()
    resolutions = exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert {each.state for each in resolutions} == {State.NOT_SENT}
    assert exchange.monotonic() - waited <= ENTRIES * 3 / READS_A_SECOND + 10
