"""The whole state of the exchange, and the few moves everything else is made of."""

from __future__ import annotations

import heapq
from bisect import insort
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from kalshi_ext.sandbox.engine.accounts import TradingAccount
from kalshi_ext.sandbox.engine.amounts import DAY, SECOND
from kalshi_ext.sandbox.engine.settings import Settings
from kalshi_ext.sandbox.engine.versions import take_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kalshi_ext.sandbox.engine.accounts import CashBalance
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.holdings import Holding
    from kalshi_ext.sandbox.engine.records import Order, Row

SHARDS = {0: "default", 1: "combos", 2: "crypto", 3: "tennis and baseball"}
R = TypeVar("R", bound="Row")
RecordedEvent = tuple[int, str, dict[str, Any]]
"""Moment, kind, and data as an event tells them."""


def sort_key(row: Row) -> tuple[int, str]:
    """Give what lists are sorted by."""
    return (row.created, row.id)


@define(eq=False)
class Pauses:
    """Hold what is paused, by shard."""

    trading: set[int] = field(factory=set[int])
    exchange: set[int] = field(factory=set[int])
    transfers: set[int] = field(factory=set[int])
    until: int | None = None
    thursday_active: bool = False
    thursday_timer_set: bool = False


@define(eq=False)
class Cutoffs:
    """Hold the boundaries between live and historical rows, as moved by hand."""

    orders: int = 0
    trades: int = 0
    positions: int = 0
    markets: int = 0


@define(eq=False)
class ExchangeState:
    """Hold everything the exchange knows."""

    settings: Settings = field(factory=Settings)
    shards: set[int] = field(factory=lambda: set(SHARDS))
    now: int = 0
    id_count: int = 0
    queue_sequence: int = 0
    """Entries into queues so far."""
    markets: dict[str, Market] = field(factory=dict[str, "Market"])
    accounts: dict[str, TradingAccount] = field(factory=dict[str, TradingAccount])
    orders: dict[str, Order] = field(factory=dict[str, "Order"])
    pauses: Pauses = field(factory=Pauses)
    cutoffs: Cutoffs = field(factory=Cutoffs)
    events: list[RecordedEvent] = field(factory=list[RecordedEvent])
    timers: list[tuple[int, int, Callable[[], None]]] = field(
        factory=list["tuple[int, int, Callable[[], None]]"]
    )
    timer_count: int = 0
    exchange_revenue: int = 0
    """Fees and roundings the exchange has taken, in micro-dollars."""
    fill_count: int = 0
    lag_floor: int = 0
    """Lagging reads never see an earlier state than this."""

    def new_id(self) -> str:
        """Derive the next id, a UUID in form, from the seed and a counter."""
        self.id_count += 1
        raw = blake2b(f"{self.settings.seed}:{self.id_count}".encode(), digest_size=16).hexdigest()
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"

    def as_of(self) -> int | None:
        """Give the moment lagging reads see; None: they do not lag."""
        lag = int(self.settings.read_lag_seconds * SECOND)
        return max(self.now - lag, self.lag_floor) if lag else None

    def visible_rows(self, rows: Iterable[R]) -> Iterator[R]:
        """Leave out rows that reads do not see yet, where the lag reaches their kind."""
        as_of = self.as_of() if self.settings.lag_reaches == "everything" else None
        return (row for row in rows if as_of is None or row.created <= as_of)

    def before_change(self, row: Order | Holding | CashBalance) -> None:
        """Announce that a row is about to change."""
        if self.settings.read_lag_seconds:
            take_snapshot(row, self.now, self.as_of() or 0)

    def record_event(self, kind: str, **data: Any) -> None:
        """Add to the list of what happened."""
        if self.settings.log_events:
            self.events.append((self.now, kind, data))

    def schedule(self, when: int, action: Callable[[], None]) -> None:
        """Do something when a moment has come."""
        self.timer_count += 1
        heapq.heappush(self.timers, (when, self.timer_count, action))

    def advance_to(self, now: int) -> None:
        """Move to a moment, doing on the way what is due, each thing at its own moment."""
        while self.timers and self.timers[0][0] <= now:
            when, _, action = heapq.heappop(self.timers)
            self.now = max(self.now, when)
            action()
        self.now = max(self.now, now)

    def insert_sorted(self, rows: list[Any], row: Row) -> None:
        """Add a row to a list sorted by (created, id)."""
        if rows and rows[-1].created >= row.created:
            insort(rows, row, key=sort_key)
        else:
            rows.append(row)

    def cutoff(self, kind: str) -> int:
        """Give the cutoff of a kind of row: moved by hand, or by the window."""
        moved: int = getattr(self.cutoffs, kind)
        window = self.settings.history_window_days
        return moved if window is None else max(moved, self.now - int(window * DAY))

    def reservation_mode(self, account: TradingAccount) -> str:
        """Tell what an account's resting orders hold back."""
        return account.reservation or self.settings.reservation
