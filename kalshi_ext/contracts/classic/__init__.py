"""The classic contract (2.x): integer cents, side and action. Its order writes answer 410 today."""

from __future__ import annotations

from typing import Any

from kalshi_ext.contracts.classic.orders import ClassicOrders
from kalshi_ext.contracts.classic.portfolio import ClassicGroups, ClassicPortfolio
from kalshi_ext.contracts.interface import Contract, Interface
from kalshi_ext.contracts.operations import CLASSIC as OPERATIONS


def _nothing_of(resource: str) -> Any:
    """Give a resource of which the classic contract says nothing: each of its words is refused."""
    return Interface("classic", resource)


CLASSIC = Contract(
    name="classic",
    operations=OPERATIONS,
    has_watermark=False,
    orders=ClassicOrders("classic", "orders"),
    order_groups=ClassicGroups("classic", "order_groups"),
    portfolio=ClassicPortfolio("classic", "portfolio"),
    subaccounts=_nothing_of("subaccounts"),
    history=_nothing_of("history"),
    account=_nothing_of("account"),
    exchange=_nothing_of("exchange"),
    markets=_nothing_of("markets"),
)
