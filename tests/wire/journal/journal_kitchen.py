"""A process that forks a fresh child for each recipe, so that a kill costs milliseconds.

Reads one JSON list a line: [path, seed, point]. The child opens the journal at path, writes what
the seed says, tells each thing it was promised to the pipe before the next, and is killed by
SIGKILL at the given point: "begin-", "commit+3" and so on name the side of a store's step and
how often it must have come; a number is seconds; "" is no kill.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from kalshi_ext.journal import Journal, State
from kalshi_ext.journal.entry import Entry
from kalshi_ext.journal.sqlite import SqliteJournal, SqliteStore

STEPS = ("begin", "load", "save", "commit")


def entry(key: str) -> Entry:
    """Make the entry a key stands for."""
    return Entry(
        key=key,
        operation="CreateOrderV2",
        ticker="T",
        fingerprint=f"{random.Random(key).getrandbits(256):064x}",
        ticket=json.dumps({"key": key, "ballast": "x" * random.Random(key).randrange(3000)}),
        intent=f"intent-{key}",
    )


def die() -> None:
    """Go at once, as by power loss of the process."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str) -> None:
    """Set the trap."""
    for step in STEPS:
        if point.startswith(step):
            side, nth = point[len(step)], int(point[len(step) + 1 :] or 1)
            setattr(SqliteStore, step, _trapped(getattr(SqliteStore, step), side, nth))
            return
    if point:
        threading.Timer(float(point), die).start()


def _trapped(work: Callable[..., Any], side: str, nth: int) -> Callable[..., Any]:
    count = 0

    def step(*args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == nth and side == "-":
            die()
        result = work(*args, **options)
        if count == nth and side == "+":
            die()
        return result

    return step


def tell(*said: Any) -> None:
    """Write a line that a kill can no longer take back."""
    os.write(1, (json.dumps(said) + "\n").encode())


def cook(path: str, seed: int) -> None:
    """Claim and mark in a file."""
    with SqliteJournal(path) as journal:
        cook_in(journal, seed)
    tell("ended", "", "")


def cook_in(journal: Journal, seed: int) -> None:
    """Claim and mark by chance; tell every promise."""
    dice = random.Random(seed)
    for number in range(12):
        keys = [f"{seed}-{number}-{each}" for each in range(dice.choice((1, 1, 4)))]
        for key in keys:
            tell("asked", key, "intent")
        for claimed in journal.reserve_many([entry(key) for key in keys]):
            tell("promised", claimed.entry.key, "intent")
        verdict = dice.choice((State.ACKNOWLEDGED, State.REFUSED, State.UNKNOWN))
        for key in keys:
            tell("asked", key, verdict)
        futures = [journal.submit("advance", key, verdict, order_id=f"o-{key}") for key in keys]
        for key, future in zip(keys, futures, strict=True):
            future.result()
            tell("promised", key, verdict)


def main() -> None:
    """Serve recipes until the input ends."""
    for line in sys.stdin:
        path, seed, point = json.loads(line)
        child = os.fork()
        if child == 0:
            arm(point)
            cook(path, seed)
            os._exit(0)
        tell("exit", "", os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
