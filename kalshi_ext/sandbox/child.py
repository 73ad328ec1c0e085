"""Be the exchange's own process: options on stdin, one line of announcement on stdout.

The process ends with its parent: stdin closes, or the parent's id changes.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import threading
from typing import Any

from kalshi_ext.errors import KalshiError
from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.server import Announcement, loop_factory, serve


def main() -> None:
    """Read options, serve, and leave when told or orphaned."""
    options = Options.from_data(json.loads(sys.stdin.readline()))
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_live(options))
    except (KalshiError, OSError, sqlite3.Error) as error:
        _tell({"failed": f"{type(error).__name__}: {error}"})
        sys.exit(1)


async def _live(options: Options) -> None:
    leave, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, leave.set)
    # Ctrl-C reaches the whole terminal; the parent decides when the exchange may go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_await_end_of_input, args=(loop, leave), daemon=True).start()
    watch = asyncio.create_task(_watch_parent(leave))
    await serve(options, _announce, leave)
    watch.cancel()


def _announce(announcement: Announcement) -> None:
    _tell(announcement.to_data())


def _tell(data: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(data) + "\n")
    sys.stdout.flush()


def _await_end_of_input(loop: asyncio.AbstractEventLoop, leave: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(leave.set)


async def _watch_parent(leave: asyncio.Event) -> None:
    # A process forked by the parent may hold the other end of stdin open for longer than it lives.
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells; one has to look
        await asyncio.sleep(1)
    leave.set()


if __name__ == "__main__":
    main()
