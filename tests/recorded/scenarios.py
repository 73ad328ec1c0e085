"""What is recorded: one scenario for each operation and contract, and one for each error shape.

A call that needs nothing before it is played as examples/calls.py has it. A scenario uses the
facade only, names its own ids, and ends with the call it is about. The same scenario is played when
recording and when replaying, with the sync and the async client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import frozen
from calls import EXAMPLES, Example
from kalshi_portfolio.api.orders import get_orders

from kalshi_ext import (
    BadRequest,
    DuplicateIdConflict,
    FillOrKillUnfilled,
    KalshiError,
    NotFound,
    OrderTicket,
    RateLimited,
    Retired,
    TimestampExpired,
    Unavailable,
)

TICKER = "KXRAIN-26DEC31-NYC"
OTHER = "KXRAIN-26DEC31-CHI"
EVENT = "KXRAIN-26DEC31"
CLIENT_ID = "11111111-2222-4333-8444-5555555555{:02d}"
Scenario = Callable[[Any], Awaitable[Any]]


@frozen
class Recording:
    """One cassette: contract, name, scenario, and the fault the sandbox is told to make.

    `served` is the sandbox's contract where it differs from the client's; `raises` the error that
    the scenario must end in.
    """

    contract: str
    name: str
    scenario: Scenario
    fault: tuple[str, dict[str, Any]] | None = None
    served: str | None = None
    raises: type[KalshiError] | None = None


async def place(client: Any, number: int = 1, price: str = "0.10", ticker: str = TICKER) -> Any:
    """Place the order a scenario is about. `number` makes its client_order_id."""
    return await client.orders.place(
        ticker,
        side="yes",
        action="buy",
        count=10,
        price=price,
        client_order_id=CLIENT_ID.format(number),
    )


async def placed_order(client: Any) -> Any:
    """Place an order and read it back."""
    return await client.orders.get((await place(client)).order_id)


async def _amend(client: Any) -> Any:
    order = await placed_order(client)
    return await client.orders.amend(
        order, price="0.12", count=8, updated_client_order_id=CLIENT_ID.format(2)
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
            ticket(TICKER, side="bid", count=2, price="0.56", client_order_id=CLIENT_ID.format(3)),
            ticket(TICKER, side="ask", count=2, price="0.95", client_order_id=CLIENT_ID.format(4)),
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


def _with_group(word: str, *arguments: Any) -> Scenario:
    async def scenario(client: Any) -> Any:
        group = await _group(client)
        return await getattr(client.order_groups, word)(group.id, *arguments)

    return scenario


async def _transfer(client: Any) -> Any:
    return await client.portfolio.transfer(
        "5.00", destination_exchange_shard=2, client_transfer_id=CLIENT_ID.format(7)
    )


async def _get_transfer(client: Any) -> Any:
    return await client.portfolio.get_transfer(await _transfer(client))


async def _subaccount_transfer(client: Any) -> Any:
    return await client.subaccounts.transfer(
        "5.00", from_subaccount=0, to_subaccount=1, client_transfer_id=CLIENT_ID.format(8)
    )


def _example(example: Example) -> Scenario:
    async def scenario(client: Any) -> Any:
        value = example.call(client, {})
        return await (value.all() if hasattr(value, "all") else value)

    return scenario


def _list_by_two(resource: str, word: str, **arguments: Any) -> Scenario:
    async def scenario(client: Any) -> Any:
        return await getattr(getattr(client, resource), word)(page_size=2, **arguments).all()

    return scenario


async def _set_netting(client: Any) -> Any:
    return await client.subaccounts.set_netting(1, enabled=False)


async def _order(client: Any) -> Any:
    return await client.orders.get((await place(client)).order_id)


async def _crossing(client: Any) -> Any:
    return await place(client, 9, "0.57")


# A word stands here where its scenario needs ids, orders or pages of its own; every other plays its
# example.
SCENARIOS: dict[str, Scenario] = {
    **{each.word: _example(each) for each in EXAMPLES if not each.needs_results("current")},
    "orders.place": _crossing,
    "orders.place_many": _place_many,
    "orders.amend": _amend,
    "orders.decrease": _decrease,
    "orders.cancel": _cancel,
    "orders.cancel_many": _cancel_many,
    "orders.cancel_all": _cancel_all,
    "orders.get": _order,
    "orders.list": _list_by_two("orders", "list", ticker=TICKER),
    "orders.queue_position": _queue_position,
    "orders.queue_positions": _queue_positions,
    "order_groups.create": _group,
    "order_groups.get": _with_group("get"),
    "order_groups.delete": _with_group("delete"),
    "order_groups.reset": _with_group("reset"),
    "order_groups.trigger": _with_group("trigger"),
    "order_groups.set_limit": _with_group("set_limit", 75),
    "portfolio.fills": _list_by_two("portfolio", "fills"),
    "portfolio.transfer": _transfer,
    "portfolio.get_transfer": _get_transfer,
    "subaccounts.transfer": _subaccount_transfer,
    "subaccounts.set_netting": _set_netting,
}


NO_SUCH_ORDER = "00000000-0000-4000-8000-000000000000"


async def _place_beyond_balance(client: Any) -> Any:
    return await client.orders.place(
        TICKER, side="bid", count=900000, price="0.50", client_order_id=CLIENT_ID.format(20)
    )


async def _place_twice(client: Any) -> Any:
    await place(client, 21, "0.10")
    # A client without memory of the first order: its journal is a new one.
    client.driver.journal = type(client.driver.journal)()
    return await place(client, 21, "0.11")


async def _place_unfillable(client: Any) -> Any:
    return await client.orders.place(
        TICKER,
        side="bid",
        count=5,
        price="0.02",
        time_in_force="fill_or_kill",
        client_order_id=CLIENT_ID.format(22),
    )


async def _get_unknown_order(client: Any) -> Any:
    return await client.orders.get(NO_SUCH_ORDER)


async def _list_beyond_limit(client: Any) -> Any:
    return await client.call(get_orders.sync_detailed, limit=5000)


async def _balance(client: Any) -> Any:
    return await client.portfolio.balance()


async def _place_on_retired_endpoint(client: Any) -> Any:
    return await place(client, 23)


def _html_fault(status: int) -> tuple[str, dict[str, Any]]:
    return ("html", {"status": status, "operation": "GetBalance", "times": 2})


EXPIRED_TIMESTAMP = {
    "operation": "GetBalance",
    "status": 401,
    "code": "header_timestamp_expired",
    "times": None,  # the client reads the clock anew more than once
}

ERRORS = [
    Recording("current", "error-nested-400", _place_beyond_balance, raises=BadRequest),
    Recording("current", "error-duplicate-409", _place_twice, raises=DuplicateIdConflict),
    Recording("current", "error-fill-or-kill-409", _place_unfillable, raises=FillOrKillUnfilled),
    Recording("current", "error-not-found-404", _get_unknown_order, raises=NotFound),
    Recording("current", "error-msg-400", _list_beyond_limit, raises=BadRequest),
    Recording(
        "classic",
        "error-retired-410",
        _place_on_retired_endpoint,
        served="both-today",
        raises=Retired,
    ),
    Recording("current", "error-html-502", _balance, fault=_html_fault(502), raises=Unavailable),
    Recording("current", "error-html-520", _balance, fault=_html_fault(520), raises=Unavailable),
    Recording(
        "current",
        "error-text-429",
        _balance,
        fault=("throttle", {"operation": "GetBalance", "times": 2}),
        raises=RateLimited,
    ),
    Recording(
        "current",
        "error-timestamp-401",
        _balance,
        fault=("status", EXPIRED_TIMESTAMP),
        raises=TimestampExpired,
    ),
]
