"""The classic contract (2.x): integer cents, side and action. Its order writes answer 410 today."""

from kalshi_ext.contracts.classic.operations import OPERATIONS
from kalshi_ext.contracts.classic.orders import Orders
from kalshi_ext.contracts.classic.portfolio import Groups, Portfolio
from kalshi_ext.contracts.interface import (
    AccountLanguage,
    Contract,
    ExchangeLanguage,
    HistoryLanguage,
    SubaccountsLanguage,
)


class Subaccounts(SubaccountsLanguage):
    """The classic contract has no subaccounts."""

    contract = "classic"


class History(HistoryLanguage):
    """The classic contract has no history."""

    contract = "classic"


class Account(AccountLanguage):
    """The classic contract says nothing of limits."""

    contract = "classic"


class Exchange(ExchangeLanguage):
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
