"""What may be asked of the exchange, checked before anything is signed or sent. Plain data.

Every ticket holds the YES price in dollars and the book side: bid (outcome yes) or ask (outcome
no). The yes/no and buy/sell words are translated in `vocabulary`, by one table.
"""

from kalshi_ext.requests.bulk import Progress, progress
from kalshi_ext.requests.changes import AmendTicket, DecreaseTicket, OrderRef, Target
from kalshi_ext.requests.orders import OrderTicket, order_arguments
from kalshi_ext.requests.transfers import (
    InstanceTransferTicket,
    allocation,
    subaccount_pair,
    transfer_key,
)
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
    yes_price,
)

__all__ = [
    "BOOK_SIDE",
    "Action",
    "AmendTicket",
    "Count",
    "DecreaseTicket",
    "Dollars",
    "InstanceTransferTicket",
    "Moment",
    "OrderRef",
    "OrderTicket",
    "Progress",
    "Side",
    "Target",
    "allocation",
    "direction",
    "member",
    "new_client_order_id",
    "order_arguments",
    "progress",
    "shard_number",
    "subaccount_number",
    "subaccount_pair",
    "transfer_key",
    "yes_price",
]
