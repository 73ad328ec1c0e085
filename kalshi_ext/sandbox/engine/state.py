"""The whole state of the sandbox exchange, what lagging reads see of it, and its digest.

Three things make it deterministic: ids come from the seed and a counter, time comes with each
command (timers run at their own times on the way), and every list has one order, (created, id).

Reads may lag (documented for balance, orders, fills and positions; the setting
`read_lag_seconds`). While they do, a row is copied before each change: a snapshot (t, row) says
that the row was so until t. Example: an order placed at 10 s is filled at 20 s, so its snapshots
are [(20 s, resting)]. A read at 21 s with a lag of 2 s asks for 19 s and gets the snapshot; at
22 s it asks for 20 s, which no snapshot reaches beyond, and gets the row.

The digest is written from attribute names and values; both are frozen, because the digests of two
versions of this code must agree on one command log.
"""

from __future__ import annotations

import copy
import heapq
from bisect import bisect_right, insort
from hashlib import blake2b, sha256
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from attrs import Attribute, asdict, define, field

from kalshi_ext.sandbox.engine.accounts import TradingAccount
from kalshi_ext.sandbox.engine.fixed_point import DAY, SECOND
from kalshi_ext.sandbox.engine.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kalshi_ext.sandbox.engine.accounts import CashBalance, Holding
    from kalshi_ext.sandbox.engine.book import Market
    from kalshi_ext.sandbox.engine.records import Order, Row, Trade
SHARDS = {0: "default", 1: "combos", 2: "crypto", 3: "tennis and baseball"}
"""The contract names these; a market on another one opens it."""
R = TypeVar("R", bound="Row")
RecordedEvent = tuple[int, str, dict[str, Any]]
"""Time, kind, and data; rows among the data are written out when somebody reads the events."""


def sort_key(row: Row) -> tuple[int, str]:
    return (row.created, row.id)


Snapshots: TypeAlias = list[tuple[int, Any]] | None
"""(time of a change, the row as it was before), oldest first; None: never changed."""


class Snapshotted(Protocol):
    """A row whose earlier states lagging reads can see."""

    snapshots: Snapshots


V = TypeVar("V", bound=Snapshotted)


def take_snapshot(row: Snapshotted, now: int, as_of: int) -> None:
    """Keep a copy of a row that is about to change; drop copies no read can ask for again."""
    snapshots = [entry for entry in row.snapshots or () if entry[0] > as_of]
    snapshots.append((now, copy.copy(row)))
    row.snapshots = snapshots


def row_as_of(row: V, as_of: int | None) -> V:
    """Give a row as it was at a time; None: as it is."""
    if as_of is None or not row.snapshots:
        return row
    index = bisect_right(row.snapshots, as_of, key=itemgetter(0))
    return row if index == len(row.snapshots) else row.snapshots[index][1]


@define(eq=False)
class Pauses:
    """Hold what is paused, by shard."""

    trading: set[int] = field(factory=set[int])
    exchange: set[int] = field(factory=set[int])
    transfers: set[int] = field(factory=set[int])
    until: dict[tuple[str, int], int] = field(factory=dict[tuple[str, int], int])
    """When a pause is said to end, by (what, shard); only told in the exchange's status."""
    thursday_active: bool = False
    thursday_timer_set: bool = False
    """The setting `thursday_pause` as the timers were last set for."""


@define(eq=False)
class Cutoffs:
    """Hold the boundaries between live and historical rows, as moved by hand."""

    orders: int = 0
    trades: int = 0
    positions: int = 0
    markets: int = 0


@define(eq=False)
class EngineState:
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
    trades: list[Trade] = field(factory=list["Trade"])
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
    """Lagging reads never see an earlier time: what was read once stays read when the lag grows."""

    def new_id(self) -> str:
        """Derive the next id, a UUID in form, from the seed and a counter."""
        self.id_count += 1
        # a UUID of version 4 in form, because clients may parse it as one
        raw = blake2b(f"{self.settings.seed}:{self.id_count}".encode(), digest_size=16).hexdigest()
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"

    def as_of(self) -> int | None:
        """Give the time lagging reads see; None: they do not lag."""
        lag = int(self.settings.read_lag_seconds * SECOND)
        return max(self.now - lag, self.lag_floor) if lag else None

    def visible_rows(self, rows: Iterable[R]) -> Iterator[R]:
        """Leave out rows that reads do not see yet, where the lag reaches their kind."""
        as_of = self.as_of() if self.settings.lag_reaches == "everything" else None
        return (row for row in rows if as_of is None or row.created <= as_of)

    def before_change(self, row: Order | Holding | CashBalance) -> None:
        """Take a snapshot where reads lag; call it before a row changes."""
        if self.settings.read_lag_seconds:
            # without a lag nothing is copied: most sandboxes never pay for this
            take_snapshot(row, self.now, self.as_of() or 0)

    def record_event(self, kind: str, **data: Any) -> None:
        """Add to the list of events."""
        if self.settings.log_events:
            self.events.append((self.now, kind, data))

    def schedule(self, when: int, action: Callable[[], None]) -> None:
        """Run an action at a time, after those scheduled for it before."""
        # the count keeps timers of one time in order, and actions out of the comparison
        self.timer_count += 1
        heapq.heappush(self.timers, (when, self.timer_count, action))

    def advance_to(self, now: int) -> None:
        """Move time forward; each due timer runs at its own time, as if called then."""
        while self.timers and self.timers[0][0] <= now:
            when, _, action = heapq.heappop(self.timers)
            self.now = max(self.now, when)
            action()
        # assumed: a clock that is put back counts as standing still
        self.now = max(self.now, now)

    def insert_sorted(self, rows: list[Any], row: Row) -> None:
        """Add a row to a list sorted by (created, id)."""
        if rows and rows[-1].created >= row.created:
            insort(rows, row, key=sort_key)  # several rows of one time: their ids decide
        else:
            rows.append(row)

    def cutoff(self, kind: str) -> int:
        """Give the time before which rows of a kind are historical; it moves by itself."""
        moved: int = getattr(self.cutoffs, kind)
        window = self.settings.history_window_days
        return moved if window is None else max(moved, self.now - int(window * DAY))

    def reservation_mode(self, account: TradingAccount) -> str:
        """Tell what an account's resting orders hold back."""
        return account.reservation or self.settings.reservation


_DIGESTED_LISTS = ("settlements", "deposits", "withdrawals", "subaccount_transfers", "transfers")


def state_digest(state: EngineState) -> str:
    """Hash what later answers depend on, but token buckets and snapshots: reads change those."""
    sha = sha256()
    for line in _digest_lines(state):
        sha.update(line.encode() + b"\n")
    return sha.hexdigest()


def _digest_lines(state: EngineState) -> Iterator[str]:
    counts = f"{state.id_count} {state.queue_sequence} {state.exchange_revenue} {state.fill_count}"
    yield f"{counts} {asdict(state.settings)}"
    yield f"{sorted(state.pauses.trading)} {sorted(state.pauses.exchange)} {asdict(state.cutoffs)}"
    for market in state.markets.values():
        yield f"{market.ticker} {market.status} {market.value} {market.last_price}"
        for side in (market.bids, market.asks):
            # the order of the queue is part of the state: it decides who trades next
            yield " ".join(f"{order.id}:{order.remaining}@{order.price}" for order in side.orders())
    for order in state.orders.values():
        yield repr(asdict(order, recurse=False, filter=_is_scalar))
    for account in state.accounts.values():
        yield from _account_lines(account)


def _is_scalar(attribute: Attribute[Any], value: object) -> bool:
    # snapshots are None or a list, depending on the lag, which the digest leaves out
    return attribute.name != "snapshots" and (value is None or isinstance(value, int | str))


def _account_lines(account: TradingAccount) -> Iterator[str]:
    yield repr(asdict(account, recurse=False, filter=_is_scalar))
    yield f"{sorted(account.subaccounts)} {account.netting} {account.allocations}"
    yield f"{sorted(account.transfer_ids)} {account.sweeps} {list(account.open_orders)}"
    for where, balance in [*account.balances.items(), *account.margined_balances.items()]:
        yield f"{where} {balance.cash} {balance.reserved} {balance.updated}"
    for holding in account.holdings.values():
        yield f"{holding.id} {asdict(holding, recurse=False, filter=_is_scalar)!r}"
    for fill in account.fills:
        yield repr(asdict(fill, recurse=False, filter=_is_scalar))
    for name in _DIGESTED_LISTS:
        for row in getattr(account, name):
            yield repr(asdict(row, recurse=False, filter=_is_scalar))
    for group in account.groups.values():
        yield f"{group.id} {group.limit} {group.triggered} {list(group.orders)}"
