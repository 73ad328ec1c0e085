"""What is recorded: one scene per operation and contract, and one per error shape.

A scene uses the facade only, names its own ids, and ends with the call it is about. The same
scene is played when recording and when replaying, in both colours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import frozen

from kalshi_ext import KalshiError, OrderTicket

TICKER = "KXRAIN-26DEC31-NYC"
OTHER = "KXRAIN-26DEC31-CHI"
EVENT = "KXRAIN-26DEC31"
KEY = "11111111-2222-4333-8444-5555555555{:02d}"
Scene = Callable[[Any], Awaitable[Any]]


@frozen
class Take:
    """One cassette: contract, name, scene, and the fault the exchange is told to make."""

    contract: str
    name: str
    scene: Scene
    fault: tuple[str, dict[str, Any]] | None = None
    served: str | None = None  # the exchange's contract where it differs from the client's
    fails: type[KalshiError] | None = None


async def place(client: Any, number: int = 1, price: str = "0.10", ticker: str = TICKER) -> Any:
    """Place the order a scene is about."""
    return await client.orders.place(
        ticker,
        side="yes",
        action="buy",
        count=10,
        price=price,
        client_order_id=KEY.format(number),
    )


async def placed_order(client: Any) -> Any:
    """Place an order and read it back."""
    return await client.orders.get((await place(client)).order_id)


async def _amend(client: Any) -> Any:
    order = await placed_order(client)
    return await client.orders.amend(
        order, price="0.12", count=8, updated_client_order_id=KEY.format(2)
    )


async def _decrease(client: Any) -> Any:
    order = await placed_order(client)
    if client.session.contract.name == "classic":
        return await client.orders.decrease(order, by=3)
    return await client.orders.decrease(order, to=4)


async def _cancel(client: Any) -> Any:
    return await client.orders.cancel(await placed_order(client))


async def _place_many(client: Any) -> Any:
    ticket = OrderTicket.of
    return await client.orders.place_many(
        [
            ticket(TICKER, side="bid", count=2, price="0.56", client_order_id=KEY.format(3)),
            ticket(TICKER, side="ask", count=2, price="0.95", client_order_id=KEY.format(4)),
        ]
    )


async def _cancel_many(client: Any) -> Any:
    first = await place(client, 5)
    second = await place(client, 6, "0.11")
    orders = [await client.orders.get(ack.order_id) for ack in (first, second)]
    return await client.orders.cancel_many(orders)


async def _cancel_all(client: Any) -> Any:
    await place(client)
    return await client.orders.cancel_all()


async def _queue_position(client: Any) -> Any:
    return await client.orders.queue_position((await place(client)).order_id)


async def _queue_positions(client: Any) -> Any:
    ack = await place(client)
    if client.session.contract.name == "classic":
        return await client.orders.queue_positions([ack.order_id])
    return await client.orders.queue_positions(tickers=[TICKER])


async def _group(client: Any) -> Any:
    return await client.order_groups.create(contracts_limit=50)


def _with_group(word: str, *arguments: Any) -> Scene:
    async def scene(client: Any) -> Any:
        group = await _group(client)
        return await getattr(client.order_groups, word)(group.id, *arguments)

    return scene


async def _transfer(client: Any) -> Any:
    return await client.portfolio.transfer(
        "5.00", destination_exchange_shard=2, client_transfer_id=KEY.format(7)
    )


async def _get_transfer(client: Any) -> Any:
    return await client.portfolio.get_transfer(await _transfer(client))


async def _subaccount_transfer(client: Any) -> Any:
    return await client.subaccounts.transfer(
        "5.00", from_subaccount=0, to_subaccount=1, client_transfer_id=KEY.format(8)
    )


def _one(resource: str, word: str, **arguments: Any) -> Scene:
    async def scene(client: Any) -> Any:
        return await getattr(getattr(client, resource), word)(**arguments)

    return scene


def _rows(resource: str, word: str, **arguments: Any) -> Scene:
    async def scene(client: Any) -> Any:
        return await getattr(getattr(client, resource), word)(**arguments).all()

    return scene


async def _order(client: Any) -> Any:
    return await client.orders.get((await place(client)).order_id)


async def _crossing(client: Any) -> Any:
    return await place(client, 9, "0.57")


SHARED: dict[str, Scene] = {
    "orders.place": _crossing,
    "orders.place_many": _place_many,
    "orders.amend": _amend,
    "orders.decrease": _decrease,
    "orders.cancel": _cancel,
    "orders.cancel_many": _cancel_many,
    "orders.cancel_all": _cancel_all,
    "orders.get": _order,
    "orders.list": _rows("orders", "list", ticker=TICKER, page_size=2),
    "orders.queue_position": _queue_position,
    "orders.queue_positions": _queue_positions,
    "order_groups.create": _group,
    "order_groups.get": _with_group("get"),
    "order_groups.list": _rows("order_groups", "list"),
    "order_groups.delete": _with_group("delete"),
    "order_groups.reset": _with_group("reset"),
    "order_groups.trigger": _with_group("trigger"),
    "order_groups.set_limit": _with_group("set_limit", 75),
    "portfolio.balance": _one("portfolio", "balance"),
    "portfolio.positions": _rows("portfolio", "positions"),
    "portfolio.fills": _rows("portfolio", "fills", page_size=2),
    "portfolio.settlements": _rows("portfolio", "settlements"),
    "portfolio.deposits": _rows("portfolio", "deposits"),
    "portfolio.withdrawals": _rows("portfolio", "withdrawals"),
    "portfolio.resting_value": _one("portfolio", "resting_value"),
    "portfolio.transfer": _transfer,
    "portfolio.get_transfer": _get_transfer,
    "portfolio.transfers": _rows("portfolio", "transfers"),
    "portfolio.target_allocation": _one("portfolio", "target_allocation"),
    "portfolio.set_target_allocation": _one(
        "portfolio", "set_target_allocation", percent={0: 60, 2: 40}
    ),
    "subaccounts.create": _one("subaccounts", "create"),
    "subaccounts.transfer": _subaccount_transfer,
    "subaccounts.balances": _one("subaccounts", "balances"),
    "subaccounts.transfers": _rows("subaccounts", "transfers"),
    "subaccounts.netting": _one("subaccounts", "netting"),
    "subaccounts.set_netting": _one("subaccounts", "set_netting", subaccount=1, enabled=False),
    "history.cutoff": _one("history", "cutoff"),
    "history.orders": _rows("history", "orders"),
    "history.fills": _rows("history", "fills"),
    "history.positions": _rows("history", "positions"),
    "account.limits": _one("account", "limits"),
    "account.endpoint_costs": _one("account", "endpoint_costs"),
    "account.volume_progress": _one("account", "volume_progress"),
    "account.upgrade": _one("account", "upgrade"),
    "exchange.status": _one("exchange", "status"),
    "exchange.schedule": _one("exchange", "schedule"),
    "exchange.data_timestamp": _one("exchange", "data_timestamp"),
}
