"""Die at a boundary: before, inside or after a step of the journal or of the socket."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import Any

from attrs import define, field

from kalshi_ext.journal.sqlite import SqliteStore
from kalshi_ext.transport import streams


def write_line(log: int, said: list[Any]) -> None:
    """Write a line, with the time, that a kill can no longer take back."""
    os.write(log, (json.dumps([*said, time.time()]) + "\n").encode())


@define
class Trap:
    """Counts boundaries, and kills this process at the one that was asked for (0: at none)."""

    at: int
    log: int
    count: int = 0
    _lock: Any = field(factory=threading.Lock)

    def arrive(self) -> bool:
        """Count a boundary; say whether it is the one."""
        with self._lock:
            self.count += 1
            return self.count == self.at

    def pass_by(self, name: str) -> None:
        """Count a boundary and die there when it is the one."""
        if self.arrive():
            self.die(name)

    def die(self, name: str) -> None:
        """Go at once; nothing after this line runs."""
        write_line(self.log, ["trap", name, self.at])
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)  # until the kernel has ended every thread

    def arm(self) -> None:
        """Set the boundaries."""
        for step, name in (("begin", "begin"), ("save", "write"), ("commit", "sync")):
            self._around(SqliteStore, step, f"journal {name}")
        self._inside(streams.DeadlineStream)
        self._inside_async(streams.AsyncDeadlineStream)
        self._around(streams.DeadlineBackend, "connect_tcp", "connect")
        self._around_async(streams.AsyncDeadlineBackend, "connect_tcp", "connect")
        for step, name in (("write", "send"), ("read", "receive")):
            self._around(streams.DeadlineStream, step, name)
            self._around_async(streams.AsyncDeadlineStream, step, name)

    def _around(self, owner: Any, step: str, name: str) -> None:
        work = getattr(owner, step)

        def stepped(*args: Any, **options: Any) -> Any:
            self.pass_by(f"before {name}")
            result = work(*args, **options)
            self.pass_by(f"after {name}")
            return result

        setattr(owner, step, stepped)

    def _around_async(self, owner: Any, step: str, name: str) -> None:
        work = getattr(owner, step)

        async def stepped(*args: Any, **options: Any) -> Any:
            self.pass_by(f"before {name}")
            result = await work(*args, **options)
            self.pass_by(f"after {name}")
            return result

        setattr(owner, step, stepped)

    def _inside(self, owner: Any) -> None:
        write = owner.write

        def halved(stream: Any, buffer: bytes, timeout: float | None = None) -> Any:
            if self.arrive() and len(buffer) > 1:
                self._half(stream, buffer)
            return write(stream, buffer, timeout)

        owner.write = halved

    def _inside_async(self, owner: Any) -> None:
        write = owner.write

        async def halved(stream: Any, buffer: bytes, *waiting: Any, **named: Any) -> Any:
            if self.arrive() and len(buffer) > 1:
                self._half(stream, buffer)
            await write(stream, buffer, *waiting, **named)

        owner.write = halved

    def _half(self, stream: Any, buffer: bytes) -> None:
        # One half of the bytes leaves, the other does not.
        os.write(stream.get_extra_info("socket").fileno(), buffer[: len(buffer) // 2])
        self.die("inside send")
