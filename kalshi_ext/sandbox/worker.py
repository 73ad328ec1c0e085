"""The exchange's own process, seen from both ends.

The parent starts `python -m kalshi_ext.sandbox.worker` and the two speak over pipes:

| pipe | carries |
|---|---|
| stdin | one line: the options as JSON. Its end means "stop" |
| stdout | one line: the announcement as JSON, or {"failed": why}. Then nothing |

The worker never outlives its parent: when the parent dies, however, the kernel closes stdin, and
the worker stops. It also watches its parent's id, because a process that the parent forked may
hold stdin open for longer.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

from attrs import define, field

from kalshi_ext.errors import KalshiError
from kalshi_ext.sandbox.admin_client import SandboxError
from kalshi_ext.sandbox.loopback import loop_factory
from kalshi_ext.sandbox.options import Options

if TYPE_CHECKING:
    from kalshi_ext.sandbox.server import Announcement

# The parent's end.


@define
class WorkerProcess:
    """Hold the worker: start it, learn where it is, stop it."""

    _process: subprocess.Popen[str]
    announcement: dict[str, Any] = field(repr=False)
    _has_state: bool = False

    @classmethod
    def start(cls, options: Options) -> WorkerProcess:
        """Start it and wait until it accepts connections."""
        process = _spawn()
        stdin, stdout = _pipes(process)
        try:
            stdin.write(json.dumps(options.to_data()) + "\n")
            stdin.flush()
            line = stdout.readline()
        except OSError:
            line = ""
        announcement = json.loads(line) if line else {"failed": "its process died"}
        if "failed" in announcement:
            _reap(process)
            raise SandboxError(f"the sandbox did not start: {announcement['failed']}")
        return cls(process, announcement, options.state is not None)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def stop(self) -> None:
        """End the process; one with a state file is asked, and given 5 s to close it."""
        # Without a state file nothing is lost by a kill, and a kill is faster.
        if not self._has_state:
            self.kill()
            return
        _pipes(self._process)[0].close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
        _reap(self._process)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._process.kill()
        _reap(self._process)


def _spawn() -> subprocess.Popen[str]:
    # Not the user's real keys: the exchange needs none of them, and a process shows its own.
    environ = {n: value for n, value in os.environ.items() if not n.startswith("KALSHI_")}
    return subprocess.Popen(
        [sys.executable, "-m", "kalshi_ext.sandbox.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environ, "PYTHONUNBUFFERED": "1"},
    )


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise SandboxError("the sandbox's process has no pipes")
    return process.stdin, process.stdout


def _reap(process: subprocess.Popen[str]) -> None:
    for pipe in _pipes(process):
        try:
            pipe.close()
        except OSError:
            continue  # the reader is dead: what was not yet written is of no use to anybody
    process.wait()


# The worker's end.


def main() -> None:
    """Read options, serve, and stop when told or orphaned."""
    options = Options.from_data(json.loads(sys.stdin.readline()))
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_serve(options))
    except (KalshiError, OSError, sqlite3.Error) as error:
        _write_line({"failed": f"{type(error).__name__}: {error}"})
        sys.exit(1)


async def _serve(options: Options) -> None:
    # Not at the top: the parent imports this module too, and needs none of the server's libraries.
    from kalshi_ext.sandbox.server import serve

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # Ctrl-C reaches the whole terminal; the parent decides when the exchange may go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_await_end_of_input, args=(loop, stop), daemon=True).start()
    parent_watch = asyncio.create_task(_watch_parent(stop))
    await serve(options, _announce, stop)
    parent_watch.cancel()


def _announce(announcement: Announcement) -> None:
    _write_line(announcement.to_data())


def _write_line(data: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(data) + "\n")
    sys.stdout.flush()


def _await_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


async def _watch_parent(stop: asyncio.Event) -> None:
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel sends no event; one has to poll
        await asyncio.sleep(1)
    stop.set()


if __name__ == "__main__":
    main()
