"""What a client says of itself, for whoever supervises it."""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from kalshi_ext.bases import Value
from kalshi_ext.models.account import Budget

__all__ = ["CallInFlight", "Health", "OpenWrite"]


@frozen(kw_only=True, eq=False, repr=False)
class OpenWrite(Value):
    """A write of which nobody knows yet whether it was executed; `age` is in seconds.

    `key` is its name in the journal: of an order its client_order_id. `operation` is the facade's
    word, as in `orders.place`.
    """

    key: str
    operation: str
    ticker: str | None
    age: float


@frozen(kw_only=True, eq=False, repr=False)
class CallInFlight(Value):
    """A call that has not returned; `age` is in seconds, `operation` empty before it sends."""

    operation: str
    age: float


@frozen(kw_only=True, eq=False, repr=False)
class Health(Value):
    """One look at a client, made without a request to the exchange.

    `open_writes` and `calls` are the oldest first. `clock_offset` is the exchange's time less this
    machine's, in seconds, known to one second; None before the first answer. `last_answer` is when
    the exchange (or a proxy) answered last, `last_answer_age` the seconds since. `budget` are the
    tokens left, None with `pace=None`. `journal_error` says why the journal could not be read:
    then `open_writes` is what this process knows of. `budget_error` says why the store of a
    shared budget does not answer: then this process paces itself as if it were alone.
    """

    time: datetime
    open_writes: tuple[OpenWrite, ...] = ()
    calls: tuple[CallInFlight, ...] = ()
    clock_offset: float | None = None
    last_answer: datetime | None = None
    last_answer_age: float | None = None
    budget: Budget | None = None
    journal_error: str | None = field(default=None)
    budget_error: str | None = None

    @property
    def oldest_open_write(self) -> float:
        """The age of the oldest open write in seconds, 0 where there is none."""
        return max((each.age for each in self.open_writes), default=0.0)

    @property
    def longest_call(self) -> float:
        """The age of the oldest call in flight in seconds, 0 where there is none."""
        return max((each.age for each in self.calls), default=0.0)
