"""Read an account into the limits of a client: positions, resting orders and its worth."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.models import Balance, Order, Position
from kalshi_ext.protocol.flow import Context, Flow, Monotonic, Now, request
from kalshi_ext.protocol.pagination import Paginator, collect
from kalshi_ext.requests.filters import list_query

if TYPE_CHECKING:
    from kalshi_ext.risk.counts import Moment


def moment(context: Context) -> Flow[Moment]:
    """Tell the moment by the exchange's time, which no step of this machine's clock moves."""
    from kalshi_ext.risk.counts import Moment  # loaded with the gate

    monotonic: float = yield Monotonic()
    return _corrected(Moment(monotonic, (yield Now())), context)


def _corrected(own: Moment, context: Context) -> Moment:
    return own._replace(wall=context.exchange_clock.best(*own))


def read_account(
    contract: Contract, context: Context, subaccounts: Sequence[int]
) -> Flow[tuple[str, ...]]:
    """Read positions, resting orders and the account's worth into the limits.

    Returns the tickers that were left as they are, because a write was under way in them.
    """
    from kalshi_ext.risk import Snapshot, apply  # loaded with the gate

    began = yield from moment(context)
    positions: dict[int, list[Position]] = {}
    orders: list[Order] = []
    worth: list[Decimal | None] = []
    for number in subaccounts:
        part = number if contract.has_watermark else None  # the classic contract has no parts
        held = contract.portfolio.positions(list_query(subaccount=part))
        positions[number] = yield from collect(Paginator(held, context, invalid="any_row"))
        resting = contract.orders.list(list_query(status="resting", subaccount=part))
        orders += yield from collect(Paginator(resting, context, invalid="any_row"))
        balance = yield from request(contract.portfolio.balance(part, None), context)
        worth.append(_worth(balance))
    known = [each for each in worth if each is not None]
    equity = sum(known, Decimal(0)) if len(known) == len(worth) else None
    began = _corrected(began, context)  # the first answer may have told the time
    seen = Snapshot(began, dict(positions), orders, equity)
    assert context.risk is not None  # noqa: S101 - the caller has looked
    return apply(context.risk, seen, (yield from moment(context)), context.policy.read_lag)


def _worth(balance: Balance) -> Decimal | None:
    value = cast("Decimal | None", balance.portfolio_value)
    return None if value is None else balance.balance + value
