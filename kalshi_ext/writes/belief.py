"""What may be believed: of an acknowledgement, and of an order found under our id."""

from __future__ import annotations

from kalshi_ext.errors import DuplicateIdConflict
from kalshi_ext.models import Order, OrderAck
from kalshi_ext.tickets import OrderTicket
from kalshi_ext.writes import records
from kalshi_ext.writes.looking import SKEW
from kalshi_ext.writes.verdicts import Accepted, Rejected, Verdict


def fault(ticket: OrderTicket, ack: OrderAck) -> str | None:
    """Say what cannot be true of an acknowledgement of ours; None when it may be believed."""
    if ack.order is not None and ack.order.ticker != ticket.ticker:
        return "it names another ticker"
    for name in ("fill_count", "remaining_count"):
        value = getattr(ack, name)
        if value is not None and not 0 <= value <= ticket.count:
            return f"its {name} {value} cannot be of an order over {ticket.count}"
    if (ack.fill_count or 0) + (ack.remaining_count or 0) > ticket.count:
        return f"it counts more than the {ticket.count} asked for"
    return None


def compare(ticket: OrderTicket, order: Order, *, since: float) -> Verdict[OrderAck]:
    """Accept an order found under our id when it is the one we asked for.

    `since` is when the id was first claimed (Unix seconds): an order made after that and changed
    later may have been amended to another price and count.
    """
    kept = (
        ("ticker", ticket.ticker, order.ticker),
        ("book_side", ticket.book_side, order.book_side),
    )
    amendable = (("price", ticket.price, order.price), ("count", ticket.count, order.count))
    named = kept if _changed_since(order, since) else kept + amendable
    differs = [
        name for name, asked, there in named if None not in (asked, there) and asked != there
    ]
    if not differs:
        return Accepted(records.ack_of(order))
    return Rejected(
        DuplicateIdConflict(
            f"client_order_id {ticket.client_order_id!r} names another order at the exchange: "
            f"{order.order_id} differs in {', '.join(differs)}",
            client_order_id=ticket.client_order_id,
            order_id=order.order_id,
        )
    )


def _changed_since(order: Order, since: float) -> bool:
    made, changed = order.created_time, order.updated_time
    if made is None or changed is None or changed <= made:
        return False
    return made.timestamp() >= since - SKEW
