"""The rows of the exchange: markets, orders, fills, settlements, payments, transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import define, frozen

from kalshi_ext.sandbox.engine.amounts import ONE

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.groups import Group
    from kalshi_ext.sandbox.engine.holdings import Holding
    from kalshi_ext.sandbox.engine.versions import Snapshots


class Row(Protocol):
    """Whatever is listed newest first, by (created, id)."""

    @property
    def created(self) -> int:
        """Give the moment of creation."""
        ...

    @property
    def id(self) -> str:
        """Give the id."""
        ...


@define(eq=False, kw_only=True)
class Order:
    """Hold an order from its acceptance on."""

    id: str
    created: int
    account: TradingAccount
    holding: Holding
    market: Market
    bid: bool
    price: int
    initial: int
    remaining: int
    client_order_id: str
    self_trade: str
    time_in_force: str
    kind: str = "limit"
    outcome: str = ""
    """The classic words an order was placed in (yes or no); "" for a V2 order."""
    action: str = ""
    group: Group | None = None
    expiration: int | None = None
    cancel_on_pause: bool = False
    post_only: bool = False
    budget: int | None = None
    """Most micro-dollars a classic market order may cost."""
    seq: int = 0
    """Grows with every (re-)entry into the queue."""
    status: str = "resting"
    reason: str = ""
    """Why it ended: filled cancelled expired ioc stp group pause closed settled sweep ..."""
    filled: int = 0
    updated: int = 0
    taker_fees: int = 0
    maker_fees: int = 0
    taker_cost: int = 0
    maker_cost: int = 0
    yes_value: int = 0
    """Sum of YES price x count over its fills, micro-dollars."""
    accumulator: int = 0
    snapshots: Snapshots = None

    @property
    def subaccount(self) -> int:
        """Give the subaccount it trades for."""
        return self.holding.subaccount

    @property
    def value(self) -> int:
        """Give what the resting rest would cost, in micro-dollars."""
        return (self.price if self.bid else ONE - self.price) * self.remaining


@define(eq=False, frozen=True, kw_only=True)
class Fill:
    """State one side of a trade."""

    id: str
    created: int
    trade_id: str
    order: Order
    bid: bool
    price: int
    count: int
    is_taker: bool
    fee: int
    change: int
    """What the cash moved by, fees and rebate within."""
    seq: int
    """Counts all fills: several may share a moment."""


@frozen(eq=False, kw_only=True)
class Settlement:
    """State what a market's end paid for one position."""

    id: str
    created: int
    market: Market
    subaccount: int
    position: int
    cost: int
    payout: int
    fees: int


@frozen(eq=False, kw_only=True)
class Payment:
    """State a deposit or a withdrawal."""

    id: str
    created: int
    kind: str
    status: str
    cents: int
    fee_cents: int
    finalized: int | None


@frozen(eq=False, kw_only=True)
class SubaccountTransfer:
    """State a transfer between two subaccounts."""

    id: str
    created: int
    source: int
    destination: int
    cents: int
    shard: int


@define(eq=False, kw_only=True)
class InstanceTransfer:
    """State a transfer between shards or exchange instances."""

    id: str
    created: int
    source: str
    destination: str
    source_shard: int
    destination_shard: int
    destination_subaccount: int
    amount: int
    """Micro-dollars."""
    done: bool = False
