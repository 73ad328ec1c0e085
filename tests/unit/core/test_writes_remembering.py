"""What a client remembers: who drives an id, which writes have no verdict, and what is kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import core_exchange as ex
import core_samples as core
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.contract.types import BookSide, TimeInForce
from kalshi_ext.journal import JournalError, Reservation, State, Transition
from kalshi_ext.protocol.context import Context, LockOwner
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import journal_codec

LOST = core.lost(left=True)
ID = ex.row()["order_id"]
OPEN = {ex.TICKER: {"c1"}}


def place(floor: ex.Floor, number: int = 1, **more: Any) -> Any:
    return floor.run(writes.place(core.CURRENT, ex.ticket(number, **more), floor.context))


def amending(floor: ex.Floor, order_id: str = ID) -> Any:
    ticket = AmendTicket.of(order_id, ticker=ex.TICKER, side="bid", price="0.57", count=6)
    return writes.amend(core.CURRENT, ticket, floor.context)


def abandoned(floor: ex.Floor, flow: Any) -> None:
    """Leave a flow where its first request is on the wire."""
    effect = next(flow)
    while not (type(effect).__name__ == "Send" and effect.request.method == "POST"):
        effect = flow.send(floor._perform(effect))
    flow.close()


def restarted(floor: ex.Floor) -> None:
    floor.context = Context(policy=floor.context.policy)


def unsettled(floor: ex.Floor) -> dict[str, set[str]]:
    return {ticker: keys for ticker, keys in floor.context.pending_writes.by_ticker.items() if keys}


def test_an_order_with_a_verdict_is_not_remembered_as_open() -> None:
    floor = ex.Floor([ex.once(ex.created(), ex.refused(400, "invalid_price"))])
    place(floor)
    with pytest.raises(errors.BadRequest):
        place(floor, 2)
    place(floor)
    assert unsettled(floor) == {}


def test_an_order_without_a_verdict_is_remembered() -> None:
    floor = ex.Floor([ex.once(LOST)], watermark=None)
    with pytest.raises(errors.OutcomeUnknown):
        place(floor)
    assert unsettled(floor) == OPEN


def test_an_abandoned_write_is_remembered() -> None:
    floor = ex.Floor(orders=[ex.row()])
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(), floor.context))
    assert unsettled(floor) == OPEN
    floor = ex.Floor(orders=[ex.row()])
    abandoned(floor, amending(floor))
    assert unsettled(floor).keys() == {ex.TICKER}
    floor.answers = [ex.once(core.reply(200, {"order_id": ID, "remaining_count": "6.00"}))]
    floor.context.pending_writes.by_ticker.clear()
    floor.run(amending(floor))
    assert unsettled(floor) == {}


def test_an_order_whose_verdict_was_known_but_not_recorded_is_remembered() -> None:
    floor = ex.Floor([ex.once(ex.created())])
    flow = writes.place(core.CURRENT, ex.ticket(), floor.context)
    effect = next(flow)
    while getattr(effect, "verb", None) != "advance_many":
        effect = flow.send(floor._perform(effect))
    flow.close()
    assert unsettled(floor) == OPEN


def test_recovery_forgets_what_it_settled_and_remembers_what_it_could_not() -> None:
    floor = ex.Floor(orders=[ex.row()])
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(), floor.context))
    floor.watermark, shown = None, floor.orders
    floor.orders = []
    restarted(floor)
    floor.run(writes.recover(core.CURRENT, floor.context))
    assert unsettled(floor) == OPEN
    floor.watermark, floor.orders = 0.0, shown
    floor.run(writes.recover(core.CURRENT, floor.context))
    assert unsettled(floor) == {}


def test_an_id_that_a_living_program_elsewhere_drives_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    floor = ex.Floor()
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(), floor.context))
    restarted(floor)
    floor.context.pending_writes.loaded = True  # what other programs add later is not read again
    monkeypatch.setattr(type(floor.journal), "take_over", lambda *_: False)
    with pytest.raises(errors.OutcomeUnknown):
        place(floor)
    assert floor.waited >= 180
    assert unsettled(floor) == OPEN
    done = json.loads(ex.created().body)
    ended = Transition("c1", State.ACKNOWLEDGED, order_id=done["order_id"], verdict=None)
    get = floor.journal.get

    def later(key: str) -> Any:
        if floor.waited >= 200:
            floor.journal.advance_many([ended])
        return get(key)

    monkeypatch.setattr(floor.journal, "get", later)
    restarted(floor)
    assert place(floor).replayed
    assert floor.sent("POST") == []


def test_an_id_reopened_elsewhere_meanwhile_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = ex.Floor([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest):
        place(floor)
    entry = floor.journal.get("c1")
    assert entry is not None
    monkeypatch.setattr(floor.journal, "reopen", lambda _: Reservation(entry, acquired=False))
    with pytest.raises(errors.OutcomeUnknown, match="c1 has no verdict yet"):
        place(floor)
    assert len(floor.sent("POST")) == 1


def test_a_refused_intent_tried_again_is_looked_for_since_its_first_attempt() -> None:
    floor = ex.Floor([ex.once(ex.refused(400, "invalid_price"), LOST)], orders=[ex.row()])
    with pytest.raises(errors.BadRequest):
        place(floor)
    floor.time += 5_000
    place(floor)
    query = dict(floor.sent("GET", "/portfolio/orders")[0].query)
    assert int(query["min_ts"]) == int(core.EPOCH) - 300


@pytest.mark.parametrize(
    ("intent", "named"), [("morning/RAIN", "intent 'morning/RAIN'"), (None, "'c1'")]
)
def test_a_conflict_names_the_intent_or_the_id(intent: str | None, named: str) -> None:
    floor = ex.Floor([ex.once(ex.created(client_order_id=None))])
    key = {"client_order_id": None, "intent": intent} if intent else {}
    place(floor, **key)
    with pytest.raises(errors.DuplicateIdConflict, match=f"^{named} already names another"):
        place(floor, count=6, **key)


def test_the_journal_is_asked_for_open_writes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = ex.Floor([ex.once(ex.created(1), ex.created(2))])
    asked: list[object] = []
    real = floor.journal.open_entries
    monkeypatch.setattr(
        floor.journal, "open_entries", lambda *args: asked.append(args) or real(*args)
    )
    place(floor, 1)
    place(floor, 2)
    assert len(asked) == 1
    floor.context.locks.abandoned = True
    place(floor, 1)
    place(floor, 2)
    assert len(asked) == 2


def test_a_flow_that_was_torn_down_leaves_its_write_to_the_next_of_its_ticker() -> None:
    # An interrupt inside the last `finally`: nothing was remembered, and its keys were not let go.
    floor = ex.Floor([ex.once(ex.created(2))], orders=[ex.row()])
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(), floor.context))
    floor.context.pending_writes.by_ticker.clear()
    floor.context.pending_writes.loaded = True
    floor.context.locks.acquire(["c1"], LockOwner())  # which is gone at once
    assert place(floor, 2).client_order_id == "c2"
    entry = floor.journal.get("c1")
    assert entry is not None
    assert entry.state is State.RESOLVED


def test_nothing_is_sent_until_the_journal_tells_what_was_torn_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: object) -> Any:
        raise JournalError("not now")

    floor = ex.Floor([ex.once(ex.created(2))], orders=[ex.row()])
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(), floor.context))
    floor.context.pending_writes.by_ticker.clear()
    floor.context.pending_writes.loaded = floor.context.locks.abandoned = True
    with monkeypatch.context() as patched:
        patched.setattr(floor.journal, "open_entries", fails)
        with pytest.raises(errors.JournalUnwritable, match="not now"):
            place(floor, 2)
    assert floor.sent("POST") == []
    place(floor, 2)
    entry = floor.journal.get("c1")
    assert entry is not None
    assert entry.state is State.RESOLVED


def test_what_settles_at_once_is_not_waited_for() -> None:
    floor = ex.Floor([ex.once(ex.created(2))], orders=[ex.row()])
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(), floor.context))
    place(floor, 2)
    assert floor.waited == 0.0
    assert unsettled(floor) == {}


def driven(floor: ex.Floor, until: float) -> None:
    """Let another flow of the client drive the open order c1 until so much was waited."""
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(), floor.context))
    owner = LockOwner()
    floor.context.locks.acquire(["c1"], owner)
    sleep = floor._perform

    def perform(effect: Any) -> Any:
        result = sleep(effect)
        if floor.waited >= until:
            floor.context.locks.release(owner)
        return result

    floor._perform = perform  # type: ignore[method-assign]


def test_an_earlier_write_that_another_flow_drives_is_waited_for() -> None:
    floor = ex.Floor([ex.once(ex.created(2))], orders=[ex.row()])
    driven(floor, until=5.0)
    place(floor, 2)
    assert 5.0 <= floor.waited < 20
    with_no_end = ex.Floor()
    driven(with_no_end, until=10_000)
    with pytest.raises(errors.EarlierWriteUnsettled, match="c1"):
        place(with_no_end, 2)
    assert with_no_end.waited >= 180
    assert with_no_end.sent("POST") == []


def test_a_key_that_the_journal_does_not_have_holds_nothing_back() -> None:
    floor = ex.Floor([ex.once(ex.created(2))])
    floor.context.pending_writes.loaded = True
    floor.context.pending_writes.add(ex.TICKER, "gone")
    place(floor, 2)
    assert (unsettled(floor), floor.waited) == ({}, 0.0)


def test_a_journal_that_cannot_tell_of_earlier_writes_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: str) -> Any:
        raise JournalError("the disk is gone")

    floor = ex.Floor()
    floor.context.pending_writes.loaded = True
    floor.context.pending_writes.add(ex.TICKER, "c1")
    monkeypatch.setattr(floor.journal, "get", fails)
    with pytest.raises(errors.JournalUnwritable, match="place: the disk is gone"):
        place(floor, 2)
    assert floor.requests == []


def test_a_difference_is_taken_from_the_order_as_the_earlier_writes_left_it() -> None:
    floor = ex.Floor([ex.once(core.reply(200, {"order_id": ID, "remaining_count": "3.00"}))])
    stale, after = ex.row(), ex.row(remaining_count_fp="4.00")
    floor.orders = [stale]
    target = Target.of(ID, ticker=ex.TICKER)
    by_one = DecreaseTicket.of(target, by=1)
    abandoned(floor, writes.decrease(core.CURRENT, by_one, floor.context))
    restarted(floor)
    floor.orders = [after]
    lagging = core.reply(200, {"order": stale})
    floor.answers.append(ex.once(lagging, method="GET", ending=ID))
    floor.run(writes.decrease(core.CURRENT, by_one, floor.context))
    second = json.loads(list(floor.journal.entries())[-1].ticket)
    assert Decimal(second["total"]) == 4


def test_recovery_waits_for_the_youngest_of_the_writes_it_looks_for() -> None:
    floor = ex.Floor()
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(1), floor.context))
    floor.time += 3 * 86_400
    restarted(floor)
    floor.context.pending_writes.loaded = True
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(2), floor.context))
    restarted(floor)
    floor.run(writes.recover(core.CURRENT, floor.context))
    assert floor.waited >= 60
    query = dict(floor.sent("GET", "/portfolio/orders")[0].query)
    assert int(query["min_ts"]) < core.EPOCH


def test_one_write_that_stays_unclear_hides_no_other() -> None:
    other = ex.row(2, yes_price_dollars="0.5700", remaining_count_fp="6.00")
    floor = ex.Floor(orders=[other])
    abandoned(floor, amending(floor))
    restarted(floor)
    floor.context.pending_writes.loaded = True
    abandoned(floor, amending(floor, other["order_id"]))
    restarted(floor)
    found = floor.run(writes.recover(core.CURRENT, floor.context))
    assert [each.state for each in found] == [State.UNKNOWN, State.RESOLVED]
    assert [entry.state for entry in floor.journal.entries()] == [State.INTENT, State.RESOLVED]


def test_an_order_is_read_from_the_journal_as_it_was_written() -> None:
    ticket = ex.ticket(time_in_force="fill_or_kill")
    read = journal_codec.decode_order(
        journal_codec.encode_order("CreateOrderV2", ticket, core.EPOCH)
    )
    assert read == ticket
    assert (type(read.book_side), type(read.time_in_force)) == (BookSide, TimeInForce)
    assert (type(read.count), type(read.price)) == (Decimal, Decimal)


def test_a_text_of_the_journal_does_not_depend_on_the_order_of_its_words() -> None:
    assert journal_codec.encode({"b": 1, "a": Decimal("0.50"), "c": None}) == '{"a":"0.50","b":1}'


def test_a_replayed_acknowledgement_keeps_its_time() -> None:
    floor = ex.Floor([ex.once(ex.created())])
    first, second = place(floor), place(floor)
    assert second.time == first.time == datetime.fromtimestamp(core.EPOCH, UTC)
    timeless = ex.Floor([ex.once(ex.created(ts_ms=None))])
    assert [place(timeless).time, place(timeless).time] == [None, None]


def test_a_refusal_is_kept_with_its_status_and_code() -> None:
    floor = ex.Floor([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest):
        place(floor)
    entry = floor.journal.get("c1")
    assert entry is not None
    kept = json.loads(entry.verdict or "{}")
    assert (kept["error"], kept["status"], kept["code"]) == ("BadRequest", "400", "invalid_price")


def test_an_order_resolved_by_hand_is_a_replay() -> None:
    floor = ex.Floor()
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(), floor.context))
    floor.journal.advance_many([Transition("c1", State.RESOLVED, order_id=ID)])
    assert place(floor).replayed


def test_recovery_resolves_what_stands_behind_a_write_that_is_driven() -> None:
    floor = ex.Floor(orders=[ex.row(2)])
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(1), floor.context))
    restarted(floor)
    floor.context.pending_writes.loaded = True
    abandoned(floor, writes.place(core.CURRENT, ex.ticket(2), floor.context))
    owner = LockOwner()
    floor.context.locks.acquire(["c1"], owner)
    found = floor.run(writes.recover(core.CURRENT, floor.context))
    assert [(each.key, each.state) for each in found] == [("c2", State.RESOLVED)]


def test_recovery_leaves_a_running_change_alone() -> None:
    floor = ex.Floor(orders=[ex.row()])
    flow = amending(floor)
    effect = next(flow)
    while type(effect).__name__ != "Send":
        effect = flow.send(floor._perform(effect))
    assert floor.run(writes.recover(core.CURRENT, floor.context)) == []
    flow.close()
