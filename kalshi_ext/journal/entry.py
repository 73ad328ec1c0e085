"""One write intent and the states it can pass through. Pure data and rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from attrs import Attribute, Factory, field, fields, frozen

from kalshi_ext.errors import Misuse
from kalshi_ext.journal.errors import IllegalTransition
from kalshi_ext.redact import redacted_repr

_LONGEST: Final = 512  # characters: an index row of PostgreSQL holds 2704 bytes
_LARGEST: Final = 2**31 - 1


class State(StrEnum):
    """How far a write has come. Only the four final ones are verdicts."""

    INTENT = "intent"  # recorded; nothing of it was sent, unless the process died meanwhile
    SENT = "sent"  # about to leave or left; no verdict yet
    UNKNOWN = "unknown"  # may have been executed; being looked up
    ACKNOWLEDGED = "acknowledged"  # the exchange answered yes
    REFUSED = "refused"  # the exchange answered no: nothing stands
    NOT_SENT = "not_sent"  # never left, or proven absent: nothing stands
    RESOLVED = "resolved"  # found out by looking, or declared by a person


OPEN: Final = frozenset({State.INTENT, State.SENT, State.UNKNOWN})
FINAL: Final = frozenset(State) - OPEN
REOPENABLE: Final = frozenset({State.REFUSED, State.NOT_SENT})
"""Verdicts after which nothing stands, so that the same key may be sent again (`reopen`)."""

# Forward only. An unknown is not marked sent again: that would forget that an earlier attempt
# may still be executed. A resend stays unknown and raises `attempts`.
MOVES: Final[Mapping[State, frozenset[State]]] = {
    State.INTENT: OPEN | FINAL,
    State.SENT: frozenset({State.SENT, State.UNKNOWN}) | FINAL,
    State.UNKNOWN: frozenset({State.UNKNOWN}) | FINAL,
    State.ACKNOWLEDGED: frozenset({State.ACKNOWLEDGED}),
    State.REFUSED: frozenset({State.REFUSED}),
    State.NOT_SENT: frozenset({State.NOT_SENT}),
    State.RESOLVED: frozenset({State.RESOLVED}),
}


def _text(_: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value or "\0" in value or not _encodes(value):
        raise Misuse(f"{attribute.name}: expected text without NUL, got {redacted_repr(value)}")


def _encodes(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name(_: Any, attribute: Attribute[Any], value: Any) -> None:
    _text(_, attribute, value)
    if len(value) > _LONGEST:
        raise Misuse(f"{attribute.name}: at most {_LONGEST} characters, got {len(value)}")


def _number(_: Any, attribute: Attribute[Any], value: object) -> None:
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise Misuse(f"{attribute.name}: expected a whole number >= 0, got {redacted_repr(value)}")


def _utc(_: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, datetime) or value.utcoffset() != timedelta(0):
        raise Misuse(
            f"{attribute.name}: expected an aware UTC datetime, got {redacted_repr(value)}"
        )


def _sha256(_: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise Misuse(
            f"{attribute.name}: expected 64 lower-case hex digits, got {redacted_repr(value)}"
        )


def _maybe(check: Any) -> Any:
    def validate(instance: Any, attribute: Attribute[Any], value: object) -> None:
        if value is not None:
            check(instance, attribute, value)

    return validate


def utc_now() -> datetime:
    """Read this machine's clock."""
    return datetime.now(UTC)


def _created_at(entry: Entry) -> datetime:
    return entry.created_at


@frozen(kw_only=True)
class Entry:
    """One write intent.

    `ticket` and `verdict` are JSON texts that the journal does not read. `created_at` lies
    before the first attempt, `sent_at` is the begin of the latest one. Driven by `owner`
    alone; a journal fills in `owner` and `updated_at` itself.
    """

    key: str = field(validator=_name)
    operation: str = field(validator=_name)
    fingerprint: str = field(validator=_sha256)
    ticket: str = field(validator=_text, repr=False)
    ticker: str | None = field(default=None, validator=_maybe(_name))
    subaccount: int | None = field(default=None, validator=_maybe(_number))
    state: State = field(default=State.INTENT, converter=State)
    intent: str | None = field(default=None, validator=_maybe(_name))
    order_id: str | None = field(default=None, validator=_maybe(_text))
    verdict: str | None = field(default=None, validator=_maybe(_text), repr=False)
    attempts: int = field(default=0, validator=_number)
    owner: str = ""
    created_at: datetime = field(factory=utc_now, validator=_utc)
    sent_at: datetime | None = field(default=None, validator=_maybe(_utc))
    updated_at: datetime = field(default=Factory(_created_at, takes_self=True), validator=_utc)

    @property
    def is_open(self) -> bool:
        """Say whether no verdict stands yet."""
        return self.state in OPEN


@frozen
class Transition:
    """What became of an entry. None leaves the recorded value as it is."""

    key: str = field(validator=_name)
    state: State = field(converter=State)
    order_id: str | None = field(default=None, kw_only=True, validator=_maybe(_text))
    verdict: str | None = field(default=None, kw_only=True, validator=_maybe(_text), repr=False)
    sent_at: datetime | None = field(default=None, kw_only=True, validator=_maybe(_utc))
    attempts: int | None = field(default=None, kw_only=True, validator=_maybe(_number))

    def changes(self) -> dict[str, Any]:
        """Return the fields that this mark states, by the entry's names."""
        stated = {name: getattr(self, name) for name in _STATED}
        return {name: value for name, value in stated.items() if value is not None}


_STATED: Final = ("order_id", "verdict", "sent_at", "attempts")


@frozen
class Reservation:
    """The entry that stands under a key. Drive it only when it is `mine`."""

    entry: Entry
    acquired: bool


def changed(entry: Entry, **values: Any) -> Entry:
    """Copy an entry with values that were checked before.

    `attrs.evolve` would check all fields anew, which was the larger half of a mark's cost.
    """
    copy = object.__new__(Entry)
    for name in _FIELDS:
        object.__setattr__(copy, name, values[name] if name in values else getattr(entry, name))
    return copy


_FIELDS: Final = tuple(part.name for part in fields(Entry))


def advance(entry: Entry, mark: Transition, *, now: datetime) -> Entry:
    """Apply a mark. A repeated verdict changes nothing. Raises IllegalTransition."""
    said = mark.changes()
    if mark.state not in MOVES[entry.state]:
        raise _illegal(entry, mark, f"{entry.state} does not become {mark.state}")
    if said.get("attempts", entry.attempts) < entry.attempts:
        raise _illegal(entry, mark, f"attempts go from {entry.attempts} to {mark.attempts}")
    if not entry.is_open:
        return _same_verdict(entry, mark, said)
    return changed(entry, state=mark.state, updated_at=max(now, entry.updated_at), **said)


def _same_verdict(entry: Entry, mark: Transition, said: Mapping[str, Any]) -> Entry:
    other = [name for name, value in said.items() if getattr(entry, name) != value]
    if other:
        raise _illegal(entry, mark, f"already {entry.state} with another {', '.join(other)}")
    return entry


def _illegal(entry: Entry, mark: Transition, why: str) -> IllegalTransition:
    return IllegalTransition(f"entry {mark.key}: {why}", entry=entry)


def reopened(entry: Entry, *, owner: str, now: datetime) -> Entry:
    """Return the entry as an intent of `owner` once more; its times, key and attempts stay."""
    moment = max(now, entry.updated_at)
    return changed(
        entry, state=State.INTENT, order_id=None, verdict=None, owner=owner, updated_at=moment
    )
