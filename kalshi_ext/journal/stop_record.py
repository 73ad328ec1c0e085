"""What a stop leaves behind: the latches that are shut, the groups of orders, and what was done.

    a journal in      keeps the record in                     another process
    memory            this process                            does not see it
    FILE              FILE.stop, replaced whole and synced    sees it at its next attempt
    a table           a row of the account                    sees it before its next attempt, but
                                                              for one within 0.25 s of its order

It is no entry of the journal: a stop must get through while another process holds the file, while
the journal's disk is full, and while the process that holds it is stopped. A record that is there
and cannot be read shuts everything.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, Self, cast

from attrs import asdict, define, evolve, field, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.errors import KalshiError, TradingStopped
from kalshi_ext.journal.entry import JournalUnusable
from kalshi_ext.redact import clean_text

if os.name == "posix":
    import fcntl
else:  # unverified: no test has run there
    fcntl = None  # type: ignore[assignment]

MAX_EVENTS: Final = 200  # of the record; the oldest go
_GROUP_KEY: Final = re.compile(r"[0-9]{1,9}/[0-9]{1,9}")  # subaccount/shard
_LOCK_WITHIN: Final = 0.5  # seconds; a stop does not wait longer for a process that stands still


@frozen(kw_only=True, eq=False, repr=False)
class Latch(Value):
    """What a stop keeps shut: orders that fit all that is named; all orders where nothing is.

    `by` is who shut it, `at` when, by this machine's clock. `markets` are those that the exchange
    lists under the event; one that it does not list is of the event by its ticker.
    """

    ticker: str | None = None
    event_ticker: str | None = None
    subaccount: int | None = None
    by: str = field(default="client.stop", eq=False)
    at: datetime = field(factory=lambda: datetime.now(UTC), eq=False)
    markets: tuple[str, ...] = field(default=(), eq=False)

    def covers(self, ticker: str, subaccount: int) -> bool:
        """Say whether an order is shut out."""
        return (
            self.ticker in (None, ticker)
            and self.subaccount in (None, subaccount)
            and (
                self.event_ticker is None
                or is_of_event(ticker, self.event_ticker)
                or ticker in self.markets
            )
        )

    @property
    def scope(self) -> str:
        """What it covers, in words."""
        named = {"ticker": self.ticker, "event_ticker": self.event_ticker}
        named["subaccount"] = None if self.subaccount is None else str(self.subaccount)
        return ", ".join(f"{name} {value}" for name, value in named.items() if value) or "all"

    def error(self, facade: str) -> TradingStopped:
        """Build the error of an order that it shuts out."""
        return TradingStopped(
            f"{facade}: {self.reason}",
            ticker=self.ticker,
            event_ticker=self.event_ticker,
            subaccount=self.subaccount,
            since=self.at,
            by=self.by,
        )

    @property
    def reason(self) -> str:
        """Say that it is shut, as the end of a sentence."""
        return f"trading was stopped ({self.scope}) at {self.at:%Y-%m-%d %H:%M:%S} UTC by {self.by}"


def with_latch(latches: tuple[Latch, ...], latch: Latch) -> tuple[Latch, ...]:
    """Return latches with one more; one of the same scope gives way to it, but for its markets.

    So a stop that is called while `resume` opens an earlier one is not opened with it.
    """
    if latch not in latches:
        return (*latches, latch)
    known = next(old for old in latches if old == latch)
    newer = evolve(latch, markets=latch.markets or known.markets)
    return tuple(newer if old == latch else old for old in latches)


def without_latches(latches: tuple[Latch, ...], opened: Iterable[Latch]) -> tuple[Latch, ...]:
    """Return latches without these; one that was shut again since stays."""
    gone = {(each.scope, each.at) for each in opened}
    return tuple(each for each in latches if (each.scope, each.at) not in gone)


def is_of_event(ticker: str, event_ticker: str) -> bool:
    """Say whether a market is of an event: its ticker begins with the event's (inferred)."""
    return ticker == event_ticker or ticker.startswith(f"{event_ticker}-")


@frozen(eq=False, repr=False)
class Standing(Value):
    """What the record says now. `groups` are ids of automatic groups by "subaccount/shard"."""

    latches: tuple[Latch, ...] = ()
    groups: Mapping[str, str] = field(factory=dict[str, str])
    events: tuple[Mapping[str, Any], ...] = ()

    def shut(self, latch: Latch) -> Self:
        """Add a latch; one of the same scope gives way to it."""
        return evolve(self, latches=with_latch(self.latches, latch))

    def opened(self, latches: Iterable[Latch]) -> Self:
        """Take latches away, but those that were shut again since."""
        return evolve(self, latches=without_latches(self.latches, latches))

    def with_groups(self, changes: Mapping[str, str | None]) -> Self:
        """Change which groups are ours; None forgets one."""
        groups = {**self.groups, **changes}
        return evolve(self, groups={key: name for key, name in groups.items() if name is not None})

    def noted(self, what: str, **details: Any) -> Self:
        """Add what was done, for people."""
        event = {"at": datetime.now(UTC).isoformat(), "what": what, **details}
        return evolve(self, events=(*self.events, event)[-MAX_EVENTS:])

    def to_text(self) -> str:
        """Write it as JSON."""
        latches = [{**asdict(latch), "at": latch.at.isoformat()} for latch in self.latches]
        record = {"version": 1, "latches": latches, "groups": self.groups, "events": self.events}
        return json.dumps(record, default=str)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read what `to_text` wrote; everything is shut where it cannot be read."""
        try:
            record = json.loads(text)
            rows, groups = record["latches"], dict(record["groups"])
            is_ours = isinstance(rows, list) and all(map(_GROUP_KEY.fullmatch, groups))
            if not is_ours or not all(isinstance(name, str) for name in groups.values()):
                return cls((UNREADABLE,))
            latches = tuple(map(_latch, cast("list[Any]", rows)))
            return cls(latches, groups, tuple(record.get("events", ())))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return cls((UNREADABLE,))


def _latch(row: Mapping[str, Any]) -> Latch:
    known = {name: row[name] for name in ("ticker", "event_ticker", "subaccount", "by")}
    names, subaccount = (row["ticker"], row["event_ticker"]), row["subaccount"]
    # A latch of no known scope would shut out nothing.
    if not all(each is None or (isinstance(each, str) and each) for each in names):
        raise ValueError
    if subaccount is not None and type(subaccount) is not int:
        raise ValueError
    markets = tuple(str(each) for each in row.get("markets", ()))
    return Latch(**known, at=datetime.fromisoformat(row["at"]), markets=markets)


UNREADABLE: Final = Latch(by="a stop record that cannot be read")
Edit = Callable[[Standing], Standing]


class StopRecord(Protocol):
    """Where the record is kept."""

    def read(self) -> Standing:
        """Return what it says, at the cost of a glance: it is asked before every attempt."""
        ...

    def change(self, edit: Edit) -> Standing:
        """Change it, durably where it can be. Raises JournalUnusable."""
        ...


@define(eq=False, repr=False)
class MemoryStopRecord(Printed):
    """A record in this process; the store of a table gives it what it last read."""

    standing: Standing = field(factory=Standing)
    _lock: threading.RLock = field(factory=threading.RLock, repr=False, eq=False)

    def read(self) -> Standing:
        """Return what it says."""
        return self.standing

    def change(self, edit: Edit) -> Standing:
        """Change it."""
        with self._lock:
            self.standing = edit(self.standing)
            return self.standing


@define(eq=False, repr=False)
class FileStopRecord(Printed):
    """A record beside a journal's file, for all processes of this machine."""

    path: Path
    _seen: tuple[int, ...] | None = None
    _standing: Standing = field(factory=Standing)

    @classmethod
    def beside(cls, journal: Path) -> Self:
        """Return the record that belongs to a journal's file."""
        return cls(journal.with_name(journal.name + ".stop"))

    def read(self) -> Standing:
        """Return what the file says, read anew where it was replaced."""
        try:
            status = os.stat(self.path)  # noqa: PTH116 - before every attempt: a Path costs twice that
        except FileNotFoundError:
            self._seen = None
            return Standing()
        except OSError:
            return Standing((UNREADABLE,))
        seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        if seen != self._seen:
            self._standing, self._seen = self._load(), seen
        return self._standing

    def _load(self) -> Standing:
        try:
            return Standing.of_text(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Standing()
        except (OSError, UnicodeError):
            return Standing((UNREADABLE,))

    def change(self, edit: Edit) -> Standing:
        """Replace the file by a changed one, synced with its name. Raises JournalUnusable."""
        try:
            with self._locked():
                changed = edit(self._load())
                _replace(self.path, changed.to_text())
        except OSError as error:
            raise JournalUnusable(f"{self.path}: cannot be written: {error}") from error
        return changed

    @contextmanager
    def _locked(self) -> Generator[None]:
        place = self.path.with_name(self.path.name + ".lock")
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _wait_for_lock(descriptor)
            yield
        finally:
            os.close(descriptor)


def _wait_for_lock(descriptor: int) -> None:
    if fcntl is None:
        return
    until = time.monotonic() + _LOCK_WITHIN
    while time.monotonic() < until:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.005)
    # Its holder stands still. A stop goes on: a file that is replaced whole is never half of one.


def _replace(path: Path, text: str) -> None:
    # As `tempfile.mkstemp` does, whose import takes as long as the stop itself.
    name = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        name.replace(path)
    except BaseException:
        with suppress(OSError):
            name.unlink()
        raise
    if os.name == "posix":
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # its name must survive a power loss, not only its bytes
        finally:
            os.close(directory)


def change_or_fail(record: StopRecord, edit: Edit) -> Standing:
    """Change a record; whatever goes wrong is a JournalUnusable."""
    try:
        return record.change(edit)
    except KalshiError:
        raise
    except Exception as error:
        raise JournalUnusable(
            f"the stop record cannot be written: {clean_text(str(error), 300)}"
        ) from error


def market_scopes(scopes: Iterable[tuple[str, Any]]) -> list[tuple[str, int]]:
    """Return the (ticker, subaccount) that scopes of a call name as its orders' markets."""
    return [cast("tuple[str, int]", value) for kind, value in scopes if kind == "market"]
