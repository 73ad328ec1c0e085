"""The nouns of a conversation with the exchange: operation, request, call, reply. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Generic, TypeVar

from attrs import Factory, evolve, field, frozen

from kalshi_ext.bases import Value
from kalshi_ext.redact import without_known_text

T = TypeVar("T")
U = TypeVar("U")

Document = Any  # parsed JSON: objects are dicts, money stays text, numbers are int or Decimal


class Repeat(Enum):
    """How safe it is to send an operation a second time; the reasons stand in `contracts/`."""

    READ = "changes nothing: repeat freely"
    KEYED = "carries a client id the exchange refuses twice: repeat under the same id, once absent"
    ABSOLUTE = "names the wanted state: repeating it ends in the same state"
    CANCEL = "ends an order: repeating it can only find it ended"
    RELATIVE = "names a difference: never repeat"
    UNKEYED = "creates something without a key: never repeat, list before and after"


def _changes_anything(operation: Operation) -> bool:
    return operation.repeat is not Repeat.READ


@frozen(eq=False, repr=False)
class Operation(Value):
    """One operation of a contract.

    `path` is the contract's template without the base URL; `success` the statuses whose body
    is the answer; `facade` the word a user says, as in `orders.place`. `any_json` lets an answer be
    any JSON, where no contract says that it is an object.
    """

    id: str
    method: str
    path: str
    facade: str
    repeat: Repeat
    success: frozenset[int] = frozenset({200})
    public: bool = False
    any_json: bool = False

    writes: bool = field(
        default=Factory(_changes_anything, takes_self=True), init=False, eq=False, repr=False
    )
    """Whether the operation changes anything at the exchange."""


@frozen(eq=False, repr=False)
class Request(Value):
    """What goes on the wire, short of host and signature.

    `path` starts with `/` and is already percent-encoded; `body` is JSON or None.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)


@frozen(eq=False, repr=False)
class Call(Value, Generic[T]):
    """A request together with the way to read its answer.

    `decode(document)` gets the parsed JSON, None for an empty body. A KeyError, TypeError or
    ValueError from it means that the answer cannot be read. `otherwise` is the same wish as it was
    recorded on the wire, for an exchange that has no such method or path as the document says.
    `decode_fast(body)` gets the bytes of a success first: it returns what `decode` would, for an
    answer without any deviation, or None.
    """

    operation: Operation
    request: Request
    decode: Callable[[Document], T] = field(repr=False)
    otherwise: Call[T] | None = field(default=None, repr=False)
    decode_fast: Callable[[bytes], T | None] | None = field(default=None, repr=False)

    def map(self, change: Callable[[T], U]) -> Call[U]:
        """Return the same call with its answer changed by a pure function."""
        decode = self.decode
        return Call(self.operation, self.request, lambda document: change(decode(document)))

    def unsigned(self) -> Call[T]:
        """Return the same call without a signature, for a client that has no credentials."""
        return evolve(self, operation=evolve(self.operation, public=True))

    def with_cursor(self, cursor: str | None) -> Call[T]:
        """Return the same list call asking for the page at `cursor`."""
        query = tuple(pair for pair in self.request.query if pair[0] != "cursor")
        if cursor:
            query = (*query, ("cursor", cursor))
        return evolve(self, request=evolve(self.request, query=query))


@frozen(eq=False, repr=False)
class Reply(Value):
    """An answer as it came: any status, header names in lower case, the whole body.

    `sent_at` and `received_at` are seconds of the monotonic clock; `stamp` is the timestamp of the
    signature, in Unix seconds, 0 where there is none. `maybe_executed` says that an earlier attempt
    of the same call may have been executed, which this answer does not tell.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    sent_at: float = 0.0
    received_at: float = 0.0
    maybe_executed: bool = False
    stamp: float = 0.0


@frozen(eq=False, repr=False)
class Lost(Value):
    """No answer came. `bytes_sent` says whether a byte of the request may have been sent.

    `queued`: no connection came free, so no attempt was made. The rest is as in `Reply`. The
    exception is not kept: its traceback refers to the frames of the running flow, and a reference
    cycle would keep that flow, and its locks, alive.
    """

    bytes_sent: bool
    reason: str
    sent_at: float = 0.0
    maybe_executed: bool = False
    stamp: float = 0.0
    queued: bool = False


def _shown(row: Any) -> str:
    # An exchange or a proxy may quote what we sent, and a traceback with locals shows a row's repr.
    return without_known_text(repr(row))


@frozen(eq=False, repr=False)
class InvalidRow(Value):
    """A row that could not be read. The page is kept without it.

    `row` is as received, `reason` says why; `type` is the contract's name for such a row and
    `missing` the field that was not there, where that was the reason.
    """

    row: Any = field(repr=_shown)
    reason: str
    type: str = ""
    missing: str | None = None


@frozen(eq=False, repr=False)
class Page(Value, Generic[T]):
    """One page: its rows, the cursor of the next (None at the end), rows that could not be read.

    `keyed` says whether the answer had the list's key: without it the list may be empty, or may be
    something else.
    """

    items: tuple[T, ...]
    cursor: str | None = None
    invalid_rows: tuple[InvalidRow, ...] = ()
    keyed: bool = True
