"""What proves a verdict and what does not, and what a write leaves behind for the next one."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import errors, reads, writes
from kalshi_ext.events import Events, UnknownResolved
from kalshi_ext.journal import Entry, JournalUnusable, NotOwner, State
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.attempt import RENEW_AFTER
from kalshi_ext.protocol.context import Context
from kalshi_ext.protocol.flow import CallLimits, Effect, Flow, Record, Sleep, Told, request
from kalshi_ext.protocol.messages import Operation, Repeat
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.reads.lookup import look_up_orders, read_all, read_current, read_order
from kalshi_ext.reads.orders import answered, read_listed
from kalshi_ext.reads.watermark import DAY, SentAt
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.risk import Limits, RiskGate
from kalshi_ext.writes import journal_codec, recovery
from kalshi_ext.writes.order_write import found_differences
from kalshi_ext.writes.outcomes import (
    NotExecuted,
    Unknown,
    cancel_contradiction,
    change_contradiction,
    judge,
    may_mean_ended,
)

LOST = core.lost(bytes_sent=True)
UNSENT = core.lost(bytes_sent=False)
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


@pytest.mark.parametrize(
    ("operation", "code", "proves"),
    [
        (core.operation(Repeat.KEYED), "new_word", False),
        (core.operation(Repeat.KEYED), None, False),
        (core.operation(Repeat.ABSOLUTE), "new_word", True),
        (core.operation(Repeat.ABSOLUTE), None, False),
    ],
)
def test_a_409_proves_nothing_where_it_may_mean_that_the_key_is_taken(
    operation: Operation, code: str | None, *, proves: bool
) -> None:
    outcome = judge(core.call(operation), ex.refused(409, code), Context())
    assert isinstance(outcome, NotExecuted if proves else Unknown)


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ({}, None),
        ({"order_id": "another"}, "another order"),
        ({"reduced_by": Decimal(1)}, "reduced_by"),
        ({"remaining_count": None}, "does not count"),
        ({"fill_count": None, "remaining_count": Decimal(6)}, None),
        ({"remaining_count": Decimal(7)}, "more than the 6"),
        ({"fill_count": Decimal(1)}, "not 6 together"),
    ],
)
def test_an_amend_is_proven_by_the_counts_that_it_asked_for(
    told: dict[str, Any], wrong: str | None
) -> None:
    known = {"order_id": ID, "fill_count": Decimal(0), "remaining_count": Decimal(6)}
    ack = OrderAck(raw=RAW, **(known | told))
    wanted = {"price": Decimal("0.57"), "total": Decimal(6), "max_remaining": Decimal(6)}
    contradiction = change_contradiction(ID, ack, **wanted)
    assert contradiction is None if wrong is None else wrong in (contradiction or "")


@pytest.mark.parametrize(("price", "wrong"), [("0.56", False), ("0.57", True)])
def test_an_amend_whose_answer_shows_the_order_at_another_price_is_not_proven(
    price: str, *, wrong: bool
) -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])  # at 0.56
    order = exchange.run(reads.find_order(core.CURRENT, "c1", ListQuery(), exchange.context))
    ack = OrderAck(order_id=ID, remaining_count=Decimal(5), order=order, raw=RAW)
    assert (change_contradiction(ID, ack, price=Decimal(price)) is not None) is wrong


def test_one_list_shows_all_the_orders_that_are_looked_for() -> None:
    exchange = ex.FakeExchange(orders=[ex.row(1), ex.row(3), ex.row(2)])
    tickets = {f"c{number}": ex.ticket(number) for number in (1, 2)}
    limits = CallLimits(exchange.monotonic(), exchange.monotonic() + 180.0)
    found, absent = exchange.run(
        look_up_orders(core.CURRENT, tickets, exchange.context, limits, since=0.0, thorough=False)
    )
    assert (set(found), absent) == ({"c1", "c2"}, frozenset())
    assert len(exchange.requests) == 1


def test_an_order_that_cannot_be_read_is_not_denied() -> None:
    exchange = ex.FakeExchange(orders=[ex.row(fill_count_fp="many")])
    with pytest.raises(errors.Unintelligible, match="the order c1 cannot be read") as caught:
        exchange.run(reads.find_order(core.CURRENT, "c1", ListQuery(), exchange.context))
    assert caught.value.status == 200


def test_a_read_that_fails_is_no_404_and_costs_no_list() -> None:
    exchange = ex.FakeExchange([ex.always(core.reply(400), method="GET", ending=ID)])
    steps = read_order(core.CURRENT, ID, exchange.context, ticker=ex.TICKER)
    assert exchange.run(steps) is None
    assert {each.path for each in exchange.requests} == {f"/portfolio/orders/{ID}"}


READS: dict[str, Callable[[Context, CallLimits], Flow[Any]]] = {
    "a list": lambda context, limits: read_all(
        Paginator(core.CURRENT.orders.list(ListQuery()), context, limits=limits)
    ),
    "an order": lambda context, limits: read_order(core.CURRENT, ID, context, limits=limits),
    "an order of the lists": lambda context, limits: read_listed(
        core.CURRENT, ID, ex.TICKER, context, limits
    ),
    "an order as it is now": lambda context, limits: read_current(
        core.CURRENT, ID, context, limits
    ),
    "any answer": lambda context, _: answered(request(core.CURRENT.orders.get(ID), context)),
}


@pytest.mark.parametrize("read", READS)
def test_a_closed_client_is_no_answer_of_a_read(read: str) -> None:
    exchange = ex.FakeExchange()
    perform = exchange.perform

    def closed(effect: Effect) -> Any:
        if ex.is_send(effect):
            raise errors.Misuse("this client is closed")
        return perform(effect)

    exchange.perform = closed  # type: ignore[method-assign]
    limits = CallLimits(exchange.monotonic(), exchange.monotonic() + 180.0)
    with pytest.raises(errors.Misuse, match="this client is closed"):
        exchange.run(READS[read](exchange.context, limits))


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


def test_a_change_of_which_nothing_can_come_any_more_holds_no_later_order_back() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(9), LOST, ex.created(2))])
    exchange.run(place(exchange, 9))  # which asks the journal what is open
    gone = {"status": "canceled", "remaining_count_fp": "0.00"}
    exchange.orders = [ex.row(yes_price_dollars="0.5700", **gone)]
    ticket = AmendTicket.of(ID, ticker=ex.TICKER, side="bid", price="0.57", count=6)
    with pytest.raises(errors.OutcomeUnknown, match="cannot be told"):
        exchange.run(writes.amend(core.CURRENT, ticket, exchange.context))
    exchange.requests.clear()
    exchange.run(place(exchange, 2))
    assert [each.method for each in exchange.requests] == ["POST"]


def test_the_same_id_costs_one_look_where_it_was_looked_for_in_vain() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], watermark=None)
    for waits in (180.0, 0.0):
        exchange.waited = 0.0
        with pytest.raises(errors.OutcomeUnknown):
            exchange.run(place(exchange))
        assert exchange.waited == pytest.approx(waits, abs=2.0)


def test_a_write_that_was_not_looked_for_yet_gets_all_the_time_of_the_call() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], watermark=None)
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(place(exchange))
    exchange.journal.reserve_many([evolve(open_entry(), key="c2", fingerprint="2" * 64)])
    exchange.context.pending_writes.add(ex.TICKER, "c2")
    exchange.waited = 0.0
    with pytest.raises(errors.EarlierWriteUnsettled, match=r"2 earlier .*: c1, c2"):
        exchange.run(place(exchange, 3))
    assert exchange.waited > 170


@pytest.mark.parametrize("ticker", [None, ex.TICKER])
def test_an_order_that_a_change_did_not_find_is_read_several_times(ticker: str | None) -> None:
    exchange = ex.FakeExchange()
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ticker), to=1)
    with pytest.raises(errors.NotFound):
        exchange.run(writes.decrease(core.CURRENT, ticket, exchange.context))
    assert len(exchange.sent("GET", ID)) >= 5
    assert 1 < exchange.waited < 60
    # All of history would be read for what may be no order of ours at all.
    assert bool(exchange.sent("GET", "/historical/orders")) is (ticker is not None)


@pytest.mark.parametrize(("told", "named"), [("c1", "c1"), ("", None)])
def test_the_end_of_an_order_is_told_with_its_ids(told: str, named: str | None) -> None:
    gone = ex.row(status="executed", remaining_count_fp="0.00", client_order_id=told)
    exchange = ex.FakeExchange(orders=[gone])
    with pytest.raises(errors.OrderClosed) as caught:
        exchange.run(writes.cancel(core.CURRENT, Target.of(ID), exchange.context))
    closed = caught.value
    assert (closed.order_id, closed.client_order_id, closed.order_status) == (ID, named, "executed")


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


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (State.INTENT, errors.OutcomeUnknown),
        (State.UNKNOWN, errors.OutcomeUnknown),
        (State.ACKNOWLEDGED, errors.OutcomeUnknown),
        (State.RESOLVED, errors.OutcomeUnknown),
        (State.NOT_SENT, errors.NotSent),
        (State.REFUSED, errors.NotSent),
    ],
)
def test_an_order_that_another_process_may_send_is_unknown_where_its_entry_is_lost(
    state: State, error: type[errors.KalshiError]
) -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    without_ownership(exchange)
    exchange.context = evolve(exchange.context, journal_owner="another instance")
    perform = exchange.perform

    def slow(effect: Effect) -> Any:
        result = perform(effect)
        if isinstance(effect, Record) and effect.verb == "reserve_many":
            exchange.time += RENEW_AFTER + 1
            if state is not State.INTENT:
                exchange.journal.advance("c1", state)
        return result

    exchange.perform = slow  # type: ignore[method-assign]
    with pytest.raises(error, match="it is driven by another"):
        exchange.run(place(exchange))
    assert exchange.sent("POST") == []


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


def held_up(exchange: ex.FakeExchange, state: State, *, unreadable: bool = False) -> None:
    """Let somebody else record a state before this client records its verdict."""
    perform = exchange.perform

    def refusing(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb in ("advance_many", "conclude"):
            if exchange.entry().state is not state:
                exchange.journal.advance("c1", state)
            raise NotOwner("driven by another")
        if unreadable and isinstance(effect, Record) and effect.verb == "get":
            raise JournalUnusable("gone")
        return perform(effect)

    exchange.perform = refusing  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("state", "unreadable", "expected"),
    [
        (State.REFUSED, False, errors.BadRequest),
        (State.REFUSED, True, errors.OutcomeUnknown),
        (State.NOT_SENT, False, errors.OutcomeUnknown),
        (State.UNKNOWN, False, errors.OutcomeUnknown),
    ],
)
def test_a_refusal_that_the_journal_does_not_take_stands_where_it_has_it_already(
    state: State, expected: type[Exception], *, unreadable: bool
) -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    held_up(exchange, state, unreadable=unreadable)
    with pytest.raises(expected):
        exchange.run(place(exchange))


def test_an_id_whose_earlier_attempt_the_journal_cannot_tell_is_not_sent() -> None:
    exchange = ex.FakeExchange()
    exchange.crash(place(exchange))
    exchange.context = Context(policy=exchange.context.policy)
    perform = exchange.perform

    def failing(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb == "take_over":
            raise JournalUnusable("gone")
        return perform(effect)

    exchange.perform = failing  # type: ignore[method-assign]
    with pytest.raises(errors.OutcomeUnknown, match="c1 has no verdict yet"):
        exchange.run(place(exchange))
    assert exchange.sent("POST") == []


def test_an_order_of_history_is_found_before_an_ended_id_goes_again() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest):
        exchange.run(place(exchange))
    exchange.context = Context(policy=exchange.context.policy, journal_owner="another instance")
    exchange.history = [ex.row()]
    assert exchange.run(place(exchange)).replayed


def test_a_repeat_of_which_no_byte_left_says_that_it_was_sent_before() -> None:
    exchange = ex.FakeExchange([ex.once(LOST), ex.always(UNSENT, method="POST")])
    with pytest.raises(errors.NotSent, match="is proven absent: it was not sent again"):
        exchange.run(place(exchange))
    assert exchange.entry().attempts == 1


def test_an_id_that_goes_again_is_dated_anew() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest):
        exchange.run(place(exchange))
    exchange.time += 100.0
    exchange.crash(place(exchange))
    entry = exchange.entry()
    assert entry.sent_at is not None
    assert entry.exchange_time is not None
    for moment in (entry.sent_at, entry.exchange_time):
        assert moment.timestamp() == pytest.approx(core.EPOCH + 100.0, abs=2)


# Recovery


def test_an_interrupted_recovery_tells_that_nobody_looks_any_more() -> None:
    exchange, told = ex.FakeExchange(), list[Any]()
    exchange.crash(place(exchange))
    exchange.context = Context(policy=exchange.context.policy, events=Events(told.append))
    steps = writes.recover(core.CURRENT, exchange.context)
    exchange.run_until(steps, lambda effect: isinstance(effect, Sleep))
    steps.close()
    (resolved,) = [each for each in told if isinstance(each, UnknownResolved)]
    assert (resolved.key, resolved.reason) == ("c1", "the call was interrupted")


def test_recovery_lets_the_limits_know_of_earlier_runs_first() -> None:
    exchange, gate = ex.FakeExchange(), RiskGate(Limits())
    exchange.context = evolve(exchange.context, risk=gate)
    recover(exchange)
    assert gate.is_recalled


def test_recovery_reads_no_order_of_a_refusal_that_nobody_was_told() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    steps = place(exchange)
    exchange.run_until(steps, lambda effect: isinstance(effect, Told))
    steps.close()
    exchange.requests.clear()
    (resolution,) = recover(exchange)
    assert (resolution.state, resolution.order) == (State.REFUSED, None)
    assert exchange.requests == []


def test_recovery_raises_what_the_journal_cannot_be_told() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    exchange.crash(place(exchange))
    exchange.restart()
    perform = exchange.perform

    def failing(effect: Effect) -> Any:
        if isinstance(effect, Record) and effect.verb == "advance_many":
            raise JournalUnusable("the disk is full")
        return perform(effect)

    exchange.perform = failing  # type: ignore[method-assign]
    with pytest.raises(JournalUnusable, match="the disk is full"):
        recover(exchange)


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


def test_an_expiry_that_was_not_asked_for_differs_from_never() -> None:
    exchange = ex.FakeExchange(orders=[ex.row(expiration_time="2030-03-17T17:46:40Z")])
    order = exchange.run(reads.find_order(core.CURRENT, "c1", ListQuery(), exchange.context))
    differs = found_differences(core.CURRENT, ex.ticket(), order)
    assert differs == {"expires": (0, 1_900_000_000)}


@pytest.mark.parametrize("automatic", [True, False])
def test_only_a_group_that_the_caller_named_has_to_be_that_of_the_order(*, automatic: bool) -> None:
    named, other = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    exchange = ex.FakeExchange(orders=[ex.row(order_group_id=other)])
    order = exchange.run(reads.find_order(core.CURRENT, "c1", ListQuery(), exchange.context))
    ticket = evolve(ex.ticket(order_group_id=named), auto_group=automatic)
    differs = found_differences(core.CURRENT, ticket, order)
    assert differs == ({} if automatic else {"order_group_id": (named, other)})
