"""Time two ways of doing the same work in turns, for `bench.py`: a busy machine slows both."""

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
    """Two ways of the same work: microseconds for each unit, median of the turns' ratios."""

    what: str
    ours: str
    baseline: str
    micro: float
    micro_baseline: float
    ratio: float

    def line(self) -> str:
        """Render as a row of a Markdown table."""
        figures = f"{self.micro:,.0f} | {self.micro_baseline:,.0f} | {self.ratio:.2f}"
        return f"| {self.what} | {self.ours} | {self.baseline} | {figures} |"


def compare(
    what: str,
    ours: tuple[str, Work],
    baseline: tuple[str, Work],
    *,
    units: int = 1,
    turns: int = TURNS,
    clock: Callable[[], float] = time.process_time,
) -> Row:
    """Time two ways in turns. `clock` returns seconds; a work does `units` of the same thing."""
    times = [(time_once(ours[1], clock), time_once(baseline[1], clock)) for _ in range(turns + 1)]
    pairs = times[1:]  # the first turn warms up
    ratio = statistics.median(first / second for first, second in pairs)
    micros = [statistics.median(seconds) / units * 1e6 for seconds in zip(*pairs, strict=True)]
    row = Row(what, ours[0], baseline[0], *micros, ratio)
    print(row.line(), flush=True)
    return row


def time_once(work: Work, clock: Callable[[], float]) -> float:
    """Return the seconds some work takes."""
    began = clock()
    work()
    return clock() - began


def repeat(count: int, work: Work) -> Work:
    """Return work that does some other so many times."""

    def repeated() -> None:
        for _ in range(count):
            work()

    return repeated


@define
class CpuClock:
    """Adds up the CPU seconds that the processes of run_statement report."""

    seconds: float = 0.0

    def __call__(self) -> float:
        """Return the seconds so far."""
        return self.seconds

    def run_statement(self, statement: str) -> Work:
        """Return work that runs a statement in a new interpreter."""
        code = f"import time; t = time.process_time(); {statement}; print(time.process_time() - t)"

        def run() -> None:
            command = [sys.executable, "-c", code]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            self.seconds += float(done.stdout)

        return run
