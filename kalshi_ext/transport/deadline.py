"""The deadline of one request, and the proof that none of it was sent.

A request whose answer is missing raises one question: may the exchange have received it? If not a
single byte of it left this process, the answer is no, and the caller may send again (`NotSent`).
`DeliveryTrace` holds that proof and the deadline, because the sockets that know the one must keep
the other.

Invariant: `bytes_written` is raised before bytes are handed to the socket, never after. So 0 is a
proof. More than 0 proves nothing, neither that they left nor that they arrived.

What counts as a byte of the request:

    name look-up, TCP connect             no    no byte of HTTP exists yet
    CONNECT to a proxy, its answer        no    addressed to the proxy; names only host and port
    TLS handshake, with server or proxy   no    written below the stream that counts
    request line, headers, body           yes   each chunk before it is written

Who observes: a transport of this package sets `observed` when it takes the request over, and its
connections count. A plain httpx.HTTPTransport tells what it begins to do (`note`): if it began to
connect and never to write, nothing was sent. Through any other transport nothing is proven, not
even by a ConnectError: it may come from a second try of its own, after a first that was sent.

    with trace_delivery(time.monotonic() + 10) as trace:
        transport.handle_request(request)

    the peer resets during the TLS handshake    observed, bytes_written 0      nothing_sent
    the peer resets after 300 bytes             observed, bytes_written 300    may have been sent
    a kept connection was closed by the peer    observed, bytes_written 300    may have been sent
    another transport raises any error          not observed, bytes_written 0  may have been sent

The third line is why idle connections are dropped early (`idle.py`).

What the proof does not cover: copies that the network makes of bytes that left; a wrapper around
our transport that also sends the request in another way; HTTP/2, where several requests share a
stream (it is off).

The deadline is total and monotonic: look-up, pool, connect, TLS, write and read all draw on it, and
no step begins after it. With a timeout for each step, a body of one byte a second would never end.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from weakref import ReferenceType, ref

from attrs import define, field

from kalshi_ext.bases import Printed


@define(eq=False, repr=False)
class DeliveryTrace(Printed):
    """Deadline and count of one request; the module's text says what they prove.

    `deadline` is in seconds of `time.monotonic()`, `bytes_written` in bytes of plain HTTP.
    `has_place` says that a connection is set aside for this request already (`places.py`).
    """

    deadline: float = math.inf
    bytes_written: int = 0
    observed: bool = False
    has_place: bool = False
    _connecting: bool = field(default=False, init=False)
    _begun: bool = field(default=False, init=False)

    @property
    def nothing_sent(self) -> bool:
        """Whether it is certain that no byte of the request left this process."""
        if not self.observed:
            return self._connecting and not self._begun
        return self.bytes_written == 0

    def refused(self) -> None:
        """Take note that the transport refused the request before it did anything with it."""
        self.observed = True

    def note(self, event: str, _: object = None) -> None:
        """Take an event of httpx's `trace` extension: httpcore tells what it begins to do."""
        self._connecting = True
        self._begun = self._begun or event.endswith("send_request_headers.started")

    async def note_async(self, event: str, info: object = None) -> None:
        """Take an event on an event loop."""
        self.note(event, info)

    def remaining(self, at_most: float | None, timeout_error: type[Exception]) -> float | None:
        """Return the seconds a step may take, at most `at_most`; None when nothing bounds it.

        Raises `timeout_error` after the deadline: a step without time is not begun.
        """
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise timeout_error("the time for this request is over")
        limit = remaining if at_most is None else min(at_most, remaining)
        return None if limit == math.inf else limit


# A context variable reaches the streams inside httpx and httpcore, which pass no such argument on;
# threads and tasks each see their own. It refers to the trace without keeping it: a Ctrl-C between
# setting and resetting it would leave a trace behind whose time is over for every later request.
_current: ContextVar[ReferenceType[DeliveryTrace] | None] = ContextVar(
    "kalshi_ext_delivery", default=None
)


@contextmanager
def trace_delivery(
    deadline: float = math.inf, *, has_place: bool = False
) -> Generator[DeliveryTrace]:
    """Trace the request made inside, which must end before `deadline` (monotonic seconds).

    Belongs to the thread or task that entered it; a body may also be read after it was left.
    """
    trace = DeliveryTrace(deadline, has_place=has_place)
    token = _current.set(ref(trace))
    try:
        yield trace
    finally:
        # The garbage collector closes an abandoned coroutine in a context that is not its own.
        with suppress(ValueError):
            _current.reset(token)


def current_trace() -> DeliveryTrace | None:
    """Return the trace of the request this thread or task is making."""
    reference = _current.get()
    return None if reference is None else reference()
