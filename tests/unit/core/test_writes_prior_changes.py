"""A change of an order waits for earlier ones of it: a late copy of one would undo the next."""

from __future__ import annotations

import functools
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.journal import State
from kalshi_ext.protocol.flow import CallLimits, Effect, Flow, Sleep
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import prior_writes

LOST = core.lost(bytes_sent=True)
ID = ex.row()["order_id"]
DONE = core.reply(200, {"order_id": ID, "remaining_count": "2.00", "fill_count": "0.00"})
LIFE = 60.0


def amending(
    exchange: ex.FakeExchange, contract: Any = core.CURRENT, *, count: int = 2, **options: Any
) -> Any:
    ticket = AmendTicket.of(
        ID, ticker=ex.TICKER, side="bid", price="0.57", count=count, client_order_id="c1"
    )
    return writes.amend(contract, ticket, exchange.context, **options)


def decreasing(exchange: ex.FakeExchange, *, deadline: float | None = None, **size: Any) -> Any:
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), **size)
    return writes.decrease(core.CURRENT, ticket, exchange.context, deadline=deadline)


def amend_in_doubt(exchange: ex.FakeExchange, contract: Any = core.CURRENT) -> None:
    exchange.handlers = [ex.once(LOST, DONE)]
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(amending(exchange, contract, count=9, deadline=3))
    assert len(exchange.sent("POST")) == 1


CHANGES = (amending, functools.partial(decreasing, to=2))


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_held_back_while_a_copy_of_an_earlier_amend_may_arrive(change: Any) -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    amend_in_doubt(exchange)
    with pytest.raises(errors.EarlierWriteUnsettled, match=ID):
        exchange.run(change(exchange))
    assert len(exchange.sent("POST")) == 1
    exchange.time += LIFE
    assert exchange.run(change(exchange)).remaining_count == 2


@pytest.mark.parametrize("contract", [core.CURRENT, core.CLASSIC])
def test_an_amend_is_held_back_on_either_contract(contract: Any) -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    amend_in_doubt(exchange, contract)
    with pytest.raises(errors.EarlierWriteUnsettled):
        exchange.run(amending(exchange, contract))
    assert len(exchange.sent("POST")) == 1


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_waits_until_an_interrupted_amend_is_known(change: Any) -> None:
    exchange = ex.FakeExchange([ex.once(DONE)], orders=[ex.row()])
    exchange.crash(amending(exchange, count=9))
    assert exchange.run(change(exchange)).remaining_count == 2
    assert exchange.waited >= LIFE - 1


def test_a_difference_that_cannot_be_told_holds_back_as_long_as_a_copy_may_arrive() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, DONE)], orders=[ex.row()])
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(decreasing(exchange, by=1, deadline=3))
    exchange.orders = [ex.row(remaining_count_fp="1.00")]  # neither before nor after it
    with pytest.raises(errors.EarlierWriteUnsettled):
        exchange.run(amending(exchange))
    exchange.time += LIFE
    assert exchange.run(amending(exchange)).remaining_count == 2


def test_a_size_does_not_wait_for_an_earlier_decrease() -> None:
    exchange = ex.FakeExchange([ex.once(DONE)], orders=[ex.row()])
    exchange.crash(decreasing(exchange, to=3))
    assert exchange.run(decreasing(exchange, to=2)).remaining_count == 2
    assert exchange.waited < 1


def test_an_amend_does_not_wait_for_an_open_change_of_another_order() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    amend_in_doubt(exchange)
    other = AmendTicket.of("o2", ticker=ex.TICKER, side="bid", price="0.57", count=2)
    exchange.handlers = [ex.once(core.reply(200, {"order_id": "o2", "remaining_count": "2.00"}))]
    ack = exchange.run(writes.amend(core.CURRENT, other, exchange.context))
    assert (ack.order_id, ack.remaining_count) == ("o2", 2)


UNREADABLE = ex.always(core.reply(503, b"<html>"), method="GET", ending=ID)


def test_a_change_that_a_later_one_hides_ends_unknown_and_is_never_called_not_done() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    amend_in_doubt(exchange)
    exchange.handlers = [UNREADABLE, ex.once(DONE)]
    exchange.time += LIFE
    assert exchange.run(amending(exchange)).remaining_count == 2
    exchange.handlers = []
    exchange.time += LIFE
    (hidden,) = exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert (hidden.state, hidden.order_id) == (State.RESOLVED, None)
    assert isinstance(hidden.error, errors.OutcomeUnknown)


def test_what_cannot_be_told_of_an_earlier_change_costs_later_ones_nothing() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, DONE, DONE)], orders=[ex.row()])
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(decreasing(exchange, by=1, deadline=3))
    exchange.orders = [ex.row(remaining_count_fp="1.00")]  # neither before nor after it
    exchange.time += LIFE
    exchange.run(amending(exchange))
    before = len(exchange.requests)
    exchange.run(amending(exchange))
    assert len(exchange.requests) == before + 1


def test_reads_of_unknown_age_hold_a_change_back_no_longer_than_a_copy_may_arrive() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()], watermark=None)
    amend_in_doubt(exchange)
    with pytest.raises(errors.EarlierWriteUnsettled):
        exchange.run(amending(exchange))
    exchange.time += LIFE + 11
    assert exchange.run(amending(exchange)).remaining_count == 2


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("crashed", [False, True])
@pytest.mark.parametrize("to", [4, 3])  # one looks like the difference
def test_a_difference_is_not_told_by_a_total_that_a_later_size_made(
    restarted: bool, crashed: bool, to: int
) -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    if crashed:
        exchange.crash(decreasing(exchange, by=1))
    else:
        exchange.handlers = [ex.once(LOST)]
        with pytest.raises(errors.OutcomeUnknown):
            exchange.run(decreasing(exchange, by=1, deadline=3))
    left = f"{to}.00"
    exchange.handlers = [ex.once(core.reply(200, {"order_id": ID, "remaining_count": left}))]
    exchange.run(decreasing(exchange, to=to))
    assert exchange.waited < LIFE / 2  # a smaller order does not wait
    exchange.orders = [ex.row(remaining_count_fp=left)]
    if restarted:
        exchange.restart()
    (hidden,) = exchange.run(writes.recover(core.CURRENT, exchange.context, deadline=5))
    assert hidden.state is State.UNKNOWN
    exchange.time += LIFE
    (hidden,) = exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert (hidden.state, hidden.order_id) == (State.RESOLVED, None)


def resumed(flow: Flow[Any], effect: Effect) -> Flow[Any]:
    """Go on with a flow that stands at an effect."""
    try:
        while True:
            effect = flow.send((yield effect))
    except StopIteration as ended:
        return ended.value


def test_recovery_takes_a_total_that_was_made_while_it_looked_for_no_difference() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    exchange.crash(decreasing(exchange, by=1))
    recovery = writes.recover(core.CURRENT, exchange.context)
    effect = next(recovery)
    while not isinstance(effect, Sleep):  # a copy may still arrive
        effect = recovery.send(exchange.perform(effect))
    exchange.handlers = [ex.once(core.reply(200, {"order_id": ID, "remaining_count": "4.00"}))]
    exchange.run(decreasing(exchange, to=4))
    exchange.orders = [ex.row(remaining_count_fp="4.00")]
    (hidden,) = exchange.run(resumed(recovery, effect))
    assert (hidden.state, hidden.order_id) == (State.RESOLVED, None)


def test_a_change_asks_the_journal_for_no_open_order() -> None:
    exchange = ex.FakeExchange([ex.always(LOST, method="POST", ending="orders")])
    exchange.watermark = None
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context, deadline=1))
    flow = prior_writes.settle_prior_changes(
        core.CURRENT, exchange.context, CallLimits(0.0, 1.0), ID, "orders.amend"
    )
    assert not list(flow)
