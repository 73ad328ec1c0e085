"""Threads that change places all the time, in the middle of what one of them does."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable


def race(work: Callable[[int], object], threads: int) -> None:
    """Call `work(number)` in so many threads at once; return when all have ended."""
    started = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in started:
            thread.start()
        for thread in started:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)
    assert not any(thread.is_alive() for thread in started)
