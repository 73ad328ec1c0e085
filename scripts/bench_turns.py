"""Time two ways of doing the same work in turns, for `bench.py`: a busy machine slows both.

Where the machine has two cores, the client has one and the exchange the other (`keep_to`).
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from attrs import define, frozen

Work = Callable[[], object]
SCALES = {"µs": 1e6, "ms": 1e3, "s": 1.0}


@frozen
class Plan:
    """How much is measured: the turns of a row, the rows of a list, the orders of a turn."""

    turns: int = 9
    fills: int = 100_000
    orders: int = 200
    decades: int = 5
    """Growth is measured up to 10 to this power."""


QUICK = Plan(turns=3, fills=5_000, orders=50, decades=3)


@frozen
class Must:
    """What an issue demands of a row: of its ratio, its own value, or its rate a second."""

    limit: float
    of: str = "ratio"
    at_least: bool = False
    why: str = ""
    """What a row that does not meet it owes that to."""

    def figure(self, row: Row) -> float:
        """Return the figure that is judged."""
        return float(getattr(row, self.of))

    def is_met(self, row: Row) -> bool:
        """Judge a row."""
        figure = self.figure(row)
        return figure >= self.limit if self.at_least else figure <= self.limit

    def text(self, unit: str) -> str:
        """Say it in few words."""
        sign, word = "≥" if self.at_least else "≤", {"value": f" {unit}", "rate": " a second"}
        return f"{sign} {self.limit:,g}{word.get(self.of, '')}"


@frozen
class Row:
    """Two ways of the same work: the medians of both, and of the turns' ratios with quartiles."""

    what: str
    ours: str
    beside: str
    value: float
    value_beside: float
    ratio: float
    quartiles: tuple[float, float]
    unit: str = "µs"
    must: Must | None = None

    @property
    def rate(self) -> float:
        """How many a second, of the clock that was read."""
        return SCALES.get(self.unit, 1.0) / self.value

    def line(self) -> str:
        """Render as a row of a Markdown table."""
        cells = [self.what, self.ours, self.beside, amount(self.value, self.unit)]
        cells += [amount(self.value_beside, self.unit), ratio_text(self.ratio)]
        cells.append("–".join(map(ratio_text, self.quartiles)))
        return f"| {' | '.join([*cells, *self._verdict()])} |"

    def _verdict(self) -> tuple[str, str]:
        if self.must is None:
            return "", ""
        verdict = "met" if self.must.is_met(self) else "**not met**"
        rate = f" ({self.rate:,.0f} a second)" if self.must.of == "rate" else ""
        return self.must.text(self.unit), f"{verdict}{rate}"


HEAD = """\
| work | this | beside | this costs | beside costs | ratio | quartiles | must | |
|---|---|---|---:|---:|---:|---:|---:|---|"""


def amount(value: float, unit: str) -> str:
    """Write a figure with as many digits as it is known to."""
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def ratio_text(ratio: float) -> str:
    """Write a ratio; to nothing there is none."""
    return "none" if math.isnan(ratio) else f"{ratio:.2f}"


def row_of(
    what: str, ours: str, beside: str, pairs: Sequence[tuple[float, float]], **more: Any
) -> Row:
    """Make a row of the turns' figures, in the row's unit."""
    ratios = [first / second if second else math.nan for first, second in pairs]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
    values = [statistics.median(each) for each in zip(*pairs, strict=True)]
    row = Row(what, ours, beside, *values, statistics.median(ratios), (low, high), **more)
    print(row.line(), flush=True)
    return row


def compare(
    what: str,
    ours: tuple[str, Work],
    beside: tuple[str, Work],
    *,
    turns: int,
    units: int = 1,
    unit: str = "µs",
    must: Must | None = None,
    clock: Callable[[], float] = time.process_time,
) -> Row:
    """Time two ways in turns. `clock` returns seconds; a work does `units` of the same thing."""
    scale = SCALES[unit] / units
    pairs = [
        (time_once(ours[1], clock) * scale, time_once(beside[1], clock) * scale)
        for _ in range(turns + 1)
    ]
    # The first turn warms up.
    return row_of(what, ours[0], beside[0], pairs[1:], unit=unit, must=must)


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


# Before the first process keeps to one core: its children would not see the other.
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def core_of(side: str) -> int | None:
    """Return the core of the client or the exchange; None where they have to share one."""
    return CORES[side == "exchange"] if len(CORES) > 1 else None


def keep_to(core: int | None, pid: int = 0) -> None:
    """Keep a process (0: this one) on one core."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


@cache
def compiled() -> tempfile.TemporaryDirectory[str]:
    """Make a place for compiled modules, which a user has: the first process fills it."""
    return tempfile.TemporaryDirectory()


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a new interpreter that keeps what it compiled."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = compiled().name
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise SystemExit(f"bench: a process of its own ended with\n{done.stderr}")
    return done


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
            self.seconds += float(run_python("-c", code).stdout)

        return run
