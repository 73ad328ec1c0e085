"""One of several processes on a shared budget: place orders until told, print how many."""

from __future__ import annotations

import json
import sys

from kalshi_ext import Kalshi


def main() -> None:
    """Run the task of the first argument."""
    task = json.loads(sys.argv[1])
    with Kalshi(**task["options"]) as client:
        for _ in range(task["count"]):
            client.orders.place("KXRAIN-26DEC31-NYC", side="bid", count=1, price="0.01")
    print(task["count"])


if __name__ == "__main__":
    main()
