"""Rows as the current contract writes them; classic_reads.py has those of the classic one.

Dollars and counts are decimal text. Integer cents are cut off, not rounded (documented).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.fixed_point import (
    CENT,
    ONE,
    SECOND,
    divide_half_up,
    format_count,
    format_dollars,
    format_exact_dollars,
    format_price,
    format_time,
)

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.records import (
        Fill,
        InstanceTransfer,
        Order,
        Payment,
        Settlement,
        SubaccountTransfer,
    )
    from kalshi_ext.sandbox.engine.settings import Settings

Json = dict[str, Any]


def legacy_fields(settings: Settings, *, bid: bool, outcome: str, action: str) -> Json:
    """Give the deprecated side and action (observed: real fills contradict their book_side)."""
    if settings.legacy_fields == "absent":
        return {}
    if settings.legacy_fields == "contradicting":
        return {"side": "no" if bid else "yes", "action": "buy"}
    return {"side": outcome or "yes", "action": action or ("buy" if bid else "sell")}


def order_row(order: Order, settings: Settings) -> Json:
    market = order.market
    row = {
        "order_id": order.id,
        "user_id": order.account.user_id,
        "client_order_id": order.client_order_id,
        "ticker": market.ticker,
        **legacy_fields(settings, bid=order.bid, outcome=order.outcome, action=order.action),
        # an ask buys NO, whatever the deprecated fields say
        "outcome_side": "yes" if order.bid else "no",
        "book_side": "bid" if order.bid else "ask",
        "type": order.kind,
        "status": order.status,
        "yes_price_dollars": format_price(order.price),
        "no_price_dollars": format_price(ONE - order.price),
        "fill_count_fp": format_count(order.filled),
        "remaining_count_fp": format_count(order.remaining),
        "initial_count_fp": format_count(order.initial),
        "created_time": format_time(order.created),
        "last_update_time": format_time(order.updated),
        "self_trade_prevention_type": order.self_trade,
        "subaccount_number": order.subaccount,
        "exchange_index": market.shard,
    }
    return row | _optional_fields(order, settings) | _order_costs(order)


def _optional_fields(order: Order, settings: Settings) -> Json:
    """Give what an order may not have; absent then (observed; `unset_fields`)."""
    expiration = None if order.expiration is None else format_time(order.expiration)
    values = {
        "expiration_time": expiration,
        "order_group_id": order.group.id if order.group else None,
        "cancel_order_on_pause": order.cancel_on_pause or None,
    }
    if settings.unset_fields == "null":
        return values | {"cancel_order_on_pause": order.cancel_on_pause}
    return {name: value for name, value in values.items() if value is not None}


def _order_costs(order: Order) -> Json:
    return {
        "taker_fill_cost_dollars": format_exact_dollars(order.taker_cost),
        "maker_fill_cost_dollars": format_exact_dollars(order.maker_cost),
        "taker_fees_dollars": format_exact_dollars(order.taker_fees),
        "maker_fees_dollars": format_exact_dollars(order.maker_fees),
    }


def fill_row(fill: Fill, settings: Settings) -> Json:
    order = fill.order
    market = order.market
    return {
        "fill_id": fill.id,
        "exchange_index": market.shard,
        "trade_id": fill.trade_id,
        "order_id": order.id,
        "ticker": market.ticker,
        "market_ticker": market.ticker,
        **legacy_fields(settings, bid=fill.bid, outcome=order.outcome, action=order.action),
        "outcome_side": "yes" if fill.bid else "no",
        "book_side": "bid" if fill.bid else "ask",
        "count_fp": format_count(fill.count),
        "yes_price_dollars": format_price(fill.price),
        "no_price_dollars": format_price(ONE - fill.price),
        "is_taker": fill.is_taker,
        "created_time": format_time(fill.created),
        "fee_cost": format_exact_dollars(fill.fee),
        "subaccount_number": order.subaccount,
        "ts": fill.created // SECOND,
    }


def averages(value: int, fees: int, count: int) -> Json:
    """Write average YES price and fee of some fills; absent without fills (documented)."""
    if not count:
        return {}
    return {
        "average_fill_price": format_dollars(divide_half_up(value * 100, count)),
        # per contract and cut to four places (observed: 0.0154 where the rule gives 0.015487)
        "average_fee_paid": format_dollars(fees * 100 // count // 100 * 100),
    }


def settlement_row(row: Settlement) -> Json:
    """Write a settlement; revenue and value are integer cents."""
    market, yes = row.market, row.position > 0
    return {
        "ticker": market.ticker,
        "exchange_index": market.shard,
        "event_ticker": market.event,
        "market_result": market.result,
        "yes_count_fp": format_count(row.position if yes else 0),
        # a position has one side, so the other one is always 0
        "yes_total_cost_dollars": format_dollars(row.cost if yes else 0),
        "no_count_fp": format_count(0 if yes else -row.position),
        "no_total_cost_dollars": format_dollars(0 if yes else row.cost),
        "revenue": row.payout // CENT,
        "settled_time": format_time(row.created),
        "fee_cost": format_dollars(row.fees),
        "value": market.value // 100,
    }


def payment_row(row: Payment) -> Json:
    return {
        "id": row.id,
        "status": row.status,
        "type": row.kind,
        "amount_cents": row.cents,
        "fee_cents": row.fee_cents,
        "created_ts": row.created // SECOND,
        "finalized_ts": None if row.finalized is None else row.finalized // SECOND,
    }


def subaccount_transfer_row(row: SubaccountTransfer) -> Json:
    return {
        "transfer_id": row.id,
        "from_subaccount": row.source,
        "to_subaccount": row.destination,
        "amount_cents": row.cents,
        "created_ts": row.created // SECOND,
        "exchange_index": row.shard,
    }


def instance_transfer_row(row: InstanceTransfer) -> Json:
    """Write a transfer between shards or instances; asked for in centicents, told in dollars."""
    return {
        "transfer_id": row.id,
        "source": row.source,
        "destination": row.destination,
        "source_exchange_shard": row.source_shard,
        "destination_exchange_shard": row.destination_shard,
        "amount": format_dollars(row.amount),
        "status": "complete" if row.done else "pending",
        "created_ts": row.created // SECOND,
    }
