"""Accounts: cash by subaccount and shard, and everything an account owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from kalshi_ext.sandbox.engine.amounts import CENT
from kalshi_ext.sandbox.engine.holdings import Holding

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.groups import Group
    from kalshi_ext.sandbox.engine.records import (
        Fill,
        InstanceTransfer,
        Order,
        Payment,
        Settlement,
        SubaccountTransfer,
    )
    from kalshi_ext.sandbox.engine.versions import Snapshots

LAST_SUBACCOUNT = 63


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


@define(eq=False)
class TradingAccount:
    """Keep one member's books."""

    name: str
    user_id: str
    opened: int
    precision: int = CENT
    tier: str = "basic"
    fcm: bool = True
    endless: bool = False
    """Its money is never checked."""
    reservation: str | None = None
    """The account's own choice of what resting orders hold back."""
    balances: dict[tuple[int, int], CashBalance] = field(factory=dict[tuple[int, int], CashBalance])
    margined_balances: dict[tuple[int, int], CashBalance] = field(
        factory=dict[tuple[int, int], CashBalance]
    )
    subaccounts: set[int] = field(factory=lambda: {0})
    netting: dict[tuple[int, int], bool] = field(factory=dict[tuple[int, int], bool])
    allocations: dict[int, int] = field(factory=lambda: {0: 100})
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
    """Token buckets: (millionths of tokens, moment of that level)."""
    funded: int = 0
    realized: int = 0
    charged: int = 0
    in_transit: int = 0

    def balance(self, subaccount: int, shard: int) -> CashBalance:
        """Give the balance of a subaccount on a shard, opening it where there is none."""
        balance = self.balances.get((subaccount, shard))
        if balance is None:
            balance = self.balances[subaccount, shard] = CashBalance(updated=self.opened)
        return balance

    def margined_balance(self, subaccount: int, shard: int) -> CashBalance:
        """Give the balance in the margined instance."""
        return self.margined_balances.setdefault(
            (subaccount, shard), CashBalance(updated=self.opened)
        )

    def available(self, subaccount: int, shard: int) -> int:
        """Give what a subaccount may use on a shard."""
        balance = self.balances.get((subaccount, shard))
        return 0 if balance is None else balance.available

    def holding(self, subaccount: int, market: Market) -> Holding:
        """Give the holding of a subaccount in a market; a new one is not kept yet."""
        return self.holdings.get((subaccount, market.ticker)) or Holding(subaccount, market)

    def add_holding(self, holding: Holding) -> None:
        """Keep a holding that may be new."""
        key = (holding.subaccount, holding.market.ticker)
        if key not in self.holdings:
            self.holdings[key] = holding
            holding.market.holdings.append(holding)
