"""The NO price that follows from a YES price."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from kalshi_ext.models.promises import PROMISED
from kalshi_ext.values import complement


class YesPriced:
    """The base of a model with `price`, the YES price in dollars."""

    __slots__ = ()
    price: Decimal

    @property
    def no_price(self) -> Decimal:
        """The price of the NO side in dollars: 1 - price; None where `price` is."""
        price = cast("Decimal | None", self.price)
        return PROMISED if price is None else complement(price)
