"""Rows as the classic contract writes them: integer cents, whole contracts.

What is finer is cut off; fees are rounded up to the cent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.amounts import CENT, format_dollars, format_time

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.holdings import Holding
    from kalshi_ext.sandbox.engine.records import Fill, Order, Settlement

Json = dict[str, Any]


def side_and_action(order: Order) -> tuple[str, str]:
    """Give side and action; an order of the current contract speaks of YES."""
    return order.outcome or "yes", order.action or ("buy" if order.bid else "sell")


def order_row(order: Order) -> Json:
    """Write an order."""
    side, action = side_and_action(order)
    row: Json = {
        "order_id": order.id,
        "client_order_id": order.client_order_id,
        "ticker": order.market.ticker,
        "side": side,
        "action": action,
        "type": order.kind,
        "status": order.status,
        "yes_price": order.price // 100,
        "no_price": 100 - order.price // 100,
        "count": order.initial // 100,
        "fill_count": order.filled // 100,
        "remaining_count": order.remaining // 100,
        "initial_count": order.initial // 100,
        "taker_fees": -(-order.taker_fees // CENT),
        "maker_fees": -(-order.maker_fees // CENT),
        "created_time": format_time(order.created),
        "updated_time": format_time(order.updated),
    }
    if order.expiration is not None:
        row["expiration_time"] = format_time(order.expiration)
    return row


def fill_row(fill: Fill) -> Json:
    """Write a fill; price is that of the side named."""
    side, action = side_and_action(fill.order)
    cents = fill.price // 100
    return {
        "fill_id": fill.id,
        "order_id": fill.order.id,
        "ticker": fill.order.market.ticker,
        "side": side,
        "action": action,
        "count": fill.count // 100,
        "price": cents if side == "yes" else 100 - cents,
        "is_taker": fill.is_taker,
        "created_time": format_time(fill.created),
    }


def position_row(row: Holding) -> Json:
    """Write a position."""
    market = row.market
    body: Json = {
        "ticker": market.ticker,
        "event_ticker": market.event,
        "realized_pnl": row.realized // CENT,
        "resting_order_count": row.orders,
        "position": int(row.position / 100),
        "fees_paid": -(-row.fees // CENT),
        "total_cost": row.traded // CENT,
    }
    if market.result in ("yes", "no"):
        body["market_result"] = market.result
    return body


def event_row(event: str, rows: list[Holding]) -> Json:
    """Write an event's positions together."""
    sums = {
        "total_cost": sum(row.traded for row in rows),
        "event_exposure": sum(row.cost for row in rows),
        "realized_pnl": sum(row.realized for row in rows),
        "fees_paid": sum(row.fees for row in rows),
    }
    cents = {name: value // CENT for name, value in sums.items()}
    dollars = {f"{name}_dollars": format_dollars(value) for name, value in sums.items()}
    resting = sum(row.orders for row in rows)
    return {"event_ticker": event, "resting_order_count": resting, **cents, **dollars}


def settlement_row(row: Settlement) -> Json:
    """Write a settlement; a scalar one counts as the side that was paid more."""
    result = row.market.result
    if result == "scalar":
        result = "yes" if row.market.value >= 5000 else "no"
    return {
        "ticker": row.market.ticker,
        "result": result,
        "yes_count": max(row.position, 0) // 100,
        "no_count": max(-row.position, 0) // 100,
        "revenue": row.payout // CENT,
        "settled_time": format_time(row.created),
    }
