"""The effects that a flow yields: plain data, performed by a driver (`transport/driver.py`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from attrs import field, frozen

from kalshi_ext.bases import Value
from kalshi_ext.protocol.limits import CallLimits
from kalshi_ext.protocol.messages import Operation, Request

if TYPE_CHECKING:
    from kalshi_ext.budget.store import BudgetStore, Demand

T = TypeVar("T")


@frozen(eq=False, repr=False)
class Send(Value):
    """Sign and send a request once, within `timeout` seconds in total. Result: Reply or Lost.

    The wait for a free connection comes before them, at most `wait` seconds; `stopping` is for a
    call that ends orders: some connections are for those. `deadline` (monotonic) ends all of it,
    and `refusal(now)` says after the wait why the request may not leave any more, None if it may.
    `operation` is what `client.health()` calls it.
    """

    request: Request
    public: bool
    timeout: float
    wait: float = math.inf
    stopping: bool = False
    deadline: float = math.inf
    refusal: Callable[[float], str | None] | None = field(default=None, eq=False, repr=False)
    operation: Operation | None = field(default=None, eq=False, repr=False)


@frozen(eq=False, repr=False)
class Sleep(Value):
    """Wait so many seconds. Result: None."""

    seconds: float


@frozen(eq=False, repr=False)
class Monotonic(Value):
    """Read a clock that nobody sets. Result: seconds, those of a suspended machine included."""


@frozen(eq=False, repr=False)
class Begin(Monotonic):
    """Read that clock at the beginning of a call; its limits bound what waits for the journal."""

    limits: CallLimits


@frozen(eq=False, repr=False)
class Now(Value):
    """Read the clock. Result: Unix seconds, corrected towards the exchange's clock."""


@frozen(eq=False, repr=False)
class AdjustClock(Value):
    """Move this client's clock by so many seconds. Result: None."""

    seconds: float


@frozen(eq=False, repr=False)
class Record(Value):
    """Call `verb` of the journal, durably but for `conclude`. Result: what the journal returns.

    `within` bounds the waiting, in seconds, and half of what the call has left; else the limits of
    the call do. JournalUnusable is raised then, and the journal goes on; a reservation is given up,
    with JournalUnwritable.
    """

    verb: Literal[
        "reserve_many", "advance_many", "get", "open_entries", "page", "reopen", "take_over",
        "renew", "untold", "conclude", "change_stops", "read_stops",
    ]  # fmt: skip
    args: tuple[Any, ...] = ()
    within: float | None = None


@frozen(eq=False, repr=False)
class Told(Value):
    """Note the journal keys whose verdict this flow returns or raises. Result: None.

    Once the flow has ended, and only then, the driver lets the journal know that they were told.
    """

    keys: tuple[str, ...]


@frozen(eq=False, repr=False)
class Lease(Value):
    """Take tokens of a budget that several processes share. Result: Grant."""

    store: BudgetStore
    demand: Demand


Effect: TypeAlias = Send | Sleep | Monotonic | Now | AdjustClock | Record | Told | Lease
Flow: TypeAlias = Generator[Effect, Any, T]
