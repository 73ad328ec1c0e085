"""What a member owns: cash by subaccount and shard, positions, and the lists of its rows.

Names of scalar attributes are part of the digest (state.py): renaming one changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from kalshi_ext.sandbox.engine.fixed_point import contract_cost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.order_groups import Group
    from kalshi_ext.sandbox.engine.records import (
        Fill,
        InstanceTransfer,
        Order,
        Payment,
        Settlement,
        SubaccountTransfer,
    )
    from kalshi_ext.sandbox.engine.state import Snapshots

LAST_SUBACCOUNT = 63
MAX_NAME = 64


def check_account_name(name: object) -> str:
    """Return an account's name. Raises ValueError.

    Its keys are written to files of that name, so it must name a file of its folder.
    """
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise ValueError(f"account: 1 to {MAX_NAME} printable letters, not {name!r:.80}")
    if name.startswith(".") or any(mark in name for mark in '/\\:*?"<>|'):
        raise ValueError(f"account: a name that can be a file's, not {name!r}")
    return name


@define(eq=False)
class RestingTotals:
    """Sum up the resting orders of one side of a holding."""

    bid: bool
    counts: dict[int, int] = field(factory=dict[int, int])
    """Count by price."""
    count: int = 0
    cost: int = 0

    def add(self, price: int, count: int) -> None:
        """Add contracts at a price; a count below 0 takes them off."""
        self.count += count
        self.cost += contract_cost(price, bid=self.bid) * count
        total = self.counts.get(price, 0) + count
        if total:
            self.counts[price] = total
        else:
            del self.counts[price]

    def uncovered_cost(self, cover: int, extra: Mapping[int, int] | None = None) -> int:
        """Cost the contracts that the position does not cover.

        cover: the contracts that close a position; the best prices, which trade first, use it up.
        extra: contracts to count in as if they rested, by price.
        """
        cost, count = self.cost, self.count
        if extra:
            cost += sum(contract_cost(p, bid=self.bid) * c for p, c in extra.items())
            count += sum(extra.values())
        # the two common cases need no walk over the prices
        if cover <= 0 or not count:
            return cost
        if count <= cover:
            return 0
        return cost - self._covered_cost(cover, extra or {})

    def _covered_cost(self, cover: int, extra: Mapping[int, int]) -> int:
        cost = 0
        for price in sorted({*self.counts, *extra}, reverse=self.bid):
            count = min(cover, self.counts.get(price, 0) + extra.get(price, 0))
            cost += contract_cost(price, bid=self.bid) * count
            cover -= count
            if not cover:
                break
        return cost


@define(eq=False)
class Holding:
    """Keep one subaccount's position in one market, its cost and its resting orders."""

    subaccount: int
    market: Market
    position: int = 0
    """YES above 0, NO below."""
    cost: int = 0
    """What the open position cost, fees apart, in micro-dollars."""
    realized: int = 0
    fees: int = 0
    traded: int = 0
    settled: bool = False
    created: int = 0
    """Time of the first fill; 0: none yet."""
    updated: int = 0
    orders: int = 0
    bids: RestingTotals = field(factory=lambda: RestingTotals(bid=True))
    asks: RestingTotals = field(factory=lambda: RestingTotals(bid=False))
    reserved: int = 0
    snapshots: Snapshots = None

    @property
    def id(self) -> str:
        """Identify it among the positions of an account."""
        return f"{self.market.ticker}|{self.subaccount}"

    def add_resting(self, order: Order, count: int) -> None:
        """Add contracts of an order to the resting totals; a count below 0 takes them off."""
        (self.bids if order.bid else self.asks).add(order.price, count)

    def required_reserve(
        self, mode: str, *, bid: bool = True, extra: Mapping[int, int] | None = None
    ) -> int:
        """Give what resting orders must hold back, as if `extra` rested on one side too.

        mode (assumed; the setting `reservation`): sum of both sides, the dearer side only (max),
        or none. Orders that close the position cost nothing.
        """
        if mode == "none":
            return 0
        bids = self.bids.uncovered_cost(-self.position, extra if bid else None)
        asks = self.asks.uncovered_cost(self.position, None if bid else extra)
        return max(bids, asks) if mode == "max" else bids + asks

    def apply_fill(self, *, bid: bool, price: int, count: int) -> int:
        """Apply a fill to the position; return the cash it brings (below 0: it costs)."""
        each = contract_cost(price, bid=bid)
        opposite = -self.position if bid else self.position
        closed = min(count, max(opposite, 0))
        self.traded += each * count
        revenue = -each * count
        if closed:
            # a YES and a NO of one holding are worth a dollar together, and are handed in for it
            proceeds = contract_cost(price, bid=not bid) * closed
            revenue += each * closed + proceeds
            self._realize(closed, opposite, proceeds)
        self.cost += each * (count - closed)
        self.position += count if bid else -count
        return revenue

    def _realize(self, closed: int, opposite: int, proceeds: int) -> None:
        # average cost; the remainder of the division stays with what is still open, so the last
        # contract closed takes exactly what is left
        freed = self.cost * closed // opposite
        self.cost -= freed
        self.realized += proceeds - freed


@define(eq=False)
class CashBalance:
    """Hold the cash of one subaccount on one shard, in micro-dollars."""

    cash: int = 0
    reserved: int = 0
    """What resting orders hold back."""
    updated: int = 0
    snapshots: Snapshots = None

    @property
    def available(self) -> int:
        """Give what new orders and transfers may use."""
        return self.cash - self.reserved


Balances = dict[tuple[int, int], CashBalance]
"""By (subaccount, shard)."""


@define(eq=False)
class TradingAccount:
    """Keep one member's books."""

    name: str
    user_id: str
    opened: int
    precision: int = 100
    """Cash moves in whole multiples of it, in micro-dollars.

    $0.0001 for direct members and $0.01 for others (documented); recorded fees have the former.
    """
    tier: str = "basic"
    fcm: bool = True
    endless: bool = False
    """Its funds are never checked."""
    reservation: str | None = None
    """The account's own choice of what resting orders hold back."""
    balances: Balances = field(factory=Balances)
    margined_balances: Balances = field(factory=Balances)
    subaccounts: set[int] = field(factory=lambda: {0})
    netting: dict[tuple[int, int], bool] = field(factory=dict[tuple[int, int], bool])
    allocations: dict[int, int] = field(factory=lambda: {0: 100})
    allocation_chosen: bool = False
    holdings: dict[tuple[int, str], Holding] = field(factory=dict[tuple[int, str], Holding])
    orders: list[Order] = field(factory=list["Order"])
    orders_by_ticker: dict[str, list[Order]] = field(factory=dict[str, "list[Order]"])
    open_orders: dict[str, Order] = field(factory=dict[str, "Order"])
    fills: list[Fill] = field(factory=list["Fill"])
    fills_by_ticker: dict[str, list[Fill]] = field(factory=dict[str, "list[Fill]"])
    settlements: list[Settlement] = field(factory=list["Settlement"])
    deposits: list[Payment] = field(factory=list["Payment"])
    withdrawals: list[Payment] = field(factory=list["Payment"])
    subaccount_transfers: list[SubaccountTransfer] = field(factory=list["SubaccountTransfer"])
    transfers: list[InstanceTransfer] = field(factory=list["InstanceTransfer"])
    transfer_ids: set[str] = field(factory=set[str])
    client_order_ids: dict[str, tuple[int, Order]] = field(factory=dict[str, tuple[int, "Order"]])
    groups: dict[str, Group] = field(factory=dict[str, "Group"])
    sweeps: list[tuple[int, int | None]] = field(factory=list[tuple[int, int | None]])
    """Cancel-alls still sweeping: (until, subaccount or None for all)."""
    buckets: dict[str, tuple[int, int]] = field(factory=dict[str, tuple[int, int]])
    """Token buckets: (millionths of tokens, time of that level)."""
    funded: int = 0
    """Paid in less paid out."""
    realized: int = 0
    charged: int = 0
    """Net fees of all fills."""
    in_transit: int = 0

    def balance(self, subaccount: int, shard: int) -> CashBalance:
        """Give the balance of a subaccount on a shard, opening it where there is none."""
        return self.balances.setdefault((subaccount, shard), CashBalance(updated=self.opened))

    def margined_balance(self, subaccount: int, shard: int) -> CashBalance:
        """Give the balance in the margined instance, opening it where there is none."""
        key = (subaccount, shard)
        return self.margined_balances.setdefault(key, CashBalance(updated=self.opened))

    def available(self, subaccount: int, shard: int) -> int:
        """Give what may be used; opens no balance, so that a refusal changes nothing."""
        balance = self.balances.get((subaccount, shard))
        return 0 if balance is None else balance.available

    def holding(self, subaccount: int, market: Market) -> Holding:
        """Give the holding of a subaccount in a market; a new one is not kept yet."""
        return self.holdings.get((subaccount, market.ticker)) or Holding(subaccount, market)

    def add_holding(self, holding: Holding) -> None:
        """Keep a holding that may be new."""
        # called for accepted orders only: a refused one must leave no empty holding
        key = (holding.subaccount, holding.market.ticker)
        if key not in self.holdings:
            self.holdings[key] = holding
            holding.market.holdings.append(holding)
