"""Limits, costs and usage levels of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.amounts import DAY, format_count
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.budgets import TIERS, bucket_capacity
from kalshi_ext.sandbox.engine.refusals import permission_denied

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import ExchangeState

VOLUME_GOALS = {"expert": 100_000_00, "premier": 1_000_000_00}
"""Assumed: contracts (hundredths) in 30 days that earn a level; half keeps it."""


def get_limits(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do GetAccountApiLimits."""
    del state, request
    read, write = TIERS[account.tier]
    body: dict[str, Any] = {
        "usage_tier": account.tier,
        "read": {"refill_rate": read, "bucket_capacity": bucket_capacity(account.tier, read=True)},
        "write": {
            "refill_rate": write,
            "bucket_capacity": bucket_capacity(account.tier, read=False),
        },
        "grants": [],
    }
    return Answer(200, body)


def upgrade(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do UpgradeAccountApiUsageLevel: from basic to advanced; 403 above (assumed)."""
    del request
    if account.tier != "basic":
        raise permission_denied("no higher level may be granted")
    account.tier = "advanced"
    state.record_event("account", account=account.name, what="tier", tier=account.tier)
    return Answer(201)


def get_volume(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do GetAccountApiUsageLevelVolumeProgress: contracts of the last 30 days."""
    del request
    volume = 0
    for fill in reversed(account.fills):
        if fill.created < state.now - 30 * DAY:
            break
        volume += fill.count
    progress = {
        "computed_ts": state.now // 1_000_000,
        "trailing_30d_volume_fp": format_count(volume),
        "goals": [_goal_row(level, goal) for level, goal in VOLUME_GOALS.items()],
    }
    return Answer(200, {"volume_progress": [progress]})


def _goal_row(level: str, goal: int) -> dict[str, Any]:
    return {
        "level": level,
        "earn_volume_goal_fp": format_count(goal),
        "keep_volume_goal_fp": format_count(goal // 2),
    }


def get_costs(state: ExchangeState, request: Call) -> Answer:
    """Do GetAccountEndpointCosts: those that differ from the default."""
    del request
    base, cost = "/trade-api/v2/portfolio/events/orders", state.settings.cancel_cost
    rows = [
        {"method": "DELETE", "path": f"{base}/{{order_id}}", "cost": cost},
        {"method": "DELETE", "path": f"{base}/batched", "cost": cost},
    ]
    return Answer(200, {"default_cost": state.settings.default_cost, "endpoint_costs": rows})
