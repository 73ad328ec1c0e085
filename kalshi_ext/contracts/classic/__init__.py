"""The classic contract (2.x): integer cents, side and action. Its order writes answer 410 today."""

from kalshi_ext.contracts.classic.operations import OPERATIONS
from kalshi_ext.contracts.classic.orders import Orders
from kalshi_ext.contracts.classic.portfolio import Groups, Portfolio
from kalshi_ext.contracts.interface import (
    AccountInterface,
    Contract,
    ExchangeInterface,
    HistoryInterface,
    SubaccountsInterface,
)


class Subaccounts(SubaccountsInterface):
    """The classic contract has no subaccounts."""

    contract = "classic"


class History(HistoryInterface):
    """The classic contract has no history."""

    contract = "classic"


class Account(AccountInterface):
    """The classic contract says nothing of limits."""

    contract = "classic"


class Exchange(ExchangeInterface):
    """The classic contract says nothing of the exchange."""

    contract = "classic"


CLASSIC = Contract(
    name="classic",
    operations=OPERATIONS,
    has_watermark=False,
    orders=Orders(),
    order_groups=Groups(),
    portfolio=Portfolio(),
    subaccounts=Subaccounts(),
    history=History(),
    account=Account(),
    exchange=Exchange(),
)
