"""Tickets and verdicts as the journal keeps them: JSON texts, complete enough to go on from.

Entries outlive this version of the library: a field or a `kind` once written is read for ever, and
a text must not depend on the order of its fields, because fingerprints are made of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from attrs import fields

from kalshi_ext import errors
from kalshi_ext.contract.types import BookSide, SelfTradePreventionType, TimeInForce
from kalshi_ext.errors import (
    DuplicateIdConflict,
    KalshiError,
    Misuse,
    NotSent,
    OutcomeUnknown,
    Refused,
)
from kalshi_ext.journal import (
    Entry,
    State,
    Transition,
)
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.requests import OrderTicket
from kalshi_ext.requests.orders import NOT_FINGERPRINTED
from kalshi_ext.values import read_time
from kalshi_ext.values.json_text import canonical

_DECIMALS = frozenset(
    {"count", "price", "max_cost", "fill_count", "remaining_count", "reduced_by"}
    | {"average_fill_price", "average_fee"}
)
_ENUMS = {
    "book_side": BookSide,
    "time_in_force": TimeInForce,
    "self_trade_prevention": SelfTradePreventionType,
}


def encode(values: dict[str, Any]) -> str:
    """Write a JSON text, with decimals as text and without fields that are None."""
    return _ENCODER.encode(_present(values.items()))


def _present(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value is not None}


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


# Decimals as text: a JSON number would be read back as a float.
_ENCODER: Final = json.JSONEncoder(default=_as_text, separators=(",", ":"), sort_keys=True)
_TICKET_FIELDS: Final = tuple(sorted(part.name for part in fields(OrderTicket)))
_of_ticket: Final = attrgetter(*_TICKET_FIELDS)


def _decode(values: dict[str, Any]) -> dict[str, Any]:
    decoded = dict(values)
    for name in decoded.keys() & _DECIMALS:
        decoded[name] = Decimal(decoded[name])
    for name in decoded.keys() & _ENUMS.keys():
        decoded[name] = _ENUMS[name](decoded[name])
    return decoded


def encode_order(
    operation: str,
    ticket: OrderTicket,
    now: float,
    exchange_time: float | None = None,
    *,
    owner: str = "",
    account: str = "",
) -> Entry:
    """Make the journal's entry of a new order; times are in Unix seconds.

    The journal writes `owner` and `account` itself where they are others, at the cost of a copy.
    """
    return Entry(
        key=ticket.client_order_id,
        operation=operation,
        ticker=ticket.ticker,
        subaccount=ticket.subaccount,
        fingerprint=ticket.fingerprint(),
        ticket=encode_ticket(ticket),
        intent=ticket.intent,
        created_at=instant(now),
        owner=owner,
        account=account,
        **dated(exchange_time),
    )


def encode_ticket(ticket: OrderTicket) -> str:
    """Write a ticket as an entry keeps it."""
    written = _present(zip(_TICKET_FIELDS, _of_ticket(ticket), strict=True))
    return canonical(written, _ENCODER, is_sorted=True)


# How the keys begin of what carries none of its own.
KEYLESS: Final = "write-"


# What reading a text that another version wrote, or a person, may raise beside KalshiError.
UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


def decode_order(entry: Entry) -> OrderTicket:
    """Read the order ticket of an entry, without the fields that a later version added."""
    recorded = json.loads(entry.ticket)
    return OrderTicket(**_decode({n: recorded[n] for n in _TICKET_FIELDS if n in recorded}))


def kind_of(entry: Entry) -> str:
    """Return what an entry is of; empty for one that this version cannot read."""
    try:
        kind: str = json.loads(entry.ticket).get("kind", "order")
    except (ValueError, AttributeError):
        return ""
    return kind


def target_of(entry: Entry) -> str:
    """Return the id of the order that an amend or decrease is about."""
    return entry.order_id or str(json.loads(entry.ticket).get("order_id", ""))


def is_difference(entry: Entry) -> bool:
    """Say whether an entry is of a decrease by a difference."""
    return kind_of(entry) == "decrease" and "by" in json.loads(entry.ticket)


def ticket_of(entry: Entry) -> OrderTicket | None:
    """Read the ticket of an order; None of another write, or where it cannot be read."""
    if kind_of(entry) != "order":
        return None
    try:
        return decode_order(entry)
    except (KalshiError, *UNREADABLE):
        return None  # it stays open, and keeps no other entry from its verdict


def instant(seconds: float) -> datetime:
    """Turn Unix seconds into an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def dated(exchange_time: float | None) -> dict[str, Any]:
    """Return the exchange's time as the field of an entry or transition; nothing when unknown."""
    if exchange_time is None:
        return {}
    return {"exchange_time": instant(exchange_time)}


_ACK_FIELDS = (
    *("order_id", "client_order_id", "ticker", "fill_count", "remaining_count", "reduced_by"),
    *("average_fill_price", "average_fee", "time"),
)


_of_ack: Final = attrgetter(*_ACK_FIELDS)


def encode_ack(ack: OrderAck) -> str:
    """Write an acknowledgement as a verdict."""
    fields: dict[str, Any] = dict(zip(_ACK_FIELDS, _of_ack(ack), strict=True))
    if ack.time is not None:
        fields["time"] = ack.time.isoformat()
    # Sooner than `encode`: it holds no time and no number with a fraction.
    return canonical({"accepted": fields, "raw": dict(ack.raw)}, _ENCODER)


def encode_error(error: KalshiError) -> str:
    """Write a refusal as a verdict: its class, message, status and code."""
    # Not its body: a response may name the account or echo credentials; the message is redacted.
    verdict: dict[str, Any] = {"error": type(error).__name__, "message": str(error.args[0])}
    if isinstance(error, DuplicateIdConflict) and error.differs:
        verdict["differs"] = {name: list(pair) for name, pair in error.differs.items()}
    if isinstance(error, Refused):
        verdict |= {"status": str(error.status), "code": error.code or ""}
    return encode(verdict)


def final_state(error: KalshiError) -> State:
    """Return the state of a write that ended in an error: never sent, refused, or moot."""
    if isinstance(error, OutcomeUnknown):
        return State.RESOLVED
    # A DuplicateIdConflict is a Misuse, but here it was the exchange that said the id is taken.
    never_sent = isinstance(error, NotSent | Misuse) and not isinstance(error, DuplicateIdConflict)
    return State.NOT_SENT if never_sent else State.REFUSED


def ended(key: str, error: KalshiError, **tries: Any) -> Transition:
    """Say how the journal keeps a write that ended in an error."""
    return Transition(key, final_state(error), verdict=encode_error(error), **tries)


def decode_ack(entry: Entry) -> OrderAck | None:
    """Read the acknowledgement an entry ended in, marked as replayed; None when there is none."""
    verdict = json.loads(entry.verdict or "{}")
    if "accepted" not in verdict:
        if entry.order_id is None:
            return None
        # A person who resolved the entry by hand may know no more than the order's id.
        bare: dict[str, Any] = {"order_id": entry.order_id, "client_order_id": entry.key}
        return OrderAck(**bare, ticker=entry.ticker, raw={}, replayed=True)
    values = _decode({k: v for k, v in verdict["accepted"].items() if v is not None})
    if "time" in values:
        values["time"] = read_time(values["time"])
    return OrderAck(**values, raw=verdict.get("raw", {}), replayed=True)


def decode_error(entry: Entry) -> KalshiError | None:
    """Read the error an entry ended in, as far as a verdict keeps it; None when there is none."""
    verdict: dict[str, str] = json.loads(entry.verdict or "{}")
    name = verdict.get("error")
    if name is None:
        return None
    kind: Any = getattr(errors, name, errors.KalshiError)
    told = {"code": verdict["code"] or None} if verdict.get("code") is not None else {}
    return kind(verdict.get("message", ""), **told)  # type: ignore[no-any-return]


def ended_in_conflict(entry: Entry) -> bool:
    """Say whether an entry ended because its id names another order at the exchange."""
    error: str | None = json.loads(entry.verdict or "{}").get("error")
    return error == DuplicateIdConflict.__name__


# The verdict of an open order: the exchange said that its id exists after it had been sent.
KEY_EXISTS: Final = encode({"exists": "the exchange says that this client_order_id exists"})


# The verdict of an open difference whose order was changed after it.
HIDDEN: Final = encode({"hidden": "the order was changed again"})


def is_hidden(entry: Entry) -> bool:
    """Say whether a later change hides what became of an open one."""
    return "hidden" in json.loads(entry.verdict or "{}")


def key_exists(entry: Entry) -> bool:
    """Say whether the exchange said of an open order that its id exists."""
    return "exists" in json.loads(entry.verdict or "{}")


def recorded_differences(entry: Entry) -> dict[str, tuple[Any, Any]]:
    """Read what differed where an entry ended in a conflict; empty in entries that do not say."""
    recorded: dict[str, list[Any]] = json.loads(entry.verdict or "{}").get("differs", {})
    asked = _decode({name: pair[0] for name, pair in recorded.items() if pair[0] is not None})
    actual = _decode({name: pair[1] for name, pair in recorded.items() if pair[1] is not None})
    return {name: (asked.get(name), actual.get(name)) for name in recorded}


def ticket_differences(ticket: OrderTicket, text: str) -> dict[str, tuple[Any, Any]]:
    """Compare a ticket with the text of a recorded one: (asked, recorded) of what differs."""
    # Not decode_order: a later version may have recorded fields that this one does not know.
    recorded = _decode(json.loads(text))
    asked = {part.name: getattr(ticket, part.name) for part in fields(OrderTicket)}
    return differences(
        {name: value for name, value in asked.items() if name not in NOT_FINGERPRINTED},
        {name: value for name, value in recorded.items() if name not in NOT_FINGERPRINTED},
    )


def differences(asked: Mapping[str, Any], actual: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return (asked, actual) of each field that differs; a field that is absent counts as None."""
    pairs = {name: (asked.get(name), actual.get(name)) for name in {**asked, **actual}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def id_of(value: object) -> str | None:
    """Return the exchange's id of what a write made or changed; None where it has none."""
    if isinstance(value, str | int):
        return str(value)
    identifier: str | None = getattr(value, "order_id", None) or getattr(value, "id", None)
    return identifier


def ack_of(order: Order) -> OrderAck:
    """Make the acknowledgement of an order that was found by reading."""
    return OrderAck(
        order_id=order.order_id,
        client_order_id=order.client_order_id or None,  # empty for orders placed in the web app
        ticker=order.ticker,
        fill_count=order.fill_count,
        remaining_count=order.remaining_count,
        time=order.updated_time or order.created_time,
        replayed=True,
        order=order,
        raw=order.raw,
    )
