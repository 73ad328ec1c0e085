"""The current contract (3.34): fixed-point strings, one book of YES prices."""

from kalshi_ext.contracts.current.account import Account, Exchange, History
from kalshi_ext.contracts.current.groups import Groups
from kalshi_ext.contracts.current.operations import OPERATIONS
from kalshi_ext.contracts.current.orders import Orders
from kalshi_ext.contracts.current.portfolio import Portfolio, Subaccounts
from kalshi_ext.contracts.interface import Contract

CURRENT = Contract(
    name="current",
    operations=OPERATIONS,
    has_watermark=True,
    orders=Orders(),
    order_groups=Groups(),
    portfolio=Portfolio(),
    subaccounts=Subaccounts(),
    history=History(),
    account=Account(),
    exchange=Exchange(),
)
