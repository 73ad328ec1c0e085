"""The nouns of a conversation with the exchange: operation, request, call, reply. Plain data."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Generic, TypeVar

from attrs import evolve, field, frozen

T = TypeVar("T")
U = TypeVar("U")

log = logging.getLogger("kalshi_ext.drift")

Document = Any  # parsed JSON: objects are dicts, money stays text, numbers are int or Decimal


class Repeat(Enum):
    """How safe it is to send an operation a second time; the reasons stand in `contracts/`."""

    READ = "changes nothing: repeat freely"
    KEYED = "carries a client id the exchange refuses twice: repeat under the same id, once absent"
    ABSOLUTE = "names the wanted state: repeating it ends in the same state"
    CANCEL = "ends an order: repeating it can only find it ended"
    RELATIVE = "names a difference: never repeat"
    UNKEYED = "creates something without a key: never repeat, list before and after"


@frozen
class Operation:
    """One operation of a contract.

    `path` is the contract's template without the base URL; `success` the statuses whose body
    is the answer; `facade` the word a user says, as in `orders.place`.
    """

    id: str
    method: str
    path: str
    facade: str
    repeat: Repeat
    success: frozenset[int] = frozenset({200})
    public: bool = False

    @property
    def writes(self) -> bool:
        """Say whether the operation changes anything at the exchange."""
        return self.repeat is not Repeat.READ


@frozen
class Request:
    """What goes on the wire, short of host and signature.

    `path` starts with `/` and is already percent-encoded; `body` is JSON or None.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)


@frozen
class Call(Generic[T]):
    """A request together with the way to read its answer.

    `decode(document, watch)` gets the parsed JSON (None for an empty body) and reports to
    `watch` what it did not expect; a KeyError, TypeError or ValueError from it means
    "cannot be read".
    """

    operation: Operation
    request: Request
    decode: Callable[[Document, DeviationCounter], T] = field(repr=False)

    def map(self, change: Callable[[T], U]) -> Call[U]:
        """Return the same call with its answer changed by a pure function."""
        decode = self.decode
        return Call(self.operation, self.request, lambda doc, watch: change(decode(doc, watch)))

    def with_cursor(self, cursor: str | None) -> Call[T]:
        """Return the same list call asking for the page at `cursor`."""
        query = tuple(pair for pair in self.request.query if pair[0] != "cursor")
        if cursor:
            query = (*query, ("cursor", cursor))
        return evolve(self, request=evolve(self.request, query=query))


@frozen
class Reply:
    """An answer as it came: any status, header names in lower case, the whole body.

    `sent_at` and `received_at` are Unix seconds of this machine's clock. `doubtful` when an
    earlier attempt of the same call may have been executed, which this answer does not tell.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    sent_at: float = 0.0
    received_at: float = 0.0
    maybe_executed: bool = False


@frozen
class Lost:
    """No answer came. `left` says whether any byte of the request may have left.

    `doubtful` as in `Reply`. It does not hold the exception: the frames of its traceback hold the
    flow that is told of it, and a flow in a circle is not over when it is dropped.
    """

    bytes_sent: bool
    reason: str
    sent_at: float = 0.0
    maybe_executed: bool = False


@frozen
class DeviationCounter:
    """Count what answers hold beyond the contract; names only, never values.

    Kinds: unknown_field, unknown_member, missing_field, invalid_row, status. `at(operation)` is
    a view on the same counts, so that threads reading different operations do not mix them up.
    """

    operation: str = ""
    counts: dict[tuple[str, str, str], int] = field(factory=dict[tuple[str, str, str], int])
    _lock: threading.Lock = field(factory=threading.Lock, repr=False, eq=False)

    def at(self, operation: str) -> DeviationCounter:
        """Return the view that counts under `operation`."""
        return DeviationCounter(operation, self.counts, self._lock)

    def count(self, kind: str, where: str) -> int:
        """Return how often this was noted."""
        return self.counts.get((self.operation, kind, where), 0)

    def add(self, kind: str, where: str) -> None:
        """Count one sighting and log the first of its kind."""
        key = (self.operation, kind, where)
        with self._lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            first = self.counts[key] == 1
        if first:
            log.warning("%s: %s %s: not what the contract of this version says", *key)
