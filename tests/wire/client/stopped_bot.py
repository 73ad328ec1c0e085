"""A bot in a process of its own, for the tests of stops: it places one order and then does a thing.

python stopped_bot.py WHAT JOURNAL   with the credentials in the KALSHI_ variables
    hold   waits with the journal held; on a line at stdin it places again and prints what came
    stop   stops, and is killed in the midst of it
    beat   prints its number, says that it is alive, and after the test stopped it places again
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from kalshi_ext import DeadManGone, Kalshi, Policy

TICKER = "KXRAIN-26DEC31-NYC"


def place(client: Kalshi) -> str:
    """Place an order; return its id, or the class of its error."""
    try:
        return client.orders.place(TICKER, side="bid", count=1, price="0.10").order_id
    except Exception as error:
        return type(error).__name__


def beat(client: Kalshi) -> None:
    """Say that all is well until something was stopped, this process too; then place again."""
    switch = client.deadman(alive_every=0.1, timeout=0.5)
    switch.alive()
    print(os.getpid(), flush=True)
    while not client.latches():
        with suppress(DeadManGone):  # the switch did its work, and ended, before this was read
            switch.alive()
        time.sleep(0.02)
    print(place(client), flush=True)


def main(what: str, journal: str) -> None:
    policy = Policy(timeout=30)
    with Kalshi.from_env(journal=journal, order_group="auto", policy=policy) as client:
        print(place(client), flush=True)
        if what == "beat":
            beat(client)
        if what == "stop":
            client.stop()
        for _ in sys.stdin:
            print(place(client), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
