"""Time two ways of one work turn by turn, for `bench.py`: a busy machine then slows both."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from attrs import define, frozen

TURNS = 9
Work = Callable[[], object]


@frozen
class Row:
    """Two ways of one work; microseconds for each unit, and the median of the turns' ratios."""

    what: str
    ours: str
    beside: str
    micro: float
    micro_beside: float
    ratio: float

    def line(self) -> str:
        """Render as a row of a Markdown table."""
        figures = f"{self.micro:,.0f} | {self.micro_beside:,.0f} | {self.ratio:.2f}"
        return f"| {self.what} | {self.ours} | {self.beside} | {figures} |"


def compare(
    what: str,
    ours: tuple[str, Work],
    beside: tuple[str, Work],
    *,
    units: int = 1,
    clock: Callable[[], float] = time.process_time,
) -> Row:
    """Time two ways turn by turn, so that a busy machine slows both; the first turn warms up."""
    pairs = [(spent(ours[1], clock), spent(beside[1], clock)) for _ in range(TURNS + 1)][1:]
    ratio = statistics.median(mine / other for mine, other in pairs)
    mine, other = (statistics.median(side) / units * 1e6 for side in zip(*pairs, strict=True))
    row = Row(what, ours[0], beside[0], mine, other, ratio)
    print(row.line(), flush=True)
    return row


def spent(work: Work, clock: Callable[[], float]) -> float:
    """Return the seconds some work takes."""
    began = clock()
    work()
    return clock() - began


def times(count: int, work: Work) -> Work:
    """Do some work so many times."""

    def repeated() -> None:
        for _ in range(count):
            work()

    return repeated


@define
class Clock:
    """Count the CPU seconds that other processes say they spent."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """Return the seconds so far."""
        return self.seconds

    def of(self, statement: str) -> Work:
        """Run a statement in a new interpreter."""
        code = f"import time; t = time.process_time(); {statement}; print(time.process_time() - t)"

        def run() -> None:
            command = [sys.executable, "-c", code]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            self.seconds += float(done.stdout)

        return run
