"""What stands before an order of a client with limits: the journal, the market, the denial."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import errors, writes
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.events import Events, WriteDenied
from kalshi_ext.journal import JournalUnusable
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.flow import Effect, Flow, Record
from kalshi_ext.requests import AmendTicket, Target
from kalshi_ext.risk import Limits, RiskGate

ID = ex.row()["order_id"]
Write = Callable[[ex.FakeExchange], Flow[Any]]


def place(exchange: ex.FakeExchange, number: int = 1, **changes: Any) -> Flow[OrderAck]:
    return writes.place(core.CURRENT, ex.ticket(number, **changes), exchange.context)


def amend(exchange: ex.FakeExchange, **changes: Any) -> Flow[OrderAck]:
    arguments = {"ticker": ex.TICKER, "side": "bid", "price": "0.57", "count": 6} | changes
    return writes.amend(core.CURRENT, AmendTicket.of(ID, **arguments), exchange.context)


def limited(*handlers: Any, **limits: Any) -> tuple[ex.FakeExchange, RiskGate]:
    exchange, gate = ex.FakeExchange(list(handlers)), RiskGate(Limits(**limits))
    exchange.context = evolve(exchange.context, risk=gate)
    return exchange, gate


def records(exchange: ex.FakeExchange, fails: str = "", *, answers: str = "") -> list[str]:
    """Return the verbs that a journal is asked; the one named `fails`, `answers` gives None."""
    asked: list[str] = []
    perform = exchange.perform

    def answering(effect: Effect) -> Any:
        if isinstance(effect, Record):
            asked.append(effect.verb)
            if effect.verb == fails:
                raise JournalUnusable("the disk is gone")
            if effect.verb == answers:
                return None
        return perform(effect)

    exchange.perform = answering  # type: ignore[method-assign]
    return asked


@pytest.mark.parametrize("write", [place, amend])
def test_latches_that_cannot_be_read_keep_a_first_sending_here(write: Write) -> None:
    exchange = ex.FakeExchange()
    exchange.context = evolve(exchange.context, shared_journal=True)
    records(exchange, "read_stops")
    words = f"orders.{write.__name__}: the disk is gone"
    with pytest.raises(errors.JournalUnwritable, match=words):
        exchange.run(write(exchange))
    assert exchange.requests == exchange.states() == []


@pytest.mark.parametrize("verb", ["page", "open_entries"])
@pytest.mark.parametrize("write", [place, amend])
def test_earlier_runs_that_cannot_be_read_keep_what_limits_count_here(
    write: Write, verb: str
) -> None:
    exchange, gate = limited(orders_per_day=1)
    records(exchange, verb)
    with pytest.raises(errors.JournalUnwritable, match="limits: the disk is gone"):
        exchange.run(write(exchange))
    assert exchange.requests == exchange.states() == []
    assert not gate.is_recalled


def test_earlier_runs_are_read_once() -> None:
    exchange, _ = limited(ex.once(ex.created(1), ex.created(2)), orders_per_day=9)
    asked = records(exchange)
    exchange.run(place(exchange, 1))
    assert "page" in asked
    asked.clear()
    exchange.run(place(exchange, 2))
    assert "page" not in asked


def test_an_amend_beyond_a_limit_is_denied_told_and_not_sent() -> None:
    exchange, _ = limited(order_contracts=5)
    told = list[Any]()
    exchange.context = evolve(exchange.context, events=Events(told.append))
    with pytest.raises(errors.Denied, match="order_contracts"):
        exchange.run(amend(exchange))
    (denied,) = told
    assert isinstance(denied, WriteDenied)
    assert (denied.operation, denied.code) == ("orders.amend", "order_contracts")
    assert exchange.requests == exchange.states() == []


def test_a_refused_amend_raises_its_refusal_and_gives_its_room_back() -> None:
    exchange, gate = limited(
        ex.once(ex.created(), ex.refused(400, "invalid_price")), total_contracts=20
    )
    exchange.run(place(exchange))
    with pytest.raises(errors.BadRequest):
        exchange.run(amend(exchange))
    assert gate.book.sums.contracts == 5
    assert gate.book.market(ex.TICKER).in_flight == 0


def test_an_amend_that_is_done_stands_at_its_new_terms() -> None:
    done = core.reply(200, {"order_id": ID, "fill_count": "0.00", "remaining_count": "6.00"})
    exchange, gate = limited(ex.once(ex.created(), done), total_contracts=20)
    exchange.run(place(exchange))
    assert exchange.run(amend(exchange)).remaining_count == 6
    assert gate.book.sums.contracts == 6
    market = gate.book.market(ex.TICKER)
    assert (market.in_flight, market.changed) == (0, exchange.monotonic())


@pytest.mark.parametrize("write", [place, amend])
def test_an_interrupted_write_keeps_its_room_as_one_in_doubt(write: Write) -> None:
    exchange, gate = limited(total_contracts=20)
    exchange.crash(write(exchange))
    assert gate.book.sums.contracts in (5, 6)
    market = gate.book.market(ex.TICKER)
    assert market.in_flight == 0
    assert market.changed >= exchange.monotonic() + exchange.context.policy.signature_life


def prices(step: str, end: str = "1.0000") -> Any:
    market = {"ticker": ex.TICKER, "status": "active"}
    market["price_ranges"] = [{"start": "0.0000", "end": end, "step": step}]  # type: ignore[assignment]
    return core.reply(200, {"market": market})


def test_the_prices_of_a_market_are_read_once_before_its_orders() -> None:
    exchange, _ = limited(
        ex.always(prices("0.0100"), method="GET", ending=ex.TICKER),
        ex.once(ex.created(1), ex.created(2)),
        tick_grid=True,
    )
    for number in (1, 2):
        exchange.run(place(exchange, number))
    assert len(exchange.sent("GET", ex.TICKER)) == 1
    with pytest.raises(errors.Denied, match="tick_grid"):
        exchange.run(place(exchange, 3, price="0.565"))


def test_an_order_whose_market_cannot_be_read_is_denied() -> None:
    exchange, _ = limited(tick_grid=True)
    with pytest.raises(errors.Denied, match="tick_grid"):
        exchange.run(place(exchange))
    assert exchange.sent("POST") == []


def test_the_classic_contract_takes_whole_cents_without_reading() -> None:
    exchange, _ = limited(tick_grid=True)
    contract: Contract = core.CLASSIC
    with pytest.raises(errors.NotFound):  # of the order itself
        exchange.run(writes.place(contract, ex.ticket(), exchange.context))
    assert exchange.sent("GET") == []
