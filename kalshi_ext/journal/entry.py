"""One write intent: the states it passes through, its pure rules, and the errors of a journal.

An error says what its caller knows afterwards. A failed reservation raises
`kalshi_ext.errors.JournalUnwritable`, a NotSent: reservations come before the first byte. A
failed transition must not say so: its order may be at the exchange already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Any, ClassVar, Final, cast

from attrs import Factory, field, fields, frozen

from kalshi_ext.arguments import Checked, is_storable, optional
from kalshi_ext.bases import Value
from kalshi_ext.errors import JournalUnwritable, KalshiError, Misuse
from kalshi_ext.redact import redacted_repr

__all__ = [
    "FINAL",
    "MOVES",
    "OPEN",
    "REOPENABLE",
    "Entry",
    "IllegalTransition",
    "JournalBusy",
    "JournalError",
    "JournalUnusable",
    "JournalUnwritable",
    "NotOwner",
    "Reservation",
    "State",
    "Transition",
    "TransitionUnwritten",
    "UnknownKey",
    "advance",
    "changed",
    "reopened",
    "told",
    "utc_now",
]

_NAME_LENGTH: Final = 512  # characters: an index row of PostgreSQL holds 2704 bytes
_SHA256: Final = re.compile("[0-9a-f]{64}")
_ZERO: Final = timedelta(0)
_MAX_INTEGER: Final = 2**31 - 1  # PostgreSQL's integer


class State(StrEnum):
    """How far a write has come. Only the four final states are verdicts."""

    INTENT = "intent"  # recorded; nothing of it was sent, unless the process died meanwhile
    SENT = "sent"  # about to leave or left; no verdict yet
    UNKNOWN = "unknown"  # may have been executed; being looked up
    ACKNOWLEDGED = "acknowledged"  # the exchange answered yes
    REFUSED = "refused"  # the exchange answered no: nothing stands
    NOT_SENT = "not_sent"  # never left, or proven absent: nothing stands
    RESOLVED = "resolved"  # reconciled by a lookup, or declared by a person


OPEN: Final = frozenset({State.INTENT, State.SENT, State.UNKNOWN})
FINAL: Final = frozenset(State) - OPEN
REOPENABLE: Final = frozenset({State.REFUSED, State.NOT_SENT})
"""Verdicts after which nothing stands, so that the same key may be sent again (`reopen`)."""

# Forward only. An unknown entry never becomes sent again: that would forget that an earlier
# attempt may still be executed. A resend stays unknown and raises `attempts`.
MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.INTENT: OPEN | FINAL,
    State.SENT: frozenset({State.SENT, State.UNKNOWN}) | FINAL,
    State.UNKNOWN: frozenset({State.UNKNOWN}) | FINAL,
    # A verdict repeats itself, so that a caller who missed the answer may record it once more.
    State.ACKNOWLEDGED: frozenset({State.ACKNOWLEDGED}),
    State.REFUSED: frozenset({State.REFUSED}),
    State.NOT_SENT: frozenset({State.NOT_SENT}),
    State.RESOLVED: frozenset({State.RESOLVED}),
}


class JournalError(KalshiError):
    """Anything a journal raises, except JournalUnwritable, which is a NotSent."""


class JournalUnusable(JournalError):
    """The journal cannot be opened or read: closed, not a journal, damaged, of a newer version."""


class JournalBusy(JournalUnusable):
    """A living process has the file, `path`; `pid`, `host` and `since` name it as far as known."""

    advice = "use one process for a file, or share a journal by a postgresql:// URL"
    path: str = ""
    pid: int | None = None
    host: str | None = None
    since: str | None = None


class TransitionUnwritten(JournalError):
    """The journal could not record what happened; it happened all the same."""

    advice = "the entry stays open and is looked up at the exchange at the next recovery"


class UnknownKey(JournalError):
    """No entry has this key."""


class NotOwner(JournalError):
    """Another journal instance drives the entry, or ended it; `owner` names it."""

    advice = "read the entry again; take it over only when its owner is gone"
    owner: str | None = None


class IllegalTransition(JournalError):
    """The transition would go backwards or change a verdict; `entry` is the recorded one."""

    advice = "the recorded entry stands"


def _text(value: Any, name: str) -> str:
    if type(value) is str and value and value.isascii() and "\0" not in value:
        return value  # almost all are such
    # PostgreSQL stores neither NUL nor lone surrogates; the other journals refuse the same.
    if not isinstance(value, str) or not value or not is_storable(value):
        raise Misuse(f"{name}: expected text without NUL, got {redacted_repr(value)}")
    return value


def _name(value: Any, name: str) -> str:
    if len(_text(value, name)) > _NAME_LENGTH:
        raise Misuse(f"{name}: at most {_NAME_LENGTH} characters, got {len(value)}")
    return cast("str", value)


def _number(value: Any, name: str) -> int:
    # type, not isinstance: True is an int, and would come back from a table as 1.
    if type(value) is not int or not 0 <= value <= _MAX_INTEGER:
        raise Misuse(f"{name}: expected a whole number >= 0, got {redacted_repr(value)}")
    return value


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise Misuse(f"{name}: expected True or False, got {redacted_repr(value)}")
    return value


def _utc(value: Any, name: str) -> datetime:
    if not isinstance(value, datetime) or (value.tzinfo is not UTC and value.utcoffset() != _ZERO):
        raise Misuse(f"{name}: expected an aware UTC datetime, got {redacted_repr(value)}")
    return value


def _sha256(value: Any, name: str) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise Misuse(f"{name}: expected 64 lower-case hex digits, got {redacted_repr(value)}")
    return value


def _state(value: State | str) -> State:
    return value if type(value) is State else State(value)


def utc_now() -> datetime:
    """Read this machine's clock."""
    return datetime.now(UTC)


def _created_at(entry: Entry) -> datetime:
    return entry.created_at


@frozen(kw_only=True, eq=False, repr=False)
class Entry(Checked):
    """One write intent.

    `ticket` and `verdict` are JSON texts that the journal does not read. `created_at` lies
    before the first attempt, `sent_at` is the start of the latest one, both by this machine's
    clock; `exchange_time` is the exchange's own time at the reservation or later, None where it
    was not known. `told` says whether the caller learned the verdict. Only `owner`, the name of
    a journal instance, may advance it; a journal fills in `owner`, `account` and `updated_at`.
    """

    key: str
    operation: str
    fingerprint: str
    ticket: str = field(repr=False)
    ticker: str | None = None
    subaccount: int | None = None
    state: State = field(default=State.INTENT, converter=_state)
    intent: str | None = None
    order_id: str | None = None
    verdict: str | None = field(default=None, repr=False)
    attempts: int = 0
    owner: str = ""
    created_at: datetime = field(factory=utc_now)
    sent_at: datetime | None = None
    updated_at: datetime = field(default=Factory(_created_at, takes_self=True))
    exchange_time: datetime | None = None
    told: bool = False
    account: str = ""  # of `account_label`; empty where the journal is bound to none

    _checks: ClassVar = {
        "key": _name,
        "operation": _name,
        "fingerprint": _sha256,
        "ticket": _text,
        "ticker": optional(_name),
        "subaccount": optional(_number),
        "intent": optional(_name),
        "order_id": optional(_text),
        "verdict": optional(_text),
        "attempts": _number,
        "created_at": _utc,
        "sent_at": optional(_utc),
        "updated_at": _utc,
        "exchange_time": optional(_utc),
        "told": _flag,
    }

    @property
    def is_open(self) -> bool:
        """Whether it has no verdict yet."""
        return self.state in OPEN


@frozen(eq=False, repr=False)
class Transition(Checked):
    """The next state of the entry under `key`. None leaves the recorded value as it is.

    `told=True` belongs to a verdict that nobody waits for, or that is recorded where it is told.
    """

    key: str
    state: State = field(converter=_state)
    order_id: str | None = field(default=None, kw_only=True)
    verdict: str | None = field(default=None, kw_only=True, repr=False)
    sent_at: datetime | None = field(default=None, kw_only=True)
    attempts: int | None = field(default=None, kw_only=True)
    exchange_time: datetime | None = field(default=None, kw_only=True)
    told: bool | None = field(default=None, kw_only=True)

    _checks: ClassVar = {
        "key": _name,
        "order_id": optional(_text),
        "verdict": optional(_text),
        "sent_at": optional(_utc),
        "attempts": optional(_number),
        "exchange_time": optional(_utc),
        "told": optional(_flag),
    }

    def _check_together(self) -> None:
        if self.told and self.state in OPEN:
            raise Misuse(f"told: only of a verdict, got state {self.state}")

    def changes(self) -> dict[str, Any]:
        """Return the fields that it states, by their names in an entry."""
        stated = zip(_STATED, _stated(self), strict=True)
        return {name: value for name, value in stated if value is not None}


_STATED: Final = ("order_id", "verdict", "sent_at", "attempts", "exchange_time", "told")
_stated: Final = attrgetter(*_STATED)
_VERDICT: Final = ("order_id", "verdict", "sent_at", "attempts")  # what a repeated one must equal


@frozen(eq=False, repr=False)
class Reservation(Value):
    """The entry that stands under a key, and whether this call acquired it.

    Whoever did not acquire it must not send: another call reserved the same key or intent before.
    """

    entry: Entry
    acquired: bool


def changed(entry: Entry, **values: Any) -> Entry:
    """Copy an entry with values that were checked before."""
    # Not attrs.evolve: it checks all fields anew, the larger half of a transition's cost.
    copy = object.__new__(Entry)
    for put, value in zip(_PUTS, _values(entry), strict=True):
        put(copy, value)
    for name, value in values.items():
        _SLOTS[name](copy, value)
    return copy


# What sets a field of a frozen entry, as the class itself does when it makes one.
_SLOTS: Final[dict[str, Any]] = {n.name: vars(Entry)[n.name].__set__ for n in fields(Entry)}
_PUTS: Final = tuple(_SLOTS.values())
_values: Final = attrgetter(*_SLOTS)


def advance(entry: Entry, transition: Transition, *, now: datetime) -> Entry:
    """Apply a transition. A verdict repeated changes `told` at most. Raises IllegalTransition."""
    changes = transition.changes()
    if transition.state not in MOVES[entry.state]:
        raise _illegal(entry, transition, f"{entry.state} does not become {transition.state}")
    if changes.get("attempts", entry.attempts) < entry.attempts:
        raise _illegal(
            entry, transition, f"attempts go from {entry.attempts} to {transition.attempts}"
        )
    if not entry.is_open:
        return _same_verdict(entry, transition, changes)
    # The clock may have been set back since; `updated_at` never goes backwards with it.
    moment = max(now, entry.updated_at)
    return changed(entry, state=transition.state, updated_at=moment, **changes)


def _same_verdict(entry: Entry, transition: Transition, changes: Mapping[str, Any]) -> Entry:
    stated = [name for name in _VERDICT if name in changes]
    differing = [name for name in stated if getattr(entry, name) != changes[name]]
    if differing:
        why = f"already {entry.state} with another {', '.join(differing)}"
        raise _illegal(entry, transition, why)
    return told(entry) if changes.get("told") else entry


def told(entry: Entry) -> Entry:
    """Return a verdict as one that its caller knows; an open entry has none and stays."""
    return entry if entry.is_open or entry.told else changed(entry, told=True)


def _illegal(entry: Entry, transition: Transition, why: str) -> IllegalTransition:
    return IllegalTransition(f"entry {transition.key}: {why}", entry=entry)


def reopened(entry: Entry, *, owner: str, now: datetime) -> Entry:
    """Return the entry as an intent of `owner` once more; its times, key and attempts stay."""
    # `attempts` stays, so that a lookup still knows of the sendings before the refusal. The
    # exchange's time goes: it would date the next sending too early, and shorten a wait.
    fresh = {"order_id": None, "verdict": None, "exchange_time": None, "told": False}
    moment = max(now, entry.updated_at)
    return changed(entry, state=State.INTENT, owner=owner, updated_at=moment, **fresh)
