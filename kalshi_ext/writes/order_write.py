"""Orders as a write of resolve.py: what is judged, looked for and recorded of each of a batch."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias, cast

from attrs import define, field

from kalshi_ext.contract.types import SelfTradePreventionType, TimeInForce
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import (
    ABSENT_ADVICE,
    DuplicateIdConflict,
    DuplicateOrder,
    KalshiError,
    NotSent,
    OutcomeUnknown,
    Refused,
)
from kalshi_ext.journal import JournalError, State, Transition
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.protocol.flow import Flow, Monotonic, Now, Record
from kalshi_ext.protocol.messages import Call, Lost, Operation, Reply
from kalshi_ext.protocol.responses import read_error_bytes
from kalshi_ext.reads.lookup import look_up_orders
from kalshi_ext.requests import OrderTicket
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.outcomes import (
    Executed,
    NotDone,
    NotExecuted,
    ProbeResult,
    Unclear,
    Unknown,
    WriteOutcome,
    ack_contradiction,
    judge,
    proves_not_executed,
    says_taken,
    unbelieved,
)
from kalshi_ext.writes.write import Progress, Reading, Write

PlaceCall: TypeAlias = Call[Any]  # of one order: OrderAck; of many: list[OrderAck | Refused]
BuildCall: TypeAlias = Callable[[Sequence[OrderTicket]], PlaceCall]
Tickets: TypeAlias = Mapping[str, OrderTicket]


@define(eq=False, repr=False)
class OrderWrite(Write[OrderAck]):
    """Orders, by client_order_id; `build_call` is given where they are sent, `whole` for all."""

    names_one: ClassVar[bool] = True

    tickets: Tickets = field(kw_only=True)
    whole: PlaceCall | None = field(default=None, kw_only=True)
    build_call: BuildCall | None = field(default=None, kw_only=True)

    def build(self, keys: Sequence[str]) -> PlaceCall:
        assert self.whole is not None  # noqa: S101 - see `build_call`
        assert self.build_call is not None  # noqa: S101
        if len(keys) == len(self.tickets):
            return self.whole
        return self.build_call([self.tickets[key] for key in keys])

    def judge(
        self, call: PlaceCall, keys: Sequence[str], response: Reply | Lost
    ) -> Mapping[str, WriteOutcome[OrderAck]]:
        tickets = [self.tickets[key] for key in keys]
        named = {"client_order_id": keys[0], "ticket": tickets[0]} if len(keys) == 1 else {}
        whole = judge(call, response, self.context, **named)
        if not isinstance(whole, Executed):
            if isinstance(whole, Unknown) and self._is_taken(keys, response):
                whole = Unknown(whole.error, key_taken=True)
            return dict.fromkeys(keys, whole)
        answer = whole.value
        if isinstance(answer, OrderAck):  # to one order; what batches need takes as long as this
            if answer.client_order_id in (None, keys[0]):
                return {keys[0]: _judge_entry(call.operation, tickets[0], answer)}
            return {keys[0]: _missing_entry(call.operation, tickets[0])}
        return match_entries(call.operation, tickets, answer)

    def _is_taken(self, keys: Sequence[str], response: Reply | Lost) -> bool:
        """Say whether "this id exists", in words of no known code, is believed of these orders."""
        if isinstance(response, Lost) or not says_taken(read_error_bytes(response.body)):
            return False
        # After an attempt of ours it is evidence for our order, whoever says it. Before one only
        # the exchange's own code names the id: an order proven absent under other words is ours
        # to place.
        return response.maybe_executed or any(self.progress[key].tried for key in keys)

    def probe(
        self, keys: Sequence[str], reading: Reading
    ) -> Flow[Mapping[str, ProbeResult[OrderAck]]]:
        """Look once for orders whose answer proved nothing."""
        since = yield from _since(self, [self.progress[key] for key in keys])
        tickets, contract = {key: self.tickets[key] for key in keys}, self.contract
        orders, absent = yield from look_up_orders(
            contract,
            tickets,
            self.context,
            self.limits,
            since=since,
            thorough=bool(reading.expired),
        )
        results: dict[str, ProbeResult[OrderAck]] = {}
        for key, ticket in tickets.items():
            if (order := orders.get(key)) is not None:
                results[key] = yield from match_found_order(contract, ticket, order)
            else:
                gone = key in absent and key in reading.expired
                results[key] = _judge_absent(self.progress[key], ticket) if gone else Unclear()
        return results

    def executed(self, key: str, value: OrderAck, /, **tries: Any) -> Transition:
        state = State.RESOLVED if value.replayed else State.ACKNOWLEDGED
        verdict = journal_codec.encode_ack(value)
        return Transition(key, state, order_id=value.order_id, verdict=verdict, **tries)

    def seen(self, progress: Progress[OrderAck], outcome: Unknown) -> str | None:
        # Kept, so that recovery will not call it absent either.
        return journal_codec.KEY_EXISTS if outcome.key_taken and progress.tried else None

    def not_executed(self, key: str, reason: str, /) -> NotSent:
        return NotSent(
            f"{self.operation.facade}: the order {key} was sent and is proven absent: {reason}",
            client_order_id=key,
            operation=self.operation.id,
            advice=ABSENT_ADVICE,
        )

    def unproven(self, key: str, error: KalshiError) -> OutcomeUnknown:
        ticket = self.tickets[key]
        if isinstance(error, OutcomeUnknown):
            # The orders of a batch share one error: each gets a copy with its own id.
            own = copy.copy(error)
            own.client_order_id, own.ticket = key, ticket
            return own
        why = "the exchange says this client_order_id exists, but its order was not seen"
        reason = why if isinstance(error, DuplicateOrder) else str(error.args[0])
        return unknown_order(ticket, f"orders.place: {reason}", error.__dict__.get("operation"))


def unknown_order(ticket: OrderTicket, reason: str, operation: str | None) -> OutcomeUnknown:
    """Make the error of an order of which it is not known whether it was executed."""
    return OutcomeUnknown(
        reason, operation=operation, client_order_id=ticket.client_order_id, ticket=ticket
    )


def _since(write: Write[OrderAck], wanted: Sequence[Progress[OrderAck]]) -> Flow[float]:
    """Return the exchange's time before which none of these orders can have been made."""
    # An id that is taken may have been taken at any time.
    if any(each.unknown is not None and each.unknown.key_taken for each in wanted):
        return 0.0
    known = [each.since for each in wanted if each.since is not None]
    now: float = yield Monotonic()
    exchange_time = write.context.exchange_clock.at(now)
    if len(known) == len(wanted):
        return min(known)
    if exchange_time is None:
        return 0.0
    # Whichever clock went further, and whichever is earlier: neither a step of this machine's clock
    # nor a Date that is ahead may do more than widen the search.
    started, started_wall = write.began
    wall: float = yield Now()
    mapped = exchange_time - max(now - started, wall - started_wall)
    return min([mapped, started_wall, *known])


def _judge_absent(progress: Progress[OrderAck], ticket: OrderTicket) -> ProbeResult[OrderAck]:
    unknown = progress.unknown
    if unknown is None or not unknown.key_taken:
        return NotDone()
    if progress.tried:
        # That an id exists after an attempt of ours is evidence for our order, and a list that
        # does not show it is none against it: an order may be anywhere.
        return unknown
    # Nobody but somebody else can have used it. Sent again it would be refused again.
    key = ticket.client_order_id
    return NotExecuted(
        DuplicateIdConflict(
            f"client_order_id {key!r} is taken at the exchange, by no order of {ticket.ticker}",
            client_order_id=key,
        )
    )


# An order found under our id

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
    # Without one the order is in none; an automatic one differs from run to run.
    asked["order_group_id"] = None if ticket.auto_group else ticket.order_group_id or ""
    actual: dict[str, Any] = {
        "ticker": order.ticker,
        "book_side": order.book_side,
        "price": order.price,
        "count": order.count,
        # Rows leave out an expiry that is not set (recorded), so its absence tells nothing.
        "expires": None if expiry is None else int(expiry.timestamp()),
        "subaccount": order.subaccount,
        "order_group_id": order.order_group_id or None,
    }
    # The classic contract sends neither, so there they say what the exchange chose.
    if contract.has_watermark:
        actual["self_trade_prevention"] = order.self_trade_prevention_type
        actual["time_in_force"] = cast("Mapping[str, Any]", order.raw).get("time_in_force")
    for name, words in _WORDS.items():
        if actual.get(name) not in words:  # a word that nobody has met tells nothing
            actual[name] = None
    pairs = {name: (asked[name], actual.get(name)) for name in _COMPARED}
    return {n: pair for n, pair in pairs.items() if None not in pair and pair[0] != pair[1]}


_WORDS: Mapping[str, tuple[str, ...]] = {
    "self_trade_prevention": tuple(SelfTradePreventionType),
    "time_in_force": tuple(TimeInForce),
}


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


# The entries of a batch's answer


def match_entries(
    operation: Operation, tickets: Sequence[OrderTicket], entries: Sequence[OrderAck | Refused]
) -> dict[str, WriteOutcome[OrderAck]]:
    """Give each ticket of a batch the outcome of its entry, by client_order_id.

    The order of the entries is not documented, so it is never used while more than one could fit.
    """
    by_id: dict[str, OrderAck | Refused | None] = {}
    without_id: list[OrderAck | Refused] = []
    times = Counter(entry.order_id for entry in entries if isinstance(entry, OrderAck))
    for entry in entries:
        if not entry.client_order_id:
            without_id.append(entry)
        else:  # None: two entries for one ticket, or for one order, prove nothing
            doubled = isinstance(entry, OrderAck) and times[entry.order_id] > 1
            known = entry.client_order_id in by_id
            by_id[entry.client_order_id] = None if known or doubled else entry
    outcomes: dict[str, WriteOutcome[OrderAck]] = {}
    unmatched: list[OrderTicket] = []
    for ticket in tickets:
        key = ticket.client_order_id
        if key not in by_id:
            unmatched.append(ticket)
        elif (own := by_id[key]) is None:
            outcomes[key] = _missing_entry(operation, ticket)
        else:
            outcomes[key] = _judge_entry(operation, ticket, own)
    if unmatched:
        single = len(tickets) == len(entries) == 1
        outcomes |= _match_without_id(operation, unmatched, without_id, single=single)
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
    return {t.client_order_id: _missing_entry(operation, t) for t in tickets}


def _judge_entry(
    operation: Operation, ticket: OrderTicket, entry: OrderAck | Refused
) -> WriteOutcome[OrderAck]:
    if isinstance(entry, Refused):
        if isinstance(entry, DuplicateOrder) or says_taken(entry):
            return Unknown(entry, key_taken=True)
        return NotExecuted(entry) if proves_not_executed(entry) else Unknown(entry)
    contradiction = ack_contradiction(ticket, entry)
    if contradiction is None:
        return Executed(entry)
    reason = unbelieved(operation, contradiction)
    return Unknown(unknown_order(ticket, reason, operation.id))


def _missing_entry(operation: Operation, ticket: OrderTicket) -> Unknown:
    reason = f"{operation.facade}: the answer has no entry for {ticket.client_order_id} alone"
    return Unknown(unknown_order(ticket, reason, operation.id))
