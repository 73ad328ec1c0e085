"""Fork the lives of bots from one warmed process, and kill them from within or from outside.

Reads a case a line: one JSON object with the path of its journal and log, its account, and
`lives`: for each life how it dies. {"at": 7} is the 7th boundary, {"after": 0.05} so many seconds
after its start, {} not at all; with "forget" its journal is gone when it starts. Prints the number
of each case that has ended. The log holds one JSON list a line, each ending in its time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import anyio._backends._asyncio  # noqa: F401 - loaded before the forks, so that lives are cheap
import kills_bot
from kills_trap import Trap, write_line

from kalshi_ext import Kalshi
from kalshi_ext.journal import open_journal

HUNG = 150.0  # seconds after which a life counts as hung


def live(case: dict[str, Any], death: dict[str, Any], log: int) -> None:
    """Be the bot; never returns."""
    status = 3
    try:
        trap = Trap(death.get("at", 0), log)
        trap.arm()
        with open_journal(case["journal"]) as journal:
            kills_bot.run(case, log, journal)
        write_line(log, ["ended", trap.count])
        status = 0
    except BaseException:
        write_line(log, ["broke", traceback.format_exc()])
    finally:
        os._exit(status)


def watch(child: int, seconds: float) -> int | None:
    """Wait so long for a child; return its status, None while it lives."""
    until = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() >= until:
            return None
        time.sleep(min(0.01, max(0.0, until - time.monotonic())))


def raise_bot(case: dict[str, Any], death: dict[str, Any], log: int) -> None:
    """Let a bot live and die."""
    if death.get("forget"):
        for left in Path(case["journal"]).parent.glob(Path(case["journal"]).name + "*"):
            left.unlink()
    write_line(log, ["born"])
    child = os.fork()
    if child == 0:
        live(case, death, log)
    status = watch(child, death.get("after", HUNG))
    if status is None:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if "after" not in death:
            write_line(log, ["broke", "hung"])
    write_line(log, ["died", status])


def attend(case: dict[str, Any]) -> None:
    """Go through the lives of a case; never returns."""
    try:
        log = os.open(case["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for death in case["lives"]:
            raise_bot(case, death, log)
    finally:
        os._exit(0)


def warm(case: dict[str, Any]) -> None:
    """Load everything a life needs that is only loaded when used."""
    known = {"key_id": case["key_id"], "private_key": case["private_key"]}
    with Kalshi(**known, environment=case["url"]) as client:
        client.exchange.status()
        list(client.orders.list(limit=1))
    Path(case["log"]).touch()


def reap(running: dict[int, int]) -> None:
    """Wait for a case to end."""
    child, _ = os.wait()
    print(running.pop(child), flush=True)


def main() -> None:
    """Attend to cases, so many side by side."""
    lanes = int(sys.argv[1])
    running: dict[int, int] = {}
    for number, line in enumerate(sys.stdin):
        case = json.loads(line)
        if number == 0:
            warm(case)
        while len(running) >= lanes:
            reap(running)
        child = os.fork()
        if child == 0:
            attend(case)
        running[child] = case["number"]
    while running:
        reap(running)


if __name__ == "__main__":
    main()
