"""Load the generated code of stops, changes and look-ups before it is needed in an emergency.

Generated modules are loaded by the first call that uses them, a few milliseconds each, so that an
import stays cheap. A process that has run out of file descriptors can load nothing more, and that
is when its orders have to be cancelled. So it is loaded after the first order, which costs that
call about 20 ms once it is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import Misuse
from kalshi_ext.requests import AmendTicket, DecreaseTicket, OrderTicket, Target
from kalshi_ext.requests.filters import ListQuery

_loaded: set[str] = set()  # names of contracts


def preload(contract: Contract) -> None:
    """Build each call of an emergency once, and send none.

    Raises nothing, as the order before it is known to be executed. What failed is tried again.
    """
    if contract.name in _loaded:
        return
    with suppress(Exception):
        for build in _calls(contract):
            with suppress(Misuse):  # a word that this contract does not have
                build()
        _loaded.add(contract.name)


def _calls(contract: Contract) -> list[Callable[[], Any]]:
    target, query = Target.of("x"), ListQuery(size=1)
    order = OrderTicket.of("X", side="bid", count=1, price="0.5")
    amended = AmendTicket.of(
        "x", ticker="X", side="bid", price="0.5", count=1,
        client_order_id="x", updated_client_order_id="y",
    )  # fmt: skip
    orders, groups = contract.orders, contract.order_groups
    return [
        lambda: orders.cancel(target),
        lambda: orders.cancel_many([target]),
        lambda: orders.cancel_all(None),
        lambda: groups.trigger("x", None, None),
        lambda: groups.delete("x", None, None),
        lambda: orders.list(query),
        lambda: orders.get("x"),
        lambda: contract.portfolio.positions(query),
        lambda: contract.portfolio.fills(query),
        lambda: contract.history.orders(query),
        lambda: contract.exchange.data_timestamp(),
        lambda: orders.place_many([order]),
        lambda: orders.amend(amended),
        lambda: orders.decrease(DecreaseTicket.of(target, by=1)),
    ]
