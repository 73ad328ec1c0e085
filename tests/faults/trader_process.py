"""Place orders by intent keys in a process of its own; print what came of each, a line an order.

Reads one JSON object: key_id, private_key, url, journal, ticker, prefix, count. With "go" on its
input it begins. With `fail` it waits for nothing and its journal's disk fails after the first
order: "" (somebody else injects it), "limit" (files may not grow), "full" (its small disk is full),
"readonly" (rights are dropped first), or "remove", "replace", "log" (the file or its log go away
under the living journal). Prints one JSON list a line: its first word says what happened.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3  # noqa: F401 - these before the rights are dropped: then no module may be readable
import sys
from pathlib import Path
from typing import Any

import cryptography.hazmat.primitives.serialization  # noqa: F401
from killed_bot import POLICY

from kalshi_ext import Kalshi
from kalshi_ext.errors import KalshiError

NOBODY = 65534


def main() -> None:
    """Place."""
    task = json.loads(sys.stdin.readline())
    if task.get("fail") == "readonly" and os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    options = {name: task[name] for name in ("key_id", "private_key", "journal")}
    options["account"] = task.get("account")
    try:
        client = Kalshi(**options, environment=task["url"], policy=POLICY)
    except KalshiError as error:
        return report("unopened", type(error).__name__, str(error))
    if "fail" in task:
        return place_on_failing_disk(client, task)
    with client:
        report("ready")
        sys.stdin.readline()
        for number in range(task["count"]):
            report(*place(client, task, number))
    return report("ended")


def place_on_failing_disk(client: Kalshi, task: dict[str, Any]) -> None:
    """Place one order, let the disk fail, place the others, let it work again, place one more."""
    path = Path(task["journal"])
    report(*place(client, task, 0))
    make_disk_fail(task["fail"], path)
    for number in range(1, task["count"]):
        report(*place(client, task, number))
    if task["fail"] in ("limit", "full"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        path.with_name("ballast").unlink(missing_ok=True)
        report(*place(client, task, task["count"]))
    report("ended")
    os._exit(0)  # as a crash would: what follows must come from the files alone


def make_disk_fail(fail: str, path: Path) -> None:
    """Make the journal's disk fail."""
    log = path.with_name(path.name + "-wal")
    if fail == "limit":
        # The log may not grow. Python ignores SIGXFSZ, so that writes fail instead.
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, resource.RLIM_INFINITY))
    elif fail == "full":
        fill_disk(path.with_name("ballast"))
    elif fail == "remove":
        path.unlink()
    elif fail == "replace":
        path.with_name("other").write_bytes(path.read_bytes())
        path.with_name("other").replace(path)
    elif fail == "log":
        log.unlink()


def fill_disk(ballast: Path) -> None:
    """Write until nothing more can be written beside the journal."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


def place(client: Kalshi, task: dict[str, Any], number: int) -> tuple[Any, ...]:
    """Place one order; what came of it as plain values."""
    intent = f"{task['prefix']}/{number}"
    try:
        ack = client.orders.place(task["ticker"], side="bid", count=1, price="0.10", intent=intent)
    except KalshiError as error:
        return ("failed", number, type(error).__name__, str(error))
    return ("placed", number, ack.order_id, ack.replayed)


def report(*values: Any) -> None:
    """Print a line at once."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
