"""The events of a client, as plain data.

Every event has `time`, this machine's clock at the telling; seconds of waiting and working are
measured on a monotonic clock. `operation` is the facade's word (`orders.place`), `operation_id`
the contract's. Nothing here holds a header, a query, a body or a secret.
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen

from kalshi_ext.bases import Value
from kalshi_ext.redact import clean_text

MAX_REASON = 300  # characters


def _reason(value: object) -> str:
    return clean_text(str(value), MAX_REASON)


def _now() -> datetime:
    return datetime.now(UTC)


CURRENT_CALL: ContextVar[int] = ContextVar("kalshi_ext_call", default=0)
"""The number of the call that this thread or task is in; 0 where no listener asked for numbers."""


@frozen(kw_only=True, eq=False, repr=False)
class Event(Value):
    """Something that a client did or met."""

    time: datetime = field(factory=_now)


@frozen(kw_only=True, eq=False, repr=False)
class CallEvent(Event):
    """Of one call: its operation, and the orders it is about, as far as its request names them.

    `call` numbers the caller's call of which this is a part, for a listener of `CallStarted`; else
    it is 0.
    """

    operation: str
    operation_id: str = ""
    client_order_ids: tuple[str, ...] = ()
    order_id: str | None = None
    call: int = field(factory=CURRENT_CALL.get)

    @property
    def client_order_id(self) -> str | None:
        """The id of the only order; None where there is none, or a batch."""
        return self.client_order_ids[0] if len(self.client_order_ids) == 1 else None


@frozen(kw_only=True, eq=False, repr=False)
class CallStarted(Event):
    """A call of the caller begins; everything told with its number up to `CallFinished` is its.

    `flow` is the name of the function behind it. Given only to a listener with a true attribute
    `wants_calls`, as CallFinished is.
    """

    call: int
    flow: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class CallFinished(Event):
    """A call is over, also by an interrupt; `error` is the name of the class that it raised."""

    call: int
    error: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class AttemptSent(CallEvent):
    """An attempt begins: it is signed and sent as soon as a connection is free for it.

    `attempt` counts from 1, `waited` are the seconds that the rate limit held it back; `method` and
    `path` are the contract's, with names in the place of ids, `server` is the exchange's base URL.
    Of `client.request`, which has no contract, `path` is what the caller gave.
    """

    attempt: int
    waited: float = 0.0
    method: str = ""
    path: str = ""
    server: str = ""


@frozen(kw_only=True, eq=False, repr=False)
class AttemptAnswered(CallEvent):
    """An attempt was answered, by whatever status, `seconds` after it was sent."""

    attempt: int
    status: int
    seconds: float
    waited: float = 0.0


@frozen(kw_only=True, eq=False, repr=False)
class AttemptLost(CallEvent):
    """An attempt got no answer. `bytes_sent`: whether the exchange may have received it."""

    attempt: int
    reason: str = field(converter=_reason)
    bytes_sent: bool
    waited: float = 0.0


@frozen(kw_only=True, eq=False, repr=False)
class RetryPlanned(CallEvent):
    """Another attempt follows `attempt` in `wait` seconds, because of `reason`."""

    attempt: int
    wait: float
    reason: str = field(converter=_reason)


@frozen(kw_only=True, eq=False, repr=False)
class WaitBegan(CallEvent):
    """A request has to wait about `seconds`; `reason` says for what."""

    seconds: float
    reason: str = field(converter=_reason)


@frozen(kw_only=True, eq=False, repr=False)
class CallEnded(CallEvent):
    """A call has its outcome: a value (`error` is None), or an error, by the name of its class.

    `status` and `code` are the exchange's, where it refused.
    """

    error: str | None = None
    reason: str = field(default="", converter=_reason)
    status: int | None = None
    code: str | None = None
    replayed: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class UnknownOpened(CallEvent):
    """Nobody knows whether a write was executed; it is being looked up, for `within` seconds.

    `key` is its name in the journal: an order's is its client_order_id.
    """

    key: str
    ticker: str | None = None
    reason: str = field(converter=_reason)
    within: float = 0.0


@frozen(kw_only=True, eq=False, repr=False)
class UnknownResolved(CallEvent):
    """The looking is over after `seconds`; `verdict` says with what.

    executed, not executed, moot, or open: nothing was found out. In between a write that is proven
    absent may have been sent again. `seconds` is 0 where the call was interrupted.
    """

    key: str
    ticker: str | None = None
    verdict: str
    seconds: float
    reason: str = field(default="", converter=_reason)


@frozen(kw_only=True, eq=False, repr=False)
class BudgetLearned(Event):
    """The account's token buckets were read: tokens a second and capacity, reads and writes."""

    read: tuple[float, float]
    write: tuple[float, float]


@frozen(kw_only=True, eq=False, repr=False)
class BudgetFailed(Event):
    """The store of a shared budget does not answer; the client paces itself as if it were alone.

    It is asked again in `retry` seconds, once a request needs tokens.
    """

    reason: str = field(converter=_reason)
    retry: float


@frozen(kw_only=True, eq=False, repr=False)
class BudgetRecovered(Event):
    """The store of a shared budget answers again, `seconds` after its first failure."""

    seconds: float


@frozen(kw_only=True, eq=False, repr=False)
class DeviationFound(Event):
    """An answer deviates from its contract in a way not met before; see `client.drift()`."""

    operation_id: str
    kind: str
    where: str


@frozen(kw_only=True, eq=False, repr=False)
class WriteDenied(CallEvent):
    """This client did not send a request, or not again: a stop, a deadline, or its limits."""

    reason: str = field(converter=_reason)
    code: str = "limit"


@frozen(kw_only=True, eq=False, repr=False)
class StopCalled(Event):
    """What this client was still going to send of these scopes is not sent; `by` says by what.

    The scope of a latch (`client.stop`) is ("latch", its words): it stays shut until the same event
    comes with `lifted`.
    """

    by: str
    scopes: tuple[tuple[str, Any], ...]
    lifted: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class ClockCorrected(CallEvent):
    """The exchange refused our timestamp; the clock of this client was moved by `seconds`."""

    seconds: float


@frozen(kw_only=True, eq=False, repr=False)
class JournalFailed(Event):
    """The journal could not do what it was asked for."""

    verb: str
    reason: str = field(converter=_reason)


@frozen(kw_only=True, eq=False, repr=False)
class JournalRecovered(Event):
    """The journal works again."""

    seconds: float
