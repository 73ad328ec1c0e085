"""The bot's end of a dead man's switch: a pipe to a process that stops trading when it goes quiet.

    what the bot does                    what the supervising process does
    `alive()` at least every             nothing
      `alive_every` seconds
    `off()`                              it ends
    says nothing for `timeout` seconds   it stops trading (`client.stop`), again until nothing rests
      after its first `alive()`
    dies, or leaves `with` by an error   the same, at once

Whose hand it is decides what it proves: `alive()` belongs into the loop that trades, not into a
thread of its own, which would go on while the loop hangs. The latch that the process shuts is the
bot's own: one that wakes up later finds it shut.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from attrs import define, field

from kalshi_ext.arguments import seconds
from kalshi_ext.bases import Printed
from kalshi_ext.errors import DeadManGone, Misuse
from kalshi_ext.redact import Secret

ALIVE: Final = b"a"
OFF: Final = b"o"
_PREFIX: Final = "KALSHI_"
VARIABLE: Final = "KALSHI_DEADMAN_FD"
"""Names the pipe of `kalshi-ext deadman -- command` in the command's environment."""
READY: Final = b"ready\n"


def checked_times(alive_every: object, timeout: object) -> tuple[float, float]:
    """Check the two times of the contract, in seconds. Raises Misuse."""
    every, within = seconds(alive_every, "alive_every"), seconds(timeout, "timeout")
    if within < 2 * every:
        raise Misuse(f"timeout must be at least twice alive_every={every:g}, not {within:g}")
    return every, within


@define(eq=False, repr=False)
class DeadMan(Printed):
    """The handle of a dead man's switch, also as a context manager.

    Leaving it without an error switches it off; leaving it by one stops trading.
    """

    alive_every: float
    timeout: float
    _descriptor: int
    _process: subprocess.Popen[bytes] | None = None
    _told: float = field(default=-1e9)
    _pid: int = field(factory=os.getpid)

    @classmethod
    def inherited(cls, alive_every: float, timeout: float) -> Self | None:
        """Take the pipe of `kalshi-ext deadman -- command`; None where there is none."""
        text = os.environ.pop(VARIABLE, "")
        if not text.isdecimal():
            return None
        descriptor = int(text)
        os.set_inheritable(descriptor, False)  # a child that keeps it would hide our death
        return cls(alive_every, timeout, descriptor)

    @classmethod
    def start(
        cls, alive_every: float, timeout: float, variables: Secret[Mapping[str, str]]
    ) -> Self:
        """Start a supervising process and wait until it watches. Raises Misuse.

        Its variables go through a pipe: /proc, `ps e` and a core dump show an environment.
        """
        if os.name != "posix":
            raise Misuse("a dead man's switch needs a POSIX system")
        reader, writer = os.pipe()
        command = [sys.executable, "-m", "kalshi_ext", "deadman"]
        command += ["--watch", str(reader), "--timeout", repr(timeout)]
        try:
            process = subprocess.Popen(  # noqa: S603 - this library, and two numbers
                command,
                env=without_variables(os.environ),
                pass_fds=(reader,),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the bot
            )
        except BaseException:
            os.close(writer)
            raise
        finally:
            os.close(reader)
        switch = cls(alive_every, timeout, writer, process)
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
        with suppress(BrokenPipeError), process.stdin as pipe:  # it died: said below
            pipe.write(json.dumps(variables.reveal()).encode())
        if process.stdout.readline() != READY:
            os.close(writer)
            code = process.wait()
            raise Misuse(f"the supervising process did not start (exit code {code}, see stderr)")
        return switch

    def alive(self) -> None:
        """Say that the bot is well; costs a system call at most twice in `alive_every`.

        Raises DeadManGone where nobody listens any more.
        """
        now = time.monotonic()
        if now - self._told >= self.alive_every / 2:
            self._tell(ALIVE)
            self._told = now

    def off(self) -> None:
        """Switch it off: the supervising process ends and stops nothing. Twice does no harm."""
        if self._descriptor < 0:
            return
        try:
            self._tell(OFF)
        finally:
            self._close()

    def _tell(self, word: bytes) -> None:
        if self._descriptor < 0 or self._pid != os.getpid():
            raise Misuse("this dead man's switch is off, or belongs to another process")
        try:
            os.write(self._descriptor, word)
        except OSError as error:
            raise DeadManGone(f"the supervising process is gone: {error.strerror}") from error

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)
        if self._process is not None:
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.off()
        elif self._descriptor >= 0:
            self._close()  # without a word: it stops trading


def supervisor_variables(
    given: Secret[dict[str, Any]], *, own_key: bool
) -> Secret[Mapping[str, str]]:
    """Return the variables of a supervising process: ours, with what is given over them."""
    inherited = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    if own_key:  # two ways to say one key would be refused
        for name in ("KEY_ID", "PRIVATE_KEY", "PRIVATE_KEY_PATH", "BEARER_TOKEN"):
            inherited.pop(f"{_PREFIX}{name}", None)
        inherited.pop(f"{_PREFIX}PRIVATE_KEY_PASSPHRASE", None)
    inherited.pop(VARIABLE, None)
    named = {f"{_PREFIX}{name}": str(value) for name, value in given.reveal().items() if value}
    return Secret({**inherited, **named})


def without_variables(environment: Mapping[str, str], prefix: str = _PREFIX) -> dict[str, str]:
    """Return an environment without the variables of this library."""
    return {name: value for name, value in environment.items() if not name.startswith(prefix)}
