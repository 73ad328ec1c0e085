"""Recovery: every open write gets a verdict, by reading."""

from __future__ import annotations

import gc
import json
import math
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import bulk, errors, reads, writes
from kalshi_ext.journal import Entry, Reservation, State
from kalshi_ext.protocol.context import LockOwner, LockRegistry, PendingWrites, RecentWrites
from kalshi_ext.protocol.exchange_clock import ExchangeClock
from kalshi_ext.protocol.flow import Record, Sleep, Told
from kalshi_ext.reads.watermark import SentAt, Watermark
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.outcomes import PROBES

LOST = core.lost(bytes_sent=True)
ID = ex.row()["order_id"]


def crash(exchange: ex.FakeExchange, flow: Any) -> None:
    """Let a process die with its first write on the wire, and start another."""
    exchange.crash(flow)
    exchange.restart()


def crash_placing(exchange: ex.FakeExchange, number: int = 1, **changes: Any) -> None:
    crash(exchange, writes.place(core.CURRENT, ex.ticket(number, **changes), exchange.context))


def recover(exchange: ex.FakeExchange) -> list[Any]:
    resolutions: list[Any] = exchange.run(writes.recover(core.CURRENT, exchange.context))
    return resolutions


def test_an_order_that_is_there_is_resolved_with_its_content() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    crash_placing(exchange, intent=None)
    (resolution,) = recover(exchange)
    assert (resolution.state, resolution.order_id, resolution.ticker) == (
        State.RESOLVED,
        ID,
        ex.TICKER,
    )
    ack = exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    assert (ack.order_id, ack.remaining_count, ack.replayed) == (ID, 5, True)
    assert exchange.sent("POST") == []


def test_an_absent_order_is_not_sent_once_no_copy_can_live_and_is_not_sent_by_recovery() -> None:
    exchange = ex.FakeExchange()
    crash_placing(exchange)
    (resolution,) = recover(exchange)
    assert resolution.state is State.NOT_SENT
    assert isinstance(resolution.error, errors.NotSent)
    assert exchange.waited >= 60
    assert exchange.sent("POST") == []


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        '{"kind":"order"}',
        '{"client_order_id":"c9"}',
        '{"kind":"amend","order_id":"x"}',
        '{"kind":"group","limit":"many","before":[]}',
        '{"kind":"of a later version"}',
    ],
)
def test_an_entry_that_cannot_be_read_stays_open_and_keeps_no_other_from_its_verdict(
    text: str,
) -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    entry = journal_codec.encode_order("CreateOrderV2", ex.ticket(9), core.EPOCH)
    crash_placing(exchange)
    exchange.journal.reserve_many([evolve(entry, ticket=text)])
    states = {each.key: each.state for each in recover(exchange)}
    assert states == {"c9": State.UNKNOWN, "c1": State.RESOLVED}


def test_a_field_that_a_later_version_added_to_an_order_keeps_no_verdict_back() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    entry = journal_codec.encode_order("CreateOrderV2", ex.ticket(), core.EPOCH)
    text = json.dumps(json.loads(entry.ticket) | {"of_a_later_version": 1})
    exchange.journal.reserve_many([evolve(entry, ticket=text)])
    (resolution,) = recover(exchange)
    assert resolution.order_id == ID


@pytest.mark.parametrize(
    "change",
    [
        AmendTicket.of(ID, ticker=ex.TICKER, side="bid", price="0.56", count=2),
        DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), to=1),
    ],
    ids=["amend", "decrease"],
)
def test_recovery_ends_a_change_whose_order_ended_and_says_that_it_cannot_be_told(
    change: Any,
) -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    write: Any = writes.amend if isinstance(change, AmendTicket) else writes.decrease
    crash(exchange, write(core.CURRENT, change, exchange.context))
    exchange.orders = [ex.row(status="canceled", fill_count_fp="2.00", remaining_count_fp="0")]
    (resolution,) = recover(exchange)
    assert (resolution.state, resolution.order_id) == (State.RESOLVED, None)
    assert isinstance(resolution.error, errors.OutcomeUnknown)
    assert "canceled by now, 2.00 contracts of it were filled" in str(resolution.error)
    assert recover(exchange) == []
    assert exchange.states() == [State.RESOLVED]


@pytest.mark.parametrize("wrong_by", [-50_400.0, -3_600.0, 0.0, 3_600.0, 50_400.0])
def test_a_machine_whose_clock_is_wrong_waits_as_long_and_looks_far_enough_back(
    wrong_by: float,
) -> None:
    exchange = ex.FakeExchange(offset=wrong_by)
    crash_placing(exchange)
    exchange.offset = 0.0
    recover(exchange)
    assert exchange.waited >= 60
    query = dict(exchange.sent("GET", "/portfolio/orders")[0].query)
    assert int(query["min_ts"]) <= core.EPOCH


def test_an_order_found_with_another_content_is_refused_and_never_placed_again() -> None:
    exchange = ex.FakeExchange(orders=[ex.row(yes_price_dollars="0.6000")])
    crash_placing(exchange)
    (resolution,) = recover(exchange)
    assert (resolution.state, exchange.entry().state) == (State.REFUSED, State.REFUSED)
    with pytest.raises(errors.DuplicateIdConflict):
        exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    assert exchange.sent("POST") == []


def test_what_cannot_be_found_out_stays_open_and_holds_the_next_order_of_the_ticker_back() -> None:
    exchange = ex.FakeExchange(watermark=None)
    crash_placing(exchange)
    (resolution,) = recover(exchange)
    assert (resolution.state, exchange.entry().state) == (State.UNKNOWN, State.INTENT)
    with pytest.raises(errors.EarlierWriteUnsettled):
        exchange.run(writes.place(core.CURRENT, ex.ticket(2), exchange.context))


@pytest.mark.parametrize("days", [0.0, 3.0, 400.0])
def test_the_stamps_of_a_journal_shorten_no_wait(days: float) -> None:
    exchange = ex.FakeExchange(offset=-days * 86_400)
    crash_placing(exchange)
    exchange.offset = 0.0
    recover(exchange)
    assert exchange.entry().state is State.NOT_SENT
    assert exchange.waited >= 60


def test_recovery_does_not_touch_what_a_running_flow_drives() -> None:
    exchange = ex.FakeExchange()
    flow = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    exchange.run_until(flow, ex.is_send)
    assert recover(exchange) == []
    flow.close()


def test_several_orders_are_looked_for_together() -> None:
    exchange = ex.FakeExchange(orders=[ex.row(2)])
    tickets = [ex.ticket(1), ex.ticket(2)]
    crash(exchange, bulk.place_many(core.CURRENT, tickets, exchange.context))
    assert [resolution.state for resolution in recover(exchange)] == [
        State.NOT_SENT,
        State.RESOLVED,
    ]
    assert (exchange.entry("c1").state, exchange.entry("c2").state) == (
        State.NOT_SENT,
        State.RESOLVED,
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (ex.row(yes_price_dollars="0.5700", remaining_count_fp="6.00"), State.RESOLVED),
        (ex.row(), State.NOT_SENT),
        (ex.row(status="canceled", remaining_count_fp="0.00"), State.REFUSED),
        (None, State.INTENT),
    ],
)
def test_an_amend_is_resolved_by_its_order(row: Any, expected: State) -> None:
    exchange = ex.FakeExchange(orders=[] if row is None else [row])
    ticket = AmendTicket.of(ID, ticker=ex.TICKER, side="bid", price="0.57", count=6)
    crash(exchange, writes.amend(core.CURRENT, ticket, exchange.context))
    (resolution,) = recover(exchange)
    (entry,) = exchange.journal.entries()
    assert entry.state is expected
    assert resolution.order_id == (ID if expected is State.RESOLVED else None)


@pytest.mark.parametrize(
    ("arguments", "changes", "expected"),
    [
        ({"by": 1}, {"remaining_count_fp": "4.00"}, State.RESOLVED),
        ({"by": 1}, {}, State.NOT_SENT),
        ({"by": 1}, {"remaining_count_fp": "1.00"}, State.INTENT),
        ({"to": 4}, {"remaining_count_fp": "4.00"}, State.RESOLVED),
        ({"to": 4}, {}, State.NOT_SENT),
    ],
)
def test_a_decrease_is_resolved_by_its_order(
    arguments: dict[str, Any], changes: dict[str, Any], expected: State
) -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), **arguments)
    crash(exchange, writes.decrease(core.CURRENT, ticket, exchange.context))
    exchange.orders = [ex.row(**changes)]
    recover(exchange)
    (entry,) = exchange.journal.entries()
    assert entry.state is expected


def test_a_group_is_resolved_by_the_list() -> None:
    exchange = ex.FakeExchange()
    no_groups = core.reply(200, {"order_groups": []})
    exchange.handlers = [ex.once(no_groups, method="GET", ending="/order_groups")]
    crash(exchange, writes.create_group(core.CURRENT, Decimal(9), None, None, exchange.context))
    group = {"id": "g1", "contracts_limit_fp": "9.00", "is_auto_cancel_enabled": True}
    one_group = core.reply(200, {"order_groups": [group]})
    exchange.handlers = [ex.always(one_group, method="GET", ending="/order_groups")]
    (resolution,) = recover(exchange)
    assert (resolution.state, resolution.order_id) == (State.RESOLVED, "g1")


def test_a_write_of_a_kind_not_known_stays_open() -> None:
    exchange = ex.FakeExchange()
    entry = Entry(
        key="w",
        operation="FromTheFuture",
        fingerprint="0" * 64,
        ticket='{"kind": "future"}',
        created_at=journal_codec.instant(core.EPOCH),
    )
    (reserved,) = exchange.journal.reserve_many([entry])
    assert isinstance(reserved, Reservation)
    (resolution,) = recover(exchange)
    assert (resolution.state, exchange.entry("w").state) == (State.UNKNOWN, State.INTENT)


@pytest.mark.parametrize("left_out", ["by", "total"])
def test_a_difference_of_which_the_journal_does_not_tell_all_stays_open(left_out: str) -> None:
    row = ex.row()
    exchange = ex.FakeExchange(orders=[row])
    ticket = DecreaseTicket.of(Target.of(row["order_id"], ticker=ex.TICKER), by=1)
    exchange.crash(writes.decrease(core.CURRENT, ticket, exchange.context))
    (entry,) = exchange.journal.entries()
    told = json.loads(entry.ticket)
    assert told.pop(left_out)
    exchange = ex.FakeExchange(orders=[ex.row(remaining_count_fp="4.00")])
    exchange.journal.reserve_many([evolve(entry, ticket=json.dumps(told))])
    (resolution,) = recover(exchange)
    assert resolution.state is State.UNKNOWN


def test_each_recovery_looks_as_long_as_the_first() -> None:
    exchange = ex.FakeExchange(watermark=None)  # no read tells how fresh it is
    crash_placing(exchange)
    for _ in range(2):
        before = exchange.waited
        (resolution,) = recover(exchange)
        assert resolution.state is State.UNKNOWN
        assert exchange.waited - before > 150
    exchange.watermark = 0.0
    (resolution,) = recover(exchange)
    assert resolution.state is State.NOT_SENT


def test_an_entry_resolved_by_hand_as_not_executed_is_not_placed_again() -> None:
    exchange = ex.FakeExchange()
    crash_placing(exchange)
    exchange.journal.advance("c1", State.RESOLVED)
    with pytest.raises(errors.Misuse, match="resolved by hand as not executed"):
        exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context))


def test_an_entry_resolved_by_hand_with_an_order_is_that_order() -> None:
    exchange = ex.FakeExchange()
    crash_placing(exchange)
    exchange.journal.advance("c1", State.RESOLVED, order_id=ID)
    ack = exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    assert (ack.order_id, ack.client_order_id, ack.ticker) == (ID, "c1", ex.TICKER)


def test_a_crashed_order_is_found_out_when_it_is_placed_again() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    crash_placing(exchange)
    assert exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context)).replayed
    absent = ex.FakeExchange([ex.once(ex.created())])
    crash_placing(absent)
    assert not absent.run(writes.place(core.CURRENT, ex.ticket(), absent.context)).replayed
    assert absent.waited >= 60


# A write that left 10 s of the monotonic clock before an answer whose Date says 1,000,000.
READ_AT, DATE = 500.0, 1_000_000.0
LEFT, SENT = READ_AT - 10.0, DATE - 10.0


@pytest.mark.parametrize(
    ("as_of", "stamp", "life", "seen"),
    [
        (None, 0.0, None, False),
        (SENT, 0.0, None, True),
        (SENT - 0.1, 0.0, None, False),
        (SENT + 60.0, 0.0, 60.0, True),
        (SENT + 59.9, 0.0, 60.0, False),
        # A timestamp behind the exchange shortens nothing, one ahead of it lengthens by that much,
        # and by one life at most.
        (SENT + 59.9, SENT - 5_000.0, 60.0, False),
        (SENT + 60.0, SENT - 5_000.0, 60.0, True),
        (SENT + 84.9, SENT + 25.0, 60.0, False),
        (SENT + 85.0, SENT + 25.0, 60.0, True),
        (SENT + 119.9, SENT + 50_000.0, 60.0, False),
        (SENT + 120.0, SENT + 50_000.0, 60.0, True),
    ],
)
def test_a_sending_is_dated_by_the_answer_that_has_the_watermark(
    as_of: float | None, stamp: float, life: float | None, seen: bool
) -> None:
    watermark = Watermark(as_of, DATE, READ_AT)
    assert SentAt(LEFT, stamp).visible(watermark, life) is seen


@pytest.mark.parametrize(("passed", "seen"), [(119.9, False), (120.0, True)])
def test_a_write_of_another_process_had_a_timestamp_as_far_ahead_as_can_be(
    passed: float, seen: bool
) -> None:
    watermark = Watermark(DATE + passed, DATE + 5_000.0, READ_AT)
    assert SentAt(stamp=math.inf, exchange_time=DATE).visible(watermark, 60.0) is seen


def test_a_date_that_cannot_be_read_takes_none_back() -> None:
    clock = ExchangeClock()
    clock.note({"date": formatdate(core.EPOCH, usegmt=True)}, 5.0)
    clock.note({"date": "yesterday"}, 6.0)
    assert clock.at(7.0) == core.EPOCH + 2


def test_keys_in_flight_belong_to_an_owner() -> None:
    locks, first, second = LockRegistry(), LockOwner(), LockOwner()
    assert locks.acquire(["a", "b"], first) == {"a", "b"}
    assert locks.acquire(["b", "c"], second) == {"c"}
    locks.release(second)
    assert ("a" in locks, "c" in locks) == (True, False)
    locks.release(first)
    assert "a" not in locks


def test_keys_of_an_owner_that_is_gone_are_free_and_said_to_be_abandoned() -> None:
    locks, owner = LockRegistry(), LockOwner()
    locks.acquire(["a"], owner)
    assert not locks.abandoned
    del owner
    gc.collect()
    assert ("a" in locks, locks.abandoned) == (False, True)
    assert locks.acquire(["a"], LockOwner()) == {"a"}


def test_letting_go_abandons_nothing() -> None:
    locks, owner = LockRegistry(), LockOwner()
    locks.acquire(["a"], owner)
    locks.release(owner)
    del owner
    gc.collect()
    assert not locks.abandoned


def test_unsettled_keys_are_kept_by_ticker() -> None:
    pending = PendingWrites()
    pending.add("T", "a")
    pending.add(None, "b")
    pending.drop("T", "a")
    pending.drop("U", "a")
    assert pending.by_ticker == {"T": set(), "": {"b"}}


def test_recent_changes_are_forgotten_after_a_while() -> None:
    recent = RecentWrites()
    recent.add("o1", 0.0)
    recent.add("o2", 600.0)
    assert (recent.last_write_at("o1"), recent.last_write_at("o2"), recent.last_write_at("o3")) == (
        0.0,
        600.0,
        None,
    )
    recent.add("o3", 600.5)
    assert recent.last_write_at("o1") is None


def decrease_flow(exchange: ex.FakeExchange, **arguments: Any) -> Any:
    target = Target.of(ID, ticker=ex.TICKER)
    ticket = DecreaseTicket.of(target, **arguments)
    return writes.decrease(core.CURRENT, ticket, exchange.context)


def test_a_difference_waits_until_an_earlier_one_of_its_market_has_a_verdict() -> None:
    done = core.reply(200, {"order_id": ID, "remaining_count": "3.00"})
    exchange = ex.FakeExchange([ex.once(done)], orders=[ex.row()])
    crash(exchange, decrease_flow(exchange, by=1))
    exchange.orders = [
        ex.row(remaining_count_fp="4.00", initial_count_fp="5.00")
    ]  # it was executed
    assert exchange.run(decrease_flow(exchange, by=1)).remaining_count == 3
    assert exchange.states() == [State.RESOLVED, State.ACKNOWLEDGED]
    assert len(exchange.sent("POST")) == 1


def test_a_difference_is_not_sent_while_an_earlier_one_cannot_be_settled() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()], watermark=None)
    crash(exchange, decrease_flow(exchange, by=1))
    with pytest.raises(errors.EarlierWriteUnsettled):
        exchange.run(decrease_flow(exchange, by=1))
    assert exchange.sent("POST") == []


def test_a_size_goes_at_once_whatever_is_unsettled() -> None:
    done = core.reply(200, {"order_id": ID, "remaining_count": "2.00"})
    exchange = ex.FakeExchange([ex.once(done)], orders=[ex.row()], watermark=None)
    crash(exchange, decrease_flow(exchange, by=1))
    assert exchange.run(decrease_flow(exchange, to=2)).remaining_count == 2


# The exchange's own time in an entry


def with_exchange_time(exchange: ex.FakeExchange) -> None:
    """Let the client learn the exchange's time before it writes an entry."""
    exchange.run(reads.find_order(core.CURRENT, "c9", ListQuery(ticker="T"), exchange.context))


def test_an_entry_has_the_exchanges_time_where_it_is_known() -> None:
    unknown, known = ex.FakeExchange(offset=-1e6), ex.FakeExchange(offset=-1e6)
    with_exchange_time(known)
    for exchange in (unknown, known):
        crash_placing(exchange)
    assert unknown.entry().exchange_time is None
    known_time = known.entry().exchange_time
    assert known_time is not None
    assert known_time.timestamp() == pytest.approx(core.EPOCH, abs=2)
    assert known.entry().created_at.timestamp() == pytest.approx(core.EPOCH - 1e6, abs=2)


@pytest.mark.parametrize("wrong_by", [-1e7, -90.0, 0.0, 90.0, 1e7])
@pytest.mark.parametrize(
    ("passed", "waits"), [(7_200.0, False), (126.0, False), (122.0, True), (60.0, True)]
)
def test_what_is_hours_old_by_the_exchanges_time_is_told_at_once(
    passed: float, waits: bool, wrong_by: float
) -> None:
    exchange = ex.FakeExchange(offset=wrong_by)
    with_exchange_time(exchange)
    crash_placing(exchange)
    exchange.time += passed
    exchange.offset = 0.0
    (resolution,) = recover(exchange)
    assert resolution.state is State.NOT_SENT
    assert (exchange.waited > 0) is waits
    query = dict(exchange.sent("GET", "/portfolio/orders")[-1].query)
    assert core.EPOCH - 2 * 86_400 < int(query["min_ts"]) < core.EPOCH


def test_a_late_sending_is_dated_anew_before_it_leaves() -> None:
    exchange = ex.FakeExchange()
    with_exchange_time(exchange)
    flow = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    exchange.run_until(flow, lambda effect: isinstance(effect, Record))  # open entries
    exchange.perform(Sleep(0.0))
    effect = next_effect(flow, exchange, "reserve_many")
    exchange.time += 7_000.0
    result = exchange.perform(effect)
    effect = flow.send(result)
    while not ex.is_post(effect):
        effect = flow.send(exchange.perform(effect))
    flow.close()
    exchange.restart()
    (resolution,) = recover(exchange)
    assert resolution.state is State.NOT_SENT
    assert exchange.waited >= 60


def next_effect(flow: Any, exchange: ex.FakeExchange, verb: str) -> Any:
    """Run a flow on to a verb of the journal, which is not performed."""
    effect = flow.send(exchange.perform(Record("open_entries", (None,))))
    while not (isinstance(effect, Record) and effect.verb == verb):
        effect = flow.send(exchange.perform(effect))
    return effect


# Verdicts that nobody was told


def untold_order(exchange: ex.FakeExchange, answer: Any) -> None:
    """Let a task be cancelled between the recording of a verdict and its caller."""
    exchange.handlers.append(ex.once(answer))
    flow = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    exchange.run_until(flow, lambda effect: isinstance(effect, Told))
    flow.close()


def test_an_acknowledged_order_that_nobody_was_told_of_is_recovered_with_the_order() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    untold_order(exchange, ex.created())
    (resolution,) = recover(exchange)
    assert (resolution.state, resolution.order_id) == (State.ACKNOWLEDGED, ID)
    assert resolution.order.order_id == ID
    assert recover(exchange) == []


def test_a_refusal_that_nobody_was_told_of_is_recovered_with_its_error() -> None:
    exchange = ex.FakeExchange()
    untold_order(exchange, ex.refused(400, "invalid_price"))
    (resolution,) = recover(exchange)
    assert resolution.state is State.REFUSED
    assert isinstance(resolution.error, errors.BadRequest)
    assert resolution.error.code == "invalid_price"
    assert recover(exchange) == []


def test_an_order_that_cannot_be_read_back_is_told_all_the_same() -> None:
    exchange = ex.FakeExchange()
    untold_order(exchange, ex.created())
    (resolution,) = recover(exchange)
    assert (resolution.state, resolution.order_id, resolution.order) == (
        State.ACKNOWLEDGED,
        ID,
        None,
    )


def test_what_a_later_order_settled_is_spoken_of_by_recovery() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    crash_placing(exchange)
    exchange.handlers.append(ex.once(ex.created(2)))
    exchange.run(writes.place(core.CURRENT, ex.ticket(2), exchange.context))
    (resolution,) = [each for each in recover(exchange) if each.key == "c1"]
    assert resolution.state is State.RESOLVED


def test_each_kind_of_entry_that_a_read_can_tell_of_has_a_probe() -> None:
    assert sorted(PROBES) == ["amend", "decrease", "group", "subaccount", "transfer"]


def test_a_verdict_shows_when_and_how_often_it_was_sent() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, ex.created())])
    exchange.run(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    entry = exchange.entry()
    assert (entry.state, entry.attempts) == (State.ACKNOWLEDGED, 2)
    assert entry.sent_at is not None
    assert entry.sent_at.timestamp() == pytest.approx(exchange.time, abs=1)
