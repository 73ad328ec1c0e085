"""Fees of a fill: the trade fee, rounding to the account's precision, and the rebate.

Source: the exchange's published fee rounding rules; its three worked examples are tests.
"""

from __future__ import annotations

from attrs import frozen

from kalshi_ext.sandbox.engine.amounts import CENT, ONE

FEE_STEP = 100
"""Trade fees are whole $0.0001."""
_FEE_SCALE = 10**12
"""rate (1e-6) x count (1e-2) x price (1e-4) x price (1e-4) is 1e-16; times this: $0.0001."""


@frozen
class FeeModel:
    """Set what a fill costs: rate x count x p x (1 - p), or a fixed amount for each fill."""

    rate: int
    """Millionths: 0.07 is 70000."""
    fixed: int | None = None
    """Micro-dollars for each fill, in place of the model."""

    def trade_fee(self, price: int, count: int) -> int:
        """Give the trade fee in micro-dollars, rounded up to $0.0001."""
        raw = self.rate * count * price * (ONE - price)
        return (
            -(-raw // _FEE_SCALE) * FEE_STEP
            if self.fixed is None
            else -(-self.fixed // FEE_STEP) * FEE_STEP
        )

    def highest_trade_fee(self, price: int, count: int) -> int:
        """Give the highest trade fee of a fill at this price or a better one."""
        worst = max(self.trade_fee(price, count), self.trade_fee(ONE // 2, count))
        return worst if self.rate or self.fixed else 0


@frozen
class FillCharge:
    """State what a fill did to the cash, in micro-dollars."""

    trade_fee: int
    rounding: int
    rebate: int
    accumulator: int
    """The order's rounding fees not yet rebated, after this fill."""
    change: int
    """What the cash moves by before the rebate: revenue - trade fee, floored."""

    @property
    def net_fee(self) -> int:
        """Give the fee the fill cost after all."""
        return self.trade_fee + self.rounding - self.rebate


def fill_charge(trade_fee: int, *, revenue: int, accumulator: int, precision: int) -> FillCharge:
    """Work out a fill's fees; revenue is below 0 when cash is paid.

    One cent is rebated when the accumulator passes one, but never more than the fill's own
    fee: with a coarse precision it waits for a later fill (assumed; the net fee is documented
    never to be below 0).
    """
    change = (revenue - trade_fee) // precision * precision
    rounding = revenue - trade_fee - change
    accumulator += rounding
    rebate = 0
    if accumulator > CENT:
        rebate = min(CENT, (trade_fee + rounding) // precision * precision)
    return FillCharge(trade_fee, rounding, rebate, accumulator - rebate, change)
