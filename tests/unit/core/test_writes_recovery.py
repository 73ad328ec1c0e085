"""Recovery: every write without a verdict gets one, by looking."""

from __future__ import annotations

import gc
from datetime import timedelta
from decimal import Decimal
from typing import Any

import core_exchange as ex
import core_samples as core
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.journal import Entry, Reservation, State
from kalshi_ext.protocol.context import (
    Context,
    LockOwner,
    LockRegistry,
    PendingWrites,
    Policy,
    RecentWrites,
)
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.watermark import PollSchedule, SentAt, Watermark

LOST = core.lost(left=True)
ID = ex.row()["order_id"]


def died(floor: ex.Floor, flow: Any) -> None:
    """Let a process die with its first write on the wire."""
    effect = next(flow)
    while not (type(effect).__name__ == "Send" and effect.request.method == "POST"):
        effect = flow.send(floor._perform(effect))
    flow.close()
    floor.context = Context(policy=floor.context.policy)


def placed(floor: ex.Floor, number: int = 1, **more: Any) -> None:
    died(floor, writes.place(core.CURRENT, ex.ticket(number, **more), floor.context))


def recover(floor: ex.Floor) -> list[Any]:
    found: list[Any] = floor.run(writes.recover(core.CURRENT, floor.context))
    return found


def state(floor: ex.Floor, key: str = "c1") -> State:
    entry = floor.journal.get(key)
    assert entry is not None
    return entry.state


def test_an_order_that_is_there_is_resolved_with_its_content() -> None:
    floor = ex.Floor(orders=[ex.row()])
    placed(floor, intent=None)
    (found,) = recover(floor)
    assert (found.state, found.order_id, found.ticker) == (State.RESOLVED, ID, ex.TICKER)
    ack = floor.run(writes.place(core.CURRENT, ex.ticket(), floor.context))
    assert (ack.order_id, ack.remaining_count, ack.replayed) == (ID, 5, True)
    assert floor.sent("POST") == []


def test_an_absent_order_is_not_sent_once_no_copy_can_live_and_is_not_sent_by_recovery() -> None:
    floor = ex.Floor()
    placed(floor)
    (found,) = recover(floor)
    assert found.state is State.NOT_SENT
    assert isinstance(found.error, errors.NotSent)
    assert floor.waited >= 60
    assert floor.sent("POST") == []


@pytest.mark.parametrize("wrong_by", [-50_400.0, -3_600.0, 0.0, 3_600.0, 50_400.0])
def test_a_machine_whose_clock_is_wrong_waits_as_long_and_looks_far_enough_back(
    wrong_by: float,
) -> None:
    floor = ex.Floor(offset=wrong_by)
    placed(floor)
    floor.offset = 0.0
    recover(floor)
    assert floor.waited >= 60
    query = dict(floor.sent("GET", "/portfolio/orders")[0].query)
    assert int(query["min_ts"]) <= core.EPOCH


def test_an_order_found_with_another_content_is_refused_and_never_placed_again() -> None:
    floor = ex.Floor(orders=[ex.row(yes_price_dollars="0.6000")])
    placed(floor)
    (found,) = recover(floor)
    assert (found.state, state(floor)) == (State.REFUSED, State.REFUSED)
    with pytest.raises(errors.DuplicateIdConflict):
        floor.run(writes.place(core.CURRENT, ex.ticket(), floor.context))
    assert floor.sent("POST") == []


def test_what_cannot_be_found_out_stays_open_and_holds_the_next_order_of_the_ticker_back() -> None:
    floor = ex.Floor(watermark=None)
    placed(floor)
    (found,) = recover(floor)
    assert (found.state, state(floor)) == (State.UNKNOWN, State.INTENT)
    with pytest.raises(errors.EarlierWriteUnsettled):
        floor.run(writes.place(core.CURRENT, ex.ticket(2), floor.context))


def test_entries_long_untouched_are_not_waited_for() -> None:
    floor = ex.Floor()
    placed(floor)
    floor.time += timedelta(days=3).total_seconds()
    recover(floor)
    assert (state(floor), floor.waited) == (State.NOT_SENT, 0.0)


def test_recovery_does_not_touch_what_a_running_flow_drives() -> None:
    floor = ex.Floor()
    flow = writes.place(core.CURRENT, ex.ticket(), floor.context)
    effect = next(flow)
    while type(effect).__name__ != "Send":
        effect = flow.send(floor._perform(effect))
    assert recover(floor) == []
    flow.close()


def test_several_orders_are_looked_for_together() -> None:
    floor = ex.Floor(orders=[ex.row(2)])
    tickets = [ex.ticket(1), ex.ticket(2)]
    died(floor, writes.place_many(core.CURRENT, tickets, floor.context))
    assert [found.state for found in recover(floor)] == [State.NOT_SENT, State.RESOLVED]
    assert (state(floor, "c1"), state(floor, "c2")) == (State.NOT_SENT, State.RESOLVED)


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
    floor = ex.Floor(orders=[] if row is None else [row])
    ticket = AmendTicket.of(ID, ticker=ex.TICKER, side="bid", price="0.57", count=6)
    died(floor, writes.amend(core.CURRENT, ticket, floor.context))
    (found,) = recover(floor)
    (entry,) = floor.journal.entries()
    assert entry.state is expected
    assert found.order_id == (ID if expected is State.RESOLVED else None)


@pytest.mark.parametrize(
    ("words", "later", "expected"),
    [
        ({"by": 1}, {"remaining_count_fp": "4.00"}, State.RESOLVED),
        ({"by": 1}, {}, State.NOT_SENT),
        ({"by": 1}, {"remaining_count_fp": "1.00"}, State.INTENT),
        ({"to": 4}, {"remaining_count_fp": "4.00"}, State.RESOLVED),
        ({"to": 4}, {}, State.NOT_SENT),
    ],
)
def test_a_decrease_is_resolved_by_its_order(
    words: dict[str, Any], later: dict[str, Any], expected: State
) -> None:
    floor = ex.Floor(orders=[ex.row()])
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), **words)
    died(floor, writes.decrease(core.CURRENT, ticket, floor.context))
    floor.orders = [ex.row(**later)]
    recover(floor)
    (entry,) = floor.journal.entries()
    assert entry.state is expected


def test_a_group_is_resolved_by_the_list() -> None:
    shown: list[dict[str, Any]] = []
    groups = ex.Floor([lambda request: _groups(shown, request)])
    died(groups, writes.create_group(core.CURRENT, Decimal(9), None, None, groups.context))
    shown.append({"id": "g1", "contracts_limit_fp": "9.00", "is_auto_cancel_enabled": True})
    (found,) = recover(groups)
    assert (found.state, found.order_id) == (State.RESOLVED, "g1")


def _groups(shown: list[dict[str, Any]], request: Any) -> Any:
    if request.method == "GET" and request.path.endswith("/order_groups"):
        return core.reply(200, {"order_groups": list(shown)})
    return None


def test_a_write_of_a_kind_not_known_stays_open() -> None:
    floor = ex.Floor()
    entry = Entry(
        key="w",
        operation="FromTheFuture",
        fingerprint="0" * 64,
        ticket='{"kind": "future"}',
        created_at=journal_codec.instant(core.EPOCH),
    )
    (claimed,) = floor.journal.reserve_many([entry])
    assert isinstance(claimed, Reservation)
    (found,) = recover(floor)
    assert (found.state, state(floor, "w")) == (State.UNKNOWN, State.INTENT)


def test_an_entry_resolved_by_hand_as_not_executed_is_not_placed_again() -> None:
    floor = ex.Floor()
    placed(floor)
    floor.journal.advance("c1", State.RESOLVED)
    with pytest.raises(errors.Misuse, match="resolved by hand as not executed"):
        floor.run(writes.place(core.CURRENT, ex.ticket(), floor.context))


def test_an_entry_resolved_by_hand_with_an_order_is_that_order() -> None:
    floor = ex.Floor()
    placed(floor)
    floor.journal.advance("c1", State.RESOLVED, order_id=ID)
    ack = floor.run(writes.place(core.CURRENT, ex.ticket(), floor.context))
    assert (ack.order_id, ack.client_order_id, ack.ticker) == (ID, "c1", ex.TICKER)


def test_a_crashed_order_is_found_out_when_it_is_placed_again() -> None:
    floor = ex.Floor(orders=[ex.row()])
    placed(floor)
    assert floor.run(writes.place(core.CURRENT, ex.ticket(), floor.context)).replayed
    absent = ex.Floor([ex.once(ex.created())])
    placed(absent)
    assert not absent.run(writes.place(core.CURRENT, ex.ticket(), absent.context)).replayed
    assert absent.waited >= 60


def test_the_time_to_look_ends_also_when_the_clock_is_set_back() -> None:
    patience = PollSchedule(Policy(resolve_within=10.0, poll=1.0, poll_ceiling=4.0), 1_000.0)
    assert [patience.next_wait() for _ in range(4)] == [1.0, 2.0, 4.0, 4.0]
    assert patience.expired(0.0)
    assert PollSchedule(Policy(resolve_within=10.0), 1_000.0).expired(1_010.0)
    assert not PollSchedule(Policy(resolve_within=10.0), 1_000.0).expired(1_009.9)


@pytest.mark.parametrize(
    ("at", "fresh", "after", "seen"),
    [
        (100.0, Watermark(), 0.0, False),
        (100.0, Watermark(100.0, 100.0), 0.0, True),
        (100.0, Watermark(99.9, 100.0), 0.0, False),
        (100.0, Watermark(100.0, 100.0, 1.0), 0.0, False),
        (100.0, Watermark(160.0, 200.0), 60.0, True),
        (100.0, Watermark(159.0, 200.0), 60.0, False),
        (None, Watermark(159.0, 100.0), 60.0, False),
        (None, Watermark(160.0, 100.0), 60.0, True),
    ],
)
def test_a_sending_is_behind_by_the_exchanges_clock(
    at: float | None, fresh: Watermark, after: float, seen: bool
) -> None:
    assert SentAt(at).visible(fresh, after=after) is seen


def test_a_sending_before_the_look_is_dated_by_the_first_reading() -> None:
    sending = SentAt(None)
    assert not sending.visible(Watermark(100.0, 100.0), after=60.0)
    assert sending.visible(Watermark(160.0, 500.0), after=60.0)


def test_reads_as_old_as_the_sending_show_it() -> None:
    assert SentAt(100.0).visible(Watermark(100.0, 100.0))


def test_keys_in_flight_belong_to_an_owner() -> None:
    flying, one, two = LockRegistry(), LockOwner(), LockOwner()
    assert flying.acquire(["a", "b"], one) == {"a", "b"}
    assert flying.acquire(["b", "c"], two) == {"c"}
    flying.release(two)
    assert ("a" in flying, "c" in flying) == (True, False)
    flying.release(one)
    assert "a" not in flying


def test_keys_of_an_owner_that_is_gone_are_free_and_said_to_be_abandoned() -> None:
    flying, owner = LockRegistry(), LockOwner()
    flying.acquire(["a"], owner)
    assert not flying.abandoned
    del owner
    gc.collect()
    assert ("a" in flying, flying.abandoned) == (False, True)
    assert flying.acquire(["a"], LockOwner()) == {"a"}


def test_letting_go_abandons_nothing() -> None:
    flying, owner = LockRegistry(), LockOwner()
    flying.acquire(["a"], owner)
    flying.release(owner)
    del owner
    gc.collect()
    assert not flying.abandoned


def test_unsettled_keys_are_kept_by_ticker() -> None:
    unsettled = PendingWrites()
    unsettled.add("T", "a")
    unsettled.add(None, "b")
    unsettled.drop("T", "a")
    unsettled.drop("U", "a")
    assert unsettled.by_ticker == {"T": set(), "": {"b"}}


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


def lessened(floor: ex.Floor, **words: Any) -> Any:
    target = Target.of(ID, ticker=ex.TICKER)
    ticket = DecreaseTicket.of(target, **words)
    return writes.decrease(core.CURRENT, ticket, floor.context)


def test_a_difference_waits_until_an_earlier_one_of_its_market_has_a_verdict() -> None:
    done = core.reply(200, {"order_id": ID, "remaining_count": "3.00"})
    floor = ex.Floor([ex.once(done)], orders=[ex.row()])
    died(floor, lessened(floor, by=1))
    floor.orders = [ex.row(remaining_count_fp="4.00", initial_count_fp="5.00")]  # it was executed
    assert floor.run(lessened(floor, by=1)).remaining_count == 3
    entries = [entry.state for entry in floor.journal.entries()]
    assert entries == [State.RESOLVED, State.ACKNOWLEDGED]
    assert len(floor.sent("POST")) == 1


def test_a_difference_is_not_sent_while_an_earlier_one_cannot_be_settled() -> None:
    floor = ex.Floor(orders=[ex.row()], watermark=None)
    died(floor, lessened(floor, by=1))
    with pytest.raises(errors.EarlierWriteUnsettled):
        floor.run(lessened(floor, by=1))
    assert floor.sent("POST") == []


def test_a_size_goes_at_once_whatever_is_unsettled() -> None:
    done = core.reply(200, {"order_id": ID, "remaining_count": "2.00"})
    floor = ex.Floor([ex.once(done)], orders=[ex.row()], watermark=None)
    died(floor, lessened(floor, by=1))
    assert floor.run(lessened(floor, to=2)).remaining_count == 2
