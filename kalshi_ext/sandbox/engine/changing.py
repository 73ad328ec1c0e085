"""Changing an order that rests: amend, decrease, cancel, cancel all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from kalshi_ext.sandbox.engine import ledger, matching, placing, rules
from kalshi_ext.sandbox.engine.amounts import SECOND
from kalshi_ext.sandbox.engine.refusals import Refusal, invalid, invalid_order, not_found

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.records import Order
    from kalshi_ext.sandbox.engine.state import Exchange


def resting_order(
    ex: Exchange, account: Account, order_id: str, *, subaccount: int | None, shard: int | None
) -> Order:
    """Find a resting order of an account; 404 with the same bytes for every other case.

    subaccount and shard: where to look; None looks everywhere.
    """
    order = account.open.get(order_id)
    if order is None or (subaccount is not None and order.subaccount != subaccount):
        raise not_found()
    if shard is not None and order.market.shard != shard:
        raise not_found()
    rules.not_exchange_paused(ex, order.market.shard)
    return order


def shard_meant(ex: Exchange, ticker: str, shard: int | None) -> int | None:
    """Route a cancel or decrease: by exchange_index, else by ticker, else shard 0; None: all."""
    if shard == -1:
        return None
    if shard is not None:
        return shard
    if not ticker:
        return 0
    market = ex.markets.get(ticker)
    return market.shard if market else 0


@define(kw_only=True)
class Amendment:
    """Carry what an order shall become."""

    price: int
    count: int
    """In all: what is filled already and what shall rest."""
    ticker: str
    bid: bool
    client_order_id: str = ""
    updated_client_order_id: str = ""
    expiration: int | None = None
    """Microseconds; 0 removes it, None keeps it."""


def amend(ex: Exchange, order: Order, change: Amendment) -> int:
    """Change an order; give what was filled by it. Raises Refusal and changes nothing."""
    rules.may_trade(ex, order.market)
    _check_same(order, change)
    rules.check_price(order.market, change.price)
    left = change.count - order.filled
    if left <= 0:
        raise Refusal(400, "invalid_order_size", "count must be above what is filled already")
    _check_new_id(ex, order, change)
    _check_expiration(ex, change)
    _check_differs(order, change, left)
    if change.price == order.price and left <= order.remaining:
        return _keep_turn(ex, order, change, left)
    return _requeue(ex, order, change, left)


def _check_same(order: Order, change: Amendment) -> None:
    if change.ticker != order.market.ticker or change.bid != order.bid:
        raise invalid_order("ticker and side must be the order's")
    if change.client_order_id and change.client_order_id != order.client_order_id:
        raise invalid_order("client_order_id is not the order's")


def _check_new_id(ex: Exchange, order: Order, change: Amendment) -> None:
    wanted = change.updated_client_order_id
    if len(wanted) > ex.settings.client_order_id_max:
        raise invalid("updated_client_order_id is too long")
    if wanted and wanted != order.client_order_id:
        rules.check_free(ex, order.account, wanted)


def _check_expiration(ex: Exchange, change: Amendment) -> None:
    if change.expiration and change.expiration <= ex.now:
        raise invalid_order("expiration_time must be in the future, or 0")


def _expiration(order: Order, change: Amendment) -> int | None:
    return order.expiration if change.expiration is None else change.expiration or None


def _check_differs(order: Order, change: Amendment, left: int) -> None:
    renamed = change.updated_client_order_id not in ("", order.client_order_id)
    moved = (change.price, left) != (order.price, order.remaining)
    if not (renamed or moved or _expiration(order, change) != order.expiration):
        raise Refusal(400, "AMEND_ORDER_NO_OP", "the order is so already")


def _rename(ex: Exchange, order: Order, change: Amendment) -> None:
    wanted = change.updated_client_order_id
    if wanted and wanted != order.client_order_id:
        order.client_order_id = wanted
        order.account.client_ids[wanted] = (ex.now, order)
    order.updated = ex.now
    order.initial = change.count
    ex.record(
        "amend",
        order=order,
        client_order_id=order.client_order_id,
        price=change.price,
        count=change.count,
    )


def _keep_turn(ex: Exchange, order: Order, change: Amendment, left: int) -> int:
    ex.touch(order)
    if left < order.remaining:
        ledger.shrink(ex, order, order.remaining - left)
    expiration = _expiration(order, change)
    if expiration != order.expiration:
        order.expiration = expiration
        placing.watch_expiration(ex, order)
    _rename(ex, order, change)
    return 0


def _requeue(ex: Exchange, order: Order, change: Amendment, left: int) -> int:
    rules.check_post_only(order, change.price)
    extra = {order.price: -order.remaining}
    extra[change.price] = extra.get(change.price, 0) + left
    rules.check_money(ex, order, extra, price=change.price, count=left)
    filled = order.filled
    ex.touch(order)
    ledger.unrest(ex, order)
    order.price, order.remaining = change.price, left
    order.expiration = _expiration(order, change)
    _rename(ex, order, change)
    matching.match(ex, order)
    placing.settle_down(ex, order)
    return order.filled - filled


def decrease(ex: Exchange, order: Order, *, by: int | None, to: int | None) -> int:
    """Take contracts off an order, by a number or down to one; give how many went.

    Assumed: more than there is takes all; a target not below what rests changes nothing.
    """
    if (by is None) == (to is None):
        raise invalid("give exactly one of reduce_by and reduce_to")
    off = min(by, order.remaining) if by is not None else max(order.remaining - (to or 0), 0)
    if off == order.remaining:
        return matching.end(ex, order, "decreased")
    if off:
        ex.touch(order)
        ledger.shrink(ex, order, off)
        order.updated = ex.now
        ex.record("decrease", order=order, reduced_by=off)
    return off


def cancel_all(ex: Exchange, account: Account, subaccount: int | None) -> None:
    """Cancel all resting orders, and those of the sweep that follows where it is switched on."""
    for order in list(account.open.values()):
        paused = order.market.shard in ex.pauses.exchange
        if not paused and subaccount in (None, order.subaccount):
            matching.end(ex, order, "cancelled")
    seconds = ex.settings.cancel_all_sweep_seconds
    if seconds:
        account.sweeps.append((ex.now + seconds * SECOND, subaccount))
