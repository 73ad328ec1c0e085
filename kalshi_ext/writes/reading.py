"""Read one order, with the patience that lagging reads need."""

from __future__ import annotations

from kalshi_ext.contracts.language import Contract
from kalshi_ext.errors import KalshiError, NotFound, Refused
from kalshi_ext.flow import Context, Flow, Now, Sleep, ask
from kalshi_ext.models import Order
from kalshi_ext.writes.watermark import Patience, Sending, freshness

MISSES = 5  # reads in a row that answer 404: reads lag writes by seconds


def read_order(contract: Contract, order_id: str, context: Context) -> Flow[Order | None]:
    """Read an order; None when it could not be read, which proves nothing."""
    order, _ = yield from read_or_miss(contract, order_id, context)
    return order


def read_or_miss(
    contract: Contract, order_id: str, context: Context
) -> Flow[tuple[Order | None, bool]]:
    """Read an order; say whether the exchange answered that there is none."""
    try:
        order = yield from ask(contract.orders.get(order_id), context)
    except NotFound:
        return None, True
    except KalshiError:
        return None, False
    return (order if order.order_id == order_id else None), False


def read_before(contract: Contract, order_id: str, context: Context) -> Flow[Order]:
    """Read an order that must exist, as it is after this client's own changes to it."""
    yield from _catch_up(contract, order_id, context)
    patience = Patience(context.policy, (yield Now()))
    for _ in range(MISSES - 1):
        order = yield from read_order(contract, order_id, context)
        if order is not None:
            return order
        yield Sleep(patience.wait())
    return (yield from ask(contract.orders.get(order_id), context))


def _catch_up(contract: Contract, order_id: str, context: Context) -> Flow[None]:
    """Wait until reads show what this client last did to an order. Raises nothing."""
    changed = context.recent.of(order_id)
    if changed is None:
        return
    sending = Sending(changed)
    patience = Patience(context.policy, (yield Now()))
    while not sending.seen((yield from freshness(contract, context))):
        if patience.over((yield Now())):
            return
        yield Sleep(patience.wait())


def over(facade: str, order: Order) -> Refused:
    """Build the error of an order that has ended already."""
    return Refused(
        f"{facade}: the order {order.order_id} is {order.status.value} by now",
        order_id=order.order_id,
    )
