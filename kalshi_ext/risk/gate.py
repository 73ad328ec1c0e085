"""The gate that every order of a client passes: check and reserve in one step, settle at the end.

    admit    under the lock: every limit is looked at, and what the order may come to is reserved;
             so of two orders that fit only one at a time, from any thread or task, one is refused
    settle   with what became of it:
             acknowledged     what was filled moves to the position, the rest stays reserved
             not executed     everything is given back
             unknown          everything stays reserved: it may be there

What rests stays reserved until something says that it ended: the acknowledgement of a cancel, a
fill or an order handed to `note`, or a snapshot of the account.
"""

from __future__ import annotations

import logging
import threading
import uuid
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from attrs import define, field

from kalshi_ext import values
from kalshi_ext.bases import Printed
from kalshi_ext.contract.types import BookSide, OrderStatus
from kalshi_ext.errors import Denied, NotSent, OutcomeUnknown, Refused
from kalshi_ext.models import Fill, Order, OrderAck
from kalshi_ext.requests import AmendTicket, OrderTicket
from kalshi_ext.risk.checks import Facts, Refusal, Wish, lowers_risk, refusals
from kalshi_ext.risk.codes import CODES
from kalshi_ext.risk.counts import Equity, Moment, Rate, Repeats
from kalshi_ext.risk.exposure import ONE, ZERO, Book, PositionKey, Terms, Working, resized
from kalshi_ext.risk.limits import Limits, TradingState
from kalshi_ext.risk.overrides import Override, Overrides
from kalshi_ext.values.money import EXACT
from kalshi_ext.values.ticks import PriceGrid

log = logging.getLogger("kalshi_ext.risk")

_GRID_LIFE: Final = 3600.0  # seconds until the prices of a market are read again
_ENDED: Final = (OrderStatus.CANCELED, OrderStatus.EXECUTED)
_MOST_REMEMBERED: Final = 100_000  # fills and ended orders, to count each once


@define(eq=False, repr=False)
class Admission(Printed):
    """The pass of one write through the gate. `order` is None where nothing was reserved."""

    wish: Wish
    order: Working | None
    is_new: bool
    is_counted: bool = False  # whether the counts of a minute and a day rose by it


@define(eq=False, repr=False)
class RiskGate(Printed):
    """Limits, states and exposure of one client. Shared by its threads and tasks."""

    limits: Limits
    dry_run: bool = False
    state: TradingState = TradingState.ACTIVE
    overrides: Overrides = field(init=False)
    book: Book = field(factory=Book)
    rate: Rate = field(factory=Rate)
    repeats: Repeats = field(factory=Repeats)
    equity: Equity = field(factory=Equity)
    _grids: dict[str, PriceGrid] = field(factory=dict[str, PriceGrid])
    _grid_times: dict[str, float] = field(factory=dict[str, float])
    _references: dict[str, tuple[Decimal, float]] = field(factory=dict[str, tuple[Decimal, float]])
    _fills: dict[str, None] = field(factory=dict[str, None])
    ended: dict[str, Terms] = field(factory=dict[str, Terms])
    is_recalled: bool = False  # whether the journal told of earlier runs
    lock: threading.RLock = field(factory=threading.RLock, repr=False)

    def __attrs_post_init__(self) -> None:
        self.overrides = Overrides(self.limits)

    # What limits compare with

    def wants_grid(self, ticker: str, now: float) -> bool:
        """Say whether the prices that a market takes have to be read first."""
        at = self._grid_times.get(ticker)
        with self.lock:
            wanted = self.overrides.effective(now).tick_grid
        return wanted and (at is None or now - at > _GRID_LIFE)

    def learn_grid(self, ticker: str, grid: PriceGrid | None, now: float) -> None:
        """Keep the prices that a market takes; None: they could not be read."""
        with self.lock:
            self._grid_times.pop(ticker, None)
            self._grids.pop(ticker, None)
            if grid is not None:
                self._grids[ticker], self._grid_times[ticker] = grid, now

    def set_reference(self, ticker: str, price: Decimal, now: float) -> None:
        self._references[ticker] = (price, now)

    def _reference(self, ticker: str, now: float) -> Decimal | None:
        with self.lock:
            limits = self.overrides.effective(now)
        if limits.price_band is None:
            return None
        if limits.reference is not None:
            # The caller's code: what it raises, or returns instead of a price, is no reference.
            with suppress(Exception):
                return values.price(limits.reference(ticker), name="reference")
            return None
        price, at = self._references.get(ticker, (None, 0.0))
        return price if now - at <= limits.reference_seconds else None

    # Admission

    def admit_order(self, ticket: OrderTicket, now: Moment) -> Admission:
        """Check an order and reserve what it may come to. Raises Denied."""
        terms = terms_of(ticket)
        reference = self._reference(ticket.ticker, now.monotonic)
        reduces = bool(ticket.reduce_only)
        wish = Wish(ticket.client_order_id, terms, reduces, reference=reference)
        with self.lock:
            known = self.book.market(ticket.ticker).orders.get(wish.key)
            same = self.ended.get(wish.key) if known is None else known.terms
            if same == terms and self.state is not TradingState.HALTED:
                # The same order again: the write itself makes it one.
                self._depart(ticket.ticker, now)
                return Admission(wish, known, is_new=False)
            self._check(wish, now, "orders.place")
            order = Working(wish.key if known is None else f"{wish.key} {uuid.uuid4()}", terms)
            self.book.add(order)
            self._depart(ticket.ticker, now)
            keep = self.overrides.effective(now.monotonic).duplicate_seconds or 0.0
            self.repeats.add(terms, wish.key, now, keep)
            is_counted = self.rate.add(wish.key, now)
        return Admission(wish, order, is_new=True, is_counted=is_counted)

    def admit_amend(self, ticket: AmendTicket, now: Moment) -> Admission:
        """Check an amend; until it is settled its order stands at the worse of both terms."""
        asked = PositionKey.of(ticket.ticker, ticket.target.subaccount)
        is_bid = ticket.book_side is BookSide.BID
        reference = self._reference(ticket.ticker, now.monotonic)
        with self.lock:
            known = self.book.order(ticket.target.order_id)
            position_key = asked if known is None else known.terms.position_key
            terms = Terms(position_key, is_bid, ticket.count, ticket.price)
            key = f"amend {uuid.uuid4()}"
            wish = Wish(key, terms, is_amend=True, amends=known, reference=reference)
            self._check(wish, now, "orders.amend")
            self._depart(terms.position_key.ticker, now)
            counted = self.rate.add(key, now)
            if known is None:
                # What it changes is not known here, so all of it counts.
                known = Working(f"order {ticket.target.order_id}", terms)
                self.book.add(known)
                self.book.name(known, ticket.target.order_id)
                return Admission(wish, known, is_new=True, is_counted=counted)
            self.book.change(known, known.terms, terms)
        return Admission(wish, known, is_new=False, is_counted=counted)

    def _check(self, wish: Wish, now: Moment, facade: str) -> None:
        limits = self.overrides.effective(now.monotonic)
        refusal = self._state_refusal(wish)
        if refusal is None and not lowers_risk(wish, self.book):
            facts = Facts(self.book, self.rate, self.repeats, self.equity, self._grids)
            refusal = next(refusals(wish, limits, facts, now), None)
        if refusal is not None:
            raise denied(refusal, wish, facade)

    def _state_refusal(self, wish: Wish) -> Refusal | None:
        if self.state is TradingState.HALTED:
            return Refusal("halted", self.state, wish.terms.position_key.ticker)
        if self.state is TradingState.REDUCING and not lowers_risk(wish, self.book):
            return Refusal("reducing", self.state, wish.terms.count)
        return None

    def _depart(self, ticker: str, now: Moment) -> None:
        market = self.book.market(ticker)
        market.in_flight += 1
        market.changed = max(market.changed, now.monotonic)

    # Settlement

    def settle(self, admission: Admission, result: object, now: float, unknown: float) -> None:
        """Take in what became of a write; `unknown` is how long a copy of it may arrive."""
        with self.lock:
            market = self.book.market(admission.wish.terms.position_key.ticker)
            market.in_flight -= 1
            if isinstance(result, OrderAck):
                self.executed(admission, result)
            elif is_not_executed(result):
                self._release(admission, result)
            else:
                now += unknown
            market.changed = max(market.changed, now)

    def executed(self, admission: Admission, ack: OrderAck) -> None:
        """Take in that a write was acknowledged, or found done."""
        order, wish = admission.order, admission.wish
        if order is None:
            return
        if wish.is_amend:
            self.book.change(order, wish.terms, None)
        elif self._was_read(order, ack):
            self.book.remove(order)
            return
        elif self.book.has(order):
            self.book.name(order, ack.order_id)
        self._take_ack(order, ack, is_amend=wish.is_amend)

    def _was_read(self, order: Working, ack: OrderAck) -> bool:
        """Say whether an order of an earlier run is in what was read of the account."""
        if self.book.order(ack.order_id) not in (None, order):
            return True
        made = ack.time if ack.order is None else ack.order.created_time
        read_at = self.book.market(order.terms.position_key.ticker).read_at
        return ack.replayed and made is not None and made.timestamp() <= read_at

    def _take_ack(self, order: Working, ack: OrderAck, *, is_amend: bool) -> None:
        """Book what an acknowledgement tells of fills; what it does not tell counts as filled."""
        # The answer to an amend may count the fills of the amend alone.
        filled = None if is_amend else ack.fill_count
        if ack.order is not None:
            filled = ack.order.fill_count
        if ack.remaining_count is not None and (filled is None or not ack.ended):
            filled = EXACT.subtract(order.terms.count, ack.remaining_count)
        if filled is not None:
            self.book.filled(order, filled)
        if ack.ended or order.open_count() == 0:
            self._end(order)

    def _end(self, order: Working) -> None:
        self.book.remove(order)
        self.ended[order.key] = order.terms
        if len(self.ended) > _MOST_REMEMBERED:
            del self.ended[next(iter(self.ended))]

    def _release(self, admission: Admission, result: object) -> None:
        order, wish = admission.order, admission.wish
        if isinstance(result, NotSent) and admission.is_counted:
            self.rate.give_back(wish.key)
        if order is None:
            return
        if admission.is_new:
            self.repeats.give_back(wish.terms, wish.key)
            self.book.remove(order)
        elif wish.is_amend:
            self.book.change(order, order.terms, None)

    # What is told from outside

    def note(self, row: object, now: float) -> None:
        """Take in a fill, an order that was read, or the acknowledgement of a cancel."""
        with self.lock:
            order = self.book.order(getattr(row, "order_id", ""))
            if order is not None:
                market = self.book.market(order.terms.position_key.ticker)
                market.changed = max(market.changed, now)
            if isinstance(row, Fill):
                self._note_fill(row)
            elif isinstance(row, OrderAck):
                self._note_change(row)
            elif isinstance(row, Order):
                self.note_order(row)

    def note_order(self, row: Order) -> None:
        """Take in an order as it was read."""
        order = self.book.order(row.order_id)
        if order is not None:
            self.book.filled(order, row.fill_count)
            if row.status in _ENDED:
                self._end(order)

    def _note_change(self, ack: OrderAck) -> None:
        """Take in the acknowledgement of a cancel or a decrease."""
        order = self.book.order(ack.order_id)
        if order is None:
            return
        if ack.order is not None:
            self.note_order(ack.order)
        elif ack.reduced_by is not None:  # a cancel: what it took away was not filled
            self.book.filled(order, EXACT.subtract(order.terms.count, ack.reduced_by))
            self._end(order)
        elif ack.remaining_count is not None and order.wanted is None:
            fills = order.filled if ack.fill_count is None else max(ack.fill_count, order.filled)
            self.book.filled(order, fills)
            count = min(order.terms.count, EXACT.add(order.filled, ack.remaining_count))
            self.book.change(order, resized(order.terms, count), None)
            if ack.remaining_count == 0:
                self._end(order)

    def _note_fill(self, fill: Fill) -> None:
        if fill.fill_id in self._fills:
            return
        self._fills[fill.fill_id] = None
        if len(self._fills) > _MOST_REMEMBERED:
            del self._fills[next(iter(self._fills))]
        order = self.book.order(fill.order_id)
        if order is not None and not self._is_in_snapshot(fill):
            order.told = EXACT.add(order.told, fill.count)
            self.book.filled(order, order.told)
            if order.open_count() == 0:
                self._end(order)

    def _is_in_snapshot(self, fill: Fill) -> bool:
        read_at = self.book.market(fill.ticker).read_at
        return fill.created_time is None or fill.created_time.timestamp() <= read_at

    def change_state(self, state: TradingState) -> None:
        with self.lock:
            before, self.state = self.state, state
        if before is not state:
            log.warning("trading state %s, was %s", state, before)

    def begin_override(self, name: str, until: float, changes: dict[str, Any]) -> Override:
        with self.lock:
            return self.overrides.begin(name, until, changes)


def is_not_executed(result: object) -> bool:
    """Say whether an error proves that nothing was executed."""
    if isinstance(result, OutcomeUnknown):  # some are of both kinds
        return False
    return isinstance(result, (NotSent, Refused, ValueError))


def denied(refusal: Refusal, wish: Wish, facade: str) -> Denied:
    code, limit, value = refusal
    ticker = wish.terms.position_key.ticker
    shown = "the list" if code == "tickers" else limit
    return Denied(
        f"{facade}: {ticker}: {code}: {CODES[code]}: {value}, limit {shown}",
        code=code,
        limit=limit,
        value=value,
        ticker=ticker,
        client_order_id=None if wish.is_amend else wish.key,
    )


def terms_of(ticket: OrderTicket) -> Terms:
    """Return what an order asks for, at its worst."""
    is_bid = ticket.book_side is BookSide.BID
    # Without a price it takes any: the worst counts.
    worst = ONE if is_bid else ZERO
    price = worst if ticket.price is None else ticket.price
    position_key = PositionKey.of(ticket.ticker, ticket.subaccount)
    return Terms(position_key, is_bid, ticket.count, price, ticket.max_cost)
