"""What is done with the current contract, in chapters."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from calls import CHICAGO, RAIN

from kalshi_ext import Kalshi, OrderTicket
from tour.rendering import dollars_text, number_text
from tour.runner import Tour


def take_liquidity(tour: Tour) -> None:
    """Buy 10 YES at the price the book asks: it trades at once."""
    before, position_before = tour.call("portfolio.balance"), position(tour)
    order = tour.call("orders.place", RAIN, side="yes", action="buy", count=10, price="0.56")
    tour.call("portfolio.fills", order_id=order.order_id)
    after, position_after = tour.call("portfolio.balance"), position(tour)
    paid = before.balance - after.balance
    positions = f"{number_text(position_before)} -> {number_text(position_after)} YES"
    cash = f"{dollars_text(before.balance)} -> {dollars_text(after.balance)}"
    tour.note(f"position {positions}; cash {cash}: {dollars_text(paid)} paid, price and fee")
    bought = position_after - position_before
    tour.expect(bought == order.fill_count, "the position grew by what was filled")
    tour.expect(paid > order.fill_count * order.average_fill_price, "price and fee were paid")


def rest_an_order(tour: Tour) -> None:
    """Rest a bid, change it, be filled by another trader, cancel what is left."""
    ack = tour.call("orders.place", RAIN, side="bid", count=20, price="0.55")
    order = tour.call("orders.get", ack.order_id)
    tour.call("orders.queue_position", ack.order_id)
    tour.call("orders.queue_positions", tickers=[RAIN])
    tour.call("orders.amend", order, price="0.55", count=18)
    tour.call("orders.decrease", order, to=12)
    sold_count = sell_as_another_trader(tour, "5")
    tour.note(f"another trader sells {number_text(sold_count)} YES at 0.55 into it")
    tour.call("portfolio.fills", order_id=ack.order_id)
    filled = tour.call("orders.get", ack.order_id)
    tour.expect(filled.fill_count == sold_count, "what the other trader sold is what was bought")
    tour.call("orders.cancel", order)
    tour.call("orders.list", ticker=RAIN, limit=3)
    tour.call("orders.find", order.client_order_id, ticker=RAIN)


def batches(tour: Tour) -> None:
    """Several orders in one request; each entry has its own outcome."""
    tickets = [
        OrderTicket.of(CHICAGO, side="yes", action="buy", count=5, price="0.41"),
        OrderTicket.of(CHICAGO, side="no", action="buy", count=5, price="0.39"),
    ]
    acks = tour.call("orders.place_many", tickets)
    tour.call("portfolio.resting_value")
    tour.call("orders.cancel_many", acks)
    tour.call("orders.place", CHICAGO, side="bid", count=1, price="0.10", intent="demo/last")
    tour.call("orders.cancel_all")


def groups(tour: Tour) -> None:
    """Order groups: at most so many contracts in 15 seconds."""
    group = tour.call("order_groups.create", contracts_limit=100)
    order = {"side": "bid", "count": 2, "price": "0.30", "order_group_id": group.id}
    tour.call("orders.place", CHICAGO, **order)
    tour.call("order_groups.get", group.id)
    tour.call("order_groups.list")
    tour.call("order_groups.set_limit", group.id, 50)
    tour.call("order_groups.trigger", group.id)
    tour.call("order_groups.reset", group.id)
    tour.call("order_groups.delete", group.id)


def money(tour: Tour) -> None:
    """Transfers between shards, and how the balance is to be shared out."""
    transfer_id = tour.call("portfolio.transfer", "25", destination_exchange_shard=2)
    tour.call("portfolio.get_transfer", transfer_id)
    tour.call("portfolio.transfers")
    tour.call("portfolio.set_target_allocation", {0: 70, 2: 30})
    tour.call("portfolio.target_allocation")


def subaccounts(tour: Tour) -> None:
    """Subaccounts."""
    subaccount = tour.call("subaccounts.create")
    tour.call("subaccounts.transfer", "12.50", from_subaccount=0, to_subaccount=subaccount)
    tour.call("subaccounts.balances")
    tour.call("subaccounts.transfers")
    tour.call("subaccounts.set_netting", subaccount, enabled=True)
    tour.call("subaccounts.netting")


CHAPTERS: tuple[Callable[[Tour], None], ...] = (
    *(take_liquidity, rest_an_order, batches),
    *(groups, money, subaccounts),
)


def position(tour: Tour) -> Decimal:
    """Return the contracts held in RAIN, without printing a line."""
    return sum((row.position for row in tour.client.portfolio.positions(ticker=RAIN)), Decimal(0))


def sell_as_another_trader(tour: Tour, count: str) -> Decimal | None:
    """Let the sandbox's second account sell YES at 0.55; returns the contracts it sold."""
    maker = tour.box.account("maker")
    with Kalshi(
        key_id=maker.key_id, private_key=maker.private_key, environment=tour.box.url
    ) as client:
        ack = client.orders.place(RAIN, side="yes", action="sell", count=count, price="0.55")
        return ack.fill_count
