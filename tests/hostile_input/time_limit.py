"""Stop a call that does not end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 5.0  # of CPU: a busy machine is not slow work


class Hung(BaseException):
    """The call used too much CPU. Not an Exception, so that no handler takes it for a failure."""


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """Raise Hung in the block once it has used so many seconds of CPU. Main thread only."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Hung(f"not done after {seconds} s of CPU")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
