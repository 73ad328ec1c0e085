"""The walk through the 47 operations of the current contract."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from kalshi_ext import Kalshi, OrderTicket
from tour.guide import Guide
from tour.showing import dollars, number

RAIN = "KXRAIN-26DEC31-NYC"
CHICAGO = "KXRAIN-26DEC31-CHI"


def exchange(guide: Guide) -> None:
    """The exchange and the account's limits."""
    guide.call("exchange.status")
    guide.call("exchange.schedule")
    guide.call("exchange.data_timestamp")
    guide.call("history.cutoff")
    guide.call("account.endpoint_costs")
    guide.call("account.limits")
    guide.call("account.volume_progress")
    guide.call("account.upgrade")


def taking(guide: Guide) -> None:
    """Buy 10 YES at the price the book asks: it trades at once."""
    before, held = guide.call("portfolio.balance"), position(guide)
    order = guide.call("orders.place", RAIN, side="yes", action="buy", count=10, price="0.56")
    guide.call("portfolio.fills", order_id=order.order_id)
    after, holds = guide.call("portfolio.balance"), position(guide)
    paid = before.balance - after.balance
    guide.note(
        f"position {number(held)} -> {number(holds)} YES; cash {dollars(before.balance)} -> "
        f"{dollars(after.balance)}: {dollars(paid)} paid, price and fee"
    )
    guide.expect(holds - held == order.fill_count, "the position grew by what was filled")
    guide.expect(paid > order.fill_count * order.average_fill_price, "price and fee were paid")


def resting(guide: Guide) -> None:
    """Rest a bid, change it, be filled by another trader, cancel what is left."""
    placed = guide.call("orders.place", RAIN, side="bid", count=20, price="0.55")
    order = guide.call("orders.get", placed.order_id)
    guide.call("orders.queue_position", placed.order_id)
    guide.call("orders.queue_positions", tickers=[RAIN])
    guide.call("orders.amend", order, price="0.55", count=18)
    guide.call("orders.decrease", order, to=12)
    sold = another_trader_sells(guide, "5")
    guide.note(f"another trader sells {number(sold)} YES at 0.55 into it")
    guide.call("portfolio.fills", order_id=placed.order_id)
    filled = guide.call("orders.get", placed.order_id)
    guide.expect(filled.fill_count == sold, "what the other trader sold is what was bought")
    guide.call("orders.cancel", order)
    guide.call("orders.list", ticker=RAIN, limit=3)


def batches(guide: Guide) -> None:
    """Several orders in one request; each entry has its own outcome."""
    tickets = [
        OrderTicket.of(CHICAGO, side="yes", action="buy", count=5, price="0.41"),
        OrderTicket.of(CHICAGO, side="no", action="buy", count=5, price="0.39"),
    ]
    placed = guide.call("orders.place_many", tickets)
    guide.call("portfolio.resting_value")
    guide.call("orders.cancel_many", placed)
    guide.call("orders.place", CHICAGO, side="bid", count=1, price="0.10", intent="demo/last")
    guide.call("orders.cancel_all")


def groups(guide: Guide) -> None:
    """Order groups: at most so many contracts in 15 seconds."""
    group = guide.call("order_groups.create", contracts_limit=100)
    said = {"side": "bid", "count": 2, "price": "0.30", "order_group_id": group.id}
    guide.call("orders.place", CHICAGO, **said)
    guide.call("order_groups.get", group.id)
    guide.call("order_groups.list")
    guide.call("order_groups.set_limit", group.id, 50)
    guide.call("order_groups.trigger", group.id)
    guide.call("order_groups.reset", group.id)
    guide.call("order_groups.delete", group.id)


def money(guide: Guide) -> None:
    """Positions, settlements, payments, transfers between shards."""
    guide.call("portfolio.positions", ticker=RAIN)
    guide.call("portfolio.settlements")
    guide.call("portfolio.deposits")
    guide.call("portfolio.withdrawals")
    moved = guide.call("portfolio.transfer", "25", destination_exchange_shard=2)
    guide.call("portfolio.get_transfer", moved)
    guide.call("portfolio.transfers")
    guide.call("portfolio.set_target_allocation", {0: 70, 2: 30})
    guide.call("portfolio.target_allocation")


def subaccounts(guide: Guide) -> None:
    """Subaccounts."""
    number_ = guide.call("subaccounts.create")
    guide.call("subaccounts.transfer", "12.50", from_subaccount=0, to_subaccount=number_)
    guide.call("subaccounts.balances")
    guide.call("subaccounts.transfers")
    guide.call("subaccounts.set_netting", number_, enabled=True)
    guide.call("subaccounts.netting")


def history(guide: Guide) -> None:
    """What has moved out of the live lists."""
    guide.call("history.orders")
    guide.call("history.fills")
    guide.call("history.positions")
    guide.call("orders.find", "seed-taken", ticker=RAIN)


CHAPTERS: tuple[Callable[[Guide], None], ...] = (
    *(exchange, taking, resting, batches),
    *(groups, money, subaccounts, history),
)


def position(guide: Guide) -> Decimal:
    """Return the contracts held in RAIN, without a line."""
    return sum((row.position for row in guide.client.portfolio.positions(ticker=RAIN)), Decimal(0))


def another_trader_sells(guide: Guide, count: str) -> Decimal | None:
    """Let the sandbox's second account sell YES at 0.55; returns the contracts it sold."""
    other = guide.box.account("maker")
    with Kalshi(
        key_id=other.key_id, private_key=other.private_key, environment=guide.box.url
    ) as client:
        ack = client.orders.place(RAIN, side="yes", action="sell", count=count, price="0.55")
        return ack.fill_count
