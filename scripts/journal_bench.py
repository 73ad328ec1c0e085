"""Measure what a journal costs for each order: one claim and one mark, alone and in groups.

The files and the server's data lie in --directory: its disk is what is measured.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from pathlib import Path

from figures import write_block

from kalshi_ext.journal import Entry, Journal, State, Transition, open_journal

Column = dict[str, tuple[float, float]]
TICKET = '{"ticker": "KXHIGHNY-26NOV23-B50", "side": "bid", "count": "10.00", "price": "0.5600"}'


def entry(key: str) -> Entry:
    """Make an order's intent."""
    return Entry(
        key=key, operation="CreateOrderV2", ticker="T", fingerprint="0" * 64, ticket=TICKET
    )


def together(journal: Journal, keys: list[str]) -> None:
    """Claim, then mark, as so many concurrent orders do."""
    wait([journal.submit("reserve", entry(key)) for key in keys])
    marks = [journal.submit("advance", key, State.ACKNOWLEDGED, verdict=TICKET) for key in keys]
    wait(marks)
    for mark in marks:
        mark.result()  # raises what went wrong


def batch(journal: Journal, keys: list[str]) -> None:
    """Claim, then mark, as a batch order does."""
    journal.reserve_many([entry(key) for key in keys])
    journal.advance_many([Transition(key, State.ACKNOWLEDGED, verdict=TICKET) for key in keys])


def measure(
    journal: Journal, work: Callable[[Journal, list[str]], None], size: int, rounds: int
) -> tuple[float, float]:
    """Return microseconds an order: median and 99th percentile of the groups."""
    taken: list[float] = []
    for number in range(-2, rounds):
        keys = [f"{work.__name__}-{size}-{number}-{each}" for each in range(size)]
        start = time.perf_counter()
        work(journal, keys)
        if number >= 0:  # the first two warm up
            taken.append((time.perf_counter() - start) / size * 1e6)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


SIZES = (("alone", together, 1), ("10 at once", together, 10), ("100 at once", together, 100),
         ("10 in a batch", batch, 10), ("100 in a batch", batch, 100))  # fmt: skip


def report(name: str, journal: Journal, rounds: int) -> Column:
    """Print a column for one journal."""
    print(f"\n{name}: microseconds an order (claim + mark)\n{'':24}    median        p99")
    column: Column = {}
    for said, work, size in SIZES:
        column[said] = measure(journal, work, size, max(20, rounds // size))
        print(f"  {said:>22} {column[said][0]:>10.0f} {column[said][1]:>10.0f}")
    return column


def table(columns: dict[str, Column]) -> str:
    """Word the figures for the docs."""
    lines = [
        "Microseconds for each order, one claim and one mark together: median (p99). In memory is",
        "what an order costs without a journal that lasts. The machine's load average was"
        f" {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
        "",
        f"| orders | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for said, _, _ in SIZES:
        cells = (f"{column[said][0]:.0f} ({column[said][1]:.0f})" for column in columns.values())
        lines.append(f"| {said} | {' | '.join(cells)} |")
    return "\n".join(lines)


@contextmanager
def postgres(url: str | None) -> Iterator[str | None]:
    """Give the URL that was asked for, or one of a server of our own."""
    if url is not None:
        yield url
        return
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "wire" / "journal"))
    from postgres_server import Server, find_binaries  # type: ignore[import-not-found]

    if find_binaries() is None:
        print("\nPostgreSQL: no binaries on this machine, not measured")
        yield None
        return
    server = Server().create()
    try:
        yield server.url()
    finally:
        server.remove()


def main() -> None:
    """Measure memory, SQLite and PostgreSQL."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--directory", help="where the file goes (default: a temporary one)")
    parser.add_argument("--url", help="a PostgreSQL server (default: one started here)")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--only", choices=["memory", "sqlite", "postgres"])
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    asked = parser.parse_args()
    columns: dict[str, Column] = {}
    if asked.only in (None, "memory"):
        columns["in memory"] = report("memory", open_journal(None), asked.rounds)
    if asked.only in (None, "sqlite"):
        with (
            tempfile.TemporaryDirectory(dir=asked.directory) as place,
            open_journal(Path(place) / "orders.db") as journal,
        ):
            columns["SQLite, full sync"] = report("SQLite, full sync", journal, asked.rounds)
    if asked.only in (None, "postgres"):
        with postgres(asked.url) as url:
            if url is not None:
                with open_journal(url) as journal:
                    columns["PostgreSQL"] = report("PostgreSQL", journal, asked.rounds)
    if asked.write:
        write_block("reliability.md", "journal", table(columns))


if __name__ == "__main__":
    main()
