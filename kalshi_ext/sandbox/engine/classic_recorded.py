"""Rows of the 2.x exchange as others recorded them, where they differ from its documents.

Recorded from November 2025 to January 2026 (`classic_dialect="recorded"`): fields that no document
names, other names for some that they do, and a fill's `price` as a JSON number of YES dollars.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.fixed_point import CENT, ONE, format_dollars, format_price

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Holding
    from kalshi_ext.sandbox.engine.records import Fill, Order, Settlement
    from kalshi_ext.sandbox.engine.settings import Settings

Json = dict[str, Any]


def is_recorded(settings: Settings) -> bool:
    """Whether the classic side answers as recorded, not as documented."""
    return settings.classic_dialect == "recorded"


def recorded_order(row: Json, order: Order) -> Json:
    """Write an order: `last_update_time`, and what its fills cost, in cents and in dollars."""
    updated = row.pop("updated_time")
    costs = {"taker_fill_cost": order.taker_cost, "maker_fill_cost": order.maker_cost}
    return {
        **row,
        "last_update_time": updated,
        **{name: value // CENT for name, value in costs.items()},
        **{f"{name}_dollars": format_dollars(value) for name, value in costs.items()},
    }


def recorded_fill(row: Json, fill: Fill) -> Json:
    """Write a fill: `price` is a JSON number of YES dollars, whatever the side."""
    return {
        **row,
        "price": fill.price / ONE,
        "yes_price": fill.price // 100,
        "no_price": 100 - fill.price // 100,
        "yes_price_fixed": format_price(fill.price),
    }


def recorded_position(row: Json, holding: Holding, last_updated: str) -> Json:
    """Write what is held in one market, with its cost and what was traded."""
    return {
        **row,
        "market_exposure": holding.cost // CENT,
        "total_traded": holding.traded // CENT,
        "last_updated_ts": last_updated,
    }


def recorded_event(row: Json, holdings: list[Holding]) -> Json:
    """Write what is held over one event, with its whole contracts."""
    return {**row, "total_cost_shares": sum(abs(row.position) for row in holdings) // 100}


def recorded_settlement(row: Json, settlement: Settlement) -> Json:
    """Write a settlement: `market_result`, which also says scalar."""
    del row["result"]
    return {**row, "market_result": settlement.market.result}
