"""The errors of the library: each class says what the caller may do next.

    KalshiError
    ├─ Misuse                  the call is wrong; nothing was signed or sent (also a ValueError)
    │   └─ DuplicateIdConflict     this client_order_id already names another order
    ├─ NotSent                 nothing stands at the exchange: send again freely
    │   ├─ JournalUnwritable       the journal could not record the write, so it was not sent
    │   ├─ EarlierWriteUnsettled   an earlier write of this ticker has no verdict yet
    │   ├─ TradingStopped          client.stop() was called: its latch is shut
    │   ├─ Denied                  a limit or the trading state of this client refused it
    │   └─ DryRun                  dry_run=True: checked and signed, and not sent
    ├─ DeadManGone             nobody watches this process any more: stop trading
    ├─ NoAnswer                a read got no answer: read again
    ├─ OutcomeUnknown          a write that may have been executed: reconcile, never resend blindly
    ├─ Refused                 the exchange said no; nothing happened
    │   ├─ BadRequest 400  InsufficientBalance  PostOnlyWouldCross  OrderGroupTriggered
    │   │                  MarketNotActive
    │   ├─ MarketNotOpen       TradingPaused, MarketClosed and MarketNotActive are of it
    │   ├─ Forbidden 403  NotFound 404  Retired 410  RateLimited 429
    │   ├─ Unauthorized 401    TimestampExpired
    │   ├─ Conflict 409    DuplicateOrder  TradingPaused  MarketClosed  FillOrKillUnfilled
    │   │                  TransferAlreadyApplied
    │   ├─ OrderClosed         the order to change had ended: filled, cancelled or expired
    │   └─ Unavailable 5xx     (on a write: UnavailableWrite, which is also OutcomeUnknown)
    └─ Unintelligible          a 2xx that cannot be read: the contract drifted
                               (on a write: UnintelligibleWrite, which is also OutcomeUnknown)

One question orders the tree: may the request have been executed? `Misuse`, `NotSent` and `Refused`
say no, `OutcomeUnknown` says maybe. The two classes for writes inherit from both sides, so that an
`except OutcomeUnknown` placed first catches everything that may stand at the exchange.

Every instance pickles and prints without secrets: signatures, keys and tokens never reach one.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

from kalshi_ext.redact import redact_text

__all__ = [
    "BadRequest",
    "Conflict",
    "DeadManGone",
    "Denied",
    "DryRun",
    "DuplicateIdConflict",
    "DuplicateOrder",
    "EarlierWriteUnsettled",
    "FillOrKillUnfilled",
    "Forbidden",
    "InsufficientBalance",
    "JournalUnwritable",
    "KalshiError",
    "MarketClosed",
    "MarketNotActive",
    "MarketNotOpen",
    "Misuse",
    "NoAnswer",
    "NotFound",
    "NotSent",
    "OrderClosed",
    "OrderGroupTriggered",
    "OutcomeUnknown",
    "PostOnlyWouldCross",
    "RateLimited",
    "Refused",
    "Retired",
    "TimestampExpired",
    "TradingPaused",
    "TradingStopped",
    "TransferAlreadyApplied",
    "Unauthorized",
    "Unavailable",
    "UnavailableWrite",
    "Unintelligible",
    "UnintelligibleWrite",
]


class KalshiError(Exception):
    """Anything this library raises on purpose. `advice` is appended to the printed message."""

    # An instance may have its own: what to do about an unknown cancel is not what to do about an
    # unknown order.
    advice: str = ""

    def __init__(self, message: str = "", /, **attributes: Any) -> None:
        # Details travel as attributes, so that pickling (args + __dict__) loses none of them.
        super().__init__(message)
        self.__dict__.update(attributes)

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.advice})" if self.advice else str(self.args[0])


class Misuse(KalshiError, ValueError):
    """The call is wrong: the message names the argument, the rule and the value."""


class DuplicateIdConflict(Misuse):
    """This client_order_id (or intent) already names an order with another content.

    `differs` maps each field that differs to (asked, actual); it is empty where the exchange only
    said that the id is taken, and the order that has it was not seen. `order` is the order found
    at the exchange under our id, `order_id` its id.
    """

    advice = "an id names one order for ever: use a new id or intent for a new order"
    client_order_id: str | None = None
    order_id: str | None = None
    order: Any = None
    differs: Mapping[str, tuple[Any, Any]] = types.MappingProxyType({})

    def __init__(self, message: str = "", /, **attributes: Any) -> None:
        if "differs" in attributes:
            attributes["differs"] = {
                name: (_shown(asked), _shown(actual))
                for name, (asked, actual) in attributes["differs"].items()
            }
        super().__init__(message, **attributes)


def _shown(value: Any) -> Any:
    # A ticker may have any characters, so that a secret given as one is asked for like a ticker.
    return redact_text(value) if type(value) is str else value


class NotSent(KalshiError):
    """No byte of the request left this process, or it was proven that it was not executed."""

    advice = "nothing was sent; it is safe to call again"
    operation: str | None = None
    client_order_id: str | None = None


# In place of NotSent's own advice, for what was sent and then proven not executed.
ABSENT_ADVICE = "it was not executed and can no longer be; it is safe to call again"


class JournalUnwritable(NotSent):
    """The journal could not record the write before sending, so it was not sent."""

    advice = "nothing was sent; make the journal writable, then call again"


class EarlierWriteUnsettled(NotSent):
    """An earlier write of this ticker has no verdict yet, so the new one was not sent."""

    advice = "nothing was sent; call client.recover(), or try again when the exchange answers"


class TradingStopped(NotSent):
    """`client.stop` shut a latch that covers this order; it stays shut over restarts.

    `ticker`, `event_ticker` and `subaccount` are what was stopped (None: any), `since` when, by
    this machine's clock, `by` by whom.
    """

    advice = "nothing was sent; client.resume() opens the latch once orders are wanted again"
    ticker: str | None = None
    event_ticker: str | None = None
    subaccount: int | None = None
    since: Any = None
    by: str = ""


class Denied(NotSent):
    """A limit of this client refused the order, before it was recorded, signed or sent.

    `code` is one of the table in docs/limits.md, `limit` what was set, `value` what the order would
    have made it.
    """

    advice = "nothing was sent; change the order or the limit, or override it for a while"
    code: str = ""
    limit: Any = None
    value: Any = None
    ticker: str | None = None


class DryRun(NotSent):
    """This client has dry_run=True: the write passed every check, was signed, and was not sent.

    `method`, `path` and `body` are the request.
    """

    advice = "nothing was sent, and nothing recorded"
    method: str = ""
    path: str = ""
    body: bytes | None = None


class DeadManGone(KalshiError):
    """The supervising process is gone: nobody stops trading when this process dies."""

    advice = "stop trading, or start another one: client.deadman()"


class NoAnswer(KalshiError):
    """A read was sent and got no usable answer within its time and attempts."""

    advice = "a read changes nothing; it is safe to call again"
    operation: str | None = None


class OutcomeUnknown(KalshiError):
    """A write may or may not have been executed.

    `client_order_id`, `order_id` and `ticket` carry what is needed to find out;
    `operation` is the contract's operationId.
    """

    advice = "do not send it again under a new id; call client.recover() or look for its id"
    # Class attributes, not constructor parameters: each raiser sets those it knows.
    operation: str | None = None
    client_order_id: str | None = None
    order_id: str | None = None
    ticket: Any = None


class _ResponseError(KalshiError):
    """An error made from an answer: its status and the raw bytes of its body."""

    operation: str | None = None
    status: int = 0
    body: bytes = b""  # unredacted, so never part of a message


class Refused(_ResponseError):
    """The exchange said no. Branch on `.code`; it may be dynamic (`user_not_found:_<uuid>`)."""

    code: str | None = None
    message: str | None = None
    details: str | None = None
    client_order_id: str | None = None
    order_id: str | None = None


class BadRequest(Refused):
    """400: the request is not acceptable as it is."""

    advice = "nothing happened; change the request"


class InsufficientBalance(BadRequest):
    """400 insufficient_balance: the balance does not cover what the order may cost."""

    advice = "nothing happened; ask for less, or free or add collateral on the market's shard"


class PostOnlyWouldCross(BadRequest):
    """400: a post-only order would have traded at once, so it was not taken."""

    # Documented: 400. Its code is invalid_order, as of other broken rules of an order (assumed), so
    # the words decide.
    advice = "nothing happened; the market moved: price it anew, or drop post_only"


class OrderGroupTriggered(BadRequest):
    """400: the order's group was triggered, by its limit or by a stop, and takes no more orders."""

    # Documented: refused until the group is reset. As above, the words decide (assumed).
    advice = "nothing happened; order_groups.reset opens the group once orders are wanted again"


class Unauthorized(Refused):
    """401: key, signature or timestamp not accepted."""

    advice = "check key id, private key and environment"


class TimestampExpired(Unauthorized):
    """401 header_timestamp_expired: the signature's time was too far from the exchange's clock.

    The client corrected its clock from the answer's Date and tried again, several times, unless the
    answer had none: the message says so.
    """

    # Key and signature are not in question: the exchange reads the timestamp first (inferred).
    advice = "nothing happened; set this machine's clock by NTP, then call again"


class Forbidden(Refused):
    """403: this key may not do this."""

    advice = "use a key with the needed scope or subaccount"


class NotFound(Refused):
    """404: not found. For an order this proves nothing."""

    # Observed: the same bytes for a cancelled, an executed and an unknown order; and order reads
    # can answer 404 for seconds after the 201 that created the order.

    advice = "not proof of absence: read the order list and the history"


class Conflict(Refused):
    """409: the state of the exchange does not allow it; a kind of its own for each common code."""


class DuplicateOrder(Conflict):
    """409 order_already_exists: an order with this client_order_id exists."""

    advice = "the order exists: find it by its client_order_id"


class MarketNotOpen(Refused):
    """No orders are taken now: the market, its shard or the exchange is paused or closed.

    `reopens_at` is when it may open by the exchange's schedule (aware UTC), None where that does
    not tell. Raised as such by `exchange.wait_until_open` at its deadline.
    """

    advice = "nothing happened; client.exchange.wait_until_open(ticker) waits"
    reopens_at: Any = None


class OrderClosed(Refused):
    """The order to cancel, amend or decrease had ended, so nothing of it was changed.

    `order` is the order as it was read, `order_status` how it ended: executed or canceled. `status`
    and `code` are of the exchange's refusal, where there was one.
    """

    advice = "the order has ended: see .order for what was filled"
    order: Any = None
    order_status: str = ""


class TradingPaused(Conflict, MarketNotOpen):
    """409 trading_is_paused: the shard, or all of the exchange; cancels are taken."""

    advice = MarketNotOpen.advice


class MarketClosed(Conflict, MarketNotOpen):
    """409 market_closed."""

    advice = "the market takes no more orders"


class MarketNotActive(BadRequest, MarketNotOpen):
    """400 MARKET_NOT_ACTIVE: this one market is paused."""

    advice = MarketNotOpen.advice


class FillOrKillUnfilled(Conflict):
    """409 fill_or_kill_insufficient_resting_volume: nothing was filled."""

    advice = "nothing happened; place again with another price, count or time in force"


class TransferAlreadyApplied(Conflict):
    """409 transfer_already_applied: this client_transfer_id was executed before."""

    advice = "the transfer happened once; nothing is left to do"


class Retired(Refused):
    """410: this operation was switched off for good."""

    # Observed: the six classic order writes answer it since June 2026.

    advice = "use contract='current'"


class RateLimited(Refused):
    """429: too many requests; not executed."""

    advice = "nothing happened; slow down, then call again"


class Unavailable(Refused):
    """5xx on a read: the exchange or a proxy in front could not answer."""

    advice = "a read changes nothing; it is safe to call again"


class UnavailableWrite(OutcomeUnknown, Unavailable):
    """5xx on a write, or a refusal the exchange did not write: it may have been executed."""

    advice = OutcomeUnknown.advice


class Unintelligible(_ResponseError):
    """A 2xx whose body cannot be read; `.body` keeps the bytes, `.reason` says why."""

    advice = "the contract may have changed: upgrade kalshi-ext or see .body"
    reason: str = ""


class UnintelligibleWrite(OutcomeUnknown, Unintelligible):
    """A 2xx on a write whose body cannot be read: probably executed, yet unproven."""

    advice = OutcomeUnknown.advice


# Any status may come from any operation, also undocumented ones (observed: 410, 429, 520). One that
# is not listed is UnavailableWrite where a write may have been executed, else Unavailable from 500
# up, else Refused itself.
BY_STATUS: Mapping[int, type[Refused]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Retired,
    429: RateLimited,
}
# The code decides before the status: one 409 means "already done", another "not at all".
BY_CODE: Mapping[tuple[int, str], type[Refused]] = {
    (400, "insufficient_balance"): InsufficientBalance,
    (400, "MARKET_NOT_ACTIVE"): MarketNotActive,
    (401, "header_timestamp_expired"): TimestampExpired,
    (409, "order_already_exists"): DuplicateOrder,
    (409, "trading_is_paused"): TradingPaused,
    (409, "market_closed"): MarketClosed,
    (409, "fill_or_kill_insufficient_resting_volume"): FillOrKillUnfilled,
    (409, "transfer_already_applied"): TransferAlreadyApplied,
}

# Refusals that share a code with others: (status, what the code, message and details say, in lower
# case and with spaces for every other character). All of the words have to be there.
BY_WORDS: tuple[tuple[int, tuple[str, ...], type[Refused]], ...] = (
    (400, ("post only", "cross"), PostOnlyWouldCross),
    (400, ("group", "triggered"), OrderGroupTriggered),
)

# How an extra is installed. The package is on no index yet, and a name there that nobody holds can
# be anybody's tomorrow: so no text tells a user to install it by its name.
INSTALL = "in a checkout of this library: pip install '.[{extra}]'"
