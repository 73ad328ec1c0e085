"""Processes that write to a journal and are killed, or whose disk fails.

Each thing the journal has promised is printed, a JSON list a line, before the next is asked for.
So a test can hold the promises against what the file says after the death.

journal_writers.py fork
    Reads one JSON list a line, [path, seed, point], and forks a fresh child for each, so that a
    kill costs milliseconds. The child writes what the seed says and is killed by SIGKILL at the
    point: "begin-", "commit+3" and so on name the side of a store's step and how often it must
    have come; a number is seconds; "" is no kill.
journal_writers.py disk PATH COUNT HOW
    Writes COUNT entries while the disk fails: "" (somebody else injects it), "limit" (files may not
    grow), "readonly" (rights are dropped first).
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kalshi_ext.errors import JournalUnwritable
from kalshi_ext.journal import Journal, JournalUnusable, State, TransitionUnwritten
from kalshi_ext.journal.entry import Entry
from kalshi_ext.journal.sqlite import SqliteJournal, SqliteStore

STEPS = ("begin", "load", "save", "commit")
NOBODY = 65534


def entry(key: str) -> Entry:
    """Make the entry a key stands for; the same in every process."""
    return Entry(
        key=key,
        operation="CreateOrderV2",
        ticker="T",
        fingerprint=f"{random.Random(key).getrandbits(256):064x}",
        ticket=json.dumps({"key": key, "ballast": "x" * random.Random(key).randrange(3000)}),
        intent=f"intent-{key}",
    )


# Holds a file open until its input ends; its first line of output is the name of its owner.
HOLD_FILE = """
    import sys
    from journal_writers import entry
    from kalshi_ext.journal.sqlite import SqliteJournal
    journal = SqliteJournal(sys.argv[1])
    journal.reserve(entry("theirs"))
    print(journal.owner, flush=True)
    sys.stdin.read()
    journal.close()
"""


def start_script(script: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Run a script in another process, which can import this module."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        **options,
    )


def report(*values: Any) -> None:
    """Write a line that a kill can no longer take back."""
    os.write(1, (json.dumps(values) + "\n").encode())


def die() -> None:
    """Go at once, without a destructor or an exit handler."""
    os.kill(os.getpid(), signal.SIGKILL)


def install_kill(point: str) -> None:
    """Arrange the death that a point names."""
    for step in STEPS:
        if point.startswith(step):
            side, nth = point[len(step)], int(point[len(step) + 1 :] or 1)
            setattr(SqliteStore, step, _killing(getattr(SqliteStore, step), side, nth))
            return
    if point:
        threading.Timer(float(point), die).start()


def _killing(function: Callable[..., Any], side: str, nth: int) -> Callable[..., Any]:
    count = 0

    def step(*args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == nth and side == "-":
            die()
        result = function(*args, **options)
        if count == nth and side == "+":
            die()
        return result

    return step


def write_file(path: str, seed: int) -> None:
    """Reserve and advance in a file."""
    with SqliteJournal(path) as journal:
        write_random(journal, seed)
    report("ended", "", "")


def write_random(journal: Journal, seed: int) -> None:
    """Reserve and advance by chance; report every promise."""
    rng = random.Random(seed)
    for number in range(12):
        keys = [f"{seed}-{number}-{each}" for each in range(rng.choice((1, 1, 4)))]
        for key in keys:
            report("asked", key, "intent")
        for reservation in journal.reserve_many([entry(key) for key in keys]):
            report("promised", reservation.entry.key, "intent")
        verdict = rng.choice((State.ACKNOWLEDGED, State.REFUSED, State.UNKNOWN))
        for key in keys:
            report("asked", key, verdict)
        futures = [journal.submit("advance", key, verdict, order_id=f"o-{key}") for key in keys]
        for key, future in zip(keys, futures, strict=True):
            future.result()
            report("promised", key, verdict)


def fork_writers() -> None:
    """Fork a writer for each line until the input ends."""
    for line in sys.stdin:
        path, seed, point = json.loads(line)
        child = os.fork()
        if child == 0:
            install_kill(point)
            write_file(path, seed)
            os._exit(0)
        report("exit", "", os.waitpid(child, 0)[1])


def limit_file_size(size: int) -> None:
    """Let no file grow beyond a size: SIGXFSZ is ignored by Python, so writes fail."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def write_on_failing_disk(path: Path, count: int, how: str) -> None:
    """Reserve and advance, come what may."""
    if how == "readonly" and os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        journal = SqliteJournal(path)
    except JournalUnusable as error:
        return report("unusable", "", str(error))
    journal.reserve(entry("first"))
    if how == "limit":
        limit_file_size(path.with_name(path.name + "-wal").stat().st_size)
    for number in range(count):
        write_entry(journal, f"{number}")
    if how == "limit":
        limit_file_size(resource.RLIM_INFINITY)
        write_entry(journal, "after")
    os._exit(0)  # as a crash would: what follows must come from the file alone


def write_entry(journal: SqliteJournal, key: str) -> None:
    """Reserve and advance one key; report what was promised, or why not."""
    try:
        assert journal.reserve(entry(key)).acquired
        report("promised", key, "intent")
        journal.advance(key, State.ACKNOWLEDGED)
        report("promised", key, "acknowledged")
    except JournalUnwritable as error:
        report("unwritable", key, str(error))
    except TransitionUnwritten as error:
        report("unwritten", key, str(error))


if __name__ == "__main__":
    if sys.argv[1] == "fork":
        fork_writers()
    else:
        write_on_failing_disk(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
