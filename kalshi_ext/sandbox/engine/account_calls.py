"""Limits, costs and usage levels of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.amounts import DAY, count_text
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.budgets import TIERS, capacity
from kalshi_ext.sandbox.engine.refusals import forbidden

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import Exchange

GOALS = {"expert": 100_000_00, "premier": 1_000_000_00}
"""Assumed: contracts (hundredths) in 30 days that earn a level; half keeps it."""


def get_limits(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetAccountApiLimits."""
    del ex, call
    read, write = TIERS[who.tier]
    body: dict[str, Any] = {
        "usage_tier": who.tier,
        "read": {"refill_rate": read, "bucket_capacity": capacity(who.tier, read=True)},
        "write": {"refill_rate": write, "bucket_capacity": capacity(who.tier, read=False)},
        "grants": [],
    }
    return Answer(200, body)


def upgrade(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do UpgradeAccountApiUsageLevel: from basic to advanced; 403 above (assumed)."""
    del call
    if who.tier != "basic":
        raise forbidden("no higher level may be granted")
    who.tier = "advanced"
    ex.record("account", account=who.name, what="tier", tier=who.tier)
    return Answer(201)


def get_volume(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetAccountApiUsageLevelVolumeProgress: contracts of the last 30 days."""
    del call
    volume = 0
    for fill in reversed(who.fills):
        if fill.created < ex.now - 30 * DAY:
            break
        volume += fill.count
    progress = {
        "computed_ts": ex.now // 1_000_000,
        "trailing_30d_volume_fp": count_text(volume),
        "goals": [_goal(level, goal) for level, goal in GOALS.items()],
    }
    return Answer(200, {"volume_progress": [progress]})


def _goal(level: str, goal: int) -> dict[str, Any]:
    return {
        "level": level,
        "earn_volume_goal_fp": count_text(goal),
        "keep_volume_goal_fp": count_text(goal // 2),
    }


def get_costs(ex: Exchange, call: Call) -> Answer:
    """Do GetAccountEndpointCosts: those that differ from the default."""
    del call
    base, cost = "/trade-api/v2/portfolio/events/orders", ex.settings.cancel_cost
    rows = [
        {"method": "DELETE", "path": f"{base}/{{order_id}}", "cost": cost},
        {"method": "DELETE", "path": f"{base}/batched", "cost": cost},
    ]
    return Answer(200, {"default_cost": ex.settings.default_cost, "endpoint_costs": rows})
