"""What the socket knows about one exchange: how much of the request left, how much time is left."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from attrs import define


@define
class DeliveryTrace:
    """The witness of one exchange.

    `deadline` is in seconds of `time.monotonic()`. `bytes_written` counts the bytes of the request
    handed to the socket, before the handing: whatever goes wrong during it, they may be out.
    Bytes of a TLS handshake and of a proxy's CONNECT do not count. `watched` tells whether a
    transport of ours saw the exchange; another one's silence proves nothing.
    """

    deadline: float = math.inf
    bytes_written: int = 0
    observed: bool = False

    @property
    def nothing_sent(self) -> bool:
        """Tell whether it is certain that no byte of the request left this process."""
        return self.observed and self.bytes_written == 0

    def remaining(self, at_most: float | None, late: type[Exception]) -> float | None:
        """Give the seconds an operation may take; None for as long as it likes.

        Raises `late` when none are left: an operation with no time is not begun.
        """
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise late("the time for this request is over")
        least = remaining if at_most is None else min(at_most, remaining)
        return None if least == math.inf else least


_current: ContextVar[DeliveryTrace | None] = ContextVar("kalshi_ext_exchange", default=None)


@contextmanager
def trace_delivery(deadline: float = math.inf) -> Generator[DeliveryTrace]:
    """Witness the exchange made inside, which must end before `deadline` (monotonic seconds).

    Belongs to the thread or task that entered it; a body may also be read after it was left.
    """
    trace = DeliveryTrace(deadline)
    token = _current.set(trace)
    try:
        yield trace
    finally:
        # The collector closes an abandoned coroutine in a context that is not its own.
        with suppress(ValueError):
            _current.reset(token)


def current_trace() -> DeliveryTrace | None:
    """Give the evidence of the exchange this thread or task is in."""
    return _current.get()
