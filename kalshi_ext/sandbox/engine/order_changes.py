"""Changing an order that rests: amend, decrease, cancel, cancel all.

An amend keeps the order's place in the queue when it makes the order smaller or changes its expiry
or its client_order_id, and queues it again otherwise (documented):

    10 at 0.40 -> 5 at 0.40    keeps its place
    10 at 0.40 -> 20 at 0.40   queues again
    10 at 0.40 -> 10 at 0.41   queues again, and may trade at once
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from kalshi_ext.sandbox.engine import book, ledger, placement
from kalshi_ext.sandbox.engine.errors import (
    ApiError,
    invalid_order,
    invalid_parameters,
    invalid_uuid,
    not_found,
)
from kalshi_ext.sandbox.engine.fixed_point import SECOND
from kalshi_ext.sandbox.engine.request_parsing import AUTOMATIC_SHARD, UUID

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import EngineState


def find_resting_order(
    state: EngineState,
    account: TradingAccount,
    order_id: str,
    *,
    subaccount: int | None,
    shard: int | None,
) -> Order:
    """Find a resting order of an account; 404 otherwise. subaccount, shard: None looks anywhere."""
    # observed: what is no UUID is told from an order that is not there
    if not UUID.fullmatch(order_id):
        raise invalid_uuid(order_id)
    # observed: one and the same 404, whichever of these it is (errors.py)
    order = account.open_orders.get(order_id)
    if order is None or (subaccount is not None and order.subaccount != subaccount):
        raise not_found()
    if shard is not None and order.market.shard != shard:
        raise not_found()
    placement.check_exchange_open(state, order.market.shard)
    return order


def route_shard(state: EngineState, ticker: str, shard: int | None) -> int | None:
    """Route a cancel or decrease: by exchange_index, else by ticker, else shard 0; None: all."""
    if shard == AUTOMATIC_SHARD:
        return None
    if shard is not None:
        return shard
    # documented: shard 0 only, so a cancel that names neither misses the orders of other shards
    if not ticker:
        return 0
    market = state.markets.get(ticker)
    return market.shard if market else 0


@define(kw_only=True)
class Amendment:
    """Carry what an order shall become."""

    price: int
    count: int
    """The total (documented): what is filled already and what shall rest."""
    ticker: str
    bid: bool
    client_order_id: str = ""
    updated_client_order_id: str = ""
    expiration: int | None = None
    """Microseconds; 0 removes it, None keeps it."""


def amend(state: EngineState, order: Order, change: Amendment) -> int:
    """Change an order; return what it filled at once. Raises ApiError and changes nothing."""
    placement.check_trading_open(state, order.market)
    _check_identity(order, change)
    placement.check_price(order.market, change.price)
    # the total, so a fill that came in between does not make the order larger than was meant
    remaining = change.count - order.filled
    if remaining <= 0:
        raise ApiError(400, "invalid_order_size", "count must be above what is filled already")
    _check_new_client_order_id(state, order, change)
    _check_expiration(state, change)
    _check_not_no_op(order, change, remaining)
    if change.price == order.price and remaining <= order.remaining:
        return _amend_in_place(state, order, change, remaining)
    return _requeue(state, order, change, remaining)


def _check_identity(order: Order, change: Amendment) -> None:
    if change.ticker != order.market.ticker or change.bid != order.bid:
        raise invalid_order("ticker and side must be the order's")
    if change.client_order_id and change.client_order_id != order.client_order_id:
        raise invalid_order("client_order_id is not the order's")


def _check_new_client_order_id(state: EngineState, order: Order, change: Amendment) -> None:
    new_id = change.updated_client_order_id
    if len(new_id) > state.settings.client_order_id_max:
        raise invalid_parameters("updated_client_order_id is too long")
    if new_id and new_id != order.client_order_id:
        placement.check_client_order_id(state, order.account, new_id)


def _check_expiration(state: EngineState, change: Amendment) -> None:
    if change.expiration and change.expiration <= state.now:
        raise invalid_order("expiration_time must be in the future, or 0")


def _amended_expiration(order: Order, change: Amendment) -> int | None:
    return order.expiration if change.expiration is None else change.expiration or None


def _check_not_no_op(order: Order, change: Amendment, remaining: int) -> None:
    renamed = change.updated_client_order_id not in ("", order.client_order_id)
    moved = (change.price, remaining) != (order.price, order.remaining)
    # documented: an amend that changes nothing is refused, as is a repeat of one that was done
    if not (renamed or moved or _amended_expiration(order, change) != order.expiration):
        raise ApiError(400, "AMEND_ORDER_NO_OP", "the order is so already")


def _record_amend(state: EngineState, order: Order, change: Amendment) -> None:
    new_id = change.updated_client_order_id
    if new_id and new_id != order.client_order_id:
        order.client_order_id = new_id
        order.account.client_order_ids[new_id] = (state.now, order)  # the old one stays taken
    order.updated = state.now
    order.initial = change.count
    state.record_event(
        "amend",
        order=order,
        client_order_id=order.client_order_id,
        price=change.price,
        count=change.count,
    )


def _amend_in_place(state: EngineState, order: Order, change: Amendment, remaining: int) -> int:
    state.before_change(order)
    if remaining < order.remaining:
        ledger.reduce_resting(state, order, order.remaining - remaining)
    expiration = _amended_expiration(order, change)
    if expiration != order.expiration:
        order.expiration = expiration
        placement.schedule_expiry(state, order)
    _record_amend(state, order, change)
    return 0


def _requeue(state: EngineState, order: Order, change: Amendment, remaining: int) -> int:
    placement.check_post_only(order, change.price)
    # what rests now is given back in the same sum: only the difference must be affordable
    extra = {order.price: -order.remaining}
    extra[change.price] = extra.get(change.price, 0) + remaining
    placement.check_funds(state, order, extra, price=change.price, count=remaining)
    filled = order.filled
    state.before_change(order)
    ledger.remove_from_book(state, order)
    order.price, order.remaining = change.price, remaining
    order.expiration = _amended_expiration(order, change)
    _record_amend(state, order, change)
    book.match(state, order)
    placement.finish_matching(state, order)
    return order.filled - filled


def decrease(state: EngineState, order: Order, *, by: int | None, to: int | None) -> int:
    """Take contracts off an order, `by` so many or down `to` so many; return how many went.

    Assumed: more than rests takes all; a target not below what rests changes nothing.
    """
    if (by is None) == (to is None):
        raise invalid_parameters("give exactly one of reduce_by and reduce_to")
    reduced = min(by, order.remaining) if by is not None else max(order.remaining - (to or 0), 0)
    if reduced == order.remaining:
        return book.cancel_resting(state, order, "decreased")
    if reduced:
        state.before_change(order)
        ledger.reduce_resting(state, order, reduced)
        order.updated = state.now
        state.record_event("decrease", order=order, reduced_by=reduced)
    return reduced


def cancel_all(state: EngineState, account: TradingAccount, subaccount: int | None) -> None:
    """Cancel all resting orders of a subaccount (None: of all), but not on a paused shard."""
    for order in list(account.open_orders.values()):
        # documented: an exchange pause allows nothing, so the orders of a paused shard stay
        paused = order.market.shard in state.pauses.exchange
        if not paused and subaccount in (None, order.subaccount):
            book.cancel_resting(state, order, "cancelled")
    seconds = state.settings.cancel_all_sweep_seconds
    if seconds:
        account.sweeps.append((state.now + seconds * SECOND, subaccount))
