"""Place orders with a journal whose disk fails; tell what came of each, a line an order.

Reads one JSON object: what the client needs, `count`, and `fail`: "" (somebody else injects it),
"limit" (files may not grow after the first order), "full" (its small disk is full), "readonly"
(rights are dropped first), or "remove", "replace", "log" (the file or its log go away under the
living journal).
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from intents_trader import place, tell
from kills_bot import POLICY

from kalshi_ext import Kalshi
from kalshi_ext.errors import KalshiError


def fail(how: str, path: Path) -> None:
    """Make the journal's disk fail."""
    log = path.with_name(path.name + "-wal")
    if how == "limit":
        limits = (log.stat().st_size, resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    elif how == "full":
        fill(path.with_name("ballast"))
    elif how == "remove":
        path.unlink()
    elif how == "replace":
        path.with_name("other").write_bytes(path.read_bytes())
        path.with_name("other").replace(path)
    elif how == "log":
        log.unlink()


def fill(ballast: Path) -> None:
    """Write until nothing more can be written beside the journal."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


def main() -> None:
    """Place one order, let the disk fail, place the others, let it work again, place one more."""
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    path = Path(told["journal"])
    if told["fail"] == "readonly" and os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    keys = {name: told[name] for name in ("key_id", "private_key", "journal")}
    try:
        client = Kalshi(**keys, environment=told["url"], policy=POLICY)
    except KalshiError as error:
        return tell("unopened", type(error).__name__, str(error))
    tell(*place(client, told, 0))
    fail(told["fail"], path)
    for number in range(1, told["count"]):
        tell(*place(client, told, number))
    if told["fail"] in ("limit", "full"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        path.with_name("ballast").unlink(missing_ok=True)
        tell(*place(client, told, told["count"]))
    tell("ended")
    sys.stdout.flush()
    os._exit(0)  # as a crash would: what follows must come from the files alone


if __name__ == "__main__":
    main()
