"""Keep a file to one living process, by a lock that dies with the process.

The lock is `flock` (Windows: a byte-range lock) on `FILE.lock`: the kernel drops it however the
process ends. SQLite's own exclusive mode does not serve: it would shut out readers too. A POSIX
record lock does not either: any other code of the process that reads and closes the lock file
would drop it. What `flock` lacks, a forked child not sharing it, is done here by hand.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from attrs import define

from kalshi_ext.journal.errors import JournalBusy

if sys.platform == "win32":  # unverified: no test has run there
    import msvcrt

    # Windows locks forbid reading: lock a byte behind the text that names the holder.
    def _acquire(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_WIDTH = 512
_held: set[int] = set()  # descriptors of this process's locks


def _disown() -> None:
    # A child that kept the descriptor open would keep the lock beyond its parent's death.
    while _held:
        with suppress(OSError):
            os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown)


def identity(path: Path | int) -> tuple[int, int]:
    """Return what tells a file from any other: device and inode."""
    found = os.stat(path)  # noqa: PTH116 - a descriptor has no Path
    return found.st_dev, found.st_ino


@define(eq=False)
class FileLock:
    """A held lock. `path` is the lock file, `said` what it tells others of its holder."""

    path: Path
    said: dict[str, Any]
    _descriptor: int
    _identity: tuple[int, int]

    def intact(self) -> bool:
        """Say whether the lock file is still the one that was locked."""
        try:
            return identity(self.path) == self._identity
        except OSError:
            return False

    def note(self, last: int) -> None:
        """Leave the number of the newest entry for the next holder, should this one die."""
        self.said["last"] = last
        with suppress(OSError):  # then only a check is missing
            _write(self._descriptor, self.said)

    def release(self, *, silent: bool = True) -> None:
        """Let the next process in. The file stays: removing it would race with who locks it.

        `silent` leaves nothing of what it said.
        """
        if self._descriptor not in _held:
            return
        _held.discard(self._descriptor)
        if silent:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def lock_path(path: Path) -> Path:
    """Return the lock file that belongs to a file."""
    return path.with_name(path.name + ".lock")


def hold(path: Path, owner: str) -> FileLock:
    """Lock a file for this process. Raises JournalBusy, naming the holder, and OSError."""
    place = lock_path(path)
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        _acquire(descriptor)
        said = _signature(owner) | {"last": holder(path).get("last")}
        os.ftruncate(descriptor, 0)
        _write(descriptor, said)
    except BlockingIOError as error:
        os.close(descriptor)
        raise _busy(path) from error
    except BaseException:
        os.close(descriptor)
        raise
    _held.add(descriptor)
    return FileLock(place, said, descriptor, identity(descriptor))


def _signature(owner: str) -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "owner": owner}


def _write(descriptor: int, said: Mapping[str, Any]) -> None:
    text = json.dumps(said).ljust(_WIDTH)  # one length, so that one write replaces the former
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())


def holder(path: Path) -> Mapping[str, Any]:
    """Read who wrote the lock file last; empty when nobody, or when it cannot be read."""
    try:
        said = json.loads(lock_path(path).read_text())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def is_held(path: Path) -> bool:
    """Say whether a living process holds the lock of a file now."""
    try:
        descriptor = os.open(lock_path(path), os.O_RDWR)
    except OSError:
        return False
    try:
        _acquire(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _busy(path: Path) -> JournalBusy:
    by = holder(path)
    known = {name: by.get(name) for name in ("pid", "host", "since")}
    who = "process {pid} on {host} since {since}".format(**known) if by else "another process"
    return JournalBusy(f"{path} is in use by {who}", **known)
