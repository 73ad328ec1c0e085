"""Say what was called and what came back, each in a few words."""

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


def number(value: Decimal | None) -> str:
    """Write a number without trailing zeros."""
    return "?" if value is None else f"{value.normalize():f}"


def dollars(value: Decimal | None) -> str:
    """Write dollars with at least two decimals."""
    if value is None:
        return "?"
    places = max(2, -int(value.normalize().as_tuple().exponent))
    return f"{'-' if value < 0 else ''}${abs(value):,.{places}f}"


def short(text: str) -> str:
    """Keep the first part of a UUID."""
    return UUID.sub(lambda found: found.group()[:8], text)


def call_text(word: str, args: Sequence[Any], said: Mapping[str, Any]) -> str:
    """Write a call as one would type it, ids cut short."""
    given = [argument(value) for value in args]
    given += [f"{name}={argument(value)}" for name, value in said.items()]
    return f"{word}({', '.join(given)})"


def argument(value: object) -> str:
    """Write an argument."""
    if isinstance(value, models.Order | models.OrderAck):
        return "order " + short(value.order_id)
    if isinstance(value, OrderTicket):
        return "ticket"
    if isinstance(value, str):
        return short(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(argument(each) for each in value)}]"
    return str(value)


@singledispatch
def answer(value: object) -> str:
    """Say what came back."""
    return str(value)


@answer.register
def _(_nothing: None) -> str:
    return "done"


@answer.register
def _(value: str) -> str:
    return short(value)


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
    said = [f"order {short(value.order_id)}"]
    if value.fill_count is not None:
        price = f" at {number(value.average_fill_price)}" if value.average_fill_price else ""
        said.append(f"filled {number(value.fill_count)}{price}")
    if value.remaining_count is not None:
        said.append(f"resting {number(value.remaining_count)}")
    if value.reduced_by is not None:
        said.append(f"reduced by {number(value.reduced_by)}")
    return ", ".join(said)


@answer.register
def _(value: models.Order) -> str:
    size = f"{number(value.remaining_count)} resting, {number(value.fill_count)} filled"
    return f"{value.book_side} {number(value.price)} {value.ticker}: {value.status}, {size}"


@answer.register
def _(value: models.Fill) -> str:
    role = "taker" if value.is_taker else "maker"
    at = f"{number(value.count)} at {number(value.price)}"
    fee = "" if value.fee is None else f", fee {dollars(value.fee)}"
    return f"{value.book_side} {at}, {role}{fee}"


@answer.register
def _(value: models.QueuePosition) -> str:
    return f"{number(value.position)} contracts ahead"


@answer.register
def _(value: models.OrderGroup) -> str:
    held = "" if value.orders is None else f", {len(value.orders)} orders"
    limit = "" if value.contracts_limit is None else f", limit {number(value.contracts_limit)}"
    return f"group {short(value.id)}{limit}{held}"


@answer.register
def _(value: models.Balance) -> str:
    held = value.portfolio_value
    return f"{dollars(value.balance)} cash" + (f", {dollars(held)} in positions" if held else "")


@answer.register
def _(value: models.Position) -> str:
    side = "YES" if value.position >= 0 else "NO"
    said = [f"{value.ticker}: {number(abs(value.position))} {side}"]
    said += [f"exposure {dollars(value.exposure)}"] if value.exposure is not None else []
    said += [f"fees {dollars(value.fees_paid)}"] if value.fees_paid is not None else []
    return ", ".join(said)


@answer.register
def _(value: models.Settlement) -> str:
    return f"{value.ticker} ended {value.market_result}, revenue {dollars(value.revenue)}"


@answer.register
def _(value: models.Payment) -> str:
    return f"{dollars(value.amount)} by {value.type}, {value.status}"


@answer.register
def _(value: models.RestingValue) -> str:
    return dollars(value.total)


@answer.register
def _(value: models.SubaccountBalance) -> str:
    where = f"subaccount {value.subaccount}, shard {value.exchange_index}"
    return f"{where}: {dollars(value.balance)}"


@answer.register
def _(value: models.SubaccountTransfer) -> str:
    return f"{dollars(value.amount)} from {value.from_subaccount} to {value.to_subaccount}"


@answer.register
def _(value: models.InstanceTransfer) -> str:
    shards = f"shard {value.source_exchange_shard} to {value.destination_exchange_shard}"
    return f"{dollars(value.amount)}, {shards}, {value.status}"


@answer.register
def _(value: models.NettingConfig) -> str:
    return f"subaccount {value.subaccount}: {'on' if value.enabled else 'off'}"


@answer.register
def _(value: models.TargetAllocation) -> str:
    shares = [f"shard {shard} {share}%" for shard, share in value.percent.items()]
    return ", ".join(shares) or "none set"


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
    return f"{number(value.trailing_30d_volume)} contracts in 30 days, {goals}"
