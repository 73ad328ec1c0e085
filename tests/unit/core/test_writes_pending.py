"""What a client remembers: locked ids, open writes, and the journal's texts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.contract.types import BookSide, TimeInForce
from kalshi_ext.journal import JournalError, Reservation, State, Transition
from kalshi_ext.protocol.context import LockOwner
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import journal_codec

LOST = core.lost(bytes_sent=True)
ID = ex.row()["order_id"]
OPEN = {ex.TICKER: {"c1"}}


def place(exchange: ex.FakeExchange, number: int = 1, **changes: Any) -> Any:
    return exchange.run(writes.place(core.CURRENT, ex.ticket(number, **changes), exchange.context))


def amend_flow(exchange: ex.FakeExchange, order_id: str = ID) -> Any:
    ticket = AmendTicket.of(order_id, ticker=ex.TICKER, side="bid", price="0.57", count=6)
    return writes.amend(core.CURRENT, ticket, exchange.context)


def pending(exchange: ex.FakeExchange) -> dict[str, set[str]]:
    return {
        ticker: keys for ticker, keys in exchange.context.pending_writes.by_ticker.items() if keys
    }


def test_an_order_with_a_verdict_is_not_remembered_as_open() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(), ex.refused(400, "invalid_price"))])
    place(exchange)
    with pytest.raises(errors.BadRequest):
        place(exchange, 2)
    place(exchange)
    assert pending(exchange) == {}


def test_an_order_without_a_verdict_is_remembered() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], watermark=None)
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    assert pending(exchange) == OPEN


def test_an_abandoned_write_is_remembered() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    assert pending(exchange) == OPEN
    exchange = ex.FakeExchange(orders=[ex.row()])
    exchange.crash(amend_flow(exchange))
    assert pending(exchange).keys() == {ex.TICKER}
    counts = {"fill_count": "0.00", "remaining_count": "6.00"}
    exchange.handlers = [ex.once(core.reply(200, {"order_id": ID, **counts}))]
    exchange.context.pending_writes.by_ticker.clear()
    exchange.run(amend_flow(exchange))
    assert pending(exchange) == {}


def test_an_order_whose_verdict_was_known_but_not_recorded_is_remembered() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    flow = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    exchange.run_until(flow, lambda effect: getattr(effect, "verb", None) == "conclude")
    flow.close()
    assert pending(exchange) == OPEN


def test_recovery_forgets_what_it_settled_and_remembers_what_it_could_not() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    exchange.watermark, rows = None, exchange.orders
    exchange.orders = []
    exchange.restart()
    exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert pending(exchange) == OPEN
    exchange.watermark, exchange.orders = 0.0, rows
    exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert pending(exchange) == {}


def test_an_id_that_a_living_program_elsewhere_drives_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = ex.FakeExchange()
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    exchange.restart()
    exchange.context.pending_writes.loaded = True  # what other programs add later is not read again
    monkeypatch.setattr(type(exchange.journal), "take_over", lambda *_: False)
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    assert exchange.waited >= 180
    assert pending(exchange) == OPEN
    created = json.loads(ex.created().body)
    transition = Transition("c1", State.ACKNOWLEDGED, order_id=created["order_id"], verdict=None)
    get = exchange.journal.get

    def get_after_200_s(key: str) -> Any:
        if exchange.waited >= 200:
            exchange.journal.advance_many([transition])
        return get(key)

    monkeypatch.setattr(exchange.journal, "get", get_after_200_s)
    exchange.restart()
    assert place(exchange).replayed
    assert exchange.sent("POST") == []


def test_an_id_reopened_elsewhere_meanwhile_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest):
        place(exchange)
    entry = exchange.entry()
    monkeypatch.setattr(exchange.journal, "reopen", lambda _: Reservation(entry, acquired=False))
    with pytest.raises(errors.OutcomeUnknown, match="c1 has no verdict yet"):
        place(exchange)
    assert len(exchange.sent("POST")) == 1


def test_a_refused_intent_tried_again_is_looked_for_since_its_first_attempt() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"), LOST)], orders=[ex.row()])
    with pytest.raises(errors.BadRequest):
        place(exchange)
    exchange.time += 5_000
    place(exchange)
    query = dict(exchange.sent("GET", "/portfolio/orders")[0].query)
    assert int(query["min_ts"]) <= int(core.EPOCH) - 300


@pytest.mark.parametrize(
    ("intent", "named"), [("morning/RAIN", "intent 'morning/RAIN'"), (None, "'c1'")]
)
def test_a_conflict_names_the_intent_or_the_id(intent: str | None, named: str) -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(client_order_id=None))])
    key = {"client_order_id": None, "intent": intent} if intent else {}
    place(exchange, **key)
    with pytest.raises(errors.DuplicateIdConflict, match=f"^{named} already names another"):
        place(exchange, count=6, **key)


def test_the_journal_is_asked_for_open_writes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(1), ex.created(2))])
    queries: list[object] = []
    real = exchange.journal.open_entries
    monkeypatch.setattr(
        exchange.journal, "open_entries", lambda *args: queries.append(args) or real(*args)
    )
    place(exchange, 1)
    place(exchange, 2)
    assert len(queries) == 1
    exchange.context.locks.abandoned = True
    place(exchange, 1)
    place(exchange, 2)
    assert len(queries) == 2


def test_a_flow_that_was_torn_down_leaves_its_write_to_the_next_of_its_ticker() -> None:
    # An interrupt inside the last `finally`: nothing was remembered, and its keys were not let go.
    exchange = ex.FakeExchange([ex.once(ex.created(2))], orders=[ex.row()])
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    exchange.context.pending_writes.by_ticker.clear()
    exchange.context.pending_writes.loaded = True
    exchange.context.locks.acquire(["c1"], LockOwner())  # which is gone at once
    assert place(exchange, 2).client_order_id == "c2"
    assert exchange.entry().state is State.RESOLVED


def test_nothing_is_sent_until_the_journal_tells_what_was_torn_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: object) -> Any:
        raise JournalError("not now")

    exchange = ex.FakeExchange([ex.once(ex.created(2))], orders=[ex.row()])
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    exchange.context.pending_writes.by_ticker.clear()
    exchange.context.pending_writes.loaded = exchange.context.locks.abandoned = True
    with monkeypatch.context() as patched:
        patched.setattr(exchange.journal, "open_entries", fails)
        with pytest.raises(errors.JournalUnwritable, match="not now"):
            place(exchange, 2)
    assert exchange.sent("POST") == []
    place(exchange, 2)
    assert exchange.entry().state is State.RESOLVED


def test_what_settles_at_once_is_not_waited_for() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(2))], orders=[ex.row()])
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    place(exchange, 2)
    assert exchange.waited == 0.0
    assert pending(exchange) == {}


def lock_open_order(exchange: ex.FakeExchange, until: float) -> None:
    """Leave c1 open and locked by another flow of the client, until so many seconds were waited."""
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    owner = LockOwner()
    exchange.context.locks.acquire(["c1"], owner)
    perform = exchange.perform

    def perform_and_release(effect: Any) -> Any:
        result = perform(effect)
        if exchange.waited >= until:
            exchange.context.locks.release(owner)
        return result

    exchange.perform = perform_and_release  # type: ignore[method-assign]


def test_an_earlier_write_that_another_flow_drives_is_waited_for() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(2))], orders=[ex.row()])
    lock_open_order(exchange, until=5.0)
    place(exchange, 2)
    assert 5.0 <= exchange.waited < 20
    never_released = ex.FakeExchange()
    lock_open_order(never_released, until=10_000)
    with pytest.raises(errors.EarlierWriteUnsettled, match="c1"):
        place(never_released, 2)
    assert never_released.waited >= 180
    assert never_released.sent("POST") == []


def test_a_key_that_the_journal_does_not_have_holds_nothing_back() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(2))])
    exchange.context.pending_writes.loaded = True
    exchange.context.pending_writes.add(ex.TICKER, "gone")
    place(exchange, 2)
    assert (pending(exchange), exchange.waited) == ({}, 0.0)


def test_a_journal_that_cannot_tell_of_earlier_writes_sends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: str) -> Any:
        raise JournalError("the disk is gone")

    exchange = ex.FakeExchange()
    exchange.context.pending_writes.loaded = True
    exchange.context.pending_writes.add(ex.TICKER, "c1")
    monkeypatch.setattr(exchange.journal, "get", fails)
    with pytest.raises(errors.JournalUnwritable, match="place: the disk is gone"):
        place(exchange, 2)
    assert exchange.requests == []


def test_a_difference_is_taken_from_the_order_as_the_earlier_writes_left_it() -> None:
    exchange = ex.FakeExchange(
        [ex.once(core.reply(200, {"order_id": ID, "remaining_count": "3.00"}))]
    )
    stale, after = ex.row(), ex.row(remaining_count_fp="4.00")
    exchange.orders = [stale]
    target = Target.of(ID, ticker=ex.TICKER)
    by_one = DecreaseTicket.of(target, by=1)
    exchange.crash(writes.decrease(core.CURRENT, by_one, exchange.context))
    exchange.restart()
    exchange.orders = [after]
    lagging = core.reply(200, {"order": stale})
    exchange.handlers.append(ex.once(lagging, method="GET", ending=ID))
    exchange.run(writes.decrease(core.CURRENT, by_one, exchange.context))
    second = json.loads(list(exchange.journal.entries())[-1].ticket)
    assert Decimal(second["total"]) == 4


def test_recovery_waits_for_the_youngest_of_the_writes_it_looks_for() -> None:
    exchange = ex.FakeExchange()
    exchange.crash(writes.place(core.CURRENT, ex.ticket(1), exchange.context))
    exchange.time += 3 * 86_400
    exchange.restart()
    exchange.context.pending_writes.loaded = True
    exchange.crash(writes.place(core.CURRENT, ex.ticket(2), exchange.context))
    exchange.restart()
    exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert exchange.waited >= 60
    query = dict(exchange.sent("GET", "/portfolio/orders")[0].query)
    assert int(query["min_ts"]) < core.EPOCH


def test_one_write_that_stays_unclear_hides_no_other() -> None:
    other_row = ex.row(2, yes_price_dollars="0.5700", remaining_count_fp="6.00")
    exchange = ex.FakeExchange(orders=[other_row])
    exchange.crash(amend_flow(exchange))
    exchange.restart()
    exchange.context.pending_writes.loaded = True
    exchange.crash(amend_flow(exchange, other_row["order_id"]))
    exchange.restart()
    resolutions = exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert [each.state for each in resolutions] == [State.UNKNOWN, State.RESOLVED]
    assert [entry.state for entry in exchange.journal.entries()] == [State.INTENT, State.RESOLVED]


def test_an_order_is_read_from_the_journal_as_it_was_written() -> None:
    ticket = ex.ticket(time_in_force="fill_or_kill")
    decoded = journal_codec.decode_order(
        journal_codec.encode_order("CreateOrderV2", ticket, core.EPOCH)
    )
    assert decoded == ticket
    assert (type(decoded.book_side), type(decoded.time_in_force)) == (BookSide, TimeInForce)
    assert (type(decoded.count), type(decoded.price)) == (Decimal, Decimal)


def test_a_text_of_the_journal_does_not_depend_on_the_order_of_its_words() -> None:
    assert journal_codec.encode({"b": 1, "a": Decimal("0.50"), "c": None}) == '{"a":"0.50","b":1}'


def test_a_replayed_acknowledgement_keeps_its_time() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    first, second = place(exchange), place(exchange)
    assert second.time == first.time == datetime.fromtimestamp(core.EPOCH, UTC)
    timeless = ex.FakeExchange([ex.once(ex.created(ts_ms=None))])
    assert [place(timeless).time, place(timeless).time] == [None, None]


def test_a_refusal_is_kept_with_its_status_and_code() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest):
        place(exchange)
    entry = exchange.entry()
    verdict = json.loads(entry.verdict or "{}")
    assert (verdict["error"], verdict["status"], verdict["code"]) == (
        "BadRequest",
        "400",
        "invalid_price",
    )


def test_an_order_resolved_by_hand_is_a_replay() -> None:
    exchange = ex.FakeExchange()
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    exchange.journal.advance_many([Transition("c1", State.RESOLVED, order_id=ID)])
    assert place(exchange).replayed


def test_recovery_resolves_what_stands_behind_a_write_that_is_driven() -> None:
    exchange = ex.FakeExchange(orders=[ex.row(2)])
    exchange.crash(writes.place(core.CURRENT, ex.ticket(1), exchange.context))
    exchange.restart()
    exchange.context.pending_writes.loaded = True
    exchange.crash(writes.place(core.CURRENT, ex.ticket(2), exchange.context))
    owner = LockOwner()
    exchange.context.locks.acquire(["c1"], owner)
    resolutions = exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert [(each.key, each.state) for each in resolutions] == [("c2", State.RESOLVED)]


def test_recovery_leaves_a_running_change_alone() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    flow = amend_flow(exchange)
    exchange.run_until(flow, ex.is_send)
    assert exchange.run(writes.recover(core.CURRENT, exchange.context)) == []
    flow.close()
