"""Token buckets: what a request costs, and whether it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import permission_denied
from kalshi_ext.sandbox.engine.fixed_point import DAY, format_count
from kalshi_ext.sandbox.engine.operations import OPERATIONS
from kalshi_ext.sandbox.engine.request_parsing import is_list, is_object

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import Call
    from kalshi_ext.sandbox.engine.state import EngineState
if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import Call
    from kalshi_ext.sandbox.engine.state import EngineState


TIERS = {
    "basic": (200, 100),
    "advanced": (300, 300),
    "expert": (600, 600),
    "premier": (1000, 1000),
    "paragon": (2000, 2000),
    "prime": (4000, 4000),
    "prestige": (10000, 8000),
}
"""Tokens a second, read and write."""
_MILLION = 1_000_000
_READ_OPERATIONS = frozenset(op.id for op in OPERATIONS if op.method == "GET") | {
    "getQueuePositions"
}
_CANCELS = frozenset({"CancelOrderV2", "BatchCancelOrdersV2"})
_BATCH_FIELDS = {
    "BatchCreateOrdersV2": "orders",
    "BatchCancelOrdersV2": "orders",
    "batchCreateOrders": "orders",
    "batchCancelOrders": "order_ids",
}
_SHARDED = frozenset({"CreateOrderV2", "AmendOrderV2", "DecreaseOrderV2", "CancelOrderV2"})


def is_read(operation: str) -> bool:
    """Tell whether an operation draws on the read bucket (and changes nothing)."""
    return operation in _READ_OPERATIONS


def bucket_capacity(tier: str, *, read: bool) -> int:
    """Give a bucket's size: 2 s of budget for writes above Basic and low tiers' reads, else 1."""
    rate = TIERS[tier][0 if read else 1]
    double = tier in ("basic", "advanced") if read else tier != "basic"
    return rate * 2 if double else rate


def take_tokens(state: EngineState, account: TradingAccount, request: Call) -> bool:
    """Take a request's cost from its bucket; False, and nothing taken, when it does not fit."""
    read = is_read(request.operation)
    rate, most = (
        TIERS[account.tier][0 if read else 1],
        bucket_capacity(account.tier, read=read) * _MILLION,
    )
    name = "read" if read else _write_bucket(request)
    level, when = account.buckets.get(name, (most, state.now))
    level = min(most, level + rate * (state.now - when))
    cost = request_cost(state, request) * _MILLION
    account.buckets[name] = (level - cost if cost <= level else level, state.now)
    return cost <= level


def request_cost(state: EngineState, request: Call) -> int:
    """Give a request's cost; a batch bills each of its entries."""
    settings = state.settings
    each = settings.cancel_cost if request.operation in _CANCELS else settings.default_cost
    name = _BATCH_FIELDS.get(request.operation)
    if name is None:
        return each
    entries: object = _body(request).get(name)
    return each * max(len(entries), 1) if is_list(entries) else each


def _body(request: Call) -> dict[str, Any]:
    body: object = request.body
    return body if is_object(body) else {}


def _write_bucket(request: Call) -> str:
    if request.operation not in _SHARDED:
        return "write"
    shard: object = _body(request).get("exchange_index") or request.query.get("exchange_index")
    text = str(shard)
    return f"write {int(text)}" if text.isdecimal() and text.isascii() and int(text) else "write"


# MERGED """Limits, costs and usage levels of an account."""

VOLUME_GOALS = {"expert": 100_000_00, "premier": 1_000_000_00}
"""Assumed: contracts (hundredths) in 30 days that earn a level; half keeps it."""


def get_limits(state: EngineState, account: TradingAccount, request: Call) -> Answer:
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


def upgrade(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do UpgradeAccountApiUsageLevel: from basic to advanced; 403 above (assumed)."""
    del request
    if account.tier != "basic":
        raise permission_denied("no higher level may be granted")
    account.tier = "advanced"
    state.record_event("account", account=account.name, what="tier", tier=account.tier)
    return Answer(201)


def get_volume(state: EngineState, account: TradingAccount, request: Call) -> Answer:
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


def get_costs(state: EngineState, request: Call) -> Answer:
    """Do GetAccountEndpointCosts: those that differ from the default."""
    del request
    base, cost = "/trade-api/v2/portfolio/events/orders", state.settings.cancel_cost
    rows = [
        {"method": "DELETE", "path": f"{base}/{{order_id}}", "cost": cost},
        {"method": "DELETE", "path": f"{base}/batched", "cost": cost},
    ]
    return Answer(200, {"default_cost": state.settings.default_cost, "endpoint_costs": rows})
