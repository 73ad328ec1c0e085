"""The rows an account's lists are made of: orders, fills, settlements, payments, transfers.

Each is the exchange's own record of what the wire type and the client's model of the same name
show, in the units of fixed_point.py. Names of scalar attributes are part of the digest (state.py):
renaming one changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import define, frozen

from kalshi_ext.sandbox.engine.fixed_point import contract_cost

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Holding, TradingAccount
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.order_groups import Group
    from kalshi_ext.sandbox.engine.state import Snapshots


class Row(Protocol):
    """Whatever is listed newest first, by (created, id)."""

    @property
    def created(self) -> int:
        """Microseconds."""
        ...

    @property
    def id(self) -> str:
        """Unique within its list."""
        ...


@define(eq=False, kw_only=True)
class Order:
    """Hold an order from its acceptance on; ended ones are kept too."""

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
    """Classic orders only: the side (yes or no) it was placed with, kept for answers."""
    action: str = ""
    """Classic orders only: buy or sell."""
    group: Group | None = None
    expiration: int | None = None
    cancel_on_pause: bool = False
    post_only: bool = False
    budget: int | None = None
    """Most micro-dollars a classic market order may cost."""
    seq: int = 0
    """Grows with every (re-)entry into the queue."""
    status: str = "resting"
    """resting, executed or canceled; a taker counts as resting while it is matched."""
    reason: str = ""
    """Why it ended: filled cancelled expired ioc stp group pause closed settled sweep ..."""
    filled: int = 0
    updated: int = 0
    # an order may take first and make later, so both are counted, and one accumulator for both
    taker_fees: int = 0
    maker_fees: int = 0
    taker_cost: int = 0
    maker_cost: int = 0
    yes_value: int = 0
    """Sum of YES price x count over its fills, micro-dollars."""
    accumulator: int = 0
    """Rounding fees not yet rebated, micro-dollars."""
    snapshots: Snapshots = None

    @property
    def subaccount(self) -> int:
        return self.holding.subaccount

    @property
    def value(self) -> int:
        """Give what the remaining contracts would cost, in micro-dollars."""
        return contract_cost(self.price, bid=self.bid) * self.remaining


@define(eq=False, frozen=True, kw_only=True)
class Fill:
    """State one side of a trade: a trade has two fills with one trade_id."""

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
    """What the cash moved by, fees and rebate included."""
    seq: int
    """Counts all fills: several may share a time."""


@frozen(eq=False, kw_only=True)
class Trade:
    """State a trade as everybody sees it: without the two accounts."""

    id: str
    created: int
    market: Market
    price: int
    count: int
    taker_bid: bool


@frozen(eq=False, kw_only=True)
class Settlement:
    """State what a settled market paid for one position."""

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
