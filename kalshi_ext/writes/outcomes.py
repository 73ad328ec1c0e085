"""What the response to one transmission of a write proves, and what a found order proves.

    outcome       what is proven              examples
    Executed      the exchange executed it    201 with an acknowledgement that can be true
    NotExecuted   nothing stands              no byte left; 400 invalid_price; 409 market_closed
    Unknown       neither: a probe must tell  timeout; 5xx; HTML; 201 about another order

A failing status alone proves nothing, because proxies write them too: a refusal is believed where
its body is one of the exchange's own (`protocol/responses.py`), that of a batch's entry where its
code is known to prove. Nor does a success status alone: an acknowledgement is believed only where
its content can be true of what was sent. Responses have described another order (documented
incident, May 2026).

A probe is a flow without arguments that reads once and says what became of a write whose answer
proved nothing:

    result       what the read showed                               what the caller may do
    Executed     the exchange is in the state the write asked for   return it
    InPlace      its order is as wanted, and may have been before   return it when it has changed
                                                                    since, or no copy is left
    Created      something that was not there before                return it
    NotExecuted  it was not executed and cannot be any more         raise its error
    NotDone      not in that state                                  send again when no copy is left
    Moot         its order ended, and hides what became of it       say so: nothing is to come
    Unclear      nothing that can be relied on                      probe again, or say unknown

A failed read, a 404, a list cut short and an unreadable row are `Unclear`, never `NotDone`.
Whether a result may be believed is a question of time: reads lag behind writes, and a delayed copy
of a request may still be accepted. The engine (resolve.py) decides it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, cast

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.contract.types import OrderStatus
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    BadRequest,
    Conflict,
    DuplicateOrder,
    KalshiError,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Refused,
    TransferAlreadyApplied,
)
from kalshi_ext.journal import Entry
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.flow import CallLimits, Context, Flow, decode_response, lost_error
from kalshi_ext.protocol.messages import Call, Lost, Operation, Repeat, Reply
from kalshi_ext.protocol.responses import OWN_CODES, ErrorBody, read_error_bytes
from kalshi_ext.protocol.retry_policy import advice_when_unknown
from kalshi_ext.requests import OrderTicket
from kalshi_ext.values.money import EXACT

T = TypeVar("T")
ErrorT = TypeVar("ErrorT", bound=KalshiError)


@frozen(eq=False, repr=False)
class Executed(Value, Generic[T]):
    """The exchange executed the write; `value` is its answer, or what a probe read."""

    value: T


@frozen(eq=False, repr=False)
class NotExecuted(Value):
    """Nothing stands: the exchange refused the write, or no byte of it left."""

    error: KalshiError


@frozen(eq=False, repr=False)
class Unknown(Value):
    """The write may have been executed. `key_taken`: the exchange says that its key exists."""

    error: KalshiError
    key_taken: bool = False


WriteOutcome: TypeAlias = Executed[T] | NotExecuted | Unknown


@frozen(eq=False, repr=False)
class NotDone(Value, Generic[T]):
    """A probe found the write not done. `resend` is the call that does what is left of it.

    Without one the same request goes again, if `may_go_again`. `conclusive` says whether a success
    of that call proves that the write is done.
    """

    resend: Call[T] | None = None
    conclusive: bool = True
    may_go_again: bool = True


@frozen(eq=False, repr=False)
class InPlace(Value, Generic[T]):
    """A probe found the order as wanted. `changed_at`: by its last change then, Unix seconds.

    None where that was its creation, or an earlier change of this client: then the write itself may
    still be on its way, and undo what comes after it.
    """

    value: T
    changed_at: float | None


@frozen(eq=False, repr=False)
class Created(Value, Generic[T]):
    """A probe found something that was not there before: no read is too old to show that."""

    value: T


@frozen(eq=False, repr=False)
class Unclear(Value):
    """A probe proved nothing; `until` says how long reading on may show more."""

    until: Literal["time is over", "no copy is left", "now"] = "time is over"


@frozen(eq=False, repr=False)
class Moot(Value):
    """Whether it was executed can never be told, and nothing of it can happen any more."""

    error: KalshiError


Recordable: TypeAlias = WriteOutcome[T] | Moot  # what the journal is told of a key
ProbeResult: TypeAlias = WriteOutcome[T] | NotDone[T] | InPlace[T] | Created[T] | Moot | Unclear
Probe: TypeAlias = Callable[[], Flow[ProbeResult[Any]]]

# The probes of the journal's entries, by their `kind`; each module adds those of its own writes.
PROBES: Final[dict[str, Callable[[Contract, Context, CallLimits, Entry], Probe]]] = {}


def judge(
    call: Call[T], response: Reply | Lost, context: Context, **identifiers: Any
) -> WriteOutcome[T]:
    """Say what a response proves about its write; `identifiers` become attributes of its error."""
    if isinstance(response, Lost):
        error = lost_error(call.operation, response, **identifiers)
        if isinstance(error, NotSent):
            return NotExecuted(error)
        return Unknown(advise(call.operation, error))
    try:
        return Executed(decode_response(call, response, context))
    except OutcomeUnknown as error:
        error.__dict__.update(identifiers)
        return Unknown(advise(call.operation, error))
    except (DuplicateOrder, TransferAlreadyApplied) as error:
        # What that proves is for the caller to say. The 409 of an order holds no order and
        # compares no payload (observed); that of a transfer says that it was done (documented).
        return Unknown(error, key_taken=True)
    except Refused as error:
        error.__dict__.update(identifiers)
        return Unknown(error) if _may_be_duplicate(call, error) else NotExecuted(error)


_EMPTY = (b"", b"{}", b"null")


def is_stray(value: object, response: Reply | Lost) -> bool:
    """Say whether a success has a body although its operation answers nothing."""
    # Responses have described another order (documented incident of May 2026).
    return value is None and isinstance(response, Reply) and response.body.strip() not in _EMPTY


def stray_error(call: Call[Any], **identifiers: Any) -> OutcomeUnknown:
    message = f"{call.operation.facade}: the answer has a body, which one to this never has"
    return unknown_error(call.operation, message, **identifiers)


def unknown_error(operation: Operation, reason: str, **identifiers: Any) -> OutcomeUnknown:
    """Make the error of a write of which it is not known whether it was executed."""
    return advise(operation, OutcomeUnknown(reason, operation=operation.id, **identifiers))


def advise(operation: Operation, error: ErrorT) -> ErrorT:
    """Let an error of unknown outcome say what to do about a write of this kind; return it."""
    error.advice = advice_when_unknown(operation) or error.advice
    return error


def _may_be_duplicate(call: Call[Any], error: Refused) -> bool:
    """Say whether a refusal may say that the key is taken, in words not known."""
    keyed = call.operation.repeat is Repeat.KEYED
    # Known codes have classes of their own; a plain Conflict is a code that we never met.
    if type(error) is Conflict and (keyed or error.code is None):
        return True
    # Under any other status too: an earlier copy of the same request may have been executed.
    return keyed and says_taken(error)


def says_taken(told: ErrorBody | Refused) -> bool:
    """Say whether an answer says that the key is known already, in words of whatever kind."""
    return says(_TAKEN, told)


def says(words: str, told: ErrorBody | Refused) -> bool:
    """Say whether an error has such words, a pattern, in whichever of its fields."""
    # Compiled by the first error that is asked, and then kept by `re`: an import has no need of it.
    text = f"{told.code} {told.message} {told.details}"
    return re.search(words, text, re.IGNORECASE) is not None


_TAKEN: Final = (
    "duplicate|already[ _-]?(been[ _-])?(exist|appl|taken|used|in[ _-]use|known|received|accepted"
    "|created|placed|submitted|processed)|idempotency|uniqueness|not?n?[ _-]unique"
    "|must[ _-]be[ _-]unique|re-?used|(was|been)[ _-]used|used[ _-]before|previously[ _-]"
    "|(id|order)[ _-](is[ _-])?(in[ _-]use|taken|exists)"
)


def says_applied(response: Reply | Lost) -> bool:
    """Say whether a 4xx says in words of no known code that a keyed transfer was done before."""
    if isinstance(response, Lost) or not 400 <= response.status < 500:
        return False
    return says(_APPLIED, read_error_bytes(response.body))


_APPLIED: Final = "already[ _-]?(been[ _-])?(appl|exist|process|execut|complet|used)"


# The codes that prove a refusal where the code is all there is, in lower case. Each was observed or
# documented with a status that means "not executed". A code that nobody has met may mean anything.
PROVING_CODES = OWN_CODES | {
    # 400: the request was read and turned away
    *("invalid_uuid", "bad_request", "invalid_parameters", "invalid_parameter"),
    *("missing_parameters", "invalid_content_type"),
    # 401 and 403: the caller may not do it
    *("authentication_error", "signature_is_missing_from_headers", "permission_denied"),
    # 404: no such market, order or account on the shard; cancels look into it all the same
    *("not_found", "user_not_found"),
}


def proves_not_executed(error: Refused) -> bool:
    """Say whether the refusal of a batch's entry proves that the entry was not executed.

    An entry has no status of its own, so its code is all there is.
    """
    word, _, _ = (error.code or "").partition(":")  # `user_not_found:_<uuid>` (observed)
    return word.lower() in PROVING_CODES


def may_mean_ended(error: KalshiError) -> bool:
    """Say whether a refusal may be how the exchange says that an order has ended.

    Observed is a 404. A 400 or 409 whose code is not known may say so too (inferred).
    """
    if isinstance(error, NotFound) or type(error) is Conflict:
        return True
    return type(error) is BadRequest and not proves_not_executed(error)


def ack_contradiction(ticket: OrderTicket, ack: OrderAck) -> str | None:
    """Say why an acknowledgement of a create proves nothing of the ticket; None when it proves.

    It must name our client_order_id, or both counts: an order_id alone is in every answer.
    """
    if ack.reduced_by is not None:
        return CANCEL_ANSWER
    if ack.client_order_id is None and None in (ack.fill_count, ack.remaining_count):
        return "it names neither the client_order_id nor both counts"
    named = ack.client_order_id is not None
    if not (named and _TELLING.isdisjoint(ack.raw)) and (
        told := _told_otherwise(ack, {"ticker": ticket.ticker, "book_side": ticket.book_side})
    ):
        return told
    if ack.order is not None and ack.order.ticker != ticket.ticker:
        return "it names another ticker"
    for name in ("fill_count", "remaining_count"):
        value = getattr(ack, name)
        if value is not None and not 0 <= value <= ticket.count:
            return f"its {name} {value} cannot be of an order over {ticket.count}"
    # Less than asked for is fine: an IOC without a match answers 0 filled, 0 left (observed).
    if (ack.fill_count or 0) + (ack.remaining_count or 0) > ticket.count:
        return f"it counts more than the {ticket.count} asked for"
    return None


_TELLING: Final = frozenset({"error", "status", "ticker", "book_side"})


def _told_otherwise(
    ack: OrderAck, wanted: Mapping[str, object], statuses: Collection[str] = tuple(OrderStatus)
) -> str | None:
    """Say what speaks against an acknowledgement beside its counts."""
    raw = cast("Mapping[str, object]", ack.raw or {})
    if ack.client_order_id is None and raw.get("client_order_id") not in (None, ""):
        return "its client_order_id cannot be read"
    if raw.get("error"):
        return "it carries an error"
    status = raw.get("status")
    if status is not None and status not in statuses:
        return "it tells a status that no such order has"
    wrong = (n for n, value in wanted.items() if raw.get(n) not in (None, "", value))
    return next((f"it names another {name}" for name in wrong), None)


def unbelieved(operation: Operation, contradiction: str) -> str:
    """Say in words that an acknowledgement proves nothing."""
    return f"{operation.facade}: the acknowledgement was not believed: {contradiction}"


CANCEL_ANSWER = "it tells reduced_by, which only the answer to a cancel does"


def cancel_contradiction(order_id: str, ack: OrderAck) -> str | None:
    """Say why an acknowledgement of a cancel proves nothing; None when it proves the cancel."""
    # Cancel responses have described another order (documented incident of May 2026).
    if ack.order_id != order_id:
        return "the answer names another order"
    ended = ack.order is not None and ack.order.status == "canceled"  # the classic contract's
    if ack.reduced_by is None and not ended:
        return "the answer does not tell reduced_by, which that to a cancel does"
    if ack.reduced_by is not None and ack.reduced_by <= 0 and not ended:
        return "it took nothing off"  # what rests has something to take off
    return _told_otherwise(ack, {}, ("canceled",))


def change_contradiction(
    order_id: str,
    ack: OrderAck,
    *,
    price: Decimal | None = None,
    total: Decimal | None = None,
    max_remaining: Decimal | None = None,
    names: Mapping[str, object] = MappingProxyType({}),
) -> str | None:
    """Say why an acknowledgement of an amend or decrease proves nothing; None when it proves.

    `total` is what was filled and remains, None where it cannot be told before. An order_id is in
    every answer about the order, so what remains has to be told and to be as wanted. `names` is
    what the answer need not tell, and may not tell otherwise.
    """
    # Responses have described another order (documented incident of May 2026).
    if ack.order_id != order_id:
        return "it names another order"
    if ack.reduced_by is not None:
        return CANCEL_ANSWER
    if told := _told_otherwise(ack, names):
        return told
    if price is not None and ack.order is not None and ack.order.price != price:
        return f"it tells the price {ack.order.price}, not {price}"
    fills, remaining = ack.fill_count, ack.remaining_count
    if remaining is None:
        return "it does not count what the change leaves"
    if fills is None and price is not None:
        fills = Decimal(0)  # that to an amend tells fills where there are some
    if max_remaining is not None and remaining > max_remaining:
        return f"its remaining_count {remaining} is more than the {max_remaining} asked for"
    # The answer to an earlier request about this order tells how that left it.
    if total is None or fills is None:  # that to a decrease need not tell fills (documented)
        return None
    if EXACT.add(fills, remaining) != total:
        return f"it counts {fills} filled and {remaining} remaining, not {total} together"
    return None
