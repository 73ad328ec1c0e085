"""Token buckets: what a request costs, and whether it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine.bodies import is_list, is_object
from kalshi_ext.sandbox.engine.operations import OPERATIONS

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import ExchangeState

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


def take_tokens(state: ExchangeState, account: TradingAccount, request: Call) -> bool:
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


def request_cost(state: ExchangeState, request: Call) -> int:
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
