"""Hold the exchange's process: start it, hear where it is, stop it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import IO, Any

from attrs import define, field

from kalshi_ext.sandbox.options import Options
from kalshi_ext.sandbox.remote import SandboxError


@define
class ServerProcess:
    """Run `python -m kalshi_ext.sandbox.child`; it leaves when its stdin ends."""

    _process: subprocess.Popen[str]
    announcement: dict[str, Any] = field(repr=False)
    _keeps_state: bool = False

    @classmethod
    def start(cls, options: Options) -> ServerProcess:
        """Start it and wait until it accepts connections."""
        process = _spawn()
        stdin, stdout = _pipes(process)
        try:
            stdin.write(json.dumps(options.to_data()) + "\n")
            stdin.flush()
            line = stdout.readline()
        except OSError:
            line = ""
        announced = json.loads(line) if line else {"failed": "its process died"}
        if "failed" in announced:
            _bury(process)
            raise SandboxError(f"the sandbox did not start: {announced['failed']}")
        return cls(process, announced, options.state is not None)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def stop(self) -> None:
        """End the process; one with a state file is told, and given 5 s to close it."""
        if not self._keeps_state:
            self.kill()
            return
        _pipes(self._process)[0].close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
        _bury(self._process)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._process.kill()
        _bury(self._process)


def _spawn() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kalshi_ext.sandbox.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise SandboxError("the sandbox's process has no pipes")
    return process.stdin, process.stdout


def _bury(process: subprocess.Popen[str]) -> None:
    for pipe in _pipes(process):
        try:
            pipe.close()
        except OSError:
            continue  # a dead reader: what was not yet written is of no use to anybody
    process.wait()
