"""What both contracts can be asked for: what the current contract says, and `Misuse` elsewhere.

The language is the current contract's. Each of its methods returns a `Call`: a request built, the
reader of its answer bound, nothing sent. The classic contract overrides what it can express; type
checkers see its classes as subclasses of the current ones, so that the two cannot drift apart. At
run time they share only `Interface`, which refuses the rest, because importing one contract must
not import the generated client of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import frozen

from kalshi_ext.bases import Value
from kalshi_ext.contracts.operations import FACADE_WORDS
from kalshi_ext.errors import Misuse
from kalshi_ext.protocol.messages import Operation

if TYPE_CHECKING:
    from kalshi_ext.contracts.current.account import (
        CurrentAccount,
        CurrentExchange,
        CurrentHistory,
    )
    from kalshi_ext.contracts.current.groups import CurrentGroups
    from kalshi_ext.contracts.current.markets import CurrentMarkets
    from kalshi_ext.contracts.current.orders import CurrentOrders
    from kalshi_ext.contracts.current.portfolio import CurrentPortfolio
    from kalshi_ext.contracts.current.subaccounts import CurrentSubaccounts

_INSTEAD = {"orders.cancel_all": "list the resting orders and cancel_many them"}


class Interface:
    """One resource of one contract, as in `contract.orders`."""

    def __init__(self, contract: str, resource: str) -> None:
        self._contract = contract
        self._resource = resource

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        """Give a method that raises Misuse, for a word that only the other contract has."""
        word = f"{self._resource}.{name}"
        if name.startswith("_") or word not in FACADE_WORDS:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        advice = _INSTEAD.get(word, "use the other contract")

        def unsupported(*_: Any, **__: Any) -> NoReturn:
            raise Misuse(f"the {self._contract} contract has no {word}: {advice}")

        return unsupported


@frozen(kw_only=True, eq=False, repr=False)
class Contract(Value):
    """One contract: its operations and its way to say each thing.

    `has_watermark` tells whether it can be asked how fresh its reads are.
    """

    name: str
    operations: dict[str, Operation]
    has_watermark: bool
    orders: CurrentOrders
    order_groups: CurrentGroups
    portfolio: CurrentPortfolio
    subaccounts: CurrentSubaccounts
    history: CurrentHistory
    account: CurrentAccount
    exchange: CurrentExchange
    markets: CurrentMarkets
