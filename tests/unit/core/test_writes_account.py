"""What a client says of itself, and what it reads of its account."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import errors, writes
from kalshi_ext.journal import JournalUnusable, State
from kalshi_ext.protocol.messages import Reply, Request
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.reads.account import read_account
from kalshi_ext.reads.health import health
from kalshi_ext.risk import Limits, RiskGate


def journal_that_fails(exchange: ex.FakeExchange) -> None:
    def broken(ticker: str | None = None) -> Any:
        raise JournalUnusable("disk full")

    exchange.journal.open_entries = broken  # type: ignore[method-assign]


@pytest.mark.parametrize("is_readable", [True, False])
def test_the_age_of_an_open_write_is_told_with_and_without_the_journal(is_readable: bool) -> None:
    exchange = ex.FakeExchange([ex.always(core.lost(bytes_sent=True), method="POST")])
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context, deadline=5))
    if not is_readable:
        journal_that_fails(exchange)
    before = exchange.run(health(exchange.context, [], 0.0))
    exchange.time += 100
    after = exchange.run(health(exchange.context, [], 0.0))
    (write,) = after.open_writes
    assert (write.key, write.ticker) == ("c1", ex.TICKER)
    assert 100 <= write.age < 110
    assert after.oldest_open_write - before.oldest_open_write == pytest.approx(100)
    assert after.journal_error == (None if is_readable else "disk full")


def test_a_write_of_which_nobody_knows_when_it_was_sent_has_no_age() -> None:
    exchange = ex.FakeExchange()
    journal_that_fails(exchange)
    exchange.context.pending_writes.add(ex.TICKER, "c1")
    (write,) = exchange.run(health(exchange.context, [], 0.0)).open_writes
    assert (write.key, write.age) == ("c1", 0.0)


def test_a_write_under_way_is_open_only_once_its_outcome_is_in_doubt() -> None:
    exchange = ex.FakeExchange([ex.always(core.lost(bytes_sent=True), method="POST")])

    def open_keys() -> list[str]:
        return [each.key for each in exchange.run(health(exchange.context, [], 0.0)).open_writes]

    flow = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    effect = next(flow)
    while not ex.is_post(effect):
        effect = flow.send(exchange.perform(effect))
    assert (exchange.states(), open_keys()) == ([State.INTENT], [])
    while exchange.states() != [State.UNKNOWN]:
        effect = flow.send(exchange.perform(effect))
    assert open_keys() == ["c1"]
    flow.close()
    exchange.restart()
    assert open_keys() == ["c1"]


def test_the_age_of_an_open_write_counts_from_its_last_sending() -> None:
    exchange = ex.FakeExchange()
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    exchange.restart()
    entry = exchange.entry()
    sent_at = entry.created_at + timedelta(seconds=30)
    sent = evolve(entry, sent_at=sent_at)
    exchange.journal.open_entries = lambda ticker=None: [sent]  # type: ignore[method-assign]
    for later, age in ((100, 70), (30.25, 0.25), (20, 0)):  # a clock may be set back
        exchange.time = entry.created_at.timestamp() + later
        (write,) = exchange.run(health(exchange.context, [], 0.0)).open_writes
        assert write.age == pytest.approx(age)


def test_the_last_answer_is_as_old_as_it_is() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    assert exchange.run(health(exchange.context, [], 0.0)).last_answer_age is None
    exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    for later in (0.0, 0.25, 100.0):
        exchange.time += later
        seen = exchange.run(health(exchange.context, [], 0.0))
        assert seen.last_answer == seen.time - timedelta(seconds=seen.last_answer_age)
        assert seen.last_answer_age == pytest.approx({0.0: 0.0, 0.25: 0.25}.get(later, 100.25))


def test_the_budget_is_told_where_there_is_one() -> None:
    exchange = ex.FakeExchange()
    assert exchange.run(health(exchange.context, [], 0.0)).budget is None
    exchange.context = evolve(exchange.context, pacer=Pacer.of_tier("basic"))
    seen = exchange.run(health(exchange.context, [], 0.0))
    assert (seen.budget.write.capacity, seen.budget.read.capacity) == (100, 400)
    assert seen.budget_error is None


def account(*worth: dict[str, Any]) -> tuple[ex.FakeExchange, RiskGate]:
    """Make an exchange that tells the balance of one part of an account after the other."""
    left = list(worth)

    def handler(request: Request) -> Reply | None:
        if request.path == "/portfolio/balance":
            return core.reply(200, {"balance": 0, "updated_ts": 1, **left.pop(0)})
        if request.path == "/portfolio/positions":
            return core.reply(200, {"market_positions": [], "event_positions": [], "cursor": ""})
        return None

    exchange, gate = ex.FakeExchange([handler]), RiskGate(Limits())
    exchange.context = evolve(exchange.context, risk=gate)
    return exchange, gate


FULL = {"balance": 1_250, "portfolio_value": 375}
EXACT = {"balance": 99, "balance_dollars": "0.9955", "portfolio_value": 10}
SILENT = {"balance": 1_250}


@pytest.mark.parametrize(
    ("parts", "equity"),
    [
        ([FULL], "16.25"),
        ([FULL, EXACT], "17.3455"),
        ([{"balance": 1_250, "portfolio_value": 0}], "12.50"),
        ([SILENT], None),
        ([FULL, SILENT], None),  # a part alone would look like a loss
        ([SILENT, FULL], None),
    ],
)
def test_an_account_is_worth_cash_and_positions_of_all_its_parts_or_nobody_knows(
    parts: list[dict[str, Any]], equity: str | None
) -> None:
    exchange, gate = account(*parts)
    exchange.run(read_account(core.CURRENT, exchange.context, range(len(parts))))
    assert gate.equity.day == (-1 if equity is None else core.EPOCH // 86_400)
    assert gate.equity.last == Decimal(equity or 0)
