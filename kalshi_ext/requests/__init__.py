"""What a user asks for, checked before anything is signed or sent. Plain data.

Every ticket speaks of the YES price in dollars and of book side bid (outcome yes) or ask
(outcome no); the words of other habits are translated in `words`, in one table.
"""

from kalshi_ext.requests.changes import AmendTicket, DecreaseTicket, OrderRef, Target
from kalshi_ext.requests.orders import OrderTicket
from kalshi_ext.requests.vocabulary import (
    BOOK_SIDE,
    Action,
    Count,
    Dollars,
    Moment,
    Side,
    direction,
    member,
    new_client_order_id,
    shard_number,
    subaccount_number,
    transfer_key,
    yes_price,
)

__all__ = [
    "BOOK_SIDE",
    "Action",
    "AmendTicket",
    "Count",
    "DecreaseTicket",
    "Dollars",
    "Moment",
    "OrderRef",
    "OrderTicket",
    "Side",
    "Target",
    "direction",
    "member",
    "new_client_order_id",
    "shard_number",
    "subaccount_number",
    "transfer_key",
    "yes_price",
]
