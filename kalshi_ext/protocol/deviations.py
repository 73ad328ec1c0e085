"""Contract deviations: what an answer holds beyond its contract, or lacks of it.

One pass over each answer compares it with the derived tables (`contract/fields`), whoever decodes
it and however. The unit is the answer: a deviation that two rows of one answer share counts once.

    kind              where               example
    unknown_field     OBJECT.FIELD        Order.fee_tier
    missing_field     OBJECT.FIELD        Fill.count_fp
    unreadable_field  OBJECT.FIELD        Fill.fee_cost: "n/a", so the model says None
    unknown_member    ENUM                OrderStatus
    invalid_row       OBJECT              Fill: a row that could not be decoded
    status            HTTP status         418

What the tables cannot see, a decoder notes while it reads (`note`).

Names come from the wire, values are never kept. So a name is cut, control characters are replaced,
and a client keeps a bounded number of names: a hostile answer can neither fill the memory nor
write lines of its own into a log or escapes into a terminal.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Final, TypeAlias, TypeGuard, TypeVar

from attrs import define, field, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.contract import types
from kalshi_ext.contract.fields import FIELDS
from kalshi_ext.contract.operations import OPERATIONS
from kalshi_ext.events import DeviationFound, Events
from kalshi_ext.redact import redact_text
from kalshi_ext.values.enums import OpenEnum

T = TypeVar("T")
Deviation: TypeAlias = tuple[str, str]  # kind, where

MAX_NAME: Final = 80  # characters; the longest documented name has 53
MAX_PER_ANSWER: Final = 50
MAX_NAMES: Final = 500  # distinct deviations that one client tells apart
OTHERS: Final = "(others)"

log = logging.getLogger("kalshi_ext.drift")


@frozen(eq=False, repr=False)
class ObjectSpec(Value):
    """One object of a contract, prepared for comparison.

    `inner` are the fields that hold objects or lists of them, `members` the fields that hold a word
    of an enum, with the words the contract knows.
    """

    name: str
    known: frozenset[str]
    required: frozenset[str]
    inner: tuple[tuple[str, ObjectSpec], ...]
    members: tuple[tuple[str, str, frozenset[str]], ...]


@functools.cache
def _object_spec(contract: str, name: str) -> ObjectSpec:
    fields = FIELDS[contract][name]
    typed = {key: kind for key, (_, kind) in fields.items() if kind}
    objects = {key: kind for key, kind in typed.items() if kind in FIELDS[contract]}
    return ObjectSpec(
        name,
        frozenset(fields),
        frozenset(key for key, (required, _) in fields.items() if required),
        tuple((key, _object_spec(contract, kind)) for key, kind in objects.items()),
        tuple((key, kind, _words(kind)) for key, kind in typed.items() if key not in objects),
    )


def _words(name: str) -> frozenset[str]:
    enum: type[OpenEnum] = getattr(types, name)
    return frozenset(member.value for member in enum)


def find_deviations(operation: str, document: Any) -> set[Deviation]:
    """Compare a success of an operation with its contract; each deviation once, 50 at most."""
    row = OPERATIONS.get(operation)
    found: set[Deviation] = set()
    if row is not None and _is_object(document) and row.answer in FIELDS[row.contract]:
        _compare(_object_spec(row.contract, row.answer), document, found)
    return found


def _compare(spec: ObjectSpec, row: dict[str, Any], found: set[Deviation]) -> None:
    keys = row.keys()
    # Most rows deviate in nothing: two comparisons of sets settle that.
    if not keys <= spec.known:
        _add(found, "unknown_field", (f"{spec.name}.{key}" for key in sorted(keys - spec.known)))
    if not spec.required <= keys:
        _add(found, "missing_field", (f"{spec.name}.{key}" for key in sorted(spec.required - keys)))
    for key, enum, words in spec.members:
        value = row.get(key)
        # Absent, null and "" mean that there is nothing to tell (observed in old rows).
        if value and type(value) is str and value not in words:
            _add(found, "unknown_member", (enum,))
    for key, inner in spec.inner:
        for value in _as_list(row.get(key)):
            if _is_object(value):
                _compare(inner, value, found)


def _add(found: set[Deviation], kind: str, names: Iterable[str]) -> None:
    for name in names:
        if len(found) >= MAX_PER_ANSWER:
            return
        if (kind, name) not in found:  # a million rows may lack the same field
            found.add((kind, printable(name)))


# Decoders are plain functions of JSON, called by whoever reads; so the set comes by the context.
_noted: ContextVar[set[Deviation] | None] = ContextVar("noted", default=None)


def decode_noting(decode: Callable[[Any], T], document: Any, found: set[Deviation]) -> T:
    """Decode a document and collect in `found` what its decoder notes."""
    token = _noted.set(found)
    try:
        return decode(document)
    finally:
        _noted.reset(token)


def note(kind: str, where: str) -> None:
    """Note a deviation met while an answer is decoded; outside of `decode_noting` it is dropped."""
    if (found := _noted.get()) is not None:
        _add(found, kind, (where,))


def printable(name: str) -> str:
    """Make a name from the wire safe to log: no control characters, no secrets, 80 characters.

    The name is cut before anything else looks at it, so that the cost does not grow with it.
    """
    text = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return redact_text(text)


def _as_list(value: Any) -> list[Any]:
    return value if _is_list(value) else [value]


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_documented(operation: str, status: int) -> bool:
    """Say whether the contract names this status, or its range, for an operation it knows."""
    row = OPERATIONS.get(operation)
    if row is None:
        return True
    named = row.statuses.split()
    return str(status) in named or f"{status // 100}XX" in named


@define(eq=False, repr=False)
class DeviationCounter(Printed):
    """Count the answers of one client that deviated, by (operation, kind, where).

    Shared by threads. At most 500 deviations are told apart; further ones count as `(others)` of
    their operation and kind. The first of each is logged as a warning.
    """

    counts: dict[tuple[str, str, str], int] = field(factory=dict[tuple[str, str, str], int])
    events: Events = field(factory=Events, eq=False, repr=False)
    _lock: threading.RLock = field(factory=threading.RLock, repr=False, eq=False)

    def add(self, operation: str, deviations: Iterable[Deviation]) -> None:
        """Count one answer for each of its deviations."""
        with self._lock:
            new = [key for key in self._keys(operation, deviations) if self._count(key) == 1]
        for key in new:
            log.warning("%s: %s %s: not what the contract of this version says", *key)
            self.events.emit(DeviationFound(operation_id=key[0], kind=key[1], where=key[2]))

    def _keys(self, operation: str, deviations: Iterable[Deviation]) -> set[tuple[str, str, str]]:
        keys = {(operation, kind, where) for kind, where in deviations}
        room = MAX_NAMES - len(self.counts)
        unseen = sorted(keys - self.counts.keys())
        beyond = unseen[max(0, room) :]
        return (keys - set(beyond)) | {(operation, kind, OTHERS) for _, kind, _ in beyond}

    def _count(self, key: tuple[str, str, str]) -> int:
        self.counts[key] = self.counts.get(key, 0) + 1
        return self.counts[key]
