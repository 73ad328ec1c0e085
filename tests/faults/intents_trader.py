"""Place orders by intent keys in a process of its own; tell what came of each, a line an order.

Reads one JSON object: key_id, private_key, url, journal, ticker, prefix, count. With "go" it waits
for a line on its input before it begins.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from kills_bot import POLICY

from kalshi_ext import Kalshi
from kalshi_ext.errors import KalshiError


def main() -> None:
    """Place."""
    told = json.loads(sys.stdin.readline())
    try:
        client = Kalshi(
            key_id=told["key_id"],
            private_key=told["private_key"],
            environment=told["url"],
            journal=told["journal"],
            policy=POLICY,
        )
    except KalshiError as error:
        return tell("unopened", type(error).__name__, str(error))
    with client:
        tell("ready")
        sys.stdin.readline()
        for number in range(told["count"]):
            tell(*place(client, told, number))
    return tell("ended")


def place(client: Kalshi, told: dict[str, Any], number: int) -> tuple[Any, ...]:
    """Place one order; what came of it as plain values."""
    intent = f"{told['prefix']}/{number}"
    try:
        ack = client.orders.place(told["ticker"], side="bid", count=1, price="0.10", intent=intent)
    except KalshiError as error:
        return ("failed", number, type(error).__name__, str(error))
    return ("placed", number, ack.order_id, ack.replayed)


def tell(*said: Any) -> None:
    """Write a line at once."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
