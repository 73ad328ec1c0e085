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
from typing import Any, Final

from attrs import Attribute, Factory, field, fields, frozen

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


def _text(_: Any, attribute: Attribute[Any], value: object) -> None:
    # PostgreSQL stores neither NUL nor lone surrogates; the other journals refuse the same.
    if not isinstance(value, str) or not value or "\0" in value or not _encodes(value):
        raise Misuse(f"{attribute.name}: expected text without NUL, got {redacted_repr(value)}")


def _encodes(value: str) -> bool:
    if value.isascii():  # almost all are, and this is a look at one flag
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(_: Any, attribute: Attribute[Any], value: Any) -> None:
    _text(_, attribute, value)
    if len(value) > _NAME_LENGTH:
        raise Misuse(f"{attribute.name}: at most {_NAME_LENGTH} characters, got {len(value)}")


def _number(_: Any, attribute: Attribute[Any], value: object) -> None:
    # type, not isinstance: True is an int, and would come back from a table as 1.
    if type(value) is not int or not 0 <= value <= _MAX_INTEGER:
        raise Misuse(f"{attribute.name}: expected a whole number >= 0, got {redacted_repr(value)}")


def _flag(_: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise Misuse(f"{attribute.name}: expected True or False, got {redacted_repr(value)}")


def _utc(_: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, datetime) or (value.tzinfo is not UTC and value.utcoffset() != _ZERO):
        raise Misuse(
            f"{attribute.name}: expected an aware UTC datetime, got {redacted_repr(value)}"
        )


def _sha256(_: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise Misuse(
            f"{attribute.name}: expected 64 lower-case hex digits, got {redacted_repr(value)}"
        )


def _optional(check: Any) -> Any:
    def validate(instance: Any, attribute: Attribute[Any], value: object) -> None:
        if value is not None:
            check(instance, attribute, value)

    return validate


def _state(value: State | str) -> State:
    return value if type(value) is State else State(value)


def utc_now() -> datetime:
    """Read this machine's clock."""
    return datetime.now(UTC)


def _created_at(entry: Entry) -> datetime:
    return entry.created_at


@frozen(kw_only=True, eq=False, repr=False)
class Entry(Value):
    """One write intent.

    `ticket` and `verdict` are JSON texts that the journal does not read. `created_at` lies
    before the first attempt, `sent_at` is the start of the latest one, both by this machine's
    clock; `exchange_time` is the exchange's own time at the reservation or later, None where it
    was not known. `told` says whether the caller learned the verdict. Only `owner`, the name of
    a journal instance, may advance it; a journal fills in `owner`, `account` and `updated_at`.
    """

    key: str = field(validator=_name)
    operation: str = field(validator=_name)
    fingerprint: str = field(validator=_sha256)
    ticket: str = field(validator=_text, repr=False)
    ticker: str | None = field(default=None, validator=_optional(_name))
    subaccount: int | None = field(default=None, validator=_optional(_number))
    state: State = field(default=State.INTENT, converter=_state)
    intent: str | None = field(default=None, validator=_optional(_name))
    order_id: str | None = field(default=None, validator=_optional(_text))
    verdict: str | None = field(default=None, validator=_optional(_text), repr=False)
    attempts: int = field(default=0, validator=_number)
    owner: str = ""
    created_at: datetime = field(factory=utc_now, validator=_utc)
    sent_at: datetime | None = field(default=None, validator=_optional(_utc))
    updated_at: datetime = field(default=Factory(_created_at, takes_self=True), validator=_utc)
    exchange_time: datetime | None = field(default=None, validator=_optional(_utc))
    told: bool = field(default=False, validator=_flag)
    account: str = ""  # of `account_label`; empty where the journal is bound to none

    @property
    def is_open(self) -> bool:
        """Whether it has no verdict yet."""
        return self.state in OPEN


@frozen(eq=False, repr=False)
class Transition(Value):
    """The next state of the entry under `key`. None leaves the recorded value as it is.

    `told=True` belongs to a verdict that nobody waits for, or that is recorded where it is told.
    """

    key: str = field(validator=_name)
    state: State = field(converter=_state)
    order_id: str | None = field(default=None, kw_only=True, validator=_optional(_text))
    verdict: str | None = field(default=None, kw_only=True, validator=_optional(_text), repr=False)
    sent_at: datetime | None = field(default=None, kw_only=True, validator=_optional(_utc))
    attempts: int | None = field(default=None, kw_only=True, validator=_optional(_number))
    exchange_time: datetime | None = field(default=None, kw_only=True, validator=_optional(_utc))
    told: bool | None = field(default=None, kw_only=True, validator=_optional(_flag))

    def __attrs_post_init__(self) -> None:
        if self.told and self.state in OPEN:
            raise Misuse(f"told: only of a verdict, got state {self.state}")

    def changes(self) -> dict[str, Any]:
        """Return the fields that it states, by their names in an entry."""
        return {name: value for name in _STATED if (value := getattr(self, name)) is not None}


_STATED: Final = ("order_id", "verdict", "sent_at", "attempts", "exchange_time", "told")
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
    for name, value in zip(_FIELDS, _values(entry), strict=True):
        _set(copy, name, value)
    for name, value in values.items():
        _set(copy, name, value)
    return copy


_FIELDS: Final = tuple(part.name for part in fields(Entry))
_values: Final = attrgetter(*_FIELDS)
_set: Final = object.__setattr__


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
