"""A bot that runs out of file descriptors after its first order, as one with a leak does.

Prints the name of each call that was answered. Arguments: the contract, the exchange's URL, sync or
async; the token comes from the environment.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import sys
from typing import Any

from kalshi_ext import AsyncKalshi, Kalshi, Policy

TICKER = "KXRAIN-26DEC31-NYC"
CONTRACT, URL = sys.argv[1:3]
OPTIONS: dict[str, Any] = {
    "environment": URL,
    "contract": CONTRACT,
    "bearer_token": os.environ["BOT_TOKEN"],
    "pace": None,
    "policy": Policy(read_lag=0.1),  # of a classic decrease after an amend; this exchange lags less
}
WANTED: dict[str, Any] = {"side": "bid", "count": 5, "price": "0.01"}


def use_up_files() -> list[int]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
    held: list[int] = []
    while True:
        try:
            held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            return held


CALLS: dict[str, Any] = {
    "get": lambda client, order: client.orders.get(order.order_id),
    "amend": lambda client, order: client.orders.amend(order, price="0.02", count=5),
    "decrease": lambda client, order: client.orders.decrease(order, by=1),
    "cancel": lambda client, order: client.orders.cancel(order),
    "place": lambda client, _: client.orders.place(TICKER, **WANTED),
    "cancel_many": lambda client, order: client.orders.cancel_many([order]),
    "stop": lambda client, _: client.stop(verify=False),
}


def run() -> None:
    with Kalshi(**OPTIONS) as client:
        ack = client.orders.place(TICKER, **WANTED)
        held = use_up_files()
        order = client.orders.get(ack.order_id)
        for name, call in CALLS.items():
            call(client, order)
            print(name, flush=True)
        for each in held:
            os.close(each)


async def run_async() -> None:
    async with AsyncKalshi(**OPTIONS) as client:
        ack = await client.orders.place(TICKER, **WANTED)
        held = use_up_files()
        order = await client.orders.get(ack.order_id)
        for name, call in CALLS.items():
            await call(client, order)
            print(name, flush=True)
        for each in held:
            os.close(each)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    if sys.argv[3] == "sync":
        run()
    else:
        asyncio.run(run_async())
