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
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast

from attrs import frozen

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    Conflict,
    DuplicateIdConflict,
    DuplicateOrder,
    KalshiError,
    NotSent,
    OutcomeUnknown,
    Refused,
    TransferAlreadyApplied,
)
from kalshi_ext.journal import JournalError
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import Context, Flow, Record, decode_response, lost_error
from kalshi_ext.protocol.messages import Call, Lost, Operation, Repeat, Reply
from kalshi_ext.protocol.retry_policy import advice_when_unknown
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec

T = TypeVar("T")
ErrorT = TypeVar("ErrorT", bound=KalshiError)


@frozen
class Executed(Generic[T]):
    """The exchange executed the write; `value` is its answer, or what a probe read."""

    value: T


@frozen
class NotExecuted:
    """Nothing stands: the exchange refused the write, or no byte of it left."""

    error: KalshiError


@frozen
class Unknown:
    """The write may have been executed. `key_taken`: the exchange says that its key exists."""

    error: KalshiError
    key_taken: bool = False


WriteOutcome: TypeAlias = Executed[T] | NotExecuted | Unknown


@frozen
class NotDone(Generic[T]):
    """A probe found the write not done. `resend` is the call that does what is left of it.

    Without one the same request goes again, if `may_go_again`. `conclusive` says whether a success
    of that call proves that the write is done.
    """

    resend: Call[T] | None = None
    conclusive: bool = True
    may_go_again: bool = True


@frozen
class Created(Generic[T]):
    """A probe found something that was not there before: no read is too old to show that."""

    value: T


@frozen
class Unclear:
    """A probe proved nothing; `until` says how long reading on may show more."""

    until: Literal["time is over", "no copy is left", "now"] = "time is over"


@frozen
class Moot:
    """Whether it was executed can never be told, and nothing of it can happen any more."""

    error: KalshiError


Recordable: TypeAlias = WriteOutcome[T] | Moot  # what the journal is told of a key
ProbeResult: TypeAlias = WriteOutcome[T] | NotDone[T] | Created[T] | Moot | Unclear


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
    operation = call.operation
    message = f"{operation.facade}: the answer has a body, which one to this never has"
    return advise(operation, OutcomeUnknown(message, operation=operation.id, **identifiers))


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
    words = f"{error.code} {error.message} {error.details}"
    return keyed and _DUPLICATE.search(words) is not None


_DUPLICATE = re.compile(
    "duplicate|already[ _](exist|appl|taken|used|placed|submitted|processed)"
    "|(id|order)[ _](is[ _])?(in[ _]use|taken|not[ _]unique|exists)",
    re.IGNORECASE,
)


# The codes that prove a refusal where the code is all there is, in lower case. Each was observed or
# documented with a status that means "not executed". A code that nobody has met may mean anything.
PROVING_CODES = frozenset(
    # 400: the request was read and turned away
    {"invalid_order", "invalid_price", "invalid_order_size", "invalid_uuid", "bad_request"}
    | {"invalid_parameters", "invalid_parameter", "missing_parameters", "invalid_content_type"}
    | {"insufficient_balance", "notional_risk_limit_exceeded", "market_not_active"}
    | {"amend_order_no_op"}
    # 401 and 403: the caller may not do it
    | {"authentication_error", "signature_is_missing_from_headers", "header_timestamp_expired"}
    | {"permission_denied"}
    # 404: no such market, order or account on the shard; cancels look into it all the same
    | {"not_found", "user_not_found"}
    # 409 and 410: not now, or never again
    | {"trading_is_paused", "market_closed", "fill_or_kill_insufficient_resting_volume"}
    | {"deprecated_v1_order_endpoint"}
)


def proves_not_executed(error: Refused) -> bool:
    """Say whether the refusal of a batch's entry proves that the entry was not executed.

    An entry has no status of its own, so its code is all there is.
    """
    word, _, _ = (error.code or "").partition(":")  # `user_not_found:_<uuid>` (observed)
    return word.lower() in PROVING_CODES


def ack_contradiction(ticket: OrderTicket, ack: OrderAck) -> str | None:
    """Say why an acknowledgement of a create proves nothing of the ticket; None when it proves.

    It must name our client_order_id, or both counts: an order_id alone is in every answer.
    """
    if ack.reduced_by is not None:
        return CANCEL_ANSWER
    if ack.client_order_id is None and None in (ack.fill_count, ack.remaining_count):
        return "it names neither the client_order_id nor both counts"
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


CANCEL_ANSWER = "it tells reduced_by, which only the answer to a cancel does"


def cancel_contradiction(order_id: str, ack: OrderAck) -> str | None:
    """Say why an acknowledgement of a cancel proves nothing; None when it proves the cancel."""
    # Cancel responses have described another order (documented incident of May 2026).
    if ack.order_id != order_id:
        return "the answer names another order"
    ended = ack.order is not None and ack.order.status == "canceled"  # the classic contract's
    if ack.reduced_by is None and not ended:
        return "the answer does not tell reduced_by, which that to a cancel does"
    return None


# What an amend or a decrease may change of an order.
AMENDABLE = frozenset({"price", "count", "expires"})


def found_differences(
    contract: Contract, ticket: OrderTicket, order: Order
) -> dict[str, tuple[Any, Any]]:
    """Compare a ticket with an order found under its id: (asked, actual) of what differs.

    What the row does not tell, or the ticket left to the exchange, does not differ.
    """
    asked = {name: getattr(ticket, name) for name in _COMPARED}
    # 0 is never, as in an amend. One that a call's deadline gave differs from call to call.
    asked["expires"] = None if ticket.expires_at_deadline else ticket.expires or 0
    expiry = order.expiration_time
    if ticket.auto_group:  # so does the group of an earlier run
        asked["order_group_id"] = None
    actual: dict[str, Any] = {
        "ticker": order.ticker,
        "book_side": order.book_side,
        "price": order.price,
        "count": order.count,
        # Rows leave out an expiry that is not set (recorded), so its absence tells nothing.
        "expires": None if expiry is None else int(expiry.timestamp()),
        "subaccount": order.subaccount,
        "order_group_id": order.order_group_id,
    }
    # The classic contract sends neither, so there they say what the exchange chose.
    if contract.has_watermark:
        actual["self_trade_prevention"] = order.self_trade_prevention_type
        actual["time_in_force"] = cast("Mapping[str, Any]", order.raw).get("time_in_force")
    pairs = {name: (asked[name], actual.get(name)) for name in _COMPARED}
    return {n: pair for n, pair in pairs.items() if None not in pair and pair[0] != pair[1]}


_COMPARED = (
    *("ticker", "book_side", "price", "count", "expires", "subaccount", "order_group_id"),
    *("self_trade_prevention", "time_in_force"),
)


def match_found_order(
    contract: Contract, ticket: OrderTicket, order: Order
) -> Flow[WriteOutcome[OrderAck]]:
    """Judge an order found under our id: executed when it is the order we asked for.

    It may differ by what this client asked it to be since. Unknown where the journal cannot tell.
    """
    differs = found_differences(contract, ticket, order)
    if differs and differs.keys() <= AMENDABLE:
        try:
            changes = yield from _own_changes(order)
        except JournalError as error:
            return Unknown(error)
        differs = {n: pair for n, pair in differs.items() if not _is_explained(n, pair, changes)}
    if not differs:
        return Executed(journal_codec.ack_of(order))
    return NotExecuted(
        DuplicateIdConflict(
            f"client_order_id {ticket.client_order_id!r} names another order at the exchange: "
            f"{order.order_id} differs in {', '.join(differs)}",
            client_order_id=ticket.client_order_id,
            order_id=order.order_id,
            order=order,
            differs=differs,
        )
    )


def _own_changes(order: Order) -> Flow[list[dict[str, Any]]]:
    """Return what this client's journal has of amends and decreases of an order."""
    changes: list[dict[str, Any]] = []
    after = -1
    # Whatever their verdict: one that was refused cannot explain a difference by chance.
    # Of all tickers, because a decrease need not name its own. Only a conflict costs this.
    while rows := (yield Record("page", (None, None, after))):
        texts = [entry.ticket for _, entry in rows if order.order_id in entry.ticket]
        changes += [
            each for each in map(json.loads, texts) if each.get("order_id") == order.order_id
        ]
        after = rows[-1][0]
    return changes


def _is_explained(name: str, pair: tuple[Any, Any], changes: Sequence[Mapping[str, Any]]) -> bool:
    asked, actual = pair
    kinds = {change.get("kind") for change in changes}
    # Whether a decrease lowers the count that a row tells is not known.
    if name == "count" and actual < asked and "decrease" in kinds:
        return True
    amends = [change.get(name) for change in changes if change.get("kind") == "amend"]
    return any(value is not None and Decimal(value) == actual for value in amends)


def match_entries(
    operation: Operation, tickets: Sequence[OrderTicket], entries: Sequence[OrderAck | Refused]
) -> dict[str, WriteOutcome[OrderAck]]:
    """Give each ticket of a batch the outcome of its entry, by client_order_id.

    The order of the entries is not documented, so it is never used while more than one could fit.
    """
    entry_ids = [entry.client_order_id for entry in entries if entry.client_order_id]
    by_id = {entry.client_order_id: entry for entry in entries if entry.client_order_id}
    without_id = [entry for entry in entries if not entry.client_order_id]
    outcomes: dict[str, WriteOutcome[OrderAck]] = {}
    unmatched: list[OrderTicket] = []
    for ticket in tickets:
        entry = by_id.get(ticket.client_order_id)
        if entry is None:
            unmatched.append(ticket)
        elif entry_ids.count(ticket.client_order_id) > 1:  # two entries for one ticket
            outcomes[ticket.client_order_id] = Unknown(_missing_entry_error(operation, ticket))
        else:
            outcomes[ticket.client_order_id] = _judge_entry(operation, ticket, entry)
    single = len(tickets) == len(entries) == 1
    outcomes.update(_match_without_id(operation, unmatched, without_id, single=single))
    return outcomes


def _match_without_id(
    operation: Operation,
    tickets: Sequence[OrderTicket],
    entries: Sequence[OrderAck | Refused],
    *,
    single: bool,
) -> dict[str, WriteOutcome[OrderAck]]:
    # An acceptance without an id could be of any of the tickets: only a single one can take it.
    # Refusals are told only when each ticket left has one: then it does not matter which is whose.
    refused = all(isinstance(entry, Refused) and proves_not_executed(entry) for entry in entries)
    if len(tickets) == len(entries) and (single or refused):
        pairs = zip(tickets, entries, strict=True)
        return {t.client_order_id: _judge_entry(operation, t, entry) for t, entry in pairs}
    return {t.client_order_id: Unknown(_missing_entry_error(operation, t)) for t in tickets}


def _judge_entry(
    operation: Operation, ticket: OrderTicket, entry: OrderAck | Refused
) -> WriteOutcome[OrderAck]:
    if isinstance(entry, DuplicateOrder):
        return Unknown(entry, key_taken=True)
    if isinstance(entry, Refused):
        return NotExecuted(entry) if proves_not_executed(entry) else Unknown(entry)
    contradiction = ack_contradiction(ticket, entry)
    if contradiction is None:
        return Executed(entry)
    return Unknown(_rejected_ack_error(operation, ticket, contradiction))


def _rejected_ack_error(
    operation: Operation, ticket: OrderTicket, contradiction: str
) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{operation.facade}: the acknowledgement was not believed: {contradiction}",
        operation=operation.id,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )


def _missing_entry_error(operation: Operation, ticket: OrderTicket) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{operation.facade}: the answer has no entry for {ticket.client_order_id}",
        operation=operation.id,
        client_order_id=ticket.client_order_id,
        ticket=ticket,
    )
