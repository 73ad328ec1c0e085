"""Fork the lives of bots from one warmed process, and kill them from within or from outside.

Reads a case a line: one JSON object with the path of its journal and log, its account, and
`lives`: for each life how it dies. {"at": 7} is the 7th boundary, {"after": 0.05} so many seconds
after its start, {} not at all; with "forget" its journal is gone when it starts. Prints the number
of each case that has ended. The log holds one JSON list a line, each ending in its time.

A boundary is the moment before, inside or after a step of the journal or of the socket: only there
does a death leave something that no earlier death left.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import anyio._backends._asyncio  # noqa: F401 - loaded before the forks, so that lives are cheap
import killed_bot
from attrs import define, field
from killed_bot import write_line

from kalshi_ext import Kalshi
from kalshi_ext.journal import open_journal
from kalshi_ext.journal.sqlite import SqliteStore
from kalshi_ext.transport import async_pool
from kalshi_ext.transport.async_connection import AsyncConnection
from kalshi_ext.transport.connection import Connection
from kalshi_ext.transport.opening import Opening

LIFE_LIMIT = 150.0  # seconds after which a life counts as hung


@define
class BoundaryKiller:
    """Counts boundaries, and kills this process at the one that was asked for (0: at none)."""

    at: int
    log: int
    count: int = 0
    _lock: Any = field(factory=threading.Lock)

    def count_boundary(self) -> bool:
        """Count a boundary; say whether it is the one."""
        with self._lock:
            self.count += 1
            return self.count == self.at

    def pass_boundary(self, name: str) -> None:
        """Count a boundary and die there when it is the one."""
        if self.count_boundary():
            self.die(name)

    def die(self, name: str) -> None:
        """Go at once; nothing after this line runs."""
        write_line(self.log, ["killed_at", name, self.at])
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # until the kernel has ended every thread

    def install(self) -> None:
        """Put the boundaries around the steps of the library."""
        for step, name in (("begin", "begin"), ("save", "write"), ("commit", "sync")):
            self._wrap(SqliteStore, step, f"journal {name}")
        self._wrap_write()
        self._wrap_write_async()
        self._wrap(Opening, "open", "connect")
        self._wrap_async(async_pool, "open_async", "connect")
        self._wrap(Connection, "_write", "send")
        self._wrap(Connection, "read", "receive")
        self._wrap_async(AsyncConnection, "ask", "send")
        self._wrap_async(AsyncConnection, "more", "receive")  # begins when the request is written

    def _wrap(self, owner: Any, step: str, name: str) -> None:
        function = getattr(owner, step)

        def wrapped(*args: Any, **options: Any) -> Any:
            self.pass_boundary(f"before {name}")
            result = function(*args, **options)
            self.pass_boundary(f"after {name}")
            return result

        setattr(owner, step, wrapped)

    def _wrap_async(self, owner: Any, step: str, name: str) -> None:
        function = getattr(owner, step)

        async def wrapped(*args: Any, **options: Any) -> Any:
            self.pass_boundary(f"before {name}")
            result = await function(*args, **options)
            self.pass_boundary(f"after {name}")
            return result

        setattr(owner, step, wrapped)

    def _wrap_write(self) -> None:
        write = Connection._write

        def wrapped(connection: Any, data: bytes, *args: Any) -> None:
            if self.count_boundary() and len(data) > 1:
                self._send_half(connection.socket, data)
            write(connection, data, *args)

        Connection._write = wrapped  # type: ignore[method-assign]  # the boundary inside a write

    def _wrap_write_async(self) -> None:
        ask = AsyncConnection.ask

        async def wrapped(connection: Any, message: tuple[bytes, ...], *args: Any) -> None:
            if self.count_boundary():
                self._send_half(connection._transport.get_extra_info("socket"), b"".join(message))
            await ask(connection, message, *args)

        AsyncConnection.ask = wrapped  # type: ignore[method-assign]  # the boundary inside a write

    def _send_half(self, connected: Any, data: bytes) -> None:
        # One half of the bytes leaves, the other does not.
        os.write(connected.fileno(), data[: len(data) // 2])
        self.die("inside send")


def live(case: dict[str, Any], death: dict[str, Any], log: int) -> None:
    """Be the bot; never returns."""
    status = 3
    try:
        killer = BoundaryKiller(death.get("at", 0), log)
        killer.install()
        with open_journal(case["journal"]) as journal:
            killed_bot.run(case, log, journal)
        write_line(log, ["ended", killer.count])
        status = 0
    except BaseException:
        write_line(log, ["broke", traceback.format_exc()])
    finally:
        os._exit(status)  # not sys.exit: what the parent of the fork had open is not the child's


def wait_for(child: int, seconds: float) -> int | None:
    """Wait so long for a child; return its status, None while it lives."""
    until = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() >= until:
            return None
        time.sleep(min(0.01, max(0.0, until - time.monotonic())))


def run_life(case: dict[str, Any], death: dict[str, Any], log: int) -> None:
    """Let a bot live and die."""
    if death.get("forget"):
        journal = Path(case["journal"])
        for file in journal.parent.glob(journal.name + "*"):
            file.unlink()
    write_line(log, ["born"])
    child = os.fork()
    if child == 0:
        live(case, death, log)
    status = wait_for(child, death.get("after", LIFE_LIMIT))
    if status is None:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if "after" not in death:
            write_line(log, ["broke", "hung"])
    write_line(log, ["died", status])


def run_case(case: dict[str, Any]) -> None:
    """Go through the lives of a case; never returns."""
    try:
        log = os.open(case["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for death in case["lives"]:
            run_life(case, death, log)
    finally:
        os._exit(0)


def warm_up(case: dict[str, Any]) -> None:
    """Load everything a life needs that is only loaded when used."""
    credentials = {"key_id": case["key_id"], "private_key": case["private_key"]}
    with Kalshi(**credentials, environment=case["url"]) as client:
        client.exchange.status()
        list(client.orders.list(limit=1))
    Path(case["log"]).touch()


def report_next_ended(running: dict[int, int]) -> None:
    """Wait for a case to end and print its number."""
    child, _ = os.wait()
    print(running.pop(child), flush=True)


def main() -> None:
    """Run the cases of the input, so many side by side."""
    lanes = int(sys.argv[1])
    running: dict[int, int] = {}
    for number, line in enumerate(sys.stdin):
        case = json.loads(line)
        if number == 0:
            warm_up(case)
        while len(running) >= lanes:
            report_next_ended(running)
        child = os.fork()
        if child == 0:
            run_case(case)
        running[child] = case["number"]
    while running:
        report_next_ended(running)


if __name__ == "__main__":
    main()
