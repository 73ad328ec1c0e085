"""Read one order, with the patience that lagging reads need."""

from __future__ import annotations

from kalshi_ext.contracts.language import Contract
from kalshi_ext.errors import KalshiError, NotFound, NotSent, Refused, Unavailable
from kalshi_ext.flow import Context, Flow, Now, Sleep, ask
from kalshi_ext.models import Order
from kalshi_ext.paging import Walk
from kalshi_ext.windows import MAX_PAGE, Window
from kalshi_ext.writes.watermark import Patience, Sending, freshness

MISSES = 5  # reads in a row that answer 404: reads lag writes by seconds


def read_order(
    contract: Contract, order_id: str, context: Context, *, ticker: str | None = None
) -> Flow[Order | None]:
    """Read an order, also in history; None, which proves nothing, where it could not be read."""
    order, missing = yield from read_or_miss(contract, order_id, context)
    if missing:
        return (yield from read_past(contract, order_id, ticker, context))
    return order


def read_or_miss(
    contract: Contract, order_id: str, context: Context
) -> Flow[tuple[Order | None, bool]]:
    """Read a live order; say whether the exchange answered that there is none."""
    try:
        order = yield from ask(contract.orders.get(order_id), context)
    except NotFound:
        return None, True
    except KalshiError:
        return None, False
    return (order if order.order_id == order_id else None), False


def read_past(
    contract: Contract, order_id: str, ticker: str | None, context: Context
) -> Flow[Order | None]:
    """Look for an order in history, where ended orders go; newest first, until it is met."""
    if not contract.has_watermark:
        return None
    walk = Walk(contract.history.orders(Window(ticker=ticker, size=MAX_PAGE)), context)
    try:
        while (step := walk.step()) is not None:
            page = yield from step
            for row in walk.accept(page):
                if row.order_id == order_id:
                    return row
    except KalshiError:
        return None
    return None


def read_before(contract: Contract, order_id: str, context: Context) -> Flow[Order]:
    """Read an order that must exist, as it is after this client's own changes to it."""
    yield from _catch_up(contract, order_id, context)
    patience = Patience(context.policy, (yield Now()))
    for _ in range(MISSES - 1):
        order = yield from read_order(contract, order_id, context)
        if order is not None:
            return order
        yield Sleep(patience.wait())
    try:
        return (yield from ask(contract.orders.get(order_id), context))
    except KalshiError as error:
        if isinstance(error, Refused) and not isinstance(error, Unavailable):
            raise
        raise NotSent(f"the order could not be read before: {error.args[0]}") from error


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
