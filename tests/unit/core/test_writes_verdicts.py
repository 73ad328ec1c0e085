"""What proves a verdict and what does not, and what a write leaves behind for the next one."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import errors, reads, writes
from kalshi_ext.journal import Entry, JournalUnusable, NotOwner, State
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.attempt import RENEW_AFTER
from kalshi_ext.protocol.context import Context
from kalshi_ext.protocol.flow import Effect, Flow, Record
from kalshi_ext.reads.watermark import DAY, SentAt
from kalshi_ext.requests import DecreaseTicket, Target
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.writes import journal_codec, recovery
from kalshi_ext.writes.outcomes import cancel_contradiction, may_mean_ended

LOST = core.lost(bytes_sent=True)
ID = ex.row()["order_id"]
DUPLICATE = ex.refused(409, "order_already_exists")
RAW: Any = None


def place(exchange: ex.FakeExchange, number: int = 1) -> Flow[OrderAck]:
    return writes.place(core.CURRENT, ex.ticket(number), exchange.context)


def recover(exchange: ex.FakeExchange) -> Any:
    return exchange.run(writes.recover(core.CURRENT, exchange.context))


# When an open write left


def open_entry(**changes: Any) -> Entry:
    entry = journal_codec.encode_order("CreateOrderV2", ex.ticket(), core.EPOCH, None)
    return evolve(entry, **changes)


@pytest.mark.parametrize("shared", [False, True])
def test_a_write_of_another_process_may_have_left_until_the_first_look(*, shared: bool) -> None:
    context = Context(shared_journal=shared)
    late = RENEW_AFTER if shared else 0.0
    expected = SentAt(500.0 + late, core.EPOCH + RENEW_AFTER), 0.0
    assert recovery.sent_at(open_entry(), context, 500.0) == expected
    assert recovery.sent_at(open_entry(), context, 900.0) == expected  # the first look stays


def test_the_later_stamp_of_an_entry_lengthens_the_wait() -> None:
    sent = journal_codec.instant(core.EPOCH + 77.0)
    sent_at, _ = recovery.sent_at(open_entry(sent_at=sent), Context(), 500.0)
    assert sent_at.stamp == core.EPOCH + 77.0 + RENEW_AFTER


def test_the_exchange_s_time_of_an_entry_tells_when_it_left_at_the_latest() -> None:
    entry = open_entry(exchange_time=journal_codec.instant(core.EPOCH + 9.0))
    sent_at, since = recovery.sent_at(entry, Context(), 500.0)
    left = core.EPOCH + 9.0 + RENEW_AFTER + 1.0
    assert sent_at == SentAt(stamp=math.inf, exchange_time=left)
    assert since == core.EPOCH + 9.0 - DAY


# What one answer proves


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.NotFound, True),
        (errors.Conflict, True),
        (errors.MarketClosed, False),  # a Conflict whose code is known
        (errors.BadRequest, True),
        (errors.Forbidden, False),
    ],
)
def test_a_refusal_may_mean_that_the_order_has_ended(error: Any, expected: bool) -> None:
    refusal = error("no", operation="x", status=400, body=b"", code="new_word")
    assert may_mean_ended(refusal) is expected


def test_a_refusal_by_a_code_that_proves_does_not_mean_that_the_order_has_ended() -> None:
    refusal = errors.BadRequest("no", operation="x", status=400, body=b"", code="invalid_price")
    assert not may_mean_ended(refusal)


@pytest.mark.parametrize(
    ("status", "reduced_by", "proves"),
    [
        (None, Decimal(5), True),
        (None, None, False),
        ("canceled", None, True),  # the classic contract's answer
        ("resting", None, False),
        ("executed", None, False),
    ],
)
def test_a_cancel_is_proven_by_reduced_by_or_by_the_order_as_cancelled(
    status: str | None, reduced_by: Decimal | None, *, proves: bool
) -> None:
    order: Any = None
    if status is not None:
        exchange = ex.FakeExchange(orders=[ex.row(status=status)])
        order = exchange.run(reads.find_order(core.CURRENT, "c1", ListQuery(), exchange.context))
    ack = OrderAck(order_id=ID, reduced_by=reduced_by, order=order, raw=RAW)
    assert (cancel_contradiction(ID, ack) is None) is proves


def test_an_order_that_cannot_be_read_is_not_denied() -> None:
    exchange = ex.FakeExchange(orders=[ex.row(fill_count_fp="many")])
    with pytest.raises(errors.Unintelligible, match="the order c1 cannot be read") as caught:
        exchange.run(reads.find_order(core.CURRENT, "c1", ListQuery(), exchange.context))
    assert caught.value.status == 200


# Never sent again


def test_a_difference_that_is_proven_not_done_is_not_sent_again_without_a_size_to_name() -> None:
    """The classic contract takes differences only: a second one would take off twice as much."""
    row = core_classic_row()
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[row])
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), by=1)
    with pytest.raises(errors.NotSent, match="nothing at the exchange would stop a second one"):
        exchange.run(writes.decrease(core.CLASSIC, ticket, exchange.context))
    assert len(exchange.sent("POST")) == 1


def core_classic_row() -> dict[str, Any]:
    return {
        "order_id": ID, "client_order_id": "c1", "ticker": ex.TICKER, "status": "resting",
        "side": "yes", "action": "buy", "yes_price": 56, "no_price": 44, "type": "limit",
        "initial_count": 5, "fill_count": 0, "remaining_count": 5,
    }  # fmt: skip


def test_an_id_that_exists_and_is_not_seen_is_left_open_once_no_copy_can_live() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, DUPLICATE)])
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(place(exchange))
    assert 120 <= exchange.waited < 130


def test_an_interrupted_repeat_is_looked_for_from_its_own_time() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)])
    steps, posts = place(exchange), 0
    effect = next(steps)
    while True:
        posts += ex.is_post(effect)
        if posts == 2:
            break
        effect = steps.send(exchange.perform(effect))
    steps.close()
    exchange.waited = 0.0
    (resolution,) = recover(exchange)
    assert resolution.state is State.NOT_SENT
    assert exchange.waited >= 60


def test_what_is_settled_is_forgotten() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], watermark=None)
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(place(exchange))
    pending = exchange.context.pending_writes
    assert (list(pending.sent_times), pending.exhausted) == (["c1"], {"c1"})
    exchange.watermark = 0.0
    recover(exchange)
    assert (pending.sent_times, pending.exhausted, pending.by_ticker) == (
        {},
        set(),
        {ex.TICKER: set()},
    )


# An entry that another process may go on with


def without_ownership(exchange: ex.FakeExchange) -> None:
    perform = exchange.perform

    def renewing(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb == "reopen":
            exchange.time += RENEW_AFTER + 1
        if isinstance(effect, Record) and effect.verb == "renew":
            raise NotOwner("it is driven by another")
        return None if effect == Record("read_stops") else perform(effect)

    exchange.perform = renewing  # type: ignore[method-assign]
    exchange.context = evolve(exchange.context, shared_journal=True)


def test_an_id_that_was_sent_before_is_unknown_where_its_entry_is_lost() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest):
        exchange.run(place(exchange))
    without_ownership(exchange)
    with pytest.raises(errors.OutcomeUnknown, match="it is driven by another"):
        exchange.run(place(exchange))
    assert len(exchange.sent("POST")) == 1


def test_another_order_found_under_an_id_that_somebody_else_ended_is_a_conflict() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest):
        exchange.run(place(exchange))
    exchange.context = Context(policy=exchange.context.policy, journal_owner="another instance")
    exchange.orders = [ex.row(yes_price_dollars="0.5500")]
    with pytest.raises(errors.DuplicateIdConflict) as caught:
        exchange.run(place(exchange))
    assert caught.value.differs == {"price": (Decimal("0.56"), Decimal("0.5500"))}
    assert len(exchange.sent("POST")) == 1


@pytest.mark.parametrize("error", [NotOwner("gone"), JournalUnusable("gone")])
def test_only_a_verdict_that_somebody_else_holds_up_is_kept_from_the_caller(
    error: Exception,
) -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    perform = exchange.perform

    def refusing(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb in ("advance_many", "conclude"):
            raise error
        return perform(effect)

    exchange.perform = refusing  # type: ignore[method-assign]
    if isinstance(error, NotOwner):
        with pytest.raises(errors.OutcomeUnknown, match="gone"):
            exchange.run(place(exchange))
        assert exchange.context.pending_writes.by_ticker == {ex.TICKER: {"c1"}}
    else:
        assert exchange.run(place(exchange)).order_id == ID


# Recovery


def test_recovery_reads_each_ticker_once_whatever_the_order_of_its_entries() -> None:
    exchange = ex.FakeExchange()
    for number in (1, 2, 3):
        ticket = evolve(ex.ticket(number), ticker="KXB-1" if number == 2 else "KXA-1")
        steps = writes.place(core.CURRENT, ticket, exchange.context)
        exchange.context.pending_writes.by_ticker.clear()  # as of another process
        exchange.crash(steps)
    exchange.restart()
    exchange.requests.clear()
    exchange.time += 3_600.0
    assert len(recover(exchange)) == 3
    lists = [dict(each.query)["ticker"] for each in exchange.sent("GET", "/portfolio/orders")]
    looks = len(exchange.sent("GET", "/exchange/user_data_timestamp"))
    assert sorted(lists) == ["KXA-1"] * looks + ["KXB-1"] * looks
