"""A trader's day in steps: every method of the facade against a sandbox, with its result's type.

A step is (facade word, call of client and earlier results, type of the result; in a list, of rows).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from core_clients import finish

from kalshi_ext import OrderTicket, models

Results = dict[str, Any]
Step = tuple[str, Callable[[Any, Results], Any], Any]
RAIN: Final = "KXRAIN-26DEC31-NYC"
CHI: Final = "KXRAIN-26DEC31-CHI"
NO_RESULT: Final = type(None)


def bid(name: str, **more: Any) -> OrderTicket:
    return OrderTicket.of(CHI, side="bid", count=4, price="0.21", client_order_id=name, **more)


def first(rows: list[Any]) -> Any:
    return rows[0]


CURRENT: Final[list[Step]] = [
    ("exchange.status", lambda c, n: c.exchange.status(), models.ExchangeStatus),
    ("exchange.schedule", lambda c, n: c.exchange.schedule(), models.Schedule),
    ("exchange.data_timestamp", lambda c, n: c.exchange.data_timestamp(), datetime),
    ("account.limits", lambda c, n: c.account.limits(), models.AccountLimits),
    ("account.endpoint_costs", lambda c, n: c.account.endpoint_costs(), models.EndpointCosts),
    ("account.volume_progress", lambda c, n: c.account.volume_progress(), [models.VolumeProgress]),
    ("account.upgrade", lambda c, n: c.account.upgrade(), NO_RESULT),
    ("portfolio.balance", lambda c, n: c.portfolio.balance(), models.Balance),
    (
        "order_groups.create",
        lambda c, n: c.order_groups.create(contracts_limit=500),
        models.OrderGroup,
    ),
    (
        "order_groups.get",
        lambda c, n: c.order_groups.get(n["order_groups.create"].id),
        models.OrderGroup,
    ),
    ("order_groups.list", lambda c, n: c.order_groups.list(), [models.OrderGroup]),
    (
        "order_groups.set_limit",
        lambda c, n: c.order_groups.set_limit(n["order_groups.create"].id, 400),
        NO_RESULT,
    ),
    (
        "order_groups.trigger",
        lambda c, n: c.order_groups.trigger(n["order_groups.create"].id),
        NO_RESULT,
    ),
    (
        "order_groups.reset",
        lambda c, n: c.order_groups.reset(n["order_groups.create"].id),
        NO_RESULT,
    ),
    (
        "orders.place",
        lambda c, n: c.orders.place(
            RAIN,
            side="yes",
            action="buy",
            count=10,
            price="0.30",
            order_group_id=n["order_groups.create"].id,
        ),
        models.OrderAck,
    ),
    ("orders.get", lambda c, n: c.orders.get(n["orders.place"].order_id), models.Order),
    (
        "orders.find",
        lambda c, n: c.orders.find(n["orders.place"].client_order_id, ticker=RAIN),
        models.Order,
    ),
    (
        "orders.queue_position",
        lambda c, n: c.orders.queue_position(n["orders.place"].order_id),
        models.QueuePosition,
    ),
    (
        "orders.queue_positions",
        lambda c, n: c.orders.queue_positions(tickers=[RAIN]),
        [models.QueuePosition],
    ),
    ("orders.list", lambda c, n: c.orders.list(status="resting"), [models.Order]),
    (
        "orders.amend",
        lambda c, n: c.orders.amend(n["orders.get"], price="0.31", count=9),
        models.OrderAck,
    ),
    (
        "orders.decrease",
        lambda c, n: c.orders.decrease(n["orders.place"].order_id, to=5, ticker=RAIN),
        models.OrderAck,
    ),
    (
        "orders.cancel",
        lambda c, n: c.orders.cancel(n["orders.place"].order_id, ticker=RAIN),
        models.OrderAck,
    ),
    (
        "orders.place_many",
        lambda c, n: c.orders.place_many([bid("walk-1"), bid("walk-2")]),
        [models.OrderAck],
    ),
    (
        "orders.cancel_many",
        lambda c, n: c.orders.cancel_many(n["orders.place_many"]),
        [models.OrderAck],
    ),
    ("orders.cancel_all", lambda c, n: c.orders.cancel_all(), NO_RESULT),
    (
        "order_groups.delete",
        lambda c, n: c.order_groups.delete(n["order_groups.create"].id),
        NO_RESULT,
    ),
    ("portfolio.positions", lambda c, n: c.portfolio.positions(), [models.Position]),
    (
        "portfolio.event_positions",
        lambda c, n: c.portfolio.event_positions(),
        [models.EventPosition],
    ),
    ("portfolio.fills", lambda c, n: c.portfolio.fills(), [models.Fill]),
    ("portfolio.settlements", lambda c, n: c.portfolio.settlements(), [models.Settlement]),
    ("portfolio.deposits", lambda c, n: c.portfolio.deposits(), [models.Payment]),
    ("portfolio.withdrawals", lambda c, n: c.portfolio.withdrawals(), [models.Payment]),
    ("portfolio.resting_value", lambda c, n: c.portfolio.resting_value(), models.RestingValue),
    (
        "portfolio.transfer",
        lambda c, n: c.portfolio.transfer("1.50", destination_exchange_shard=2),
        str,
    ),
    (
        "portfolio.get_transfer",
        lambda c, n: c.portfolio.get_transfer(n["portfolio.transfer"]),
        models.InstanceTransfer,
    ),
    ("portfolio.transfers", lambda c, n: c.portfolio.transfers(), [models.InstanceTransfer]),
    (
        "portfolio.set_target_allocation",
        lambda c, n: c.portfolio.set_target_allocation({0: 70, 2: 30}),
        NO_RESULT,
    ),
    (
        "portfolio.target_allocation",
        lambda c, n: c.portfolio.target_allocation(),
        models.TargetAllocation,
    ),
    ("subaccounts.create", lambda c, n: c.subaccounts.create(), int),
    ("subaccounts.balances", lambda c, n: c.subaccounts.balances(), [models.SubaccountBalance]),
    (
        "subaccounts.transfer",
        lambda c, n: c.subaccounts.transfer("2.00", from_subaccount=0, to_subaccount=1),
        str,
    ),
    ("subaccounts.transfers", lambda c, n: c.subaccounts.transfers(), [models.SubaccountTransfer]),
    ("subaccounts.set_netting", lambda c, n: c.subaccounts.set_netting(1, enabled=True), NO_RESULT),
    ("subaccounts.netting", lambda c, n: c.subaccounts.netting(), [models.NettingConfig]),
    ("history.cutoff", lambda c, n: c.history.cutoff(), models.HistoricalCutoff),
    ("history.orders", lambda c, n: c.history.orders(), [models.Order]),
    ("history.fills", lambda c, n: c.history.fills(), [models.Fill]),
    ("history.positions", lambda c, n: c.history.positions(), [models.Position]),
    ("history.all_orders", lambda c, n: c.history.all_orders(), [models.Order]),
    ("history.all_fills", lambda c, n: c.history.all_fills(), [models.Fill]),
]

_IN_BOTH_CONTRACTS = {
    "portfolio.balance",
    "order_groups.list",
    "order_groups.reset",
    "orders.get",
    "orders.find",
    "orders.queue_position",
    "orders.list",
    "orders.place_many",
    "orders.cancel_many",
    "order_groups.delete",
    "portfolio.positions",
    "portfolio.event_positions",
    "portfolio.fills",
    "portfolio.settlements",
    "portfolio.resting_value",
}
_CLASSIC_STEPS: Final[dict[str, Step]] = {
    "order_groups.create": (
        "order_groups.create",
        lambda c, n: c.order_groups.create(contracts_limit=500),
        models.OrderGroup,
    ),
    "orders.place": (
        "orders.place",
        lambda c, n: c.orders.place(RAIN, side="no", action="buy", count=10, price="0.20"),
        models.OrderAck,
    ),
    "orders.queue_positions": (
        "orders.queue_positions",
        lambda c, n: c.orders.queue_positions([n["orders.place"]]),
        [models.QueuePosition],
    ),
    "orders.amend": (
        "orders.amend",
        lambda c, n: c.orders.amend(n["orders.get"], price="0.81", count=9),
        models.OrderAck,
    ),
    "orders.decrease": (
        "orders.decrease",
        lambda c, n: c.orders.decrease(n["orders.place"], by=2),
        models.OrderAck,
    ),
    "orders.cancel": (
        "orders.cancel",
        lambda c, n: c.orders.cancel(n["orders.place"]),
        models.OrderAck,
    ),
}
CLASSIC: Final[list[Step]] = [
    _CLASSIC_STEPS.get(step[0], step)
    for step in CURRENT
    if step[0] in _IN_BOTH_CONTRACTS or step[0] in _CLASSIC_STEPS
]


async def walk(client: Any, steps: list[Step]) -> Results:
    """Do the steps with a sync or an async client; with a sync one nothing is awaited."""
    results: Results = {}
    for word, work, _ in steps:
        value = finish(work(client, results))
        results[word] = await value if inspect.isawaitable(value) else value
    return results
