"""Rate limits: token buckets by account, what a request costs, and the levels an account may reach.

A bucket refills at the rate of the account's tier up to its capacity (documented). A request takes
its cost at once or is answered 429 and takes nothing. Example: basic reads refill 200 tokens a
second into a bucket of 400 and a read costs 10, so 40 reads at once are served and the 41st is
refused; 50 ms later there are 10 tokens for one more.

Levels are kept in millionths of a token: a rate times microseconds is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import permission_denied
from kalshi_ext.sandbox.engine.fixed_point import DAY, SECOND, format_count
from kalshi_ext.sandbox.engine.operations import OPERATIONS, handles
from kalshi_ext.sandbox.engine.request_parsing import is_list, is_object

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import ApiRequest
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
"""Tokens a second, read and write (documented)."""
_MILLION = 1_000_000
# getQueuePositions is a POST that only reads
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

VOLUME_GOALS = {"expert": 100_000_00, "premier": 1_000_000_00}
"""Assumed: contracts (hundredths) in 30 days that earn a level; half keeps it."""


def is_read(operation: str) -> bool:
    """Tell whether an operation draws on the read bucket; none of those changes anything."""
    return operation in _READ_OPERATIONS


def bucket_capacity(tier: str, *, read: bool) -> int:
    """Give a bucket's size: 2 s of writes above basic, 2 s of reads up to advanced, else 1 s."""
    rate = TIERS[tier][0 if read else 1]
    double = tier in ("basic", "advanced") if read else tier != "basic"
    return rate * 2 if double else rate


def take_tokens(state: EngineState, account: TradingAccount, request: ApiRequest) -> bool:
    """Take a request's cost from its bucket; False, and nothing taken, when it does not fit."""
    read = is_read(request.operation)
    rate = TIERS[account.tier][0 if read else 1]
    capacity = bucket_capacity(account.tier, read=read) * _MILLION
    name = "read" if read else _write_bucket(request)
    level, updated = account.buckets.get(name, (capacity, state.now))
    level = min(capacity, level + rate * (state.now - updated))
    cost = request_cost(state, request) * _MILLION
    # a refused request takes nothing, but the level of now is kept
    account.buckets[name] = (level - cost if cost <= level else level, state.now)
    return cost <= level


def request_cost(state: EngineState, request: ApiRequest) -> int:
    """Give a request's cost in tokens; a batch bills each of its entries (documented)."""
    settings = state.settings
    each = settings.cancel_cost if request.operation in _CANCELS else settings.default_cost
    name = _BATCH_FIELDS.get(request.operation)
    if name is None:
        return each
    entries: object = _body(request).get(name)
    # an empty batch is refused later and costs like one entry
    return each * max(len(entries), 1) if is_list(entries) else each


def _body(request: ApiRequest) -> dict[str, Any]:
    body: object = request.body
    return body if is_object(body) else {}


def _write_bucket(request: ApiRequest) -> str:
    # documented: a write that names a shard above 0 draws on that shard's own budget
    if request.operation not in _SHARDED:
        return "write"
    shard: object = _body(request).get("exchange_index") or request.query.get("exchange_index")
    text = str(shard)
    return f"write {int(text)}" if text.isdecimal() and text.isascii() and int(text) else "write"


@handles("GetAccountApiLimits")
def get_limits(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    del request
    tier = account.tier
    # where no limit is kept, a client that paces itself by these numbers should not wait
    kept = tier if state.settings.rate_limits else "prestige"
    read, write = TIERS[kept]
    body: dict[str, Any] = {
        "usage_tier": tier,
        "read": {"refill_rate": read, "bucket_capacity": bucket_capacity(kept, read=True)},
        "write": {"refill_rate": write, "bucket_capacity": bucket_capacity(kept, read=False)},
        "grants": [],
    }
    return Answer(200, body)


@handles("UpgradeAccountApiUsageLevel")
def upgrade(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    """Upgrade from basic to advanced; assumed: 403 for every other level."""
    del request
    if account.tier != "basic":
        raise permission_denied("no higher level may be granted")
    account.tier = "advanced"
    state.record_event("account", account=account.name, what="tier", tier=account.tier)
    return Answer(201)


@handles("GetAccountApiUsageLevelVolumeProgress")
def get_volume(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    """Tell the contracts traded in the last 30 days."""
    del request
    volume = 0
    for fill in reversed(account.fills):
        if fill.created < state.now - 30 * DAY:
            break
        volume += fill.count
    progress = {
        "computed_ts": state.now // SECOND,
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


@handles("GetAccountEndpointCosts")
def get_costs(state: EngineState, request: ApiRequest) -> Answer:
    """Tell the costs that differ from the default."""
    del request
    base, cost = "/trade-api/v2/portfolio/events/orders", state.settings.cancel_cost
    rows = [
        {"method": "DELETE", "path": f"{base}/{{order_id}}", "cost": cost},
        {"method": "DELETE", "path": f"{base}/batched", "cost": cost},
    ]
    return Answer(200, {"default_cost": state.settings.default_cost, "endpoint_costs": rows})
