"""Names for what the exchange's document leaves unnamed: inline enums and objects.

The generator makes one class per inline enum and names it after the place, so the same
yes/no would be five types. Here the same thing has one name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# property names, members by which the thing is recognised, name of the component
KNOWN_ENUMS: Final[tuple[tuple[frozenset[str], frozenset[str], str], ...]] = tuple(
    (frozenset(properties.split()), frozenset(members.split()), name)
    for properties, members, name in (
        ("side outcome_side", "yes no", "OutcomeSide"),
        ("side book_side", "bid ask", "BookSide"),
        ("action", "buy sell", "OrderAction"),
        ("type", "limit market", "OrderType"),
        ("status", "resting canceled executed", "OrderStatus"),
        ("time_in_force", "fill_or_kill good_till_canceled immediate_or_cancel", "TimeInForce"),
        ("self_trade_prevention_type", "taker_at_cross maker", "SelfTradePreventionType"),
        ("market_result", "yes no scalar", "MarketResult"),
        ("status", "pending applied failed returned", "PaymentStatus"),
        ("type", "ach wire crypto debit apm", "PaymentType"),
        ("settlement_status", "unsettled settled all", "SettlementStatusFilter"),
        ("resting_margin_reservation", "none max sum", "RestingMarginReservation"),
        ("source destination exchange_instance", "event_contract margined", "ExchangeInstance"),
    )
)


def known_enum(place: str, members: Iterable[object]) -> str | None:
    """Recognise an enum by its property and most of its members; None when it is new."""
    present = {str(member) for member in members}
    for properties, typical, name in KNOWN_ENUMS:
        if place in properties and 2 * len(present & typical) > len(typical):
            return name
    return None


def pascal(text: str) -> str:
    """Join the words of a name: 'order_type' and 'order-type' become 'OrderType'."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^0-9A-Za-z]+", text))


def snake(text: str) -> str:
    """Write a name as the generator writes modules and attributes: 'OrderV2' as 'order_v2'."""
    parts = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", text)
    return re.sub(r"[^0-9A-Za-z]+", "_", parts).strip("_").lower()
