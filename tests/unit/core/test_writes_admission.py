"""What stands before an order of a client with limits: the journal, the market, the denial."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import bulk, errors, writes
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.events import Events, WriteDenied
from kalshi_ext.journal import Entry, JournalUnusable, State, Transition
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.flow import Effect, Flow, Record, Send
from kalshi_ext.requests import AmendTicket, Target
from kalshi_ext.risk import Limits, RiskGate
from kalshi_ext.risk.counts import Moment
from kalshi_ext.risk.exposure import PositionKey
from kalshi_ext.writes import admission, journal_codec

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


def test_the_prices_of_a_market_are_read_before_an_amend() -> None:
    done = core.reply(200, {"order_id": ID, "fill_count": "0.00", "remaining_count": "6.00"})
    read = ex.always(prices("0.0100"), method="GET", ending=ex.TICKER)
    exchange, _ = limited(read, ex.once(done), tick_grid=True)
    exchange.run(amend(exchange))
    with pytest.raises(errors.Denied, match="tick_grid"):
        exchange.run(amend(exchange, price="0.575"))


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


def test_the_limits_hear_what_a_cancel_took_away() -> None:
    cancelled = core.reply(200, {"order_id": ID, "reduced_by": "5.00"})
    exchange, gate = limited(
        ex.once(ex.created()), ex.once(cancelled, method="DELETE"), total_contracts=20
    )
    exchange.run(place(exchange))
    assert gate.book.sums.contracts == 5
    steps = writes.cancel(core.CURRENT, Target.of(ID), exchange.context)
    assert exchange.run(writes.noted(exchange.context, steps)).reduced_by == 5
    assert gate.book.sums.contracts == 0


@pytest.mark.parametrize("watched", [True, False])
def test_the_limits_hear_of_the_order_whose_end_refused_a_cancel(*, watched: bool) -> None:
    exchange, gate = limited(ex.once(ex.created()), total_contracts=20)
    exchange.run(place(exchange))
    exchange.orders = [ex.row(status="executed", fill_count_fp="5.00", remaining_count_fp="0.00")]
    if not watched:
        exchange.context = evolve(exchange.context, risk=None)
    steps = writes.cancel(core.CURRENT, Target.of(ID), exchange.context)
    with pytest.raises(errors.OrderClosed):
        exchange.run(writes.noted(exchange.context, steps))
    position = gate.book.holding(PositionKey(ex.TICKER, 0)).position
    assert position == (5 if watched else 0)


def test_without_limits_a_cancel_is_returned_as_it_is() -> None:
    cancelled = core.reply(200, {"order_id": ID, "reduced_by": "5.00"})
    exchange = ex.FakeExchange([ex.once(cancelled, method="DELETE")])
    steps = writes.cancel(core.CURRENT, Target.of(ID), exchange.context)
    assert exchange.run(writes.noted(exchange.context, steps)).reduced_by == 5


# What an earlier run left

DAY = 86_400.0


def entry(kind: str, seconds_ago: float, state: State, number: int = 1, **terms: Any) -> Entry:
    made = core.EPOCH - seconds_ago
    order = journal_codec.encode_order("CreateOrderV2", ex.ticket(number, **terms), made, None)
    if kind == "order":
        return evolve(order, state=state)
    return evolve(order, state=state, ticket=json.dumps({"kind": kind, "order_id": ID}))


@pytest.mark.parametrize(
    ("kind", "seconds_ago", "state", "counted"),
    [
        ("order", DAY - 0.5, State.ACKNOWLEDGED, True),
        ("order", DAY + 0.5, State.ACKNOWLEDGED, False),
        ("order", 5.0, State.NOT_SENT, False),
        ("order", 5.0, State.REFUSED, True),
        ("order", 9 * DAY, State.UNKNOWN, True),
        ("amend", 5.0, State.ACKNOWLEDGED, True),
        ("amend", 5.0, State.UNKNOWN, True),
        ("group", 5.0, State.UNKNOWN, False),
    ],
)
def test_limits_count_orders_and_amends_of_a_day_and_all_that_is_open(
    kind: str, seconds_ago: float, state: State, *, counted: bool
) -> None:
    each = entry(kind, seconds_ago, state)
    departed = admission._departed(each, Moment(0.0, core.EPOCH))
    assert (departed is not None) is counted
    if departed is not None:
        assert departed.key == "c1"
        assert departed.at == core.EPOCH - seconds_ago
        assert departed.is_open is (state is State.UNKNOWN)
        assert departed.ticket == (ex.ticket() if kind == "order" else None)


def test_an_open_order_behind_a_long_journal_still_takes_its_room() -> None:
    exchange, gate = limited(total_contracts=5)
    ended = [entry("order", 9 * DAY, State.INTENT, number) for number in range(2, 1200)]
    exchange.journal.reserve_many([entry("order", 9 * DAY, State.INTENT), *ended])
    exchange.journal.advance_many([Transition(each.key, State.NOT_SENT) for each in ended])
    exchange.context = evolve(exchange.context, journal_owner="another run")
    exchange.run(admission.recall_earlier(exchange.context))
    assert gate.book.sums.contracts == 5


@pytest.mark.parametrize("kind", ["order", "amend"])
def test_the_limits_hear_what_recovery_finds_out(kind: str) -> None:
    exchange, gate = limited(ex.once(ex.created()), total_contracts=20)
    if kind == "amend":
        exchange.run(place(exchange))
        exchange.orders = [ex.row()]
    exchange.crash(place(exchange) if kind == "order" else amend(exchange))
    assert gate.book.sums.contracts == (5 if kind == "order" else 6)
    exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert gate.book.sums.contracts == (0 if kind == "order" else 5)


@pytest.mark.parametrize("write", [place, amend])
def test_a_dry_run_trusts_no_transport_that_sends(write: Write) -> None:
    exchange = ex.FakeExchange()
    exchange.context = evolve(exchange.context, risk=RiskGate(Limits(), dry_run=True))
    effects = list[Effect]()
    perform = exchange.perform
    exchange.perform = lambda effect: (effects.append(effect), perform(effect))[1]  # type: ignore[method-assign]
    with pytest.raises(errors.Misuse, match="does not keep dry_run"):
        exchange.run(write(exchange))
    (rehearsal,) = [each for each in effects if isinstance(each, Send)]
    assert rehearsal.timeout == pytest.approx(exchange.context.policy.resolve_within)
    assert not rehearsal.public
    assert exchange.states() == []


def test_an_equal_order_of_yesterday_is_found_in_a_long_journal() -> None:
    exchange, _ = limited(duplicate_seconds=DAY - 60)
    others = [9 * DAY] * 600 + [DAY - 1_800] * 700
    entries = [entry("order", ago, State.INTENT, n + 9, count=1) for n, ago in enumerate(others)]
    entries.insert(600, entry("order", DAY - 1_801, State.INTENT))
    exchange.journal.reserve_many(entries)
    exchange.journal.advance_many([Transition(each.key, State.ACKNOWLEDGED) for each in entries])
    exchange.context = evolve(exchange.context, journal_owner="another run")
    with pytest.raises(errors.Denied, match="duplicate_seconds"):
        exchange.run(place(exchange, 2))


@pytest.mark.parametrize(("count", "sent"), [(9, ["c1"]), (5, ["c1", "c2"])])
def test_only_the_orders_of_a_batch_that_limits_admit_are_in_its_request(
    count: int, sent: list[str]
) -> None:
    exchange, _ = limited(ex.once(ex.refused(400, "invalid_price")), order_contracts=5)
    tickets = [ex.ticket(1), ex.ticket(2, count=count)]
    with suppress(errors.BadRequest):  # of the batch, where all of it was refused
        exchange.run(bulk.place_many(core.CURRENT, tickets, exchange.context))
    (request,) = exchange.sent("POST")
    assert [each["client_order_id"] for each in json.loads(request.body or b"")["orders"]] == sent
