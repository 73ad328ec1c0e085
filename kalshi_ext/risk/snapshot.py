"""What an account was seen to hold: it replaces what the gate counted, market by market.

A market is left as it was where a write of this client was under way, or ended so shortly before
the reading that reads may not show it yet. Such markets are returned: refresh once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import cast

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.contract.types import BookSide
from kalshi_ext.models import Order, Position
from kalshi_ext.risk.counts import Moment
from kalshi_ext.risk.exposure import ONE, ZERO, Book, Holding, PositionKey, Terms, Working
from kalshi_ext.risk.gate import RiskGate
from kalshi_ext.values.money import EXACT


@frozen(eq=False, repr=False)
class Snapshot(Value):
    """One reading. `began` is when, before its first request; `equity` is None where not told."""

    began: Moment
    positions: dict[int, Sequence[Position]]
    orders: Sequence[Order]
    equity: Decimal | None


def apply(gate: RiskGate, seen: Snapshot, now: Moment, lag: float) -> tuple[str, ...]:
    """Replace what is counted; return the tickers left as they were. `lag` is that of reads."""
    with gate.lock:
        if seen.equity is not None:
            gate.equity.note(seen.equity, now)
        named = {row.ticker for rows in seen.positions.values() for row in rows}
        tickers = sorted({*gate.book.markets, *named, *(order.ticker for order in seen.orders)})
        kept = [ticker for ticker in tickers if _is_moving(gate.book, ticker, seen, lag)]
        for ticker in set(tickers).difference(kept):
            _replace(gate.book, ticker, seen)
    return tuple(kept)


def _is_moving(book: Book, ticker: str, seen: Snapshot, lag: float) -> bool:
    market = book.market(ticker)
    return market.in_flight > 0 or market.changed + lag > seen.began.monotonic


def _replace(book: Book, ticker: str, seen: Snapshot) -> None:
    market = book.market(ticker)
    for known in list(market.orders.values()):
        if known.terms.position_key.subaccount in seen.positions:
            book.remove(known)
    for subaccount, rows in seen.positions.items():
        row = next((row for row in rows if row.ticker == ticker), None)
        book.hold(PositionKey(ticker, subaccount), Holding() if row is None else _holding(row))
    for order in seen.orders:
        if order.ticker == ticker:
            _add(book, order)
    market.read_at = seen.began.wall


def _holding(row: Position) -> Holding:
    cost = cast("Decimal | None", row.exposure)
    return Holding(row.position, abs(row.position) if cost is None else abs(cost))


def _add(book: Book, row: Order) -> None:
    is_bid = row.book_side is BookSide.BID
    price = cast("Decimal | None", row.price)
    worst = ONE if is_bid else ZERO
    count = EXACT.add(row.fill_count, row.remaining_count)
    position_key = PositionKey.of(row.ticker, row.subaccount)
    terms = Terms(position_key, is_bid, count, worst if price is None else price)
    taken = row.client_order_id in book.market(row.ticker).orders
    key = row.client_order_id if row.client_order_id and not taken else f"order {row.order_id}"
    order = Working(key, terms, row.fill_count, row.fill_count)
    book.add(order)
    book.name(order, row.order_id)
