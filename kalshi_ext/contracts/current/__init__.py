"""The current contract (3.34): fixed-point strings, one book of YES prices."""

from kalshi_ext.contracts.current.account import CurrentAccount, CurrentExchange, CurrentHistory
from kalshi_ext.contracts.current.groups import CurrentGroups
from kalshi_ext.contracts.current.markets import CurrentMarkets
from kalshi_ext.contracts.current.orders import CurrentOrders
from kalshi_ext.contracts.current.portfolio import CurrentPortfolio
from kalshi_ext.contracts.current.subaccounts import CurrentSubaccounts
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.contracts.operations import CURRENT as OPERATIONS

CURRENT = Contract(
    name="current",
    operations=OPERATIONS,
    has_watermark=True,
    orders=CurrentOrders("current", "orders"),
    order_groups=CurrentGroups("current", "order_groups"),
    portfolio=CurrentPortfolio("current", "portfolio"),
    subaccounts=CurrentSubaccounts("current", "subaccounts"),
    history=CurrentHistory("current", "history"),
    account=CurrentAccount("current", "account"),
    exchange=CurrentExchange("current", "exchange"),
    markets=CurrentMarkets("current", "markets"),
)
