"""Orders of the tests of bulk calls, and a call that places them."""

from __future__ import annotations

from typing import Any

import core_samples as core
import fake_exchange as ex

from kalshi_ext import bulk
from kalshi_ext.requests import OrderTicket


def tickets(count: int, **changes: Any) -> list[OrderTicket]:
    return [ex.ticket(number, **changes) for number in range(1, count + 1)]


def place(exchange: ex.FakeExchange, listed: list[OrderTicket], **options: Any) -> list[Any]:
    flow = bulk.place_many(core.CURRENT, listed, exchange.context, **options)
    results: list[Any] = exchange.run(flow)
    return results
