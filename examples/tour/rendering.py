"""Render a call and its result, each in a few words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import singledispatch
from typing import Any

from kalshi_ext import models
from kalshi_ext.errors import KalshiError
from kalshi_ext.requests import OrderTicket

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def number_text(value: Decimal | None) -> str:
    """Render a number without trailing zeros."""
    return "?" if value is None else f"{value.normalize():f}"


def dollars_text(value: Decimal | None) -> str:
    """Render dollars with at least two decimals."""
    if value is None:
        return "?"
    places = max(2, -int(value.normalize().as_tuple().exponent))
    return f"{'-' if value < 0 else ''}${abs(value):,.{places}f}"


def short_ids(text: str) -> str:
    """Keep the first part of a UUID."""
    return UUID.sub(lambda match: match.group()[:8], text)


def call_text(word: str, args: Sequence[Any], arguments: Mapping[str, Any]) -> str:
    """Render a call as one would type it, with short ids."""
    texts = [argument_text(value) for value in args]
    texts += [f"{name}={argument_text(value)}" for name, value in arguments.items()]
    return f"{word}({', '.join(texts)})"


def argument_text(value: object) -> str:
    """Render an argument of a call."""
    if isinstance(value, models.Order | models.OrderAck):
        return "order " + short_ids(value.order_id)
    if isinstance(value, OrderTicket):
        return "ticket"
    if isinstance(value, str):
        return short_ids(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(argument_text(each) for each in value)}]"
    return str(value)


@singledispatch
def answer(value: object) -> str:
    """Render the result of a call; a type without a rule of its own as `str`."""
    return str(value)


@answer.register
def _(_nothing: None) -> str:
    return "done"


@answer.register
def _(value: str) -> str:
    return short_ids(value)


@answer.register
def _(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


@answer.register
def _(value: list) -> str:  # type: ignore[type-arg]
    if not value:
        return "none"
    more = f"{len(value)} rows, first: " if len(value) > 1 else ""
    if isinstance(value[0], models.OrderAck | KalshiError):
        return "; ".join(answer(each) for each in value)
    return more + answer(value[0])


@answer.register
def _(value: KalshiError) -> str:
    return f"{type(value).__name__}: {value}"


@answer.register
def _(value: models.OrderAck) -> str:
    parts = [f"order {short_ids(value.order_id)}"]
    if value.fill_count is not None:
        price = f" at {number_text(value.average_fill_price)}" if value.average_fill_price else ""
        parts.append(f"filled {number_text(value.fill_count)}{price}")
    if value.remaining_count is not None:
        parts.append(f"resting {number_text(value.remaining_count)}")
    if value.reduced_by is not None:
        parts.append(f"reduced by {number_text(value.reduced_by)}")
    return ", ".join(parts)


@answer.register
def _(value: models.Order) -> str:
    size = f"{number_text(value.remaining_count)} resting, {number_text(value.fill_count)} filled"
    return f"{value.book_side} {number_text(value.price)} {value.ticker}: {value.status}, {size}"


@answer.register
def _(value: models.Fill) -> str:
    role = "taker" if value.is_taker else "maker"
    at = f"{number_text(value.count)} at {number_text(value.price)}"
    fee = "" if value.fee is None else f", fee {dollars_text(value.fee)}"
    return f"{value.book_side} {at}, {role}{fee}"


@answer.register
def _(value: models.QueuePosition) -> str:
    return f"{number_text(value.position)} contracts ahead"


@answer.register
def _(value: models.OrderGroup) -> str:
    holdings = "" if value.orders is None else f", {len(value.orders)} orders"
    limit = "" if value.contracts_limit is None else f", limit {number_text(value.contracts_limit)}"
    return f"group {short_ids(value.id)}{limit}{holdings}"


@answer.register
def _(value: models.Balance) -> str:
    holdings = value.portfolio_value
    return f"{dollars_text(value.balance)} cash" + (
        f", {dollars_text(holdings)} in positions" if holdings else ""
    )


@answer.register
def _(value: models.Position) -> str:
    side = "YES" if value.position >= 0 else "NO"
    parts = [f"{value.ticker}: {number_text(abs(value.position))} {side}"]
    parts += [f"exposure {dollars_text(value.exposure)}"] if value.exposure is not None else []
    parts += [f"fees {dollars_text(value.fees_paid)}"] if value.fees_paid is not None else []
    return ", ".join(parts)


@answer.register
def _(value: models.Settlement) -> str:
    return f"{value.ticker} ended {value.market_result}, revenue {dollars_text(value.revenue)}"


@answer.register
def _(value: models.Payment) -> str:
    return f"{dollars_text(value.amount)} by {value.type}, {value.status}"


@answer.register
def _(value: models.RestingValue) -> str:
    return dollars_text(value.total)


@answer.register
def _(value: models.SubaccountBalance) -> str:
    where = f"subaccount {value.subaccount}, shard {value.exchange_index}"
    return f"{where}: {dollars_text(value.balance)}"


@answer.register
def _(value: models.SubaccountTransfer) -> str:
    return f"{dollars_text(value.amount)} from {value.from_subaccount} to {value.to_subaccount}"


@answer.register
def _(value: models.InstanceTransfer) -> str:
    shards = f"shard {value.source_exchange_shard} to {value.destination_exchange_shard}"
    return f"{dollars_text(value.amount)}, {shards}, {value.status}"


@answer.register
def _(value: models.NettingConfig) -> str:
    return f"subaccount {value.subaccount}: {'on' if value.enabled else 'off'}"


@answer.register
def _(value: models.TargetAllocation) -> str:
    shares = [f"shard {shard} {share}%" for shard, share in value.percent.items()]
    return ", ".join(shares) or "none set"


@answer.register
def _(value: models.Market) -> str:
    bid, ask = number_text(value.yes_bid), number_text(value.yes_ask)
    return f"{value.ticker}: {value.status.value}, bid {bid}, ask {ask}"


@answer.register
def _(value: models.OrderBook) -> str:
    return f"{value.ticker}: bid {_side(value.bids)}, ask {_side(value.asks)}"


def _side(levels: Sequence[models.PriceLevel]) -> str:
    best = levels[0] if levels else None
    return "none" if best is None else f"{number_text(best.count)} at {number_text(best.price)}"


@answer.register
def _(value: models.Trade) -> str:
    side = "" if value.taker_book_side is None else f", taker {value.taker_book_side.value}"
    return f"{value.ticker}: {number_text(value.count)} at {number_text(value.price)}{side}"


@answer.register
def _(value: models.ExchangeStatus) -> str:
    state = "trading" if value.trading_active else "not trading"
    return f"{state}, {len(value.shards)} shards"


@answer.register
def _(value: models.Schedule) -> str:
    windows = len(value.maintenance_windows)
    return f"{len(value.standard_hours)} set of weekly hours, {windows} maintenance windows"


@answer.register
def _(value: models.HistoricalCutoff) -> str:
    return f"older than {value.orders_updated:%Y-%m-%d} is history"


@answer.register
def _(value: models.AccountLimits) -> str:
    rates = f"{value.read.refill_rate} read, {value.write.refill_rate} write tokens/s"
    return f"tier {value.usage_tier}, {rates}"


@answer.register
def _(value: models.EndpointCosts) -> str:
    return f"{value.default_cost} tokens a request, {len(value.costs)} exceptions"


@answer.register
def _(value: models.VolumeProgress) -> str:
    goals = f"{len(value.goals)} levels with goals"
    return f"{number_text(value.trailing_30d_volume)} contracts in 30 days, {goals}"
