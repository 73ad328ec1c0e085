"""The errors of the library: each class says what the caller may do next.

One question orders the tree: may the request have been executed? `Misuse`, `NotSent` and `Refused`
say no, `OutcomeUnknown` says maybe. The two classes for writes inherit from both sides, so that an
`except OutcomeUnknown` placed first catches everything that may stand at the exchange.

docs/errors.md draws the tree and has a table, both derived from the classes: a docstring says what
happened, `advice` what to do now. Every instance pickles and prints without secrets.
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
    """The call cannot be meant this way; nothing was signed or sent.

    A float, a price off the grid, an empty id, no credentials, a client made before a fork. The
    message names the argument, the rule and the value.
    """


class DuplicateIdConflict(Misuse):
    """This client_order_id (or intent) already names an order with another content.

    The earlier order stands as it was. `differs` maps each field that differs to (asked, actual);
    it is empty where the exchange only said that the id is taken, and the order that has it was not
    seen. `order` is the order found at the exchange under our id, `order_id` its id.
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
    """An earlier write of its ticker, or change of its order, is open: this one was not sent."""

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
    """The client has dry_run=True: this write, `method`, `path`, `body`, was checked and signed."""

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
    """The answer to a write is missing or proves nothing, and reads did not settle it in time.

    `client_order_id`, `order_id`, `ticket` and `operation` (an operationId) tell what to look for.
    """

    advice = "do not send it again under a new id; call client.recover() or look for its id"
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
    """400: the request is not acceptable as it is. Branch on `.code`."""

    advice = "nothing happened; change the request"


class InsufficientBalance(BadRequest):
    """400 `insufficient_balance`: the balance does not cover what the order may cost."""

    advice = "nothing happened; ask for less, or free or add collateral on the market's shard"


class PostOnlyWouldCross(BadRequest):
    """400: a post-only order would have traded at once, so it was not taken."""

    advice = "nothing happened; the market moved: price it anew, or drop post_only"


class OrderGroupTriggered(BadRequest):
    """400: the order's group was triggered, by its limit or by a stop, and takes no more orders."""

    advice = "nothing happened; order_groups.reset opens the group once orders are wanted again"


class Unauthorized(Refused):
    """401: key, signature or timestamp not accepted."""

    advice = "check key id, private key and environment"


class TimestampExpired(Unauthorized):
    """401 `header_timestamp_expired`: the signature's time was too far from the exchange's clock.

    The client corrected its clock from the answer's Date and tried again, up to three times, unless
    the answer had none: the message says so. The exchange reads the timestamp before key and
    signature (inferred), so those are not in question.
    """

    advice = "nothing happened; set this machine's clock by NTP, then call again"


class Forbidden(Refused):
    """403: the key may not do this: its scope, its subaccount, a limit of the account."""

    advice = "use a key with the needed scope or subaccount"


class NotFound(Refused):
    """404: the same for an order cancelled, executed, unknown or not yet visible."""

    # Observed: the same bytes for all of them, and for seconds after the 201 of the create.
    advice = "not proof of absence: read the order list and the history"


class Conflict(Refused):
    """409: the state of the exchange does not allow it; the common codes have kinds below."""


class DuplicateOrder(Conflict):
    """409 `order_already_exists`. Placing looks that order up; only `client.call` raises this."""

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


class TradingPaused(MarketNotOpen, Conflict):
    """409 `trading_is_paused`: the shard, or all of the exchange; cancels are taken."""


class MarketClosed(MarketNotOpen, Conflict):
    """409 `market_closed`."""

    advice = "the market takes no more orders"


class MarketNotActive(MarketNotOpen, BadRequest):
    """400 `MARKET_NOT_ACTIVE`: this one market is paused."""


class FillOrKillUnfilled(Conflict):
    """409 `fill_or_kill_insufficient_resting_volume`: nothing was filled."""

    advice = "nothing happened; place again with another price, count or time in force"


class TransferAlreadyApplied(Conflict):
    """409 `transfer_already_applied`: executed before; `subaccounts.transfer` does not raise it."""

    advice = "the transfer happened once; nothing is left to do"


class Retired(Refused):
    """410: switched off for good, as the classic order writes are (observed since June 2026)."""

    advice = "use contract='current'"


class RateLimited(Refused):
    """429, again and again: too many requests; not executed."""

    advice = "nothing happened; slow down, then call again"


class Unavailable(Refused):
    """5xx on a read: the exchange or a proxy in front could not answer."""

    advice = "a read changes nothing; it is safe to call again"


class UnavailableWrite(OutcomeUnknown, Unavailable):
    """5xx on a write, or a refusal the exchange did not write: it may have been executed."""


class Unintelligible(_ResponseError):
    """A 2xx whose body cannot be read; `.body` keeps the bytes, `.reason` says why."""

    advice = "the contract may have changed: upgrade kalshi-ext or see .body"
    reason: str = ""


class UnintelligibleWrite(OutcomeUnknown, Unintelligible):
    """A 2xx on a write whose body cannot be read: probably executed, yet unproven."""


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

# Documented refusals that share the code of others (assumed): (status, what the code, message and
# details say, in lower case and with spaces for every other character). All words have to be there.
BY_WORDS: tuple[tuple[int, tuple[str, ...], type[Refused]], ...] = (
    (400, ("post only", "cross"), PostOnlyWouldCross),
    (400, ("group", "triggered"), OrderGroupTriggered),
)

# How an extra is installed. The package is on no index yet, and a name there that nobody holds can
# be anybody's tomorrow: so no text tells a user to install it by its name.
INSTALL = "in a checkout of this library: pip install '.[{extra}]'"
