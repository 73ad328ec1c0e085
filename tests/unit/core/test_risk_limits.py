"""Pre-trade limits: exact sums, atomic reservations, documented codes."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from racing_threads import race

from kalshi_ext import bulk, errors, writes
from kalshi_ext.contract.types import BookSide, OutcomeSide, TimeInForce
from kalshi_ext.errors import Denied, Misuse
from kalshi_ext.events import Events, WriteDenied
from kalshi_ext.models import Fill, OrderAck
from kalshi_ext.protocol.messages import Lost
from kalshi_ext.requests import AmendTicket, OrderTicket, Target
from kalshi_ext.risk import (
    CODES,
    Departed,
    Limits,
    RiskGate,
    TradingState,
    recall,
    resolve_amend,
    resolve_order,
)
from kalshi_ext.risk.counts import Moment
from kalshi_ext.risk.exposure import ZERO, Book, Holding, PositionKey, Sums, Terms, Working
from kalshi_ext.risk.snapshot import Snapshot, apply
from kalshi_ext.values.ticks import PriceGrid
from kalshi_ext.writes import admission

DAY = 86_400.0
NOW = Moment(1000.0, 20_000 * DAY)
POSITION_KEYS = (PositionKey("A", 0), PositionKey("A", 1), PositionKey("B", 0))
D = Decimal
RAW: Any = None


def later(seconds: float) -> Moment:
    return Moment(NOW.monotonic + seconds, NOW.wall + seconds)


def order(number: int = 1, **changes: Any) -> OrderTicket:
    wanted: dict[str, Any] = {
        "ticker": "A",
        "book_side": BookSide.BID,
        "count": D(10),
        "price": D("0.40"),
    }
    return OrderTicket(client_order_id=f"c{number}", **wanted | changes)


REDUCE_ONLY: Any = {"reduce_only": True, "time_in_force": TimeInForce.IMMEDIATE_OR_CANCEL}


def code_of(gate: RiskGate, ticket: OrderTicket, now: Moment = NOW) -> str | None:
    code = None
    try:
        gate.admit_order(ticket, now)
    except Denied as error:
        code = error.code
    return code


def price_of(_: str) -> str:
    return "0.46"


def no_price(_: str) -> None:
    return None


def nan_price(_: str) -> Any:
    return float("nan")


def broken_price(_: str) -> Any:
    raise RuntimeError


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    count, price = draw(st.integers(1, 10_000)), draw(st.integers(1, 9_999))
    key = draw(st.sampled_from(POSITION_KEYS))
    return Terms(key, draw(st.booleans()), D(count).scaleb(-2), D(price).scaleb(-4))


STEP = st.tuples(st.sampled_from(["add", "fill", "amend", "settle", "remove", "trade"]), terms(),
                 st.integers(0, 5))  # fmt: skip


def counted_anew(book: Book) -> Sums:
    """Return the sums as counted from nothing: what `book.sums` must be."""
    total = Sums()
    for market in book.markets.values():
        for part in (*market.orders.values(), *market.holdings.values()):
            total = total.plus(part.sums())
    return total


@settings(max_examples=25)
@given(st.lists(STEP, max_size=30))
def test_the_sums_equal_those_counted_anew_whatever_happens_to_orders(steps: list[Any]) -> None:
    book = Book()
    made: list[Working] = []
    for number, (what, wanted, which) in enumerate(steps):
        chosen = made[which % len(made)] if made else None
        if what == "add":
            made.append(Working(f"o{number}", wanted))
            book.add(made[-1])
        elif what == "trade":
            key, is_bid = wanted.position_key, wanted.is_bid
            book.execute(key, wanted.count, is_bid=is_bid, price=wanted.price)
        elif chosen is not None and what == "fill":
            book.filled(chosen, wanted.count)
        elif chosen is not None and what == "remove":
            book.remove(chosen)
        elif chosen is not None:
            known = chosen.terms
            same = evolve(wanted, position_key=known.position_key, is_bid=known.is_bid)
            if what == "amend":
                book.change(chosen, chosen.terms, same)
            else:
                book.change(chosen, same, None)
        assert book.sums == counted_anew(book)
        assert all(side >= 0 for market in book.markets.values() for side in market.sides.values())
    for each in made:
        book.remove(each)
    assert book.sums.unexecuted == ZERO


@settings(max_examples=25)
@given(st.lists(terms(), max_size=12))
def test_what_is_held_costs_nothing_less_than_nothing_and_no_more_than_a_dollar_a_contract(
    trades: list[Terms],
) -> None:
    holding = Holding()
    for each in trades:
        holding.fill(each.count, is_bid=each.is_bid, price=each.price)
        assert 0 <= holding.cost <= abs(holding.position) + D("0.0001")
    bought = sum(each.count if each.is_bid else -each.count for each in trades)
    assert holding.position == bought


@settings(max_examples=25)
@given(st.lists(terms(), min_size=1, max_size=20), st.integers(1, 300))
def test_no_series_of_orders_passes_a_total(wanted: list[Terms], most: int) -> None:
    gate = RiskGate(Limits(total_contracts=most, market_dollars="20", position=40))
    for number, each in enumerate(wanted):
        ticker, subaccount = each.position_key
        ticket = order(number, ticker=ticker, subaccount=subaccount, count=each.count,
                       price=each.price,
                       book_side=BookSide.BID if each.is_bid else BookSide.ASK)  # fmt: skip
        code_of(gate, ticket)
        assert gate.book.sums.contracts <= most
        for market in gate.book.markets.values():
            assert market.sums.dollars <= 20
            assert all(side <= 40 for side in market.sides.values())


def test_of_many_threads_exactly_those_orders_pass_that_the_limit_has_room_for() -> None:
    gate, passed, start = RiskGate(Limits(total_contracts=70)), list[int](), threading.Barrier(8)

    def send(thread: int) -> None:
        start.wait()
        for number in range(25):
            if code_of(gate, order(thread * 100 + number, count=D(1))) is None:
                passed.append(number)

    race(send, 8)
    assert len(passed) == 70
    assert gate.book.sums.contracts == 70


ONE_ORDER: list[tuple[dict[str, Any], dict[str, Any], str | None]] = [
    ({"order_contracts": 9}, {}, "order_contracts"),
    ({"order_dollars": "3.99"}, {}, "order_dollars"),
    ({"order_dollars": "4"}, {}, None),
    ({"order_dollars": "5.99"}, {"book_side": BookSide.ASK}, "order_dollars"),
    ({"order_dollars": "9.99"}, {"price": None}, "order_dollars"),
    ({"order_unexecuted": "3.99"}, {}, "order_unexecuted"),
    ({"market_contracts": 9}, {}, "market_contracts"),
    ({"market_dollars": "3.99"}, {}, "market_dollars"),
    ({"market_unexecuted": "3.99"}, {}, "market_unexecuted"),
    ({"total_contracts": 9}, {}, "total_contracts"),
    ({"total_dollars": "3.99"}, {}, "total_dollars"),
    ({"total_unexecuted": "3.99"}, {}, "total_unexecuted"),
    ({"position": 9}, {}, "position"),
    ({"position": 10}, {}, None),
    ({"tickers": ["B"]}, {}, "tickers"),
    ({"tickers": ["A"]}, {}, None),
    ({"price_band": "0.05"}, {}, "reference_missing"),
    ({"price_band": "0.05", "reference": price_of}, {}, "price_band"),
    ({"price_band": "0.06", "reference": price_of}, {}, None),
    ({"price_band": "0.05", "reference": no_price}, {}, "reference_missing"),
    ({"price_band": "0.05", "reference": broken_price}, {}, "reference_missing"),
    ({"price_band": "0.05", "reference": nan_price}, {}, "reference_missing"),
    ({"tick_grid": True}, {}, "tick_grid_missing"),
    ({"daily_loss": "5"}, {}, "daily_loss_missing"),
]


@pytest.mark.parametrize(("limits", "changes", "code"), ONE_ORDER)
def test_a_limit_refuses_what_is_beyond_it_and_passes_what_just_reaches_it(
    limits: dict[str, Any], changes: dict[str, Any], code: str | None
) -> None:
    assert code_of(RiskGate(Limits(**limits)), order(**changes)) == code


def test_a_reference_that_the_caller_set_grows_old() -> None:
    gate = RiskGate(Limits(price_band="0.05", reference_seconds=10))
    gate.set_reference("A", D("0.42"), NOW.monotonic)
    assert code_of(gate, order(1), later(10)) is None
    assert code_of(gate, order(2), later(10.1)) == "reference_missing"


def test_the_grid_of_the_market_refuses_and_is_read_again_after_an_hour() -> None:
    gate = RiskGate(Limits(tick_grid=True))
    assert gate.wants_grid("A", 0.0)
    gate.learn_grid("A", PriceGrid(), 0.0)
    assert not gate.wants_grid("A", 3600.0)
    assert gate.wants_grid("A", 3601.0)
    assert code_of(gate, order(1)) is None
    assert code_of(gate, order(2, price=D("0.405"))) == "tick_grid"


def test_an_equal_order_under_another_id_is_refused_for_a_while_and_the_same_id_never() -> None:
    gate = RiskGate(Limits(duplicate_seconds=5))
    assert code_of(gate, order(1)) is None
    assert code_of(gate, order(1), later(1)) is None
    assert code_of(gate, order(2), later(4.9)) == "duplicate_seconds"
    assert code_of(gate, order(3, price=D("0.41")), later(4.9)) is None
    assert code_of(gate, order(4), later(5)) is None
    assert gate.book.sums.contracts == 30


def test_orders_of_a_minute_and_of_a_day_are_counted_and_one_that_was_not_sent_is_given_back() -> (
    None
):
    gate = RiskGate(Limits(orders_per_minute=2, orders_per_day=3))
    first = gate.admit_order(order(1), NOW)
    assert code_of(gate, order(2)) is None
    assert code_of(gate, order(3)) == "orders_per_minute"
    gate.settle(first, errors.NotSent("no connection"), NOW.monotonic, 60.0)
    assert code_of(gate, order(3)) is None
    assert code_of(gate, order(4), later(61)) is None
    assert code_of(gate, order(5), later(122)) == "orders_per_day"
    assert code_of(gate, order(5), later(DAY)) is None


@pytest.mark.parametrize("changes", [{}, {"count": D(3)}])
def test_an_order_that_went_out_stays_counted_when_its_repeat_is_not_sent(changes: Any) -> None:
    gate = RiskGate(Limits(orders_per_day=1))
    gate.settle(gate.admit_order(order(1), NOW), errors.OutcomeUnknown("lost"), 1000.0, 60.0)
    repeat = gate.admit_order(order(1, **changes), NOW)
    gate.settle(repeat, errors.NotSent("trading was stopped"), NOW.monotonic, 60.0)
    assert code_of(gate, order(2, price=D("0.41"))) == "orders_per_day"


@pytest.mark.parametrize("step", [-2 * DAY, -DAY, DAY, 400 * DAY])
def test_a_day_is_one_of_the_exchange_whatever_this_machines_clock_is_set_to(step: float) -> None:
    gate = RiskGate(Limits(orders_per_day=2))
    exchange = ex.FakeExchange([ex.once(*(ex.created(n) for n in range(1, 9)))])
    exchange.context = evolve(exchange.context, risk=gate)

    def place(number: int) -> None:
        exchange.run(writes.place(core.CURRENT, ex.ticket(number), exchange.context))

    place(1)
    exchange.offset = step
    place(2)
    for offset in (step, 0.0):
        exchange.offset = offset
        with pytest.raises(Denied, match="orders_per_day"):
            place(3)
    exchange.time += DAY
    exchange.offset = step
    place(3)


def test_a_loss_since_the_first_reading_of_the_day_refuses_until_the_next_day_is_read() -> None:
    gate = RiskGate(Limits(daily_loss="50"))
    gate.equity.note(D(1000), NOW)
    gate.equity.note(D("950.01"), NOW)
    assert code_of(gate, order(1)) is None
    gate.equity.note(D(950), NOW)
    assert code_of(gate, order(2)) == "daily_loss"
    assert code_of(gate, order(3), later(DAY)) == "daily_loss_missing"
    gate.equity.note(D(950), later(DAY))
    assert code_of(gate, order(4), later(DAY)) is None


def held(position: str) -> RiskGate:
    nothing: dict[str, Any] = dict.fromkeys(("order_contracts", "total_contracts", "position"), 0)
    gate = RiskGate(Limits(**nothing, tickers=["B"], price_band="0.01", orders_per_day=1))
    gate.book.hold(POSITION_KEYS[0], Holding(D(position), D(1)))
    return gate


@pytest.mark.parametrize(("position", "side"), [("10", BookSide.ASK), ("-10", BookSide.BID)])
@pytest.mark.parametrize("state", [TradingState.ACTIVE, TradingState.REDUCING])
def test_an_exit_passes_every_limit_but_no_further_than_what_is_held(
    position: str, side: BookSide, state: TradingState
) -> None:
    gate = held(position)
    gate.change_state(state)
    assert code_of(gate, order(1, book_side=side, count=D(6))) is None
    assert code_of(gate, order(2, book_side=side, count=D("4.01"))) is not None
    assert code_of(gate, order(3, book_side=side, count=D(4))) is None
    assert code_of(gate, order(4, book_side=side, count=D("0.01"))) is not None
    gate.change_state(TradingState.HALTED)
    assert code_of(gate, order(5, book_side=side, count=D(1))) == "halted"


def test_a_reducing_client_refuses_what_adds_and_halted_all_orders() -> None:
    gate = RiskGate(Limits())
    gate.change_state(TradingState.REDUCING)
    assert code_of(gate, order(1)) == "reducing"
    assert code_of(gate, order(2, **REDUCE_ONLY)) is None
    gate.change_state(TradingState.HALTED)
    assert code_of(gate, order(2, **REDUCE_ONLY)) == "halted"


def test_an_override_may_bring_a_reference_a_band_and_a_grid_of_its_own() -> None:
    gate = RiskGate(Limits(order_contracts=100))
    gate.set_reference("A", D("0.42"), NOW.monotonic)
    with gate.begin_override("a band", NOW.monotonic + 60, {"price_band": "0.02"}):
        assert code_of(gate, order(1)) is None
        assert code_of(gate, order(2, price=D("0.45"))) == "price_band"
    wanted = {"price_band": "0.02", "reference": price_of, "tick_grid": True}
    with gate.begin_override("all", NOW.monotonic + 60, wanted):
        assert gate.wants_grid("A", NOW.monotonic)
        gate.learn_grid("A", PriceGrid(), NOW.monotonic)
        assert code_of(gate, order(3)) == "price_band"
        assert code_of(gate, order(4, price=D("0.46"))) is None
    assert not gate.wants_grid("A", NOW.monotonic)


def test_an_override_holds_for_its_time_under_its_name_and_both_ends_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = RiskGate(Limits(order_contracts=5))
    with caplog.at_level(logging.WARNING, "kalshi_ext.risk"):
        gate.begin_override("expiry", NOW.monotonic + 60, {"order_contracts": 10})
        assert code_of(gate, order(1)) is None
        with pytest.raises(Misuse, match="expiry"):
            gate.begin_override("second", NOW.monotonic + 60, {"order_contracts": 11})
        assert code_of(gate, order(2), later(60)) == "order_contracts"
    assert [record.message for record in caplog.records] == [
        "override of limits 'expiry': order_contracts",
        "override of limits 'expiry' ended",
    ]
    with gate.begin_override("again", NOW.monotonic + 600, {"order_contracts": 10}):
        assert code_of(gate, order(3), later(61)) is None
    assert code_of(gate, order(4), later(62)) == "order_contracts"
    with pytest.raises(Misuse, match="no_such"):
        gate.begin_override("typo", NOW.monotonic + 60, {"no_such": 1})


@pytest.mark.parametrize("kind", [errors.OutcomeUnknown, errors.UnavailableWrite])
def test_an_error_that_leaves_the_outcome_open_gives_nothing_back(kind: type[Exception]) -> None:
    gate = RiskGate(Limits(total_contracts=10))
    gate.settle(gate.admit_order(order(1), NOW), kind("lost"), NOW.monotonic, 60.0)
    assert code_of(gate, order(2)) == "total_contracts"


@pytest.mark.parametrize(
    "wrong",
    [{"order_contracts": -1}, {"order_dollars": 1.5}, {"orders_per_day": 0}, {"tickers": "A"},
     {"duplicate_seconds": 0}, {"reference": "0.5", "price_band": "0.1"}, {"tick_grid": "yes"},
     {"reference": str}],
)  # fmt: skip
def test_limits_that_are_none_are_misuse(wrong: dict[str, Any]) -> None:
    with pytest.raises(Misuse, match="limits "):
        Limits(**wrong)


def limited(exchange: ex.FakeExchange, **limits: Any) -> RiskGate:
    gate = RiskGate(Limits(**limits))
    exchange.context = evolve(exchange.context, risk=gate)
    return gate


def place(exchange: ex.FakeExchange, number: int = 1) -> Any:
    return exchange.run(writes.place(core.CURRENT, ex.ticket(number), exchange.context))


def test_a_denied_order_is_neither_sent_nor_in_the_journal() -> None:
    exchange = ex.FakeExchange()
    limited(exchange, order_contracts=0)
    with pytest.raises(Denied):
        place(exchange)
    assert exchange.requests == []
    assert exchange.journal.get(ex.ticket(1).client_order_id) is None


def test_a_batch_of_one_that_a_limit_refuses_returns_its_denied() -> None:
    exchange = ex.FakeExchange()
    limited(exchange, order_contracts=0)
    steps = bulk.place_many(core.CURRENT, [ex.ticket(1)], exchange.context)
    assert [type(each) for each in exchange.run(steps)] == [Denied]


def test_an_amend_of_unknown_outcome_stands_at_the_worse_of_both_terms() -> None:
    gate = RiskGate(Limits(total_contracts=100, total_dollars="5"))
    ack = OrderAck(order_id="o1", fill_count=D(0), remaining_count=D(10), raw=RAW)
    gate.settle(gate.admit_order(order(1), NOW), ack, NOW.monotonic, 60.0)
    bid: dict[str, Any] = {"ticker": "A", "book_side": BookSide.BID}
    target = Target(order_id="o1", ticker="A")
    wider = AmendTicket(target=target, price=D("0.10"), count=D(40), **bid)
    admission = gate.admit_amend(wider, NOW)
    assert gate.book.sums[:2] == (40, 4)
    gate.settle(admission, errors.OutcomeUnknown("lost"), NOW.monotonic, 60.0)
    assert gate.book.sums[:2] == (40, 4)
    with pytest.raises(Denied, match="total_dollars"):
        gate.admit_amend(evolve(wider, price=D("0.13")), NOW)
    gate.settle(gate.admit_amend(evolve(wider, count=D(5)), NOW), ack, NOW.monotonic, 60.0)
    assert gate.book.sums[0] == 5


def test_fills_move_contracts_from_an_order_to_the_position_once_however_they_are_told() -> None:
    gate = RiskGate(Limits(total_contracts=10))
    ack = OrderAck(order_id="o1", fill_count=D(4), remaining_count=D(6), raw=RAW)
    gate.settle(gate.admit_order(order(1), NOW), ack, NOW.monotonic, 60.0)
    moment = datetime.fromtimestamp(NOW.wall, UTC)
    for fill_id, count in (("f1", 4), ("f1", 4), ("f2", 3)):
        fill = Fill(fill_id=fill_id, order_id="o1", ticker="A", book_side=BookSide.BID, raw=RAW,
                    outcome_side=OutcomeSide.YES, count=D(count), created_time=moment)  # fmt: skip
        gate.note(fill, NOW.monotonic)
    assert gate.book.holding(POSITION_KEYS[0]).position == 7
    assert gate.book.sums == (10, 4, D("1.2"))
    gate.note(OrderAck(order_id="o1", reduced_by=D(2), raw=RAW), NOW.monotonic)
    assert gate.book.holding(POSITION_KEYS[0]).position == 8
    assert gate.book.sums == (8, D("3.2"), 0)


def test_the_same_order_again_is_counted_once_also_after_it_ended() -> None:
    gate = RiskGate(Limits(total_contracts=10))
    ack = OrderAck(order_id="o1", fill_count=D(10), remaining_count=D(0), raw=RAW)
    for _ in range(3):
        gate.settle(gate.admit_order(order(1), NOW), ack, NOW.monotonic, 60.0)
    assert gate.book.sums == (10, 4, 0)


def test_a_snapshot_leaves_a_market_alone_while_a_write_in_it_may_not_be_seen_yet() -> None:
    gate = RiskGate(Limits(total_contracts=100))
    admission = gate.admit_order(order(1), NOW)
    gate.admit_order(order(2, ticker="B"), NOW)
    gate.settle(admission, errors.OutcomeUnknown("lost"), NOW.monotonic, 60.0)
    empty = Snapshot(later(65), {0: []}, [], None)
    assert apply(gate, empty, later(66), 10.0) == ("A", "B")
    assert apply(gate, evolve(empty, began=later(71)), later(72), 10.0) == ("B",)
    assert gate.book.sums.contracts == 10


def test_a_denial_is_told_to_who_listens() -> None:
    told: list[Any] = []
    exchange = ex.FakeExchange()
    limited(exchange, order_contracts=0)
    exchange.context = evolve(exchange.context, events=Events(told.append))
    with pytest.raises(Denied):
        place(exchange)
    (denial,) = [each for each in told if isinstance(each, WriteDenied)]
    assert (denial.code, denial.client_order_id) == ("order_contracts", "c1")


def test_a_refused_order_gives_its_room_back() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    gate = limited(exchange, total_contracts=100)
    with pytest.raises(errors.BadRequest):
        place(exchange)
    assert gate.book.sums == Book().sums
    assert gate.book.market(ex.TICKER).in_flight == 0


def test_an_order_of_unknown_outcome_keeps_its_room() -> None:
    exchange = ex.FakeExchange([ex.once(Lost(True, "reset"))], watermark=None)
    gate = limited(exchange, total_contracts=100)
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    assert gate.book.sums.contracts == ex.ticket(1).count
    assert gate.book.market(ex.TICKER).in_flight == 0


def test_the_page_of_the_limits_has_the_table_of_the_codes() -> None:
    page = Path(__file__).parents[3] / "docs" / "limits.md"
    rows = [f"| `{code}` | {text} |" for code, text in CODES.items()]
    assert "\n".join(rows) in page.read_text(encoding="utf-8")


def departed(number: int, seconds_ago: float, *, is_open: bool = False, **changes: Any) -> Departed:
    ticket = order(number, **changes)
    return Departed(ticket.client_order_id, NOW.wall + 100 - seconds_ago, ticket, is_open)


def test_orders_of_an_earlier_run_count_in_the_minute_and_the_day_once() -> None:
    gate = RiskGate(Limits(orders_per_minute=3, orders_per_day=4))
    earlier = [departed(1, 90), departed(2, 30), departed(3, 20), departed(4, 500)]  # 4: yesterday
    for _ in range(2):
        recall(gate, earlier, later(100))
    assert gate.rate.counts(later(100)) == (2, 3)
    assert code_of(gate, order(5), later(100)) is None
    assert code_of(gate, order(6), later(100)) == "orders_per_minute"
    assert code_of(gate, order(6), later(135)) == "orders_per_day"


def test_an_equal_order_of_an_earlier_run_is_a_duplicate() -> None:
    gate = RiskGate(Limits(duplicate_seconds=60))
    recall(gate, [departed(1, 40)], later(100))
    assert code_of(gate, order(2), later(100)) == "duplicate_seconds"
    assert code_of(gate, order(1), later(100)) is None  # the same order again
    gate = RiskGate(Limits(duplicate_seconds=60))
    recall(gate, [departed(1, 61)], later(100))
    assert code_of(gate, order(2), later(100)) is None


def acked(**counts: Decimal) -> OrderAck:
    return OrderAck(order_id="o1", raw=RAW, **counts)


def resolved_gate(result: Any) -> RiskGate:
    gate = RiskGate(Limits(market_contracts=15))
    recall(gate, [departed(1, 40, is_open=True)], later(100))
    assert code_of(gate, order(2), later(100)) == "market_contracts"
    resolve_order(gate, order(1), result)
    assert gate.book.sums == counted_anew(gate.book)
    return gate


def test_an_order_in_doubt_of_an_earlier_run_keeps_its_room_until_it_is_proven_absent() -> None:
    absent = errors.NotSent("proven absent")
    assert code_of(resolved_gate(absent), order(2), later(100)) is None
    doubtful = errors.OutcomeUnknown("still")
    assert code_of(resolved_gate(doubtful), order(2), later(100)) == "market_contracts"


def test_an_order_that_recovery_finds_moves_its_fills_to_the_position() -> None:
    found = acked(fill_count=D(4), remaining_count=D(6))
    gate = resolved_gate(found)
    assert gate.book.holding(POSITION_KEYS[0]).position == 4
    assert gate.book.sums.unexecuted == D("2.4")
    resolve_order(gate, order(1), found)  # told twice, counted once
    assert gate.book.holding(POSITION_KEYS[0]).position == 4
    assert code_of(gate, order(2), later(100)) == "market_contracts"


def test_an_amend_that_recovery_proves_not_done_gives_back_the_worse_terms() -> None:
    gate = RiskGate(Limits())
    admission = gate.admit_order(order(1), NOW)
    gate.settle(admission, acked(fill_count=D(0), remaining_count=D(10)), NOW.monotonic, 60.0)
    target = Target(order_id="o1", ticker="A")
    amend = AmendTicket(
        ticker="A", target=target, book_side=BookSide.BID, count=D(20), price=D("0.50")
    )
    gate.settle(gate.admit_amend(amend, NOW), errors.OutcomeUnknown("lost"), NOW.monotonic, 60.0)
    assert gate.book.sums.unexecuted == 10
    resolve_amend(gate, "o1", errors.NotSent("proven absent"))
    assert gate.book.sums.unexecuted == 4


@pytest.mark.parametrize("old", [0, 1, 499, 500, 501, 5_000])
@pytest.mark.parametrize("new", [0, 1, 700])
def test_of_a_long_journal_the_last_day_is_read_and_nothing_of_it_missed(
    old: int, new: int
) -> None:
    now, pages = 20_000 * DAY, list[int]()
    times = [now - (old - n) * 60 - 2 * DAY for n in range(old)] + [
        now - new + n for n in range(new)
    ]
    entries = [(n, SimpleNamespace(created_at=datetime.fromtimestamp(t, UTC)))
               for n, t in enumerate(times)]  # fmt: skip
    steps = admission._position_before(now - DAY)
    effect, after = next(steps), None
    while after is None:
        pages.append(effect.args[2])
        try:
            effect = steps.send([row for row in entries if row[0] > effect.args[2]][:500])
        except StopIteration as stop:
            after = stop.value
    assert after < old or not old
    assert old - after <= 501 or after == -1
    assert len(pages) <= 14


def test_limits_are_told_of_what_an_earlier_run_left_in_doubt_however_old_it_is() -> None:
    exchange = ex.FakeExchange()
    exchange.crash(writes.place(core.CURRENT, ex.ticket(1), exchange.context))  # no answer came
    exchange.restart()
    exchange.offset += 3 * DAY
    gate = limited(exchange, market_contracts=7)
    exchange.context = evolve(exchange.context, journal_owner="another run")
    with pytest.raises(Denied, match="market_contracts"):
        exchange.run(writes.place(core.CURRENT, ex.ticket(2), exchange.context))
    assert not gate.rate.today
