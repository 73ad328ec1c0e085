"""Token buckets: what a request costs, and whether it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.bodies import is_list, is_object
from kalshi_ext.sandbox.engine.operations import OPERATIONS

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import Exchange

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
_READS = frozenset(op.id for op in OPERATIONS if op.method == "GET") | {"getQueuePositions"}
_CHEAP = frozenset({"CancelOrderV2", "BatchCancelOrdersV2"})
_BATCHES = {
    "BatchCreateOrdersV2": "orders",
    "BatchCancelOrdersV2": "orders",
    "batchCreateOrders": "orders",
    "batchCancelOrders": "order_ids",
}
_SHARDED = frozenset({"CreateOrderV2", "AmendOrderV2", "DecreaseOrderV2", "CancelOrderV2"})


def reads(operation: str) -> bool:
    """Tell whether an operation draws on the read bucket (and changes nothing)."""
    return operation in _READS


def capacity(tier: str, *, read: bool) -> int:
    """Give a bucket's size: 2 s of budget for writes above Basic and low tiers' reads, else 1."""
    rate = TIERS[tier][0 if read else 1]
    double = tier in ("basic", "advanced") if read else tier != "basic"
    return rate * 2 if double else rate


def spend(ex: Exchange, who: Account, call: Call) -> bool:
    """Take a call's cost from its bucket; False, and nothing taken, when it does not fit."""
    read = reads(call.operation)
    rate, most = TIERS[who.tier][0 if read else 1], capacity(who.tier, read=read) * _MILLION
    name = "read" if read else _write_bucket(call)
    level, when = who.buckets.get(name, (most, ex.now))
    level = min(most, level + rate * (ex.now - when))
    cost = cost_of(ex, call) * _MILLION
    who.buckets[name] = (level - cost if cost <= level else level, ex.now)
    return cost <= level


def cost_of(ex: Exchange, call: Call) -> int:
    """Give a call's cost; a batch bills each of its entries."""
    settings = ex.settings
    each = settings.cancel_cost if call.operation in _CHEAP else settings.default_cost
    name = _BATCHES.get(call.operation)
    if name is None:
        return each
    entries: object = _body(call).get(name)
    return each * max(len(entries), 1) if is_list(entries) else each


def _body(call: Call) -> dict[str, Any]:
    body: object = call.body
    return body if is_object(body) else {}


def _write_bucket(call: Call) -> str:
    if call.operation not in _SHARDED:
        return "write"
    shard: object = _body(call).get("exchange_index") or call.query.get("exchange_index")
    text = str(shard)
    return f"write {int(text)}" if text.isdecimal() and text.isascii() and int(text) else "write"
